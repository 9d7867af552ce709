//! The function `junit`: merges JUnit reports, summarises them, and fails by threshold.
//!
//! In go XML reports by path or pattern; out come the numbers, a table in the log, the tests that failed, and one merged
//! report. Test cases are counted, and what a report says of its own numbers is not believed. The reports are read twice,
//! as streams, so their size does not matter. The crate refuses to know the dialects of test frameworks beyond what a test
//! case holds: `failure`, `error`, `skipped`.

#![forbid(unsafe_code)]

mod case;
mod merge;
mod shown;
mod summary;

use stepwell_sdk::{Failure, FailureKind, Input, Output, Step, path, step};
use stepwell_step_parts::files;

use crate::case::Failed;
use crate::summary::{Counts, Summary};

/// What is asked. `func.yml` describes each input.
#[derive(Input)]
pub struct Request {
    #[input(default = ".")]
    source: String,
    #[input(default = [])]
    reports: Vec<String>,
    #[input(default = "")]
    destination: String,
    #[input(default = "junit.xml")]
    name: String,
    #[input(default = 1)]
    min_tests: u64,
    #[input(default = 0)]
    max_failures: u64,
    #[input(default = 0)]
    max_errors: u64,
    #[input(default = 100)]
    max_skipped_percent: f64,
}

/// What came of it.
#[derive(Debug, Output)]
pub struct Response {
    /// Test cases, skipped ones included.
    tests: u64,
    /// Those that failed.
    failures: u64,
    /// Those that ended with an error.
    errors: u64,
    /// Those that did not run.
    skipped: u64,
    /// Time of all test cases together.
    seconds: f64,
    /// The first that failed or ended with an error.
    failed: Vec<Failed>,
    /// Path of the merged report, relative to the work dir; empty if none was written.
    file: String,
}

/// Merges and summarises JUnit reports, and fails by threshold.
///
/// # Errors
///
/// A failure that names the input, or the report and the line; or one that names each threshold that was passed.
#[step]
pub fn run(request: Request, step: &mut Step) -> Result<Response, Failure> {
    check(&request)?;
    let file = target(&request)?;
    let reports = reports(&request, step, file.as_deref())?;
    let mut summary = Summary::default();
    for report in &reports {
        summary.add(step, report)?;
    }
    shown::show(step, &summary);
    if let Some(file) = &file {
        merge::write(step, &reports, &summary.counts, file)?;
    }
    judge(&request, &summary)?;
    let Counts { tests, failures, errors, skipped, seconds } = summary.counts;
    Ok(Response { tests, failures, errors, skipped, seconds, failed: summary.failed, file: file.unwrap_or_default() })
}

/// Returns the reports, without the one that is to be written: a report of an earlier run is none of this one.
fn reports(request: &Request, step: &Step, file: Option<&str>) -> Result<Vec<String>, Failure> {
    let every = ["*.xml".to_owned()];
    let patterns = if request.reports.is_empty() { &every[..] } else { &request.reports };
    let mut reports = files::choose(step, "reports", &request.source, patterns)?;
    reports.retain(|report| Some(report.as_str()) != file);
    if reports.is_empty() {
        let problem = "input `reports` chooses no file but the one to write";
        return Err(Failure::new(FailureKind::InvalidInput, problem).hint("give another `destination` or `name`"));
    }
    Ok(reports)
}

fn target(request: &Request) -> Result<Option<String>, Failure> {
    if request.destination.is_empty() {
        return Ok(None);
    }
    if path::stays_inside(&request.name) {
        return Ok(Some(path::join(&request.destination, &request.name)));
    }
    Err(Failure::invalid_input(format!("input `name` is `{}`, no path in the destination", request.name)))
}

fn check(request: &Request) -> Result<(), Failure> {
    let share = request.max_skipped_percent;
    if (0.0..=100.0).contains(&share) {
        return Ok(());
    }
    Err(Failure::invalid_input(format!("input `max_skipped_percent` is {share}, not between 0 and 100")))
}

/// Fails if a threshold was passed; all of them are causes.
fn judge(request: &Request, summary: &Summary) -> Result<(), Failure> {
    let counts = &summary.counts;
    let mut passed = Vec::new();
    let mut most = |what: &str, found: u64, allowed: u64, input: &str| {
        if found > allowed {
            passed.push(format!("{found} {what}, and input `{input}` allows {allowed}"));
        }
    };
    most("failed", counts.failures, request.max_failures, "max_failures");
    most("ended with an error", counts.errors, request.max_errors, "max_errors");
    if counts.tests < request.min_tests {
        passed.push(format!("{} are reported, and input `min_tests` asks for {}", counts.tests, request.min_tests));
    }
    let share = counts.skipped_percent();
    if share > request.max_skipped_percent {
        let allowed = request.max_skipped_percent;
        passed.push(format!("{share:.1} % were skipped, and input `max_skipped_percent` allows {allowed}"));
    }
    if passed.is_empty() {
        return Ok(());
    }
    let message = format!("of {} tests {}", counts.tests, counts.unsuccessful());
    let failure = passed.iter().fold(Failure::failed(message), |failure, threshold| failure.cause(threshold));
    Err(summary.failed.iter().take(shown::MAX_CAUSES).fold(failure, |failure, failed| failure.cause(failed)))
}

#[cfg(test)]
mod tests;
