//! Whole jobs with a scripted executor: plan in, events and result out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
mod support;

mod afterwards;
mod cancel;
mod ends;
mod environment;
mod inputs;
mod outputs;
mod policy;
mod references;
mod scale;
mod sensitive;
mod sequence;
mod wasm;
mod when_reached;
