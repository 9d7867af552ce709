//! The report that GitLab reads as `artifacts:reports:secret_detection`, in version 15 of its schema.

use serde_json::{Value, json};
use stepwell_sdk::Failure;

use crate::finding::Finding;
use crate::rules::Rules;

/// The version of the schema.
const SCHEMA: &str = "15.2.1";

/// The schema asks for a commit; files that are looked through belong to none.
const NO_COMMIT: &str = "0000000";

/// Refuses a time that the schema would refuse.
pub(crate) fn check_time(time: &str) -> Result<(), Failure> {
    let form = "0000-00-00T00:00:00";
    let fits = |(given, wanted): (u8, u8)| if wanted == b'0' { given.is_ascii_digit() } else { given == wanted };
    if time.len() == form.len() && time.bytes().zip(form.bytes()).all(fits) {
        return Ok(());
    }
    Err(Failure::invalid_input(format!("input `time` is `{time:.40}`")).hint("it has the form `2026-01-31T12:00:00`"))
}

/// Returns the text of the report.
pub(crate) fn report(findings: &[Finding], rules: &Rules, time: &str) -> String {
    let tool = json!({
        "id": "stepwell-secret-scan",
        "name": "Stepwell secret-scan",
        "vendor": { "name": "Stepwell" },
        "version": env!("CARGO_PKG_VERSION"),
    });
    let report = json!({
        "version": SCHEMA,
        "scan": {
            "analyzer": tool,
            "scanner": tool,
            "type": "secret_detection",
            "start_time": time,
            "end_time": time,
            "status": "success",
        },
        "vulnerabilities": findings.iter().map(|finding| vulnerability(finding, rules)).collect::<Vec<_>>(),
    });
    format!("{report:#}\n")
}

fn vulnerability(finding: &Finding, rules: &Rules) -> Value {
    let description = rules.description(finding.rule);
    let id = &finding.rule_id;
    json!({
        "id": uuid(&finding.fingerprint),
        "category": "secret_detection",
        "name": description,
        "description": format!("{description} in {}", finding.path),
        "severity": "Critical",
        "solution": "Revoke the secret, and remove it from the file and from the history of the repository.",
        "location": {
            "file": finding.path,
            "start_line": finding.line,
            "end_line": finding.line,
            "commit": { "sha": NO_COMMIT },
        },
        "identifiers": [{ "type": "stepwell_rule_id", "name": format!("Stepwell rule {id}"), "value": id }],
    })
}

/// Returns a fingerprint in the form of a UUID.
fn uuid(fingerprint: &str) -> String {
    let part = |from: usize, to: usize| fingerprint.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}
