//! Looking through the files.

use std::collections::BTreeSet;

use stepwell_sdk::{Failure, Kind, Step, path};
use stepwell_step_parts::files::{Enter, Walk, matches};

use crate::Request;
use crate::allow::{self, Allowed};
use crate::finding::{Finding, fingerprint};
use crate::ignored::Ignored;
use crate::rules::Rules;
use crate::window::{Opened, Windows};

/// Most findings that are kept. So many mean that a folder or a rule is not what was meant.
const MAX_FINDINGS: usize = 5_000;

/// What came of the files.
#[derive(Debug, Default)]
pub(crate) struct Scanned {
    /// By path and line.
    pub(crate) findings: Vec<Finding>,
    pub(crate) files: u64,
    pub(crate) binary: u64,
}

/// Looks through the files of the source.
pub(crate) fn scan(request: &Request, step: &Step, rules: &Rules, allowed: &Allowed) -> Result<Scanned, Failure> {
    check_patterns("include", &request.include)?;
    check_patterns("exclude", &request.exclude)?;
    let mut scanned = Scanned::default();
    let mut ignored = Ignored::default();
    if request.gitignore && step.entry(&request.source)?.kind == Kind::Folder {
        ignored.enter(step, &path::tidy(&request.source))?;
    }
    let baseline = baseline(request);
    Walk::new(step).each(&request.source, |found, kind| {
        let inner = path::below(&request.source, found).unwrap_or_default();
        let is_folder = kind == Kind::Folder;
        let excluded = request.exclude.iter().any(|pattern| matches(pattern, &inner));
        if excluded || baseline.as_deref() == Some(found) || ignored.leaves_out(found, is_folder) {
            return Ok(Enter::No);
        }
        match kind {
            Kind::Folder if request.gitignore => ignored.enter(step, found)?,
            Kind::File(_) if chosen(request, &inner) => {
                scanned.files += 1;
                file(step, found, &inner, rules, allowed, &mut scanned)?;
                step.progress(scanned.files, None, "files");
            }
            Kind::File(_) | Kind::Folder | Kind::Link | Kind::Other => {}
        }
        Ok(Enter::Yes)
    })?;
    scanned.findings.sort_by(|one, other| (&one.path, one.line, one.rule).cmp(&(&other.path, other.line, other.rule)));
    Ok(scanned)
}

/// Returns the path of the baseline, which holds nothing to find.
fn baseline(request: &Request) -> Option<String> {
    (!request.baseline.is_empty()).then(|| path::join(&request.source, &request.baseline))
}

fn chosen(request: &Request, inner: &str) -> bool {
    request.include.is_empty() || request.include.iter().any(|pattern| matches(pattern, inner))
}

fn check_patterns(input: &str, patterns: &[String]) -> Result<(), Failure> {
    match patterns.iter().find(|pattern| !path::stays_inside(pattern)) {
        None => Ok(()),
        Some(pattern) => Err(Failure::invalid_input(format!("input `{input}` has `{pattern}`, no path in the source"))),
    }
}

fn file(
    step: &Step,
    path: &str,
    inner: &str,
    rules: &Rules,
    allowed: &Allowed,
    scanned: &mut Scanned,
) -> Result<(), Failure> {
    let Opened::Text(mut windows) = Windows::open(step, path)? else {
        scanned.binary += 1;
        return Ok(());
    };
    let mut seen = BTreeSet::new();
    while let Some(window) = windows.next()? {
        step.check_cancelled()?;
        let mut found = Vec::new();
        rules.find(window.bytes, |rule, start, secret| {
            if window.fresh.contains(&start) && !allow::is_marked(window.line_text(secret.start)) {
                let fingerprint = fingerprint(rules.id(rule), inner, &window.bytes[secret.clone()]);
                let (line, rule_id) = (window.line_of(secret.start), rules.id(rule).to_owned());
                found.push(Finding { rule, rule_id, path: path.to_owned(), line, fingerprint });
            }
        });
        found.retain(|finding| !allowed.covers(&finding.rule_id, inner, &finding.fingerprint));
        // The same secret in the same file is one finding, at its first line.
        found.sort_by_key(|finding| finding.line);
        found.retain(|finding| seen.insert(finding.fingerprint.clone()));
        scanned.findings.append(&mut found);
        if scanned.findings.len() > MAX_FINDINGS {
            let problem = format!("there are more than {MAX_FINDINGS} findings, the last in `{path}`");
            return Err(Failure::failed(problem).hint("leave out generated files with input `exclude`"));
        }
    }
    Ok(())
}
