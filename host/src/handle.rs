//! A running job, seen from outside.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use stepwell_report::{Masker, Secrets, WriteResultsError, write_results};
use stepwell_run::{Event, JobResult};
use stepwell_schema::{Job, Problems};
use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::events::Events;

/// A job that was started. Dropping the handle cancels the job.
pub struct JobHandle {
    pub(crate) warnings: Problems,
    pub(crate) events: Events,
    pub(crate) cancel: CancellationToken,
    pub(crate) result: oneshot::Receiver<JobResult>,
    pub(crate) recorder: Recorder,
    pub(crate) _cancel_on_drop: DropGuard,
}

impl JobHandle {
    /// Returns what planning found that is not wrong but worth a look, such as keys with old names; warnings only.
    pub fn warnings(&self) -> &Problems {
        &self.warnings
    }

    /// Returns the next event, sensitive values masked, or none when the job is over and every event was read. Blocks
    /// the thread. A job whose events are not read stops at its next log line once a megabyte of log waits.
    ///
    /// # Panics
    /// Inside an async runtime, where it would block it: use [`JobHandle::next_event_async`] there.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.next_blocking()
    }

    /// As [`JobHandle::next_event`], without blocking the thread.
    pub async fn next_event_async(&mut self) -> Option<Event> {
        self.events.next().await
    }

    /// Returns what writes the result of this job to a file.
    pub fn recorder(&self) -> Recorder {
        self.recorder.clone()
    }

    /// Returns what cancels the job, for another thread or a signal handler.
    pub fn canceller(&self) -> Canceller {
        Canceller(self.cancel.clone())
    }

    /// Cancels the job: the running step is ended, gently first, and no other starts.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Waits for the end of the job and returns what came of it. Events that were not read are dropped.
    ///
    /// # Panics
    /// Inside an async runtime: use [`JobHandle::finished`] there.
    pub fn wait(self) -> JobResult {
        let Self { events, result, _cancel_on_drop, .. } = self;
        // Without a reader the log goes nowhere and holds nothing up.
        drop(events);
        result.blocking_recv().unwrap_or_else(|_| JobResult::lost())
    }

    /// As [`JobHandle::wait`], without blocking the thread.
    pub async fn finished(self) -> JobResult {
        let Self { events, result, _cancel_on_drop, .. } = self;
        drop(events);
        result.await.unwrap_or_else(|_| JobResult::lost())
    }
}

impl fmt::Debug for JobHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobHandle").field("cancelled", &self.cancel.is_cancelled()).finish_non_exhaustive()
    }
}

/// Cancels one job, or all that are started with one request. Cheap to clone; may be used from any thread.
#[derive(Clone, Debug)]
pub struct Canceller(pub(crate) CancellationToken);

impl Canceller {
    /// Cancels the job; a second call does nothing.
    pub fn cancel(&self) {
        self.0.cancel();
    }
}

/// Writes the result of one job to a file in the form of GitLab's `step-results.json`, sensitive values masked.
#[derive(Clone, Debug)]
pub struct Recorder {
    pub(crate) document: Arc<Job>,
    pub(crate) masker: Masker,
}

impl Recorder {
    /// Writes the file as a whole or not at all, mode 0640 less the umask. Returns whether there was anything to write:
    /// a job that ended before its first step has no result.
    ///
    /// # Errors
    /// See [`WriteResultsError`]; what was there before is untouched.
    pub fn write(&self, path: &Path, result: &JobResult) -> Result<bool, WriteResultsError> {
        write_results(path, &self.document, result, Secrets::Hidden(&self.masker))
    }
}
