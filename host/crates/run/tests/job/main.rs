//! Whole jobs with a scripted executor: plan in, events and result out.

#[path = "../support/mod.rs"]
mod support;

mod cancel;
mod ends;
mod environment;
mod inputs;
mod outputs;
mod references;
mod scale;
mod sensitive;
mod sequence;
mod wasm;
