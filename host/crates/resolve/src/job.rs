//! What one job has seen of the places that its references lead to.

use std::sync::Arc;

use stepwell_plan::{Base, ResolveError, Resolved, Resolver};
use stepwell_schema::Reference;

use crate::git::Session;
use crate::resolve::StandardResolver;

/// A resolver for one job. Each remote repository is looked at once, failures are remembered, and the trees that the job
/// uses are kept from eviction until this is dropped, along with everything that it resolved.
pub struct JobResolver {
    shared: Arc<StandardResolver>,
    /// None where git references are not served.
    session: Option<Session>,
}

impl JobResolver {
    pub(crate) fn new(shared: Arc<StandardResolver>, session: Option<Session>) -> Self {
        Self { shared, session }
    }

    /// Forgets which fetches have failed, so that later calls try again. What was found stays.
    pub fn forget_failures(&self) {
        if let Some(session) = &self.session {
            session.forget_failures();
        }
    }
}

impl Resolver for JobResolver {
    fn prefetch(&self, references: &[(&Reference, &Base)]) {
        let Some(session) = &self.session else { return };
        let of_git = |(reference, _): &(&'_ Reference, &Base)| match reference {
            Reference::Git(git) => Some(git.clone()),
            Reference::Dynamic { .. } | Reference::File { .. } | Reference::BuiltIn { .. } | Reference::Oci(_) => None,
        };
        let references: Vec<_> = references.iter().filter_map(of_git).collect();
        session.prefetch(&references.iter().collect::<Vec<_>>());
    }

    fn resolve(&self, reference: &Reference, base: &Base) -> Result<Resolved, ResolveError> {
        self.shared.resolve_with(reference, base, self.session.as_ref())
    }

    fn read_beside(&self, resolved: &Resolved, path: &str, limit_bytes: u64) -> Result<Arc<[u8]>, ResolveError> {
        self.shared.read_beside(resolved, path, limit_bytes)
    }

    fn is_unchanged(&self, resolved: &Resolved, beside: &[&str]) -> bool {
        self.shared.is_unchanged(resolved, beside)
    }
}

impl std::fmt::Debug for JobResolver {
    /// Leaves out what was seen.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobResolver").field("shared", &self.shared).finish_non_exhaustive()
    }
}
