//! Native commands and scripts.
//!
//! **In:** an [`Invocation`](stepwell_run::Invocation) whose action is a command or a script. **Out:** its log, and an
//! [`Outcome`](stepwell_run::Outcome) that tells how it ended. **Refuses to know:** where the arguments come from, what
//! the log means, what a WebAssembly module is.
//!
//! One step is one process group. Its two pipes are read at once and handed on with back pressure, so the memory of a
//! step is bounded whatever it prints; what was written before the command ended is never lost. A cancelled step gets
//! SIGTERM, time to end, then SIGKILL, always as a whole group. A process that a step leaves in the background does not
//! hold the step up: [`Leftovers`] keeps its output flowing and ends it with the job. A process that left its group is
//! found by [`Subreaper`], for programs that own all of their children. Where this process is killed, a watcher ends the
//! steps: see [`watch`].
//!
//! Everything goes through safe interfaces (`std`, tokio, rustix); nothing runs between fork and exec, so that `std` can
//! use `posix_spawn`. The crate is for Linux: it reads `/proc`.
//!
//! May use: schema, run.

#![forbid(unsafe_code)]

mod group;
mod launch;
mod leftovers;
mod look_up;
mod native;
mod pipe;
mod process_table;
mod refusal;
mod shell;
mod subreaper;
mod watch_list;
mod watcher;

pub use leftovers::Leftovers;
pub use native::NativeExecutor;
pub use subreaper::{Subreaper, Swept};
pub use watcher::{WatcherCommand, watch};
