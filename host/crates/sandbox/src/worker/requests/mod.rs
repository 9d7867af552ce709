//! Requests of guests in workers, which have no network: each crosses over to the host, which checks and sends it.
//!
//! `messages` is what is said about them and `errors` why one has no response; `gateway` is the worker's side and
//! `served` the host's. Any number of bodies are on their way over one lane at a time. Of each no more is sent than its
//! [`window`](self::window) has room for, which the other side opens as it gets rid of what came. So nothing waits for a
//! body that nobody reads, and neither side holds more than a window of it.

mod errors;
mod gateway;
mod messages;
mod served;
mod teller;
#[cfg(test)]
mod tests;
mod window;

pub(super) use gateway::LaneGateway;
pub(super) use messages::{Asked, Told};
pub(super) use served::Requests;
pub(super) use teller::Said;

/// Most requests of one call that the host knows at a time; a guest with more of them waits in its worker. Of these the
/// settings of the client let fewer go out at a time.
const MAX_OPEN: usize = 64;
/// Most bytes of one body that are on their way, or with the receiver and not yet taken.
const WINDOW_BYTES: usize = 256 << 10;
/// Most bytes of one part of a body.
const PART_BYTES: usize = 64 << 10;
/// Fewest bytes that a part counts as, so that many small parts take no more memory than a few large ones.
const MIN_PART_COST: usize = 1 << 10;
/// Most bytes of bodies that wait on the host to be written to a worker, for all requests of a call.
const QUEUE_BYTES: usize = 1 << 20;
/// Most messages that wait on the host to be written to a worker. One that reads leaves a few hundred at most; full
/// windows of small parts of all requests would be half as many.
const MAX_QUEUE: usize = 2 * MAX_OPEN * WINDOW_BYTES / MIN_PART_COST;
/// Most bytes of a message that is no part of a body. The interface holds headers to 64 KiB and an address to as much,
/// and many small headers take up to five times their length.
const MAX_HEAD_BYTES: usize = 512 << 10;
