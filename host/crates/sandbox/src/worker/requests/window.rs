//! How much of a body may be sent.

use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use super::{MIN_PART_COST, WINDOW_BYTES};

/// Returns what a part of so many bytes counts as.
pub(super) fn cost(bytes: usize) -> usize {
    bytes.max(MIN_PART_COST)
}

/// How many bytes of a body one side may still send, as the other side told it. One sender waits at a time.
pub(super) struct Window {
    left: Mutex<usize>,
    opened: Notify,
}

impl Window {
    /// Makes one that is closed.
    pub(super) fn closed() -> Self {
        Self { left: Mutex::new(0), opened: Notify::new() }
    }

    /// Makes one that is as open as can be.
    pub(super) fn open() -> Self {
        Self { left: Mutex::new(WINDOW_BYTES), opened: Notify::new() }
    }

    /// Waits until a part of any length can go through.
    pub(super) async fn ready(&self) {
        while *self.left() < MIN_PART_COST {
            self.opened.notified().await;
        }
    }

    /// Waits until it is open, and lets a part of up to a number of bytes through. Answers how many.
    pub(super) async fn take(&self, most: usize) -> usize {
        self.ready().await;
        let mut left = self.left();
        let taken = most.min(*left);
        *left = left.saturating_sub(cost(taken));
        taken
    }

    /// Lets a part through. False where it is not open that far.
    pub(super) fn try_take(&self, bytes: usize) -> bool {
        let mut left = self.left();
        let rest = left.checked_sub(cost(bytes));
        *left = rest.unwrap_or(*left);
        rest.is_some()
    }

    /// Opens it for as much as a part of so many bytes took. False where no such part can have gone through.
    pub(super) fn give(&self, bytes: usize) -> bool {
        let mut left = self.left();
        let fits = cost(bytes) <= WINDOW_BYTES - *left;
        if fits {
            *left += cost(bytes);
            self.opened.notify_one();
        }
        fits
    }

    fn left(&self) -> std::sync::MutexGuard<'_, usize> {
        // A number stays usable, whatever happened to another thread.
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_more_than_was_given() {
        let window = Window::closed();
        assert!(!window.try_take(1));
        assert!(window.give(10_000));
        assert_eq!((window.take(7_000).await, window.take(7_000).await), (7_000, 3_000));
        let (taken, ()) = tokio::join!(window.take(5_000), async { assert!(window.give(2_000)) });
        assert_eq!(taken, 2_000);
    }

    #[tokio::test]
    async fn small_parts_are_not_free() {
        let window = Window::open();
        assert!((0..WINDOW_BYTES / MIN_PART_COST).all(|_| window.try_take(1)));
        assert!(!window.try_take(1));
        assert!(window.give(1) && window.try_take(1));
    }

    #[tokio::test]
    async fn no_more_than_it_is_wide() {
        let window = Window::open();
        assert!(!window.give(1));
        assert!(window.try_take(WINDOW_BYTES) && !window.try_take(1));
        assert!(!window.give(WINDOW_BYTES + 1));
        assert!(window.give(WINDOW_BYTES) && !window.give(usize::MAX));
    }
}
