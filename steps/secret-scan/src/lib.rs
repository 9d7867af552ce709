//! The function `secret-scan`: looks for secrets in files, and reports where they are.
//!
//! In go the files of a folder; out come numbers, a line in the log for each finding, a SARIF and a GitLab report. What was
//! found is never shown or written: a finding is named by a fingerprint, a digest of rule, path and secret. Files are read
//! as streams. The crate refuses to ask any server whether a secret is valid, and to look into git's history.

#![forbid(unsafe_code)]

mod allow;
mod baseline;
mod finding;
mod gitlab;
mod ignored;
mod rules;
mod sarif;
mod scan;
mod window;

use stepwell_sdk::{Failure, Input, Level, Output, Step, path, step};

use crate::allow::Allowed;
use crate::finding::Finding;
use crate::rules::{OwnRule, Rules};

/// Most findings that a failure lists; the host keeps 32 causes. All of them are in the log.
const MAX_LISTED: usize = 31;

/// What is asked. `func.yml` describes each input.
#[derive(Input)]
pub struct Request {
    #[input(default = ".")]
    source: String,
    #[input(default = [])]
    include: Vec<String>,
    #[input(default = [])]
    exclude: Vec<String>,
    #[input(default = true)]
    gitignore: bool,
    #[input(default = [])]
    rules: Vec<OwnRule>,
    #[input(default = [])]
    allow: Vec<String>,
    #[input(default = "")]
    baseline: String,
    #[input(default = 0)]
    max_findings: usize,
    #[input(default = "")]
    destination: String,
    #[input(default = "1970-01-01T00:00:00")]
    time: String,
}

/// What came of it.
#[derive(Debug, Output)]
pub struct Response {
    /// Findings that are not known.
    findings: usize,
    /// Findings that the baseline knows.
    known: usize,
    /// Files that were looked through.
    files: u64,
    /// Files that were left out as they are not text.
    binary: u64,
    /// Path of the SARIF report; empty if none was written.
    sarif: String,
    /// Path of the GitLab secret-detection report; empty if none was written.
    gitlab: String,
    /// Path of a baseline with all findings; empty if none was written.
    baseline: String,
}

/// Looks for secrets in files, and reports where they are without showing them.
///
/// # Errors
///
/// A failure that names the input or the file, or that lists the findings by rule, file, line and fingerprint.
#[step]
pub fn run(request: Request, step: &mut Step) -> Result<Response, Failure> {
    gitlab::check_time(&request.time)?;
    let rules = Rules::new(&request.rules)?;
    let allowed = Allowed::parse(&request.allow, &rules)?;
    let known = baseline::read(step, &request.source, &request.baseline)?;
    let scanned = scan::scan(&request, step, &rules, &allowed)?;
    let (old, new): (Vec<_>, Vec<_>) =
        scanned.findings.into_iter().partition(|finding| known.contains(&finding.fingerprint));
    show(step, &new, &rules);
    let written = write(&request, step, &rules, &old, &new)?;
    step.log(Level::Info, "looked through", &[("files", &scanned.files), ("binary", &scanned.binary)]);
    if new.len() > request.max_findings {
        return Err(failure(&request, &new));
    }
    let [sarif, gitlab, baseline] = written;
    Ok(Response {
        findings: new.len(),
        known: old.len(),
        files: scanned.files,
        binary: scanned.binary,
        sarif,
        gitlab,
        baseline,
    })
}

fn show(step: &Step, findings: &[Finding], rules: &Rules) {
    for finding in findings {
        let description = rules.description(finding.rule);
        step.log(Level::Error, finding, &[("what", &description)]);
    }
}

/// Writes the reports, and returns their paths.
fn write(
    request: &Request,
    step: &Step,
    rules: &Rules,
    old: &[Finding],
    new: &[Finding],
) -> Result<[String; 3], Failure> {
    if request.destination.is_empty() {
        return Ok([const { String::new() }; 3]);
    }
    let [sarif, gitlab, baseline] = ["secrets.sarif", "gl-secret-detection-report.json", "secrets.baseline"]
        .map(|name| path::join(&request.destination, name));
    step.write(&sarif, sarif::report(new, rules))?;
    step.write(&gitlab, gitlab::report(new, rules, &request.time))?;
    step.write(&baseline, baseline::text(old.iter().chain(new)))?;
    Ok([sarif, gitlab, baseline])
}

fn failure(request: &Request, findings: &[Finding]) -> Failure {
    let (count, allowed) = (findings.len(), request.max_findings);
    let found = if count == 1 { "1 finding".to_owned() } else { format!("{count} findings") };
    let failure = Failure::failed(format!("{found}, and input `max_findings` allows {allowed}"));
    let failure = findings.iter().take(MAX_LISTED).fold(failure, |failure, finding| failure.cause(finding));
    let failure = match count.saturating_sub(MAX_LISTED) {
        0 => failure,
        more => failure.cause(format!("and {more} more, listed in the log")),
    };
    failure.hint(
        "revoke each secret and remove it; what is none goes by its fingerprint into input `allow` or the baseline",
    )
}

#[cfg(test)]
mod tests;
