//! A server of repositories.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::{ServerConnection, StreamOwned};
use tempfile::NamedTempFile;

use crate::fault::{Fault, Stage};
use crate::http::{Incoming, write_head};
use crate::listener::{End, Listener};
use crate::program::git;
use crate::repository::Repository;
use crate::tls::Tls;

/// A server of repositories over smart HTTP, on a port of loopback.
#[derive(Debug)]
pub struct Server {
    listener: Listener,
    state: Arc<State>,
    authority: Option<NamedTempFile>,
}

/// How a server is set up. By default it has no repository, serves everybody, and speaks HTTP without TLS.
#[derive(Debug, Default)]
pub struct ServerBuilder {
    repositories: BTreeMap<String, PathBuf>,
    credentials: Option<(String, String)>,
    tls: bool,
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET` or `POST`.
    pub method: String,
    /// The path with query.
    pub target: String,
    /// Which of the two requests of a fetch it is; none for any other.
    pub stage: Option<Stage>,
    /// User name and password, if they were sent.
    pub credentials: Option<(String, String)>,
    /// Name of the program that asks.
    pub user_agent: String,
}

#[derive(Debug, Default)]
struct State {
    repositories: BTreeMap<String, PathBuf>,
    credentials: Option<(String, String)>,
    faults: Mutex<Vec<(Stage, Fault)>>,
    requests: Mutex<Vec<Request>>,
}

impl Server {
    /// Starts to set up a server.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// Starts a server with defaults and one repository, `project.git`.
    pub fn of(repository: &Repository) -> Self {
        Self::builder().repository("project.git", repository).start()
    }

    /// Returns host and port, such as `127.0.0.1:40000`.
    pub fn host(&self) -> String {
        self.listener.address.to_string()
    }

    /// Returns the address of a repository.
    pub fn url(&self, name: &str) -> String {
        self.url_with("", name)
    }

    /// Returns the address of a repository with credentials, `user:password`, in it.
    pub fn url_with(&self, credentials: &str, name: &str) -> String {
        let scheme = if self.authority.is_some() { "https" } else { "http" };
        let at = if credentials.is_empty() { "" } else { "@" };
        format!("{scheme}://{credentials}{at}{}/{name}", self.host())
    }

    /// Returns the file with the certificate of the authority that a client has to trust.
    ///
    /// # Panics
    /// The server has no TLS.
    pub fn authority(&self) -> &Path {
        self.authority.as_ref().expect("the server has TLS").path()
    }

    /// Makes every request of a stage fail from now on.
    pub fn fail(&self, stage: Stage, fault: Fault) {
        let mut faults = lock(&self.state.faults);
        faults.retain(|(known, _)| *known != stage);
        faults.push((stage, fault));
    }

    /// Makes the server work again.
    pub fn mend(&self) {
        lock(&self.state.faults).clear();
    }

    /// Returns everything that was asked, in order.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.state.requests).clone()
    }

    /// Returns how often names were asked for.
    pub fn lists(&self) -> usize {
        self.count(Stage::List)
    }

    /// Returns how often objects were asked for.
    pub fn fetches(&self) -> usize {
        self.count(Stage::Fetch)
    }

    fn count(&self, stage: Stage) -> usize {
        lock(&self.state.requests).iter().filter(|request| request.stage == Some(stage)).count()
    }
}

impl ServerBuilder {
    /// Serves a repository under a name, such as `group/project.git`. It has to outlive the server.
    #[must_use]
    pub fn repository(mut self, name: &str, repository: &Repository) -> Self {
        self.repositories.insert(name.to_owned(), repository.path().join(".git"));
        self
    }

    /// Serves only who sends these.
    #[must_use]
    pub fn credentials(self, user: &str, password: &str) -> Self {
        Self { credentials: Some((user.to_owned(), password.to_owned())), ..self }
    }

    /// Speaks HTTPS, with a certificate of an authority of its own.
    #[must_use]
    pub fn tls(self) -> Self {
        Self { tls: true, ..self }
    }

    /// Starts the server.
    pub fn start(self) -> Server {
        let tls = self.tls.then(Tls::new);
        let authority = tls.as_ref().map(|tls| {
            let mut file = NamedTempFile::new().expect("a temporary file can be made");
            file.write_all(tls.authority.as_bytes()).expect("the file can be written");
            file
        });
        let state =
            Arc::new(State { repositories: self.repositories, credentials: self.credentials, ..State::default() });
        let of_connection = Arc::clone(&state);
        let listener = Listener::start(move |stream, end| {
            // A client that goes away ends its connection, and no more.
            let _ = match &tls {
                None => of_connection.serve(stream, end),
                Some(tls) => ServerConnection::new(Arc::clone(&tls.config))
                    .map_err(io::Error::other)
                    .and_then(|connection| of_connection.serve(StreamOwned::new(connection, stream), end)),
            };
        });
        Server { listener, state, authority }
    }
}

/// A connection that can say that nothing more comes.
trait Connection: Read + Write {
    fn finish(&mut self);
}

impl Connection for TcpStream {
    fn finish(&mut self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

impl Connection for StreamOwned<ServerConnection, TcpStream> {
    fn finish(&mut self) {
        self.conn.send_close_notify();
        let _ = self.flush();
        let _ = self.sock.shutdown(Shutdown::Write);
    }
}

/// An answer.
struct Answer {
    status: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl State {
    fn serve(&self, mut stream: impl Connection, end: &End) -> io::Result<()> {
        let Some(incoming) = Incoming::read(&mut stream)? else { return Ok(()) };
        let request = Request::of(&incoming);
        lock(&self.requests).push(request.clone());
        let fault = lock(&self.faults).iter().find(|(stage, _)| request.stage == Some(*stage)).cloned();
        let answer = match &fault {
            Some((_, Fault::Status(status))) => Answer::new(&format!("{status} Fault")),
            Some((_, Fault::Body(kind, body))) => {
                Answer { body: body.clone(), ..Answer::new("200 OK").with("Content-Type", kind) }
            }
            Some((_, Fault::Redirect(target))) => Answer::new("302 Found").with("Location", target),
            Some((_, Fault::Stall(_) | Fault::BreakOff(_))) | None => self.answer(&request, &incoming)?,
        };
        write_head(&mut stream, &answer.status, &answer.headers, answer.body.len())?;
        let cut = |bytes: usize| &answer.body[..bytes.min(answer.body.len())];
        match fault {
            Some((_, Fault::Stall(bytes))) => {
                stream.write_all(cut(bytes))?;
                stream.flush()?;
                end.wait();
            }
            Some((_, Fault::BreakOff(bytes))) => stream.write_all(cut(bytes))?,
            Some((_, Fault::Status(_) | Fault::Body(..) | Fault::Redirect(_))) | None => {
                stream.write_all(&answer.body)?;
                stream.finish();
            }
        }
        stream.flush()
    }

    fn answer(&self, request: &Request, incoming: &Incoming) -> io::Result<Answer> {
        if self.credentials.is_some() && self.credentials != request.credentials {
            return Ok(Answer::new("401 Unauthorized").with("WWW-Authenticate", "Basic realm=\"test\""));
        }
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let found = self.repositories.iter().find_map(|(name, folder)| {
            let rest = path.strip_prefix('/')?.strip_prefix(name.as_str())?;
            rest.starts_with('/').then_some((folder, rest))
        });
        match found {
            Some((folder, rest)) => backend(folder, rest, query, incoming),
            None => Ok(Answer::new("404 Not Found")),
        }
    }
}

/// Runs git's own server for one request.
fn backend(folder: &Path, path: &str, query: &str, incoming: &Incoming) -> io::Result<Answer> {
    let mut command = git(folder);
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", folder)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("REQUEST_METHOD", &incoming.method)
        .env("CONTENT_LENGTH", incoming.body.len().to_string())
        .env("REMOTE_ADDR", "127.0.0.1");
    let passed_on = [
        ("content-type", "CONTENT_TYPE"),
        ("content-encoding", "HTTP_CONTENT_ENCODING"),
        ("git-protocol", "GIT_PROTOCOL"),
    ];
    for (header, variable) in passed_on {
        if let Some(value) = incoming.header(header) {
            command.env(variable, value);
        }
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut stdin = child.stdin.take().expect("it is piped");
    // git reads the whole request before it answers.
    stdin.write_all(&incoming.body)?;
    drop(stdin);
    let output = child.wait_with_output()?.stdout;
    let end = output.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(output.len());
    let mut answer = Answer::new("200 OK");
    for line in String::from_utf8_lossy(&output[..end]).lines() {
        match line.split_once(": ") {
            Some(("Status", status)) => status.clone_into(&mut answer.status),
            Some((name, value)) => answer = answer.with(name, value),
            None => {}
        }
    }
    answer.body = output.get(end + 4..).unwrap_or_default().to_vec();
    Ok(answer)
}

impl Answer {
    fn new(status: &str) -> Self {
        Self { status: status.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl Request {
    fn of(incoming: &Incoming) -> Self {
        let path = incoming.target.split('?').next().unwrap_or_default();
        let stage = match incoming.method.as_str() {
            "GET" if path.ends_with("/info/refs") => Some(Stage::List),
            "POST" if path.ends_with("/git-upload-pack") => Some(Stage::Fetch),
            _ => None,
        };
        Self {
            method: incoming.method.clone(),
            target: incoming.target.clone(),
            stage,
            credentials: credentials(incoming.header("authorization")),
            user_agent: incoming.header("user-agent").unwrap_or_default().to_owned(),
        }
    }
}

/// Reads the value of an `Authorization` header.
pub(crate) fn credentials(header: Option<&str>) -> Option<(String, String)> {
    let bytes = STANDARD.decode(header?.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    text.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
