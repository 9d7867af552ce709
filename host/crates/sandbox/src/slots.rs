//! What is made once for each module, and kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use stepwell_schema::Digest;
use tokio::sync::OnceCell;

/// A place for each module. The oldest gives way where there are too many.
pub(crate) struct Slots<T> {
    limit: usize,
    kept: Mutex<Kept<T>>,
}

/// By digest, with the order in which they came.
struct Kept<T> {
    by_digest: HashMap<Digest, Arc<OnceCell<Arc<T>>>>,
    order: Vec<Digest>,
}

impl<T> Slots<T> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, kept: Mutex::new(Kept { by_digest: HashMap::new(), order: Vec::new() }) }
    }

    /// Returns the place of a module, empty or not.
    pub(crate) fn slot(&self, digest: Digest) -> Arc<OnceCell<Arc<T>>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = kept.by_digest.get(&digest) {
            return Arc::clone(slot);
        }
        if kept.order.len() == self.limit {
            let oldest = kept.order.remove(0);
            kept.by_digest.remove(&oldest);
        }
        kept.order.push(digest);
        Arc::clone(kept.by_digest.entry(digest).or_default())
    }
}
