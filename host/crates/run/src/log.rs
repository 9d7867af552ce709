//! The channel from a job to whoever reads its events.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::event::{Event, EventKind, Stream};
use crate::step_path::StepPath;

/// Most log bytes that wait for a reader before writers wait: large enough that a reader is never starved, small enough
/// that a job with a slow reader stays small.
pub const MAX_WAITING_LOG_BYTES: usize = 1 << 20;

/// The writing end. Cheap to clone; every clone writes into the same stream.
#[derive(Clone, Debug)]
pub struct EventSender {
    sender: mpsc::UnboundedSender<(Event, Option<OwnedSemaphorePermit>)>,
    log_room: Arc<Semaphore>,
    sequence: Arc<AtomicU64>,
}

/// The reading end. A reader that stops reading holds up the log of the job; one that is dropped does not.
#[derive(Debug)]
pub struct EventStream {
    receiver: mpsc::UnboundedReceiver<(Event, Option<OwnedSemaphorePermit>)>,
    // Room of the event handed out last: given back when the next one is asked for.
    held: Option<OwnedSemaphorePermit>,
    log_room: Arc<Semaphore>,
}

/// Makes a channel.
pub fn event_channel() -> (EventSender, EventStream) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let log_room = Arc::new(Semaphore::new(MAX_WAITING_LOG_BYTES));
    (
        EventSender { sender, log_room: Arc::clone(&log_room), sequence: Arc::default() },
        EventStream { receiver, held: None, log_room },
    )
}

impl EventSender {
    /// Sends an event at once. For events whose number and size the sender bounds; log of unbounded length goes through
    /// [`EventSender::log`].
    pub fn send(&self, step: &StepPath, kind: EventKind) {
        self.send_with(step, kind, None);
    }

    /// Sends log bytes, waiting for the reader where too many wait already. Nothing happens for no bytes. At most
    /// [`MAX_WAITING_LOG_BYTES`] at a time are counted, so callers send chunks of some 64 KiB.
    pub async fn log(&self, step: &StepPath, stream: Stream, bytes: Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let room = u32::try_from(bytes.len().min(MAX_WAITING_LOG_BYTES)).unwrap_or(u32::MAX);
        // An error means that the reader is gone: the bytes go nowhere then.
        let permit = Arc::clone(&self.log_room).acquire_many_owned(room).await.ok();
        self.send_with(step, EventKind::Log { stream, bytes }, permit);
    }

    fn send_with(&self, step: &StepPath, kind: EventKind, permit: Option<OwnedSemaphorePermit>) {
        let event = Event {
            sequence: self.sequence.fetch_add(1, Ordering::Relaxed),
            time: SystemTime::now(),
            step: step.clone(),
            kind,
        };
        // Without a reader events go nowhere, and the job goes on.
        let _ = self.sender.send((event, permit));
    }
}

impl EventStream {
    /// Returns the next event, or none when the job is over and all have been read.
    pub async fn next(&mut self) -> Option<Event> {
        self.held = None;
        let (event, permit) = self.receiver.recv().await?;
        self.held = permit;
        Some(event)
    }

    /// As [`EventStream::next`], for threads outside any async runtime.
    ///
    /// # Panics
    /// Inside an async runtime, where it would block it.
    pub fn next_blocking(&mut self) -> Option<Event> {
        self.held = None;
        let (event, permit) = self.receiver.blocking_recv()?;
        self.held = permit;
        Some(event)
    }
}

impl Drop for EventStream {
    /// Lets waiting writers go on.
    fn drop(&mut self) {
        self.log_room.close();
    }
}

#[cfg(test)]
mod tests;
