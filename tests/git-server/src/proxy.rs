//! A forward proxy.

use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};

use crate::http::{Incoming, write_head};
use crate::listener::Listener;
use crate::server::{credentials, lock};

/// A forward proxy on a port of loopback. Wherever it is asked to go, it goes to the one server that it is for, so that
/// tests can use names that nobody has.
#[derive(Debug)]
pub struct Proxy {
    listener: Listener,
    targets: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Starts a proxy to a server, `host:port`. With credentials, `user` and `password`, it serves only who sends them.
    pub fn start(server: &str, wanted: Option<(&str, &str)>) -> Self {
        let targets = Arc::new(Mutex::new(Vec::new()));
        let of_connection = Arc::clone(&targets);
        let server = server.to_owned();
        let wanted = wanted.map(|(user, password)| (user.to_owned(), password.to_owned()));
        let listener = Listener::start(move |stream, _| {
            // Whoever goes away ends the connection, and no more.
            let _ = forward(stream, &server, wanted.as_ref(), &of_connection);
        });
        Self { listener, targets }
    }

    /// Returns its address, with credentials, `user:password`, where there are any.
    pub fn url(&self, credentials: &str) -> String {
        let at = if credentials.is_empty() { "" } else { "@" };
        format!("http://{credentials}{at}{}", self.listener.address)
    }

    /// Returns where it was asked to go, in order: addresses for HTTP, hosts with port for HTTPS.
    pub fn targets(&self) -> Vec<String> {
        lock(&self.targets).clone()
    }
}

fn forward(
    mut client: TcpStream,
    server: &str,
    wanted: Option<&(String, String)>,
    targets: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let Some(request) = Incoming::read(&mut client)? else { return Ok(()) };
    lock(targets).push(request.target.clone());
    if wanted.is_some() && credentials(request.header("proxy-authorization")).as_ref() != wanted {
        let header = ("Proxy-Authenticate".to_owned(), "Basic realm=\"test\"".to_owned());
        return write_head(&mut client, "407 Proxy Authentication Required", &[header], 0);
    }
    let mut upstream = TcpStream::connect(server)?;
    if request.method == "CONNECT" {
        client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;
    } else {
        let path = request.target.splitn(4, '/').nth(3).unwrap_or_default();
        write!(upstream, "{} /{path} HTTP/1.1\r\n", request.method)?;
        for (name, value) in request.headers.iter().filter(|(name, _)| !name.starts_with("proxy-")) {
            write!(upstream, "{name}: {value}\r\n")?;
        }
        upstream.write_all(b"\r\n")?;
        upstream.write_all(&request.body)?;
    }
    let (mut from_client, mut to_upstream) = (client.try_clone()?, upstream.try_clone()?);
    std::thread::spawn(move || {
        let _ = io::copy(&mut from_client, &mut to_upstream);
        let _ = to_upstream.shutdown(Shutdown::Write);
    });
    io::copy(&mut upstream, &mut client)?;
    client.shutdown(Shutdown::Both)
}
