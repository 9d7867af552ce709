//! One resolver for all kinds of reference.

use std::path::PathBuf;
use std::sync::Arc;

use stepwell_plan::{Base, Protocol, ResolveError, Resolved, Resolver};
use stepwell_schema::Reference;
use tokio_util::sync::CancellationToken;

use crate::builtin::BuiltInTable;
use crate::fs::FileResolver;
use crate::git::{GitSettings, ProgressSink};
use crate::job::JobResolver;

/// Serves references to files and to built-in functions; refuses git and OCI references.
#[derive(Debug, Default)]
pub struct StandardResolver {
    files: FileResolver,
    built_in: BuiltInTable,
    git: Option<GitSettings>,
}

impl StandardResolver {
    /// Makes a resolver that knows these built-in functions. Messages show absolute paths.
    pub fn new(built_in: BuiltInTable) -> Self {
        Self { files: FileResolver::default(), built_in, git: None }
    }

    /// Makes messages and canonical references show paths below `folder` relative to it.
    #[must_use]
    pub fn shown_from(self, folder: impl Into<PathBuf>) -> Self {
        Self { files: FileResolver::shown_from(folder), ..self }
    }

    /// Serves git references. Without this they are [`ResolveError::Unsupported`].
    #[must_use]
    pub fn git(self, settings: GitSettings) -> Self {
        Self { git: Some(settings), ..self }
    }

    /// Makes the resolver of one job. `cancelled` ends fetches with [`ResolveError::Cancelled`]; `progress` is told how
    /// far they have come.
    pub fn for_job(self: &Arc<Self>, _cancelled: CancellationToken, _progress: Option<ProgressSink>) -> JobResolver {
        JobResolver::new(Arc::clone(self))
    }
}

impl Resolver for StandardResolver {
    fn resolve(&self, reference: &Reference, base: &Base) -> Result<Resolved, ResolveError> {
        match (reference, base) {
            (Reference::File { path }, Base::Folder(folder)) => self.files.resolve(path, folder),
            (Reference::File { path }, Base::Tree { folder, .. }) => self.files.resolve(path, folder),
            // An absolute path means the machine's files, which a built-in function knows nothing about.
            (Reference::File { .. }, Base::BuiltIn(_)) => Err(ResolveError::Unsupported { kind: "relative" }),
            (Reference::BuiltIn { name, .. }, _) => self.built_in.resolve(name),
            (Reference::Git(_), _) => Err(ResolveError::Unsupported { kind: "git" }),
            (Reference::Oci(_), _) => Err(ResolveError::Unsupported { kind: "OCI" }),
            // Whoever evaluates it classifies the result anew.
            (Reference::Dynamic { .. }, _) => Err(ResolveError::Unsupported { kind: "unevaluated" }),
        }
    }

    fn read_beside(&self, resolved: &Resolved, path: &str, limit_bytes: u64) -> Result<Arc<[u8]>, ResolveError> {
        match resolved.origin.protocol {
            Protocol::File => self.files.read_beside(resolved, path, limit_bytes),
            Protocol::BuiltIn => self.built_in.read_beside(resolved, path, limit_bytes),
            Protocol::Git => Err(ResolveError::Unsupported { kind: "git" }),
            Protocol::Oci => Err(ResolveError::Unsupported { kind: "OCI" }),
        }
    }

    fn is_unchanged(&self, resolved: &Resolved, beside: &[&str]) -> bool {
        match resolved.origin.protocol {
            Protocol::File => self.files.is_unchanged(resolved, beside),
            Protocol::BuiltIn => true,
            Protocol::Git | Protocol::Oci => false,
        }
    }
}
