//! What waits on the host to be written to a worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::messages::Told;
use super::window::cost;
use super::{MAX_QUEUE, QUEUE_BYTES};

/// Puts messages into the queue of a call. Cheap to clone. The queue itself has no end, but a worker that does not read
/// cannot fill it: bodies wait for room, and of the rest it is [swamped](Self::is_swamped) soon.
#[derive(Clone)]
pub(super) struct Teller {
    queue: UnboundedSender<Said>,
    waiting: Arc<AtomicUsize>,
    room: Arc<Semaphore>,
}

/// A message in the queue. It is to be dropped when it was written.
pub(in crate::worker) struct Said {
    pub(in crate::worker) told: Told,
    waiting: Arc<AtomicUsize>,
    _room: Option<OwnedSemaphorePermit>,
}

impl Teller {
    pub(super) fn new() -> (Self, UnboundedReceiver<Said>) {
        let (queue, said) = unbounded_channel();
        (Self { queue, waiting: Arc::default(), room: Arc::new(Semaphore::new(QUEUE_BYTES)) }, said)
    }

    /// Tells a worker something else than a part of a body.
    pub(super) fn tell(&self, told: Told) {
        self.push(told, None);
    }

    /// Tells a worker a part of a body, waiting for room in the queue.
    pub(super) async fn tell_part(&self, id: u64, bytes: Bytes) {
        let cost = u32::try_from(cost(bytes.len())).unwrap_or(u32::MAX);
        // It is never closed.
        if let Ok(room) = Arc::clone(&self.room).acquire_many_owned(cost).await {
            self.push(Told::Part { id, bytes }, Some(room));
        }
    }

    /// Tells whether a worker asks without reading what it is told.
    pub(super) fn is_swamped(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > MAX_QUEUE
    }

    fn push(&self, told: Told, room: Option<OwnedSemaphorePermit>) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // Nobody writes any more when the call is over.
        let _ = self.queue.send(Said { told, waiting: Arc::clone(&self.waiting), _room: room });
    }
}

impl Drop for Said {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
