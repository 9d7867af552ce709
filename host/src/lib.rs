//! Stepwell as a library: run CI jobs of native commands, scripts and sandboxed WebAssembly functions.
//!
//! **In:** a [`JobRequest`]. **Out:** a [`Plan`] that says what would run, or a [`JobHandle`] with a stream of masked
//! events, a way to cancel, and a [`JobResult`]. One [`Host`] serves many jobs at once; it owns its threads, compiled
//! modules and caches. **Refuses to do:** print, read the environment, or look for folders by itself; whoever embeds it
//! says all of that.
//!
//! ```no_run
//! use stepwell::{Host, JobRequest};
//!
//! let host = Host::builder().build()?;
//! let job = JobRequest::from_file("job.yml".as_ref())?.work_dir("/srv/checkout").variable("VERSION", "1.2.3");
//! let mut handle = host.run(job)?;
//! while let Some(event) = handle.next_event() {
//!     println!("{} {:?}", event.step, event.kind);
//! }
//! println!("{}", handle.wait().status);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! May use: every crate below `host/crates`.

#![forbid(unsafe_code)]

#[cfg(feature = "cli")]
pub mod cli;

mod builder;
mod error;
mod events;
mod executors;
mod handle;
mod host;
mod modules;
mod request;
mod shipped;

pub use builder::HostBuilder;
pub use error::{Denied, RunError};
pub use handle::{Canceller, JobHandle, Recorder};
pub use host::Host;
pub use request::JobRequest;
pub use stepwell_plan::{Denial, Plan, PlannedFunction};
pub use stepwell_policy::{Ceilings, InvalidNetwork, Network, Policy};
pub use stepwell_report::WriteResultsError;
pub use stepwell_resolve::{BuiltInFunction, FetchProgress, GitSettings, InvalidBuiltIn, Proxies};
pub use stepwell_run::{
    Event, EventKind, JobError, JobErrorKind, JobResult, Level, Status, StepPath, StepResult, Stream,
};
pub use stepwell_sandbox::{
    CPU_WINDOW, HttpSettings, Isolation, Quotas, ServeError, Support, WorkerCommand, serve as serve_worker,
    support as wall_support,
};
pub use stepwell_schema::{Problem, Problems, Reference, Value};
