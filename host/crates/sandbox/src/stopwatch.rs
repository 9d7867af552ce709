//! How long a guest has had a thread.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Adds up the time in which a future is polled. What it waits for between polls takes no processor time and does not
/// count; a call of the host that holds the thread does. Clones are the same watch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stopwatch(Arc<Mutex<Ran>>);

#[derive(Debug, Default)]
struct Ran {
    before: Duration,
    since: Option<Instant>,
}

impl Stopwatch {
    /// Drives a future to its end, timing it.
    pub(crate) async fn time<F: Future>(&self, timed: F) -> F::Output {
        let mut timed = pin!(timed);
        std::future::poll_fn(|context| {
            self.lock().since = Some(Instant::now());
            let polled = timed.as_mut().poll(context);
            self.stop();
            polled
        })
        .await
    }

    /// Returns the time until now, that of the poll under way included.
    pub(crate) fn elapsed(&self) -> Duration {
        let ran = self.lock();
        ran.before.saturating_add(ran.since.map_or(Duration::ZERO, |since| since.elapsed()))
    }

    fn stop(&self) {
        let before = self.elapsed();
        *self.lock() = Ran { before, since: None };
    }

    fn lock(&self) -> MutexGuard<'_, Ran> {
        // Times stay usable, whatever happened to another thread.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_does_not_count() {
        let watch = Stopwatch::default();
        let inside = watch.time(async { watch.elapsed() }).await;
        assert!(inside > Duration::ZERO);
        let ran = watch.elapsed();
        assert!(ran >= inside);
        assert_eq!(watch.elapsed(), ran, "it stands still between polls");
        watch.time(tokio::time::sleep(Duration::from_millis(50))).await;
        assert!(watch.elapsed() > ran && watch.elapsed() < ran + Duration::from_millis(50));
    }
}
