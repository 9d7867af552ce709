//! One resolver for all kinds of reference.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use stepwell_plan::{Base, Protocol, ResolveError, Resolved, Resolver};
use stepwell_schema::Reference;
use tokio_util::sync::CancellationToken;

use crate::builtin::BuiltInTable;
use crate::fs::FileResolver;
use crate::git::{self, Git, GitSettings, ProgressSink, Session};
use crate::job::JobResolver;

/// Serves references to files, to built-in functions and, where that is set up, to git repositories; refuses OCI
/// references. It remembers nothing from one call to the next: see [`for_job`](Self::for_job).
#[derive(Debug, Default)]
pub struct StandardResolver {
    files: FileResolver,
    built_in: BuiltInTable,
    git: Option<Arc<Git>>,
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
        Self { git: Some(Arc::new(Git::new(settings))), ..self }
    }

    /// Makes the resolver of one job. `cancelled` ends fetches with [`ResolveError::Cancelled`]; `progress` is told how
    /// far they have come.
    pub fn for_job(self: &Arc<Self>, cancelled: CancellationToken, progress: Option<ProgressSink>) -> JobResolver {
        let session = self.git.as_ref().map(|git| Session::new(Arc::clone(git), cancelled, progress));
        JobResolver::new(Arc::clone(self), session)
    }

    pub(crate) fn resolve_with(
        &self,
        reference: &Reference,
        base: &Base,
        session: Option<&Session>,
    ) -> Result<Resolved, ResolveError> {
        match (reference, base) {
            (Reference::File { path }, Base::Tree { folder, root }) if !path.starts_with('/') => {
                let info = session.and_then(|session| session.tree(root));
                git::resolve_in_tree(root, folder, path, info.as_ref())
            }
            (Reference::File { path }, Base::Folder(folder) | Base::Tree { folder, .. }) => {
                self.files.resolve(path, folder)
            }
            // An absolute path means the machine's files, which a built-in function knows nothing about.
            (Reference::File { .. }, Base::BuiltIn(_)) => Err(ResolveError::Unsupported { kind: "relative" }),
            (Reference::BuiltIn { name, .. }, _) => self.built_in.resolve(name),
            (Reference::Git(git), _) => {
                session.ok_or(ResolveError::Unsupported { kind: "git" }).and_then(|session| session.resolve(git))
            }
            (Reference::Oci(_), _) => Err(ResolveError::Unsupported { kind: "OCI" }),
            // Whoever evaluates it classifies the result anew.
            (Reference::Dynamic { .. }, _) => Err(ResolveError::Unsupported { kind: "unevaluated" }),
        }
    }
}

impl Resolver for StandardResolver {
    fn resolve(&self, reference: &Reference, base: &Base) -> Result<Resolved, ResolveError> {
        // What is resolved keeps its tree by itself.
        let new_session = |git: &Arc<Git>| Session::new(Arc::clone(git), CancellationToken::new(), None);
        let session = matches!(reference, Reference::Git(_)).then(|| self.git.as_ref().map(new_session)).flatten();
        self.resolve_with(reference, base, session.as_ref())
    }

    fn read_beside(&self, resolved: &Resolved, path: &str, limit_bytes: u64) -> Result<Arc<[u8]>, ResolveError> {
        match (tree(resolved), resolved.origin.protocol) {
            (Some(root), _) => git::read_beside(root, resolved, path, limit_bytes),
            (None, Protocol::File) => self.files.read_beside(resolved, path, limit_bytes),
            (None, Protocol::BuiltIn) => self.built_in.read_beside(resolved, path, limit_bytes),
            (None, Protocol::Git) => Err(ResolveError::Unsupported { kind: "git" }),
            (None, Protocol::Oci) => Err(ResolveError::Unsupported { kind: "OCI" }),
        }
    }

    fn is_unchanged(&self, resolved: &Resolved, beside: &[&str]) -> bool {
        match (tree(resolved), resolved.origin.protocol) {
            (Some(_), _) => git::is_unchanged(resolved),
            (None, Protocol::File) => self.files.is_unchanged(resolved, beside),
            (None, Protocol::BuiltIn) => true,
            (None, Protocol::Git | Protocol::Oci) => false,
        }
    }
}

fn tree(resolved: &Resolved) -> Option<&Path> {
    resolved.origin.tree.as_deref()
}
