//! "May this be done?": what a function asks for, what it is given, and why.
//!
//! **In:** requests, gathered from function files, their paths evaluated; policies and ceilings, which the operator gives.
//! **Out:** a [`Decision`] for each, with what decided and what would change it, and the [`Grants`] that follow.
//! **Refuses to know:** how a grant is enforced, and anything that is not in its arguments: deciding is a pure function.
//!
//! What is granted is asked, permitted by a [`Policy`], and within the rules of the engine (`hard`), all three; whatever
//! no policy mentions is denied. The policy language lives in `cedar`, and nothing outside of that folder knows it.
//!
//! May use: schema.

#![forbid(unsafe_code)]

mod amount;
mod capability;
mod cedar;
mod ceiling;
pub mod code;
mod decide;
mod decision;
mod expectation;
mod facts;
mod grants;
mod hard;
mod host_name;
mod learn;
mod measure;
mod network;
mod passed;
mod policy;
mod question;
mod remedy;
mod rule;
mod ruling;
mod settings;
mod toml_text;
mod work_path;

pub use capability::{Capability, Request};
pub use ceiling::{
    Ceilings, MAX_CPU, MAX_LOG_BYTES, MAX_MEMORY_BYTES, MAX_STEPS_AT_ONCE, MAX_WALL, MAX_WRITE_BYTES, MAX_WRITE_FILES,
};
pub use decision::{Decision, Decisions, Verdict};
pub use expectation::{Expectation, Expectations, Outcome};
pub use facts::{FunctionFacts, Subject};
pub use grants::{Access, Grants, HttpGrant, Limits, Root, SecretGrant};
pub use host_name::{InvalidHost, host_name};
pub use learn::{Amounts, Use, Uses};
pub use measure::{DecisionTimes, decision_times};
pub use network::{InvalidNetwork, Network};
pub use passed::Passed;
pub use policy::{MAX_KEPT_ANSWERS, Policy};
pub use question::{Act, Action, Deed, Question};
pub use rule::{DecidedBy, PolicyRef};
pub use ruling::Ruling;
pub use settings::{
    HttpTable, MAX_HEADER_BYTES, MAX_REQUEST_TIME, MAX_REQUESTS_PER_STEP, MAX_REQUESTS_PER_TENANT, MAX_TRANSFER_BYTES,
    Settings,
};
pub use work_path::{InvalidWorkPath, MAX_PATH_BYTES, WorkPath};
