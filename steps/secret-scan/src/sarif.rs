//! The report in SARIF 2.1.0.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::finding::Finding;
use crate::rules::Rules;

/// What a path needs escaped to be a relative URI.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Returns the text of the report.
pub(crate) fn report(findings: &[Finding], rules: &Rules) -> String {
    let described: Vec<_> = rules
        .iter()
        .map(|(id, description)| json!({ "id": id, "shortDescription": { "text": description } }))
        .collect();
    let report = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "Stepwell secret-scan",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": described,
            } },
            "results": findings.iter().map(|finding| result(finding, rules)).collect::<Vec<_>>(),
        }],
    });
    format!("{report:#}\n")
}

fn result(finding: &Finding, rules: &Rules) -> Value {
    json!({
        "ruleId": finding.rule_id,
        "ruleIndex": finding.rule,
        "level": "error",
        "message": { "text": rules.description(finding.rule) },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": utf8_percent_encode(&finding.path, PATH).to_string() },
            "region": { "startLine": finding.line },
        } }],
        "partialFingerprints": { "secretDigest/v1": finding.fingerprint },
    })
}
