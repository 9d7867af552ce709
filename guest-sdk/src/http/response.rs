//! A response, read as far as it is wanted.

use std::fmt::{self, Debug};
use std::io::{self, Read, Write};
use std::path::Path;

use serde::de::DeserializeOwned;

use super::Broken;
use super::request::Asked;
use crate::{Access, Failure, FailureKind, Step};

/// How much is moved at once from a response to a file. Each call of the host moves up to 64 KiB.
const PIECE_BYTES: usize = 64 << 10;

/// How much of a response's text a failure quotes, in bytes.
const MAX_QUOTED_BYTES: u64 = 512;

/// A response as the host gives it.
pub(crate) struct Incoming {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Box<dyn Read>,
}

/// A response: its head, and a body that is read once, as a stream ([`Read`]) or whole.
///
/// More bytes than the request's [`limit`](super::Request::limit) are an error of the reader.
pub struct Response {
    asked: Asked,
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Box<dyn Read>,
    limit: u64,
    left: u64,
}

impl Response {
    pub(super) fn new(asked: Asked, incoming: Incoming, limit: u64) -> Self {
        let Incoming { status, headers, body } = incoming;
        Self { asked, status, headers, body, limit, left: limit }
    }

    /// Returns the status, such as 200.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Returns whether the status is one of success, 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Returns the first header of a name, in whatever case, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(&found.1).ok()
    }

    /// Returns all headers: names in lower case, and values.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// Returns the response if its status is one of success.
    ///
    /// # Errors
    ///
    /// A failure that names request and status, with the beginning of the text as its cause. Of kind unavailable where
    /// another try may help (408, 429, 500 and above), else of kind failed.
    pub fn require_success(mut self) -> Result<Self, Failure> {
        if self.is_success() {
            return Ok(self);
        }
        let kind = match self.status {
            408 | 429 | 500.. => FailureKind::Unavailable,
            _ => FailureKind::Failed,
        };
        let failure = Failure::new(kind, format!("`{}` was answered with status {}", self.asked.text(), self.status));
        let mut quoted = Vec::new();
        // What cannot be read is not quoted.
        let _ = self.by_ref().take(MAX_QUOTED_BYTES).read_to_end(&mut quoted);
        let quoted = String::from_utf8_lossy(&quoted);
        let quoted = quoted.trim();
        Err(if quoted.is_empty() { failure } else { failure.cause(quoted) })
    }

    /// Reads the body.
    ///
    /// # Errors
    ///
    /// A failure that names the request, if the body breaks off or is larger than the limit.
    pub fn bytes(mut self) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        match self.read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(self.broken(&error)),
        }
    }

    /// Reads the body as UTF-8.
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes); also for what is not UTF-8.
    pub fn text(self) -> Result<String, Failure> {
        let request = self.asked.text();
        String::from_utf8(self.bytes()?)
            .map_err(|_| Failure::failed(format!("the response to `{request}` is not UTF-8")))
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes); also for what is not JSON of this type.
    pub fn json<T: DeserializeOwned>(self) -> Result<T, Failure> {
        let request = self.asked.text();
        let unfit = |error| Failure::failed(format!("the response to `{request}` does not fit")).caused_by(&error);
        crate::serde_json::from_slice(&self.bytes()?).map_err(unfit)
    }

    /// Writes the body into a file of the job's work dir, piece by piece, and returns the number of bytes.
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes) and [`Step::write`]; what was written so far stays. Of kind cancelled if the job was.
    pub fn save(mut self, step: &Step, path: impl AsRef<Path>) -> Result<u64, Failure> {
        let path = path.as_ref();
        let mut file = step.create(path)?;
        let mut piece = vec![0; PIECE_BYTES];
        let mut saved = 0;
        loop {
            step.check_cancelled()?;
            match self.read(&mut piece) {
                Ok(0) => return Ok(saved),
                Ok(length) => {
                    file.write_all(&piece[..length]).map_err(|error| Failure::of_file(Access::Write, path, &error))?;
                    saved += length as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.broken(&error)),
            }
        }
    }

    fn broken(&self, error: &io::Error) -> Failure {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Broken>()) {
            Some(broken) => self.asked.failure(broken),
            None => Failure::failed(format!("cannot read the response to `{}`", self.asked.text())).caused_by(error),
        }
    }
}

impl Read for Response {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // One byte beyond the limit is asked for, to tell a body that just fits from one that is too large.
        let most = usize::try_from(self.left.saturating_add(1)).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.body.read(&mut buffer[..most])?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => {
                self.left = 0;
                return Err(Broken::TooLarge(Some(self.limit)).into());
            }
        }
        Ok(read)
    }
}

impl Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("status", &self.status).finish_non_exhaustive()
    }
}
