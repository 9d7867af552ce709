//! The sequencer.
//!
//! **In:** a plan, an [`Executor`] and the job's [`Surroundings`]. **Out:** a stream of [`Event`]s, and a [`JobResult`].
//! **Refuses to know:** how a command is spawned or a component instantiated (executors do), how events are shown
//! (reports do), where content lies (resolvers do). One loop owns all state of a job; the status of a step changes by
//! one total function ([`Status::change`]) and every change is an event.
//!
//! Start at [`run`]: `sequencer` is the loop over lists, `item` takes one step through loading (`call`) and running
//! (`native`, `module`).
//! Lists stand on a stack of `frame`s; `table` holds the states; `environment` and `inputs` say what an expression sees.
//!
//! May use: schema, expr, policy, plan.

#![forbid(unsafe_code)]

mod call;
mod ending;
mod environment;
mod event;
mod execute;
mod exports;
mod failure;
mod file_use;
mod frame;
mod inputs;
mod item;
mod json;
pub mod lines;
mod load;
mod log;
mod mask;
mod module;
mod native;
mod needs;
mod outputs;
mod result;
mod scratch;
mod sequencer;
mod signal;
mod status;
mod step_path;
mod stop;
mod surroundings;
mod table;

pub use event::{Event, EventKind, Level, StepFacts, Stream};
pub use execute::{
    Action, BoxFuture, Control, Executor, Failure, FailureKind, Invocation, LimitKind, LimitReached, MaskSink,
    ModuleRefused, Outcome, Returned, SecretText, Usage, WasmCall,
};
pub use exports::{ExportProblem, export_text};
pub use log::{EventSender, EventStream, MAX_WAITING_LOG_BYTES, event_channel};
pub use mask::MIN_MASKED_BYTES;
pub use outputs::{OutputProblem, OutputProblemKind, OutputProblems, check_outputs};
pub use result::{ExecResult, JobError, JobErrorKind, JobResult, StepReference, StepResult};
pub use sequencer::run;
pub use status::{Change, IllegalChange, Status};
pub use step_path::StepPath;
// What events, invocations and results hold: executors and readers of events get these types from here.
pub use stepwell_expr::{Marked, Values};
pub use stepwell_plan::{Module, Origin, PlannedFunction, Protocol};
pub use stepwell_policy::{Capability, DecidedBy, Decision, Request, Verdict};
pub use surroundings::{Options, Surroundings};
