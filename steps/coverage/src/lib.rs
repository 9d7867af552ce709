//! The function `coverage`: percentages of Cobertura and LCOV reports, thresholds, and a comparison with a base.
//!
//! In go reports by path or pattern; out come numbers, and a table of the files that need tests most. Several reports
//! become one: a line is covered if it is in any of them. Lines and branches are counted, and what a report says of its
//! own numbers is not believed. The crate refuses to read source code.

#![forbid(unsafe_code)]

mod cobertura;
mod lcov;
mod record;
mod shown;

use std::io::BufRead;

use stepwell_sdk::{Access, Failure, Input, Output, Step, step};
use stepwell_step_parts::files;

use crate::record::{FileCounts, Record, Share};

/// What is asked. `func.yml` describes each input.
#[derive(Input)]
pub struct Request {
    #[input(default = ".")]
    source: String,
    reports: Vec<String>,
    #[input(default = [])]
    base: Vec<String>,
    #[input(default = 0)]
    min_lines: f64,
    #[input(default = 0)]
    min_branches: f64,
    #[input(default = 0)]
    max_drop: f64,
    #[input(default = 10)]
    worst: usize,
}

/// What came of it.
#[derive(Debug, Output)]
pub struct Response {
    /// Percent of the lines that are covered.
    lines: f64,
    /// Lines that are covered.
    lines_covered: u64,
    /// Lines that could be.
    lines_valid: u64,
    /// Percent of the branches that are covered; 100 if there are none.
    branches: f64,
    /// Branches that are covered.
    branches_covered: u64,
    /// Branches that could be.
    branches_valid: u64,
    /// Percentage points that the lines gained since the base; 0 without one.
    change: f64,
    /// The files with most uncovered lines.
    worst: Vec<FileCounts>,
}

/// Reads coverage reports, shows the worst files, and fails by threshold.
///
/// # Errors
///
/// A failure that names the input, or the report and the line; or one that names each threshold that was passed.
#[step]
pub fn run(request: Request, step: &mut Step) -> Result<Response, Failure> {
    check(&request)?;
    let record = read(step, "reports", &request.source, &request.reports)?;
    let base = match request.base.as_slice() {
        [] => None,
        base => Some(read(step, "base", &request.source, base)?),
    };
    let (lines, branches) = record.shares();
    let before = base.as_ref().map(|base| base.shares().0);
    let change = before.map_or(0.0, |before| lines.percent() - before.percent());
    let worst = shown::show(step, &record, base.as_ref(), request.worst);
    judge(&request, lines, branches, before)?;
    Ok(Response {
        lines: lines.percent(),
        lines_covered: lines.covered,
        lines_valid: lines.valid,
        branches: branches.percent(),
        branches_covered: branches.covered,
        branches_valid: branches.valid,
        change: (change * 100.0).round() / 100.0,
        worst,
    })
}

/// Reads all reports that patterns choose into one record.
fn read(step: &Step, input: &str, source: &str, patterns: &[String]) -> Result<Record, Failure> {
    if patterns.is_empty() {
        let problem = format!("input `{input}` names no report");
        return Err(Failure::invalid_input(problem).hint("give paths or patterns, such as `**/lcov.info`"));
    }
    let mut record = Record::default();
    for report in files::choose(step, input, source, patterns)? {
        if is_xml(step, &report)? {
            cobertura::read(step, &report, &mut record)?;
        } else {
            lcov::read(step, &report, &mut record)?;
        }
    }
    if record.is_empty() {
        return Err(Failure::failed(format!("the reports of input `{input}` know no line")));
    }
    Ok(record)
}

/// Returns whether a report is XML, or UTF-16, which the reader of XML has a message for.
fn is_xml(step: &Step, report: &str) -> Result<bool, Failure> {
    let mut file = std::io::BufReader::new(step.open(report)?);
    let start = file.fill_buf().map_err(|error| Failure::of_file(Access::Read, report, &error))?;
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    Ok(matches!(start.iter().find(|byte| !byte.is_ascii_whitespace()), Some(b'<' | b'\0' | 0xfe | 0xff)))
}

fn check(request: &Request) -> Result<(), Failure> {
    let Request { min_lines, min_branches, max_drop, .. } = *request;
    let percentages = [("min_lines", min_lines), ("min_branches", min_branches), ("max_drop", max_drop)];
    match percentages.into_iter().find(|(_, percent)| !(0.0..=100.0).contains(percent)) {
        None => Ok(()),
        Some((input, percent)) => {
            Err(Failure::invalid_input(format!("input `{input}` is {percent}, not between 0 and 100")))
        }
    }
}

/// Fails if a threshold was passed; all of them are causes. They are compared with the exact shares, not the rounded.
fn judge(request: &Request, lines: Share, branches: Share, before: Option<Share>) -> Result<(), Failure> {
    let mut passed = Vec::new();
    let mut least = |what: &str, share: Share, asked: f64, input: &str| {
        if share.exact() < asked {
            passed.push(format!(
                "{:.2} % of the {what} are covered, and input `{input}` asks for {asked}",
                share.percent()
            ));
        }
    };
    least("lines", lines, request.min_lines, "min_lines");
    least("branches", branches, request.min_branches, "min_branches");
    if let Some(before) = before {
        let (drop, allowed) = (before.exact() - lines.exact(), request.max_drop);
        if drop > allowed {
            passed.push(format!("the lines lost {drop:.2} points, and input `max_drop` allows {allowed}"));
        }
    }
    if passed.is_empty() {
        return Ok(());
    }
    let message = format!("too little is covered: {:.2} % of the lines", lines.percent());
    Err(passed.iter().fold(Failure::failed(message), |failure, threshold| failure.cause(threshold)))
}

#[cfg(test)]
mod tests;
