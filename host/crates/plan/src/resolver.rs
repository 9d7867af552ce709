//! The way to content: what a reference leads to, behind a trait so that this crate knows no files and no network.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use stepwell_schema::{Digest, Reference, Source};

use crate::fetch::FetchError;

/// Finds the content behind references. Calls may block; they are made from threads that may.
pub trait Resolver: Send + Sync {
    /// Fetches what the references lead to, side by side, as far as they are remote and hold no expression. What comes
    /// of it, errors included, is what a later [`resolve`](Self::resolve) answers; nothing is lost where it is not
    /// called.
    fn prefetch(&self, _references: &[(&Reference, &Base)]) {}

    /// Finds the function file that a reference leads to and reads it.
    ///
    /// # Errors
    /// See [`ResolveError`]; one that [may come later](ResolveError::may_come_later) only where a later try could
    /// succeed.
    fn resolve(&self, reference: &Reference, base: &Base) -> Result<Resolved, ResolveError>;

    /// Reads a file beside the function file: `path` is relative with forward slashes and stays inside the folder of
    /// the function file, through whatever links; links of a fetched tree may lead anywhere in that tree. At most `limit_bytes` long; a longer one is
    /// [`ResolveError::TooLarge`], found before it is read.
    ///
    /// # Errors
    /// See [`ResolveError`].
    fn read_beside(&self, resolved: &Resolved, path: &str, limit_bytes: u64) -> Result<Arc<[u8]>, ResolveError>;

    /// Tells whether the function file and the given files beside it are still those that were read, without reading
    /// them again. False where that cannot be known.
    fn is_unchanged(&self, resolved: &Resolved, beside: &[&str]) -> bool;
}

/// Where relative references start.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Base {
    /// A folder of the file system: the job's work dir, or the folder of a function file.
    Folder(PathBuf),
    /// A folder of a fetched tree. Relative references stay inside the tree, by their text and through links.
    Tree {
        /// The folder of the function file, absolute.
        folder: PathBuf,
        /// The root of the tree, absolute; `folder` is it or lies beneath it.
        root: PathBuf,
    },
    /// A built-in function, by its reference: it has no folder, and relative references in it are refused.
    BuiltIn(String),
}

/// The content behind a reference.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// Where it came from.
    pub origin: Origin,
    /// The text of the function file.
    pub source: Arc<Source>,
    /// The digest of that text.
    pub digest: Digest,
    /// What is odd but accepted, as sentences for people without credentials, such as `submodules are not filled in: …`.
    pub notes: Vec<String>,
    /// What the resolver keeps to answer [`Resolver::is_unchanged`]: opaque to everybody else.
    pub stamp: Option<Arc<dyn std::any::Any + Send + Sync>>,
}

/// Where a function came from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// By which protocol.
    pub protocol: Protocol,
    /// The folder of the function file, absolute; none for a built-in function.
    pub folder: Option<PathBuf>,
    /// The root of the fetched tree, absolute, which relative references and files stay inside; none for what was not
    /// fetched.
    pub tree: Option<PathBuf>,
    /// The full id of the git commit that the tree is of, 40 hexadecimal digits in lower case; none for anything else.
    pub commit: Option<String>,
    /// Name of the function file, such as `func.yml`.
    pub file: String,
    /// The reference in canonical form, for people and for results.
    pub reference: String,
}

impl Origin {
    /// Returns the path of the function file; none for a built-in function.
    pub fn path(&self) -> Option<PathBuf> {
        self.folder.as_deref().map(|folder: &Path| folder.join(&self.file))
    }
}

/// How content is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// The file system.
    File,
    /// Shipped with the engine.
    BuiltIn,
    /// A git repository.
    Git,
    /// An OCI registry.
    Oci,
}

/// Why a reference leads to no content.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// Nothing is there now.
    #[error("{}", not_found_text(.folder, .tried))]
    NotFound {
        /// The folder that was looked into.
        folder: PathBuf,
        /// The file names that were tried, in order.
        tried: Vec<String>,
    },
    /// No such built-in function. The words are those of the contract.
    #[error("distributed step \"{name}\" not found")]
    UnknownBuiltIn {
        /// The name as written.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// A fetched tree has no such file, and will not have it later.
    #[error("{}", not_in_tree_text(.place, .folder, .tried))]
    NotInTree {
        /// The repository or image with its revision, without credentials.
        place: String,
        /// The folder from the root of the tree; empty means the root.
        folder: String,
        /// The file names that were tried, in order.
        tried: Vec<String>,
    },
    /// The repository has no such revision, or more than one. The words are those of the contract.
    #[error("fetching git step: cannot find version \"{revision}\"")]
    UnknownRevision {
        /// The repository, without credentials.
        url: String,
        /// The revision as written.
        revision: String,
        /// What there is instead.
        known: Box<KnownRevisions>,
        /// Whether the repository lies on this machine, where an earlier step may still make the revision.
        is_local: bool,
    },
    /// The content cannot be fetched.
    #[error("fetching git step: `{url}`")]
    Fetch {
        /// The repository, without credentials.
        url: String,
        /// Why.
        #[source]
        cause: FetchError,
    },
    /// The job was cancelled while the content was being fetched.
    #[error("fetching git step: cancelled")]
    Cancelled,
    /// It leads out of where it must stay.
    #[error("`{path}` leads out of `{}`", .folder.display())]
    Escapes {
        /// The path as written.
        path: String,
        /// The folder it must stay in.
        folder: PathBuf,
    },
    /// It is too large.
    #[error("`{path}` is {actual_bytes} bytes long, more than the limit of {limit_bytes}")]
    TooLarge {
        /// The file.
        path: String,
        /// Its length.
        actual_bytes: u64,
        /// The limit.
        limit_bytes: u64,
    },
    /// It is there but not a file, or not readable, or not UTF-8.
    #[error("`{}` cannot be read", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// This kind of reference is not served.
    #[error("{kind} references are not supported by this version")]
    Unsupported {
        /// `git`, `OCI`, or `relative` (in a built-in function).
        kind: &'static str,
    },
}

/// What a repository has, of the names that may stand as a revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownRevisions {
    /// Names of tags, in the order of the repository; at most [`KnownRevisions::MAX_NAMES`].
    pub tags: Vec<String>,
    /// Names of branches, in the same way.
    pub branches: Vec<String>,
    /// The commits that an abbreviated id may stand for, if there is more than one; at most ten.
    pub candidates: Vec<String>,
}

impl KnownRevisions {
    /// Most names of one kind: enough to find one that was mistyped, and few enough to be carried along.
    pub const MAX_NAMES: usize = 1_000;
}

impl ResolveError {
    /// Tells whether an earlier step of the same job may still make what is not there now.
    pub const fn may_come_later(&self) -> bool {
        match self {
            Self::NotFound { .. } => true,
            Self::UnknownRevision { is_local, .. } => *is_local,
            Self::UnknownBuiltIn { .. }
            | Self::NotInTree { .. }
            | Self::Fetch { .. }
            | Self::Cancelled
            | Self::Escapes { .. }
            | Self::TooLarge { .. }
            | Self::Unreadable { .. }
            | Self::Unsupported { .. } => false,
        }
    }
}

fn not_in_tree_text(place: &str, folder: &str, tried: &[String]) -> String {
    let folder = if folder.is_empty() { "the root" } else { &format!("`{folder}`") };
    match tried {
        [] => format!("no {folder} in `{place}`"),
        [first, ..] => format!("no function file in {folder} of `{place}`: `{first}` not found"),
    }
}

fn not_found_text(folder: &Path, tried: &[String]) -> String {
    match tried {
        [] => format!("`{}` not found", folder.display()),
        [first, ..] => format!("no function file in `{}`: `{first}` not found", folder.display()),
    }
}
