//! Why there is no response, or not all of one.

use std::fmt::{self, Display};
use std::io;

use crate::Failure;

/// What became of a request instead of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(not(target_family = "wasm"), expect(dead_code, reason = "the fake knows fewer mishaps than a network"))]
pub(crate) enum Broken {
    /// No grant covers it.
    Denied,
    /// A grant covers it, but its address is one of a private network.
    NotPublic,
    /// It is no request that could be sent.
    Invalid(&'static str),
    /// Another try may help.
    Unavailable(&'static str),
    /// Another try will not help.
    Failed(&'static str),
    /// The response has more bytes than the limit, where that is known.
    TooLarge(Option<u64>),
    /// What was to be sent could not be read.
    #[cfg_attr(
        not(target_family = "wasm"),
        expect(dead_code, reason = "the fake reads files with the failures of the SDK")
    )]
    Body(Failure),
}

/// For readers of a body, who get an I/O error.
impl Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied => f.write_str("no grant for the request"),
            Self::NotPublic => f.write_str("the address is not public"),
            Self::Invalid(problem) | Self::Unavailable(problem) | Self::Failed(problem) => f.write_str(problem),
            Self::TooLarge(Some(limit)) => write!(f, "the response has more than {limit} bytes"),
            Self::TooLarge(None) => f.write_str("the response is too large"),
            Self::Body(failure) => failure.fmt(f),
        }
    }
}

impl std::error::Error for Broken {}

impl From<Broken> for io::Error {
    fn from(broken: Broken) -> Self {
        Self::other(broken)
    }
}
