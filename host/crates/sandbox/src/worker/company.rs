//! Who else is there.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts those who are there at the same time.
#[derive(Debug, Default)]
pub(super) struct Company(AtomicUsize);

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct Member<'a>(&'a Company);

impl Company {
    /// Adds one.
    pub(super) fn enter(&self) -> Member<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Member(self)
    }

    /// Tells whether there is nobody.
    pub(super) fn is_empty(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

impl Member<'_> {
    /// Tells whether there is nobody else.
    pub(super) fn is_alone(&self) -> bool {
        self.0.0.load(Ordering::Relaxed) == 1
    }
}

impl Drop for Member<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_left_is_no_company() {
        let company = Company::default();
        assert!(company.is_empty());
        let first = company.enter();
        assert!(first.is_alone() && !company.is_empty());
        let second = company.enter();
        assert!(!first.is_alone() && !second.is_alone());
        drop(first);
        assert!(second.is_alone());
        drop(second);
        assert!(company.is_empty());
    }
}
