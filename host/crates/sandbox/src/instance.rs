//! One call of a module that is ready, in an instance of its own.

use std::path::Path;

use stepwell_run::{Outcome, WasmCall};
use wasmtime::Engine;

use crate::command::{self, Program};
use crate::links::Cleared;
use crate::log_sink::{LogSink, cut_with_mark, escaped};
use crate::modules::Ready;
use crate::setup::Setup;
use crate::typed;

/// Runs a call to its end. Private folders of a command are made below the scratch folder.
pub(crate) async fn run(engine: &Engine, ready: &Ready, call: &WasmCall, setup: Setup<'_>, scratch: &Path) -> Outcome {
    let links: Vec<_> = setup.preopens.iter().filter_map(|preopen| preopen.links.clone()).collect();
    let log = setup.log.clone();
    let outcome = match ready {
        Ready::Typed(pre) => typed::run(engine, pre, call, setup).await,
        Ready::Command(pre) => command::run(engine, Program::Preview2(pre), call, setup, scratch).await,
        Ready::Preview1(pre) => command::run(engine, Program::Preview1(pre), call, setup, scratch).await,
    };
    links.iter().for_each(|links| report(&links.clear(), &log));
    outcome
}

/// Says which links are gone.
fn report(cleared: &Cleared, log: &LogSink) {
    const SHOWN: usize = 20;
    for path in cleared.removed.iter().take(SHOWN) {
        log.warn(format!("link `{}` led out of the work dir after the step had moved it; it is removed", shown(path)));
    }
    if let Some(more) = cleared.removed.len().checked_sub(SHOWN + 1) {
        log.warn(format!(
            "{} more links led out of the work dir after the step had moved them; they are removed",
            more + 1
        ));
    }
    if cleared.is_partial {
        log.warn(
            "the step moved links or folders among too many to look at; links may lead out of the work dir".to_owned(),
        );
    }
}

/// A name is the guest's: control characters are escaped, and what is longer than a line is cut.
fn shown(path: &Path) -> String {
    const MAX_SHOWN_BYTES: usize = 400;
    cut_with_mark(escaped(&path.to_string_lossy()), MAX_SHOWN_BYTES)
}
