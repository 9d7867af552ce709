//! One call of a module that is ready, in an instance of its own.

use std::path::Path;

use stepwell_run::{Outcome, WasmCall};
use wasmtime::Engine;

use crate::command::{self, Program};
use crate::modules::Ready;
use crate::setup::Setup;
use crate::typed;

/// Runs a call to its end. Private folders of a command are made below the scratch folder.
pub(crate) async fn run(engine: &Engine, ready: &Ready, call: &WasmCall, setup: Setup<'_>, scratch: &Path) -> Outcome {
    match ready {
        Ready::Typed(pre) => typed::run(engine, pre, call, setup).await,
        Ready::Command(pre) => command::run(engine, Program::Preview2(pre), call, setup, scratch).await,
        Ready::Preview1(pre) => command::run(engine, Program::Preview1(pre), call, setup, scratch).await,
    }
}
