//! Signals to the program: the first cancels the job, at whatever stage it is; a second ends it without grace.

use std::sync::Arc;
use std::time::Duration;

use stepwell_process::Subreaper;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::error::CommandError;
use crate::{Canceller, Host};

/// Listens from now on. Call it before the job is planned: content may have to be fetched for that.
///
/// # Errors
/// Signals cannot be listened for.
pub(super) fn cancel_on_signals(host: &Host, canceller: Canceller) -> Result<(), CommandError> {
    let mut signals = host.block_on(async { Signals::listen() })?;
    let subreaper = host.subreaper();
    host.spawn(async move {
        signals.next().await;
        canceller.cancel();
        loop {
            signals.next().await;
            kill_descendants(subreaper.as_ref()).await;
        }
    });
    Ok(())
}

/// The signals that ask a program to end. SIGHUP is what a closed SSH session sends.
struct Signals([Signal; 3]);

impl Signals {
    fn listen() -> Result<Self, CommandError> {
        Ok(Self([listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?, listen(SignalKind::hangup())?]))
    }

    async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

fn listen(kind: SignalKind) -> Result<Signal, CommandError> {
    signal(kind).map_err(|cause| CommandError::Environment {
        message: "cannot listen for signals".to_owned(),
        cause,
        hint: None,
    })
}

async fn kill_descendants(subreaper: Option<&Arc<Subreaper>>) {
    if let Some(subreaper) = subreaper {
        // Where `/proc` cannot be read the grace of the cancellation still ends everything.
        let _ = subreaper.end_descendants(Duration::ZERO).await;
    }
}
