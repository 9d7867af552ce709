//! The way to content: what a reference leads to, behind a trait so that this crate knows no files and no network.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use stepwell_schema::{Digest, Reference, Source};

/// Finds the content behind references. Calls may block; they are made from threads that may.
pub trait Resolver: Send + Sync {
    /// Finds the function file that a reference leads to and reads it.
    ///
    /// # Errors
    /// See [`ResolveError`]; [`ResolveError::NotFound`] only where a later try could succeed.
    fn resolve(&self, reference: &Reference, base: &Base) -> Result<Resolved, ResolveError>;

    /// Reads a file beside the function file: `path` is relative with forward slashes and stays inside the folder of
    /// the function file, through whatever links. At most `limit_bytes` long; a longer one is
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

fn not_found_text(folder: &Path, tried: &[String]) -> String {
    match tried {
        [] => format!("`{}` not found", folder.display()),
        [first, ..] => format!("no function file in `{}`: `{first}` not found", folder.display()),
    }
}
