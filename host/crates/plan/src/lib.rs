//! Job + functions → [`Plan`].
//!
//! **In:** a parsed job and a [`Resolver`]. **Out:** the locked form of the job: every reference pinned to content with
//! its digest or openly "pinned when reached", expressions compiled, inputs checked, needs gathered and, where no
//! expression stands in the way, decided by the policy; or all problems at once. Printable and diffable. **Refuses to know:** where
//! content comes from, and how anything runs.
//!
//! The way of a job: `load` goes from references to functions, each read once; `document` compiles the templates of one
//! document, and `names` and `inputs` check them against what they can see and what they are given to; `invocation`
//! then walks the finished tree and decides what can be decided.
//!
//! May use: schema, expr, policy.

#![forbid(unsafe_code)]

mod acts;
pub mod code;
mod document;
mod facts;
mod fetch;
mod function;
mod inputs;
mod invocation;
mod json;
mod load;
mod names;
mod needs;
mod passes;
mod pinning;
mod plan;
mod problem;
mod resolver;
mod script;
mod show;
mod step;

pub use acts::DecidedAct;
pub use fetch::{FetchError, FetchLimit};
pub use function::{Extent, Module, PlannedDefinition, PlannedFunction, PlannedSequence, PlannedWasm};
pub use invocation::{NeedsState, PlannedInvocation};
pub use json::JSON_VERSION;
pub use load::{MAX_DEPTH, MAX_MODULE_BYTES, MAX_STEPS, load_function};
pub use needs::{MAX_REQUESTS, NeedError, NeedErrorCause, PathAccess, PlannedNeeds, PlannedPathNeed};
pub use passes::{SecretRefused, missing_secrets, secret_refused};
pub use pinning::Pinning;
pub use plan::{Denial, Plan, PlanOptions, plan};
pub use problem::resolve_problem;
pub use resolver::{Base, KnownRevisions, Origin, Protocol, ResolveError, Resolved, Resolver};
pub use step::{Deferred, PlannedAction, PlannedPasses, PlannedStep, Target};
