//! A server on loopback that speaks HTTP/1.1, with TLS and without.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::NamedTempFile;

/// What both kinds of connection are.
pub(crate) trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

/// A request as the server saw it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// First line and headers, without line ends.
    pub(crate) head: Vec<String>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let named = |line: &&String| line.split(':').next().is_some_and(|other| other.eq_ignore_ascii_case(name));
        self.head.iter().skip(1).find(named).and_then(|line| line.split_once(": ")).map(|(_, value)| value)
    }
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

struct Identity {
    config: Arc<ServerConfig>,
    authority: NamedTempFile,
}

/// The names that the servers with TLS show.
pub(crate) const NAMES: [&str; 3] = ["api.test", "other.test", "127.0.0.1"];

fn identity() -> &'static Identity {
    static IDENTITY: OnceLock<Identity> = OnceLock::new();
    IDENTITY.get_or_init(|| {
        let made = rcgen::generate_simple_self_signed(NAMES.map(str::to_owned)).unwrap();
        let mut authority = NamedTempFile::new().unwrap();
        authority.write_all(made.cert.pem().as_bytes()).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let certificate: CertificateDer<'static> = made.cert.der().clone();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        Identity { config: Arc::new(config), authority }
    })
}

/// The file with the authority that signed the servers.
pub(crate) fn authority() -> PathBuf {
    identity().authority.path().to_owned()
}

impl Server {
    /// Serves with TLS; each answer is the text that `answer` makes, sent as it is.
    pub(crate) fn secure(answer: impl Fn(&Seen) -> String + Send + Sync + 'static) -> Self {
        Self::start(true, move |wire, seen| drop(wire.write_all(answer(seen).as_bytes())))
    }

    /// Serves without TLS.
    pub(crate) fn plain(answer: impl Fn(&Seen) -> String + Send + Sync + 'static) -> Self {
        Self::start(false, move |wire, seen| drop(wire.write_all(answer(seen).as_bytes())))
    }

    /// Serves with TLS or without; `answer` writes what it likes.
    pub(crate) fn start(secure: bool, answer: impl Fn(&mut dyn Wire, &Seen) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (all, answer) = (Arc::clone(&seen), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (all, answer) = (Arc::clone(&all), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let mut wire: Box<dyn Wire> = if secure {
                        let connection = ServerConnection::new(Arc::clone(&identity().config)).unwrap();
                        Box::new(StreamOwned::new(connection, stream))
                    } else {
                        Box::new(stream)
                    };
                    if let Some(request) = read(&mut *wire) {
                        all.lock().unwrap().push(request.clone());
                        answer(&mut *wire, &request);
                        let _ = wire.flush();
                    }
                });
            }
        });
        Self { address, seen }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn read(wire: &mut dyn Wire) -> Option<Seen> {
    let mut reader = BufReader::new(wire);
    let mut seen = Seen::default();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        match line.trim_end() {
            "" => break,
            line => seen.head.push(line.to_owned()),
        }
    }
    if let Some(length) = seen.header("content-length") {
        seen.body = vec![0; length.parse().ok()?];
        reader.read_exact(&mut seen.body).ok()?;
    } else if seen.header("transfer-encoding").is_some() {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
            let length = usize::from_str_radix(line.trim_end(), 16).ok()?;
            let mut chunk = vec![0; length + 2];
            reader.read_exact(&mut chunk).ok()?;
            seen.body.extend_from_slice(&chunk[..length]);
            if length == 0 {
                break;
            }
        }
    }
    Some(seen)
}

/// An answer with a body.
pub(crate) fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}
