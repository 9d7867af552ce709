//! What is no finding.

use std::collections::BTreeSet;

use stepwell_sdk::Failure;
use stepwell_step_parts::files;

use crate::finding::is_fingerprint;
use crate::rules::Rules;

/// Marks in a line that make it no finding: ours, and the one that files have for gitleaks already.
const MARKS: [&[u8]; 2] = [b"secret-scan:allow", b"gitleaks:allow"];

/// The list of input `allow`.
#[derive(Debug, Default)]
pub(crate) struct Allowed {
    fingerprints: BTreeSet<String>,
    /// A rule or all, and a pattern of paths or all.
    scopes: Vec<(Option<String>, Option<String>)>,
}

impl Allowed {
    /// Reads the list.
    ///
    /// # Errors
    ///
    /// A failure that names the first entry that has no known form, or names a rule that there is not.
    pub(crate) fn parse(entries: &[String], rules: &Rules) -> Result<Self, Failure> {
        let mut allowed = Self::default();
        for (place, entry) in entries.iter().enumerate() {
            if is_fingerprint(entry) {
                allowed.fingerprints.insert(entry.clone());
            } else {
                // The entry is not shown: it may be a secret that somebody put there.
                let scope = scope(entry, rules).map_err(|problem| {
                    Failure::invalid_input(format!("input `allow`, element {}: {problem}", place + 1)).hint(
                        "an element is a fingerprint, `rule:ID`, `path:PATTERN`, or both with a blank between them",
                    )
                })?;
                allowed.scopes.push(scope);
            }
        }
        Ok(allowed)
    }

    /// Returns whether a finding is allowed. The path is the one in the source.
    pub(crate) fn covers(&self, rule: &str, path: &str, fingerprint: &str) -> bool {
        let in_scope = |(of, pattern): &(Option<String>, Option<String>)| {
            of.as_ref().is_none_or(|of| of == rule)
                && pattern.as_ref().is_none_or(|pattern| files::matches(pattern, path))
        };
        self.fingerprints.contains(fingerprint) || self.scopes.iter().any(in_scope)
    }
}

/// Returns whether a line says itself that it holds no secret.
pub(crate) fn is_marked(line: &[u8]) -> bool {
    MARKS.iter().any(|mark| line.windows(mark.len()).any(|part| part == *mark))
}

fn scope(entry: &str, rules: &Rules) -> Result<(Option<String>, Option<String>), String> {
    let (mut rule, mut pattern) = (None, None);
    for part in entry.split_whitespace() {
        if let Some(id) = part.strip_prefix("rule:").filter(|_| rule.is_none()) {
            if !rules.has(id) {
                return Err(format!("there is no rule `{id:.60}`"));
            }
            rule = Some(id.to_owned());
        } else if let Some(path) = part.strip_prefix("path:").filter(|path| pattern.is_none() && !path.is_empty()) {
            pattern = Some(path.to_owned());
        } else {
            return Err("it has no known form".to_owned());
        }
    }
    if rule.is_none() && pattern.is_none() { Err("it is empty".to_owned()) } else { Ok((rule, pattern)) }
}
