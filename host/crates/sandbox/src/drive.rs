//! One call of a guest, from its start to whichever end comes first.

use std::time::Instant;

use stepwell_run::Control;

use crate::stopwatch::Stopwatch;
use crate::tenant::Tenant;

/// How a call ended.
pub(crate) enum Driven<T> {
    /// By itself, well or with an error.
    Ended(wasmtime::Result<T>),
    /// It was cancelled and did not end within the grace time.
    Cancelled,
    /// It took longer than it may.
    WallTimeOver,
}

/// Drives a call until it ends, or is stopped. A guest that computes gives way at each tick, so it is stopped within
/// one; between ticks it waits for its turn among the guests of its tenant. When this
/// returns nothing of the call runs any more: dropping the future unwinds the guest, and file calls are never in flight.
pub(crate) async fn drive<T>(
    call: impl Future<Output = wasmtime::Result<T>>,
    watch: &Stopwatch,
    tenant: &Tenant,
    control: &Control,
    deadline: Option<Instant>,
) -> Driven<T> {
    tokio::select! {
        biased;
        result = tenant.0.turns.take(watch.time(call)) => Driven::Ended(result),
        () = grace_over(control) => Driven::Cancelled,
        () = passed(deadline) => Driven::WallTimeOver,
    }
}

async fn grace_over(control: &Control) {
    control.cancelled.cancelled().await;
    tokio::time::sleep(control.grace).await;
}

async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
