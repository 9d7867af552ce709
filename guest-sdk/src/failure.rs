//! Why a step failed, for people to read.

use std::error::Error;
use std::fmt::{self, Display};
use std::io;

/// What sort of failure it is. The host's retry policy reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The inputs do not make sense, alone or together. Never retried.
    InvalidInput,
    /// The work was tried and ended badly.
    Failed,
    /// Something the step depends on did not answer. Worth another try.
    Unavailable,
    /// A grant the step needs is missing. Never retried.
    Denied,
    /// The step noticed that the job was cancelled, and stopped.
    Cancelled,
    /// A defect of the step itself.
    Internal,
}

/// A failure: its kind, one line, the chain of causes and what to do next.
///
/// `?` turns any error into a failure of kind [`Failed`](FailureKind::Failed), with its sources as causes; an I/O error
/// that says "not permitted" becomes one of kind [`Denied`](FailureKind::Denied). For that to hold, `Failure` is no
/// [`Error`] itself.
///
/// ```
/// use stepwell_sdk::{Failure, FailureKind};
///
/// fn parse(text: &str) -> Result<u8, Failure> {
///     Ok(text.parse::<u8>()?)
/// }
///
/// let failure = parse("x").unwrap_err().context("cannot count").hint("give a number");
/// assert_eq!(failure.to_string(), "cannot count: invalid digit found in string");
/// assert_eq!(failure.kind(), FailureKind::Failed);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    kind: FailureKind,
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
}

impl Failure {
    /// Returns a failure of the given kind. The message is one line, a lower-case fragment without full stop; the host
    /// cuts it at 16 KiB.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), causes: Vec::new(), hint: None }
    }

    /// Returns a failure of kind [`Failed`](FailureKind::Failed).
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Failed, message)
    }

    /// Returns a failure of kind [`InvalidInput`](FailureKind::InvalidInput).
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(FailureKind::InvalidInput, message)
    }

    /// Returns a failure of kind [`Internal`](FailureKind::Internal).
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Internal, message)
    }

    /// Returns a failure of kind [`Unavailable`](FailureKind::Unavailable).
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Unavailable, message)
    }

    /// Returns a failure of kind [`Denied`](FailureKind::Denied).
    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Denied, message)
    }

    /// Returns the failure of a step that noticed that the job was cancelled.
    pub fn cancelled() -> Self {
        Self::new(FailureKind::Cancelled, "the job was cancelled")
    }

    /// Adds an innermost cause. The host keeps the first 32.
    #[must_use]
    pub fn cause(mut self, cause: impl Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// Adds an error and its sources as innermost causes.
    #[must_use]
    pub fn caused_by(mut self, error: &(dyn Error + 'static)) -> Self {
        self.causes.extend(chain(error).map(ToString::to_string));
        self
    }

    /// Says what to do next, in place of what was said before.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Puts a message before this one, which becomes the outermost cause.
    #[must_use]
    pub fn context(mut self, message: impl Into<String>) -> Self {
        let inner = std::mem::replace(&mut self.message, message.into());
        self.causes.insert(0, inner);
        self
    }

    /// Returns the kind.
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// Returns the one line.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the causes, outermost first.
    pub fn causes(&self) -> &[String] {
        &self.causes
    }

    /// Returns what to do next, if anybody said.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.causes.iter().try_for_each(|cause| write!(f, ": {cause}"))
    }
}

impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let kind = if chain(&error).any(is_denial) { FailureKind::Denied } else { FailureKind::Failed };
        let mut texts = chain(&error).map(ToString::to_string);
        let message = texts.next().unwrap_or_default();
        Self { kind, message, causes: texts.collect(), hint: None }
    }
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| <dyn Error>::source(*error))
}

/// Returns whether an error is the host's "not permitted", or that of a path under no preopen.
pub(crate) fn is_denial(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| {
        matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
            || error.to_string().contains("failed to find a pre-opened file descriptor")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(io::Error);

    impl Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("cannot tidy up")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    fn fails(error: io::Error) -> Result<(), Failure> {
        Err(Outer(error))?
    }

    #[test]
    fn question_mark_keeps_the_chain() {
        let failure = fails(io::Error::other("the disk is gone")).expect_err("it fails");
        assert_eq!(failure.kind(), FailureKind::Failed);
        assert_eq!(failure.to_string(), "cannot tidy up: the disk is gone");
    }

    #[test]
    fn a_denial_anywhere_in_the_chain_decides_the_kind() {
        #[track_caller]
        fn check(error: io::Error, expected: FailureKind) {
            assert_eq!(fails(error).expect_err("it fails").kind(), expected);
        }
        check(io::ErrorKind::PermissionDenied.into(), FailureKind::Denied);
        check(io::ErrorKind::ReadOnlyFilesystem.into(), FailureKind::Denied);
        let std = "failed to find a pre-opened file descriptor through which \"/etc\" could be opened";
        check(io::Error::other(std), FailureKind::Denied);
        check(io::ErrorKind::NotFound.into(), FailureKind::Failed);
    }

    #[test]
    fn context_goes_before() {
        let failure = Failure::invalid_input("`x` is odd").context("cannot start").hint("use an even one");
        assert_eq!(failure.message(), "cannot start");
        assert_eq!(failure.causes(), ["`x` is odd"]);
        assert_eq!(failure.hint_text(), Some("use an even one"));
        assert_eq!(failure.kind(), FailureKind::InvalidInput);
    }
}
