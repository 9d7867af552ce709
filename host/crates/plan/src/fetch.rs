//! Why content cannot be fetched: facts alone. What to do about each is said in `problem`.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Why a remote place gives no content. It can be copied, since one failure is the answer to everything that is asked of
/// that place afterwards. **Trust:** texts of servers are cut and escaped; no text holds credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The address cannot be used.
    #[error("the address is not valid: {0}")]
    InvalidAddress(String),
    /// The scheme is not served.
    #[error("the scheme `{scheme}` is not supported: expected `https`, `http` or `file`")]
    UnsupportedScheme {
        /// The scheme, in lower case.
        scheme: String,
    },
    /// The server wants to know who asks, or does not take the credentials (status 401).
    #[error("the server {} (status 401)", if *.credentials_sent { "does not take the credentials" } else { "asks for credentials" })]
    Unauthorized {
        /// Whether credentials were sent.
        credentials_sent: bool,
    },
    /// The server refuses (status 403).
    #[error("the server refuses access (status 403)")]
    Forbidden {
        /// Whether credentials were sent.
        credentials_sent: bool,
    },
    /// The server knows no such place (status 404 or 410).
    #[error("the server knows no such repository (status 404)")]
    NoSuchRepository {
        /// Whether credentials were sent.
        credentials_sent: bool,
    },
    /// The proxy wants to know who asks (status 407).
    #[error("the proxy asks for credentials (status 407)")]
    ProxyUnauthorized,
    /// Any other answer than success.
    #[error("the server answers with status {0}")]
    Status(u16),
    /// An answer that is none of the protocol's.
    #[error("the answer is not that of a git server: {0}")]
    Protocol(String),
    /// The server gives a reason of its own.
    #[error("the server refuses: {0}")]
    Refused(String),
    /// A redirection that is not followed.
    #[error("the redirection is not followed: {0}")]
    Redirect(&'static str),
    /// No connection: name not found, nobody listens, no route.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// No trust in the server's certificate, or no common version of TLS.
    #[error("no secure connection: {0}")]
    Tls(String),
    /// Nothing came for longer than the limit.
    #[error("nothing came for {}", seconds(.limit))]
    Stalled {
        /// The limit.
        limit: Duration,
    },
    /// The connection ended before the answer did.
    #[error("the connection broke off: {0}")]
    BrokenOff(String),
    /// It took longer than the limit.
    #[error("it took longer than {}", seconds(.limit))]
    TimedOut {
        /// The limit.
        limit: Duration,
    },
    /// It is larger than a limit.
    #[error("{limit} {}", .limit.unit(.value))]
    OverLimit {
        /// Which limit.
        limit: FetchLimit,
        /// Its value, in the limit's own unit.
        value: u64,
    },
    /// The tree holds what is not written to disk.
    #[error("`{path}` in it {why}")]
    UnsafeEntry {
        /// The path from the root of the tree, escaped.
        path: String,
        /// What is wrong with it, such as `is a link that leads out of the tree`.
        why: &'static str,
    },
    /// The repository is damaged, or in a format that cannot be read.
    #[error("the repository cannot be read: {0}")]
    Repository(String),
    /// A repository on this machine that belongs to somebody else.
    #[error("the repository belongs to another user")]
    OtherOwner,
    /// Our own files cannot be written or read.
    #[error("`{}` cannot be used: {cause}", .path.display())]
    Storage {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        cause: String,
    },
}

/// What the amount of fetched content is limited by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FetchLimit {
    /// Bytes that come over the network.
    ReceivedBytes,
    /// Bytes of all files of the tree together.
    TreeBytes,
    /// Files of the tree.
    Files,
    /// Folders of the tree inside each other.
    Depth,
}

impl FetchError {
    /// Tells whether nothing is known about the place, because no answer came: then what is in the cache may be used.
    pub const fn is_unreachable(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Stalled { .. } | Self::TimedOut { .. } | Self::BrokenOff(_) => true,
            Self::InvalidAddress(_)
            | Self::UnsupportedScheme { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::NoSuchRepository { .. }
            | Self::ProxyUnauthorized
            | Self::Status(_)
            | Self::Protocol(_)
            | Self::Refused(_)
            | Self::Redirect(_)
            | Self::Tls(_)
            | Self::OverLimit { .. }
            | Self::UnsafeEntry { .. }
            | Self::Repository(_)
            | Self::OtherOwner
            | Self::Storage { .. } => false,
        }
    }
}

impl FetchLimit {
    fn unit(self, value: &u64) -> String {
        match self {
            Self::ReceivedBytes | Self::TreeBytes => format!("more than {value} bytes"),
            Self::Files => format!("more than {value} files"),
            Self::Depth => format!("more than {value} folders inside each other"),
        }
    }
}

impl fmt::Display for FetchLimit {
    /// Writes the beginning of a sentence, such as `the tree has`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReceivedBytes => "the server sends",
            Self::TreeBytes | Self::Files | Self::Depth => "the tree has",
        })
    }
}

fn seconds(limit: &Duration) -> String {
    format!("{} s", limit.as_secs_f64())
}
