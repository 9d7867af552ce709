//! Why a job ends before its steps do: it was cancelled, or its time is over.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::failure::Failed;
use crate::result::JobErrorKind;
use crate::status::Change;

/// What ends a job from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopCause {
    /// Somebody cancelled it.
    Cancelled,
    /// Its time limit was reached.
    TimeLimit(Duration),
}

/// The one signal that ends a job, with its cause. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    token: CancellationToken,
    cause: Arc<OnceLock<StopCause>>,
    cancelled: CancellationToken,
    limit: Option<Duration>,
}

impl Stop {
    pub(crate) fn new(cancelled: CancellationToken, limit: Option<Duration>) -> Self {
        Self { token: CancellationToken::new(), cause: Arc::default(), cancelled, limit }
    }

    /// Watches for the two causes and passes the first on; never returns.
    pub(crate) async fn watch(&self) -> std::convert::Infallible {
        let cause = tokio::select! {
            biased;
            () = self.cancelled.cancelled() => StopCause::Cancelled,
            () = sleep(self.limit) => StopCause::TimeLimit(self.limit.unwrap_or_default()),
        };
        self.stop(cause);
        std::future::pending().await
    }

    /// Makes the cause known before anybody is told.
    fn stop(&self, cause: StopCause) {
        self.cause.get_or_init(|| cause);
        self.token.cancel();
    }

    /// Returns what executors listen to.
    pub(crate) fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Waits until the job is to end.
    pub(crate) async fn stopped(&self) {
        self.token.cancelled().await;
    }

    /// Returns the cause, once the job is to end. A cancellation counts from the moment it was made, whether the watch has
    /// come round to it or not.
    pub(crate) fn cause(&self) -> Option<StopCause> {
        if self.cancelled.is_cancelled() {
            self.stop(StopCause::Cancelled);
        }
        self.cause.get().copied().filter(|_| self.token.is_cancelled())
    }

    /// Returns the end of a step that was stopped, or `otherwise` if nothing stops the job.
    pub(crate) fn failed_or(&self, otherwise: impl FnOnce() -> Failed) -> Failed {
        self.cause().map_or_else(otherwise, Failed::from)
    }
}

async fn sleep(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}

impl From<StopCause> for Failed {
    fn from(cause: StopCause) -> Self {
        match cause {
            StopCause::Cancelled => Self::new(JobErrorKind::Cancelled, "cancelled").changing(Change::Cancel),
            StopCause::TimeLimit(limit) => {
                Self::new(JobErrorKind::TimedOut, format!("the job's time limit of {limit:?} was reached"))
                    .changing(Change::TimeOut)
            }
        }
    }
}
