//! Why a reference cannot be served, in a form that can be remembered and answered again.

use std::fmt;
use std::io;
use std::path::Path;

use stepwell_plan::{FetchError, FetchLimit, KnownRevisions, ResolveError};

/// Why a reference cannot be served.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// There is no such revision.
    Unknown { known: Box<KnownRevisions>, is_local: bool },
    /// There is no such repository yet, on this machine.
    Absent,
    /// It cannot be fetched.
    Fetch(FetchError),
    /// The job was cancelled.
    Cancelled,
}

impl Failure {
    /// Makes the error that a caller sees. `url` and `revision` are what was asked for, without credentials.
    pub(crate) fn into_error(self, url: &dyn fmt::Display, revision: &str) -> ResolveError {
        let url = url.to_string();
        match self {
            Self::Unknown { known, is_local } => {
                ResolveError::UnknownRevision { url, revision: revision.to_owned(), known, is_local }
            }
            Self::Absent => {
                let folder = url.strip_prefix("file://").unwrap_or(&url).into();
                ResolveError::NotFound { folder, tried: Vec::new() }
            }
            Self::Fetch(cause) => ResolveError::Fetch { url, cause },
            Self::Cancelled => ResolveError::Cancelled,
        }
    }

    pub(crate) fn over(limit: FetchLimit, value: u64) -> Self {
        Self::Fetch(FetchError::OverLimit { limit, value })
    }

    pub(crate) fn storage(path: &Path, cause: &io::Error) -> Self {
        Self::Fetch(FetchError::Storage { path: path.to_owned(), cause: cause.to_string() })
    }

    pub(crate) fn protocol(what: impl Into<String>) -> Self {
        Self::Fetch(FetchError::Protocol(what.into()))
    }

    /// Tells whether another try, by other means, may have another outcome for the same revision.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Fetch(FetchError::Refused(_)))
    }
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        Self::Fetch(error)
    }
}

impl From<git2::Error> for Failure {
    fn from(error: git2::Error) -> Self {
        Self::Fetch(match error.code() {
            git2::ErrorCode::Owner => FetchError::OtherOwner,
            _ => FetchError::Repository(super::excerpt::excerpt(error.message())),
        })
    }
}
