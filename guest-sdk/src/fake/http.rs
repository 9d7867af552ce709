//! Canned answers to requests, and what was asked.

use std::collections::VecDeque;
use std::io::{Cursor, Read};

use super::Fake;
use super::secrets::has_placeholder;
use crate::http::{Body, Broken, Incoming, Outgoing, Sender, Url};

/// The answers of a fake host, and the requests it saw.
#[derive(Debug, Default)]
pub(super) struct Server {
    canned: Vec<Canned>,
    seen: Vec<Request>,
}

#[derive(Debug)]
struct Canned {
    method: String,
    url: String,
    replies: VecDeque<Reply>,
}

/// An answer to a request.
#[derive(Clone, Debug)]
pub struct Reply(Result<Answer, Broken>);

#[derive(Clone, Debug)]
struct Answer {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Reply {
    /// Returns an answer with a status, without headers and body.
    pub fn new(status: u16) -> Self {
        Self(Ok(Answer { status, headers: Vec::new(), body: Vec::new() }))
    }

    /// Returns what a step is told where nobody answers.
    pub fn unreachable() -> Self {
        Self(Err(Broken::Unavailable("the connection was refused")))
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl AsRef<str>, value: impl Into<Vec<u8>>) -> Self {
        if let Ok(answer) = &mut self.0 {
            answer.headers.push((name.as_ref().to_ascii_lowercase(), value.into()));
        }
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        if let Ok(answer) = &mut self.0 {
            answer.body = body.into();
        }
        self
    }
}

/// A request as its server sees it: with secrets in the place of placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its method, in upper case.
    pub method: String,
    /// Its address, with the query.
    pub url: String,
    /// Its headers in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Request {
    /// Returns the first header of a name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl Fake {
    /// Answers requests of a method to an address, query included. Of several answers to the same request each is given
    /// once, in order, and the last one from then on. What has no answer is denied.
    #[must_use]
    pub fn reply(self, method: &str, url: &str, reply: Reply) -> Self {
        let method = method.to_ascii_uppercase();
        self.state.borrow_mut().server.add(method, url, reply);
        self
    }

    /// Returns the requests that were answered so far.
    pub fn requests(&self) -> Vec<Request> {
        self.state.borrow().server.seen.clone()
    }
}

impl Sender for Fake {
    fn send(&self, request: Outgoing) -> Result<Incoming, Broken> {
        let Outgoing { method, url, headers, body, timeout: _ } = request;
        let body = read(body);
        let mut state = self.state.borrow_mut();
        let secure_host = url.secure.then(|| url.host());
        if has_placeholder(&url.path) || has_placeholder(&url.authority) {
            return Err(Broken::Denied);
        }
        let carried = |(name, value): (String, String)| {
            state.secrets.carried(&value, secure_host).map(|value| (name, value)).ok_or(Broken::Denied)
        };
        let headers = headers.into_iter().map(carried).collect::<Result<Vec<_>, Broken>>()?;
        let url = full(&url);
        let reply = state.server.answer(&method, &url)?;
        state.server.seen.push(Request { method, url, headers, body });
        let Answer { status, headers, body } = reply.0?;
        Ok(Incoming { status, headers, body: Box::new(Cursor::new(body)) })
    }
}

impl Server {
    fn add(&mut self, method: String, url: &str, reply: Reply) {
        match self.canned.iter_mut().find(|canned| canned.method == method && canned.url == url) {
            Some(canned) => canned.replies.push_back(reply),
            None => self.canned.push(Canned { method, url: url.to_owned(), replies: VecDeque::from([reply]) }),
        }
    }

    fn answer(&mut self, method: &str, url: &str) -> Result<Reply, Broken> {
        let found = self.canned.iter_mut().find(|canned| canned.method == method && canned.url == url);
        let replies = &mut found.ok_or(Broken::Denied)?.replies;
        if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() }.ok_or(Broken::Denied)
    }
}

fn full(url: &Url) -> String {
    let scheme = if url.secure { "https" } else { "http" };
    format!("{scheme}://{}{}", url.authority, url.path)
}

fn read(body: Body) -> Vec<u8> {
    match body {
        Body::None => Vec::new(),
        Body::Bytes(bytes) => bytes,
        Body::File(mut file, path) => {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap_or_else(|error| panic!("cannot read `{path}`: {error}"));
            bytes
        }
    }
}
