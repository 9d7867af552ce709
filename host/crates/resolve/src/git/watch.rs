//! What ends a fetch: cancellation, limits of time, and too many bytes.

use std::cell::Cell;
use std::future::Future;
use std::time::{Duration, Instant};

use stepwell_plan::{FetchError, FetchLimit};
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::progress::{FetchProgress, ProgressSink};
use super::settings::GitSettings;

/// Least time between two reports of progress.
const REPORT_INTERVAL: Duration = Duration::from_millis(100);

/// The limits of one fetch, and how far it has come. Dropping it reports the end.
pub(crate) struct Watch {
    cancelled: CancellationToken,
    progress: Option<ProgressSink>,
    repository: String,
    started: Instant,
    wall_time: Duration,
    idle_time: Duration,
    bytes_limit: u64,
    received: Cell<Received>,
    reported: Cell<Option<Instant>>,
}

#[derive(Clone, Copy, Default)]
struct Received {
    bytes: u64,
    objects: u64,
    total: Option<u64>,
}

impl Watch {
    pub(crate) fn new(
        settings: &GitSettings,
        repository: String,
        cancelled: CancellationToken,
        progress: Option<ProgressSink>,
    ) -> Self {
        let watch = Self {
            cancelled,
            progress,
            repository,
            started: Instant::now(),
            wall_time: settings.wall_time,
            idle_time: settings.idle_time,
            bytes_limit: settings.received_bytes,
            received: Cell::default(),
            reported: Cell::new(None),
        };
        watch.report(false);
        watch
    }

    /// Waits for something of the network, and for all that ends a fetch.
    pub(crate) async fn wait<T>(&self, awaited: impl Future<Output = T>) -> Result<T, Failure> {
        // A server that always has one more byte ready must not outrun the limits.
        self.check()?;
        let left = self.wall_time.saturating_sub(self.started.elapsed());
        tokio::select! {
            biased;
            () = self.cancelled.cancelled() => Err(Failure::Cancelled),
            value = awaited => Ok(value),
            () = tokio::time::sleep(left) => Err(self.timed_out()),
            () = tokio::time::sleep(self.idle_time) => {
                Err(FetchError::Stalled { limit: self.idle_time }.into())
            }
        }
    }

    /// Counts bytes that have come.
    pub(crate) fn receive(&self, bytes: usize) -> Result<(), Failure> {
        let mut received = self.received.get();
        received.bytes = received.bytes.saturating_add(bytes as u64);
        self.received.set(received);
        self.report(false);
        if received.bytes > self.bytes_limit {
            return Err(Failure::over(FetchLimit::ReceivedBytes, self.bytes_limit));
        }
        Ok(())
    }

    /// Takes down how many objects have come, of how many.
    pub(crate) fn count_objects(&self, objects: usize, total: usize) {
        let bytes = self.received.get().bytes;
        self.received.set(Received { bytes, objects: objects as u64, total: Some(total as u64) });
        self.report(false);
    }

    /// Ends work that waits for nothing: looked at now and then.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.cancelled.is_cancelled() {
            Err(Failure::Cancelled)
        } else if self.started.elapsed() > self.wall_time {
            Err(self.timed_out())
        } else {
            Ok(())
        }
    }

    fn timed_out(&self) -> Failure {
        FetchError::TimedOut { limit: self.wall_time }.into()
    }

    fn report(&self, finished: bool) {
        let Some(sink) = &self.progress else { return };
        let now = Instant::now();
        let is_due = self.reported.get().is_none_or(|last| now.duration_since(last) >= REPORT_INTERVAL);
        if finished || is_due {
            self.reported.set(Some(now));
            let Received { bytes, objects, total } = self.received.get();
            sink(&FetchProgress {
                repository: self.repository.clone(),
                received_bytes: bytes,
                received_objects: objects,
                total_objects: total,
                finished,
            });
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.report(true);
    }
}
