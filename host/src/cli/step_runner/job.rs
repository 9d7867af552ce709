//! One job, from its request to the last line of standard error.

use std::error::Error as _;
use std::io::{self, Write};
use std::path::Path;

use stepwell_report::RunnerLog;
use stepwell_run::{JobResult, Level};

use super::super::signals::cancel_on_signals;
use super::super::{diagnostics, surroundings};
use super::Failure;
use crate::{Host, JobHandle, JobRequest};

/// The results file where none is named: it lies where the process stands.
pub(super) const RESULTS_FILE: &str = "step-results.json";

/// Runs a job to its end: the log to standard output and standard error, results to a file if asked for, and the error
/// as the last line of standard error, behind `Error: ` and `stage`. Neither a results file that cannot be written nor a
/// reader that is gone changes what came of the job.
///
/// # Errors
/// The job did not start.
pub(super) fn run_job(
    host: &Host,
    request: JobRequest,
    stage: &str,
    results: Option<&Path>,
) -> Result<JobResult, Failure> {
    cancel_on_signals(host, request.canceller())?;
    let handle = host.run(request).map_err(|error| Failure::at("compiling STEPS", &error.into()))?;
    // Standard error may be closed; the job runs all the same.
    let _ = diagnostics::draw(&mut io::stderr(), handle.warnings(), false);
    if let Some(error) = host.cache_unusable() {
        let _ = writeln!(io::stderr(), "warning: compiled modules are not kept: {error}");
    }
    let mut log = RunnerLog::new(io::stdout(), io::stderr(), level());
    let recorder = handle.recorder();
    let result = host.block_on(follow(handle, &mut log));
    let mut last = String::new();
    if let Some(Err(error)) = results.map(|path| recorder.write(path, &result)) {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        last += &format!("warning: {error}{cause}\n");
    }
    if let Some(error) = &result.error {
        last.extend(error.hint.iter().map(|hint| format!("  = {hint}\n")));
        // A job that ends before its first step did not fail to run one.
        let stage = if error.step.is_job() { "" } else { stage };
        last += &format!("Error: {stage}{}\n", error.message);
    }
    let _ = log.finish(&last);
    Ok(result)
}

async fn follow<O: Write, E: Write>(mut handle: JobHandle, log: &mut RunnerLog<O, E>) -> JobResult {
    while let Some(event) = handle.next_event_async().await {
        log.take(&event);
    }
    handle.finished().await
}

fn level() -> Level {
    surroundings::log_level().as_deref().and_then(Level::named).unwrap_or(Level::Info)
}
