//! A request, put together.

use std::fmt::Write as _;
use std::fs::File;
use std::time::Duration;

use serde::Serialize;

use super::url::Url;
use super::{Broken, Response, Sender};
use crate::{Failure, Step};

/// Most bytes of a response that are read unless the request says otherwise: what a host lets through by default.
const DEFAULT_LIMIT_BYTES: u64 = 16 << 20;

/// Headers that the host sets and no step may, beside those that begin with `proxy-`.
const HOST_HEADERS: [&str; 9] =
    ["connection", "expect", "host", "http2-settings", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

/// Methods that no grant covers.
const NEVER: [&str; 2] = ["CONNECT", "TRACE"];

impl Step {
    /// Returns where requests begin: `step.http().get("https://api.example.com/v1").send()?`.
    pub fn http(&self) -> Http<'_> {
        Http { step: self }
    }
}

/// Where requests begin.
#[derive(Clone, Copy)]
pub struct Http<'a> {
    step: &'a Step,
}

impl<'a> Http<'a> {
    /// Begins a `GET`.
    pub fn get(self, url: impl AsRef<str>) -> Request<'a> {
        self.request("GET", url)
    }

    /// Begins a `HEAD`.
    pub fn head(self, url: impl AsRef<str>) -> Request<'a> {
        self.request("HEAD", url)
    }

    /// Begins a `POST`.
    pub fn post(self, url: impl AsRef<str>) -> Request<'a> {
        self.request("POST", url)
    }

    /// Begins a `PUT`.
    pub fn put(self, url: impl AsRef<str>) -> Request<'a> {
        self.request("PUT", url)
    }

    /// Begins a `PATCH`.
    pub fn patch(self, url: impl AsRef<str>) -> Request<'a> {
        self.request("PATCH", url)
    }

    /// Begins a `DELETE`.
    pub fn delete(self, url: impl AsRef<str>) -> Request<'a> {
        self.request("DELETE", url)
    }

    /// Begins a request of any method. The address is that of `https`, or of `http` where the operator allows it; it has
    /// no user, and its characters are escaped. What is wrong with it is told by [`send`](Request::send).
    pub fn request(self, method: &str, url: impl AsRef<str>) -> Request<'a> {
        let method = method.to_ascii_uppercase();
        let url = if is_token(&method) && !NEVER.contains(&method.as_str()) {
            Url::parse(url.as_ref())
        } else {
            Err(Failure::invalid_input(format!("`{method:.40}` is no method of a request")))
        };
        Request {
            step: self.step,
            method,
            url,
            headers: Vec::new(),
            body: Body::None,
            timeout: None,
            limit: DEFAULT_LIMIT_BYTES,
        }
    }
}

/// A request that is being put together. The first thing that is wrong with it is told by [`send`](Self::send).
#[must_use = "nothing is sent without `send`"]
pub struct Request<'a> {
    step: &'a Step,
    method: String,
    /// The address, or the first thing that is wrong with the request.
    url: Result<Url, Failure>,
    headers: Vec<(String, String)>,
    body: Body,
    timeout: Option<Duration>,
    limit: u64,
}

/// What is sent with a request.
pub(crate) enum Body {
    None,
    Bytes(Vec<u8>),
    /// A file with its path as asked for, for messages.
    File(File, String),
}

/// A request as the host gets it.
pub(crate) struct Outgoing {
    pub(crate) method: String,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
    #[cfg_attr(not(target_family = "wasm"), expect(dead_code, reason = "the fake answers at once"))]
    pub(crate) timeout: Option<Duration>,
}

impl Request<'_> {
    /// Adds a parameter to the query of the address, escaped.
    pub fn query(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        if let Ok(url) = &mut self.url {
            url.query(name.as_ref(), value.as_ref());
        }
        self
    }

    /// Adds a header. A value that stands for a secret ([`Secret::bearer`](crate::Secret::bearer)) is the whole value.
    pub fn header(mut self, name: impl AsRef<str>, value: impl Into<String>) -> Self {
        let (name, value) = (name.as_ref().to_ascii_lowercase(), value.into());
        if !is_token(&name) || HOST_HEADERS.contains(&name.as_str()) || name.starts_with("proxy-") {
            return self.fail(Failure::invalid_input(format!("the header `{name:.80}` is not the step's to set")));
        }
        if !value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f)) {
            return self
                .fail(Failure::invalid_input(format!("the header `{name}` has a control character in its value")));
        }
        self.headers.push((name, value));
        self
    }

    /// Sends bytes, in place of what was to be sent before.
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Body::Bytes(bytes.into());
        self
    }

    /// Sends a value as JSON, and says so in `content-type`.
    pub fn json(self, value: &impl Serialize) -> Self {
        match crate::serde_json::to_vec(value) {
            Ok(bytes) => self.header("content-type", "application/json").body(bytes),
            Err(error) => self.fail(Failure::internal("the body cannot be written as JSON").caused_by(&error)),
        }
    }

    /// Sends a file of the job's work dir, piece by piece, so that it need not fit into memory.
    pub fn file(mut self, path: impl AsRef<std::path::Path>) -> Self {
        match self.step.open(&path) {
            Ok(file) => self.body = Body::File(file, path.as_ref().display().to_string()),
            Err(failure) => return self.fail(failure),
        }
        self
    }

    /// Waits no longer than this until the response begins, and as long again for each piece of its body. Without it the
    /// host's own limit holds, which nothing here can lengthen.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Reads at most so many bytes of the response; more is a failure. 16 MiB unless it is said.
    pub fn limit(mut self, bytes: u64) -> Self {
        self.limit = bytes;
        self
    }

    /// Sends the request and waits for the head of the response. Any status is a response, redirections included.
    ///
    /// # Errors
    ///
    /// A failure of kind invalid-input, for what is no request; of kind denied with the need to add, for what the host
    /// refused; of kind unavailable, where another try may help; else of kind failed.
    pub fn send(self) -> Result<Response, Failure> {
        let Self { step, method, url, mut headers, body, timeout, limit } = self;
        let url = url?;
        if let (Some(length), None) = (body.length()?, headers.iter().find(|(name, _)| name == "content-length")) {
            headers.push(("content-length".to_owned(), length.to_string()));
        }
        let asked = Asked { method: method.clone(), url: url.clone(), has_secret: has_secret(&headers) };
        let sent = step.host.send(Outgoing { method, url, headers, body, timeout });
        match sent {
            Ok(incoming) => Ok(Response::new(asked, incoming, limit)),
            Err(broken) => Err(asked.failure(&broken)),
        }
    }

    fn fail(mut self, failure: Failure) -> Self {
        self.url = self.url.and(Err(failure));
        self
    }
}

impl Body {
    fn length(&self) -> Result<Option<u64>, Failure> {
        match self {
            Self::None => Ok(None),
            Self::Bytes(bytes) => Ok(Some(bytes.len() as u64)),
            Self::File(file, path) => match file.metadata() {
                Ok(metadata) => Ok(Some(metadata.len())),
                Err(error) => Err(Failure::of_file(crate::Access::Read, path, &error)),
            },
        }
    }
}

/// A request as messages tell of it.
pub(super) struct Asked {
    method: String,
    url: Url,
    has_secret: bool,
}

impl Asked {
    /// Returns method and address, without the query.
    pub(super) fn text(&self) -> String {
        format!("{} {}", self.method, self.url)
    }

    /// Returns the failure of a request that has no response, or not all of it.
    pub(super) fn failure(&self, broken: &Broken) -> Failure {
        let request = self.text();
        match broken {
            Broken::Denied => Failure::denied(format!("no grant for `{request}`")).hint(self.need()),
            Broken::NotPublic => Failure::denied(format!("`{request}` leads to an address that is not public"))
                .hint("whoever runs the engine may allow it for this host"),
            Broken::Invalid(problem) => Failure::invalid_input(format!("`{request}` is no request")).cause(problem),
            Broken::Unavailable(problem) => Failure::unavailable(format!("no answer to `{request}`")).cause(problem),
            Broken::Failed(problem) => Failure::failed(format!("`{request}` broke off")).cause(problem),
            Broken::TooLarge(limit) => {
                let failure = Failure::failed(format!("the response to `{request}` is too large"));
                limit.iter().fold(failure, |failure, limit| failure.cause(format!("the limit is {limit} bytes")))
            }
            Broken::Body(failure) => failure.clone(),
        }
    }

    /// Returns the line that would ask for this request.
    fn need(&self) -> String {
        let mut need = format!("add `{{ host: {}", self.url.host());
        let port = self.url.port().unwrap_or(if self.url.secure { "443" } else { "80" });
        if port != "443" {
            let _ = write!(need, ", port: {port}");
        }
        if self.method != "GET" && self.method != "HEAD" {
            let _ = write!(need, ", methods: [{}]", self.method);
        }
        need.push_str(" }` under `spec.needs.http` of the function file; whoever runs the engine decides");
        if self.has_secret {
            need.push_str(
                "; a secret goes as the whole value of a header, over `https`, to the host that its need names",
            );
        }
        need
    }
}

fn has_secret(headers: &[(String, String)]) -> bool {
    headers.iter().any(|(_, value)| value.contains("stepwell-secret:"))
}

/// Returns whether a text may be a method or the name of a header (RFC 9110, section 5.6.2).
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
