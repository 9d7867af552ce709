//! The changelog: a new section above those of earlier versions.

use std::fs;

use stepwell_sdk::{Failure, Step, path};

use crate::Request;

/// How a changelog begins that was not there.
const START: &str = "# Changelog\n";

/// Returns the path of the changelog; none if none is asked for.
pub(crate) fn path(request: &Request) -> Result<Option<String>, Failure> {
    if request.destination.is_empty() {
        return Ok(None);
    }
    if request.version.is_empty() {
        return Err(Failure::invalid_input("input `version` is missing: a section of the changelog is for a version"));
    }
    if path::stays_inside(&request.name) {
        return Ok(Some(path::join(&request.destination, &request.name)));
    }
    Err(Failure::invalid_input(format!("input `name` is `{}`, no path in the destination", request.name)))
}

/// Adds a section to a changelog and returns whether that changed it: the same section twice is there once.
///
/// The file is replaced as a whole, so that nobody sees half of it.
pub(crate) fn add(step: &Step, path: &str, heading: &str, section: &str) -> Result<bool, Failure> {
    let there = fs::exists(step.work_path(path)?)?;
    let before = if there { step.read_to_string(path)? } else { START.to_owned() };
    let Some(after) = insert(path, &before, heading, section)? else { return Ok(false) };
    let part = format!("{path}.part");
    step.write(&part, after).and_then(|()| step.rename(&part, path)).inspect_err(|_| {
        // The first failure is the one to tell.
        let _ = step.remove_file(&part);
    })?;
    Ok(true)
}

/// Returns the changelog with the section; none if it has it already.
fn insert(path: &str, before: &str, heading: &str, section: &str) -> Result<Option<String>, Failure> {
    let windows = before.contains("\r\n");
    let before_plain = before.replace("\r\n", "\n");
    let starts = headings(&before_plain);
    let same = |line: &str| version_of(line) == version_of(heading);
    if let Some(place) = starts.iter().position(|(_, line)| same(line)) {
        let end = starts.get(place + 1).map_or(before_plain.len(), |(start, _)| *start);
        if before_plain[starts[place].0..end].trim_end() == section.trim_end() {
            return Ok(None);
        }
        let version = version_of(heading);
        return Err(Failure::failed(format!("`{path}` has another section for `{version}` already"))
            .hint("remove it, or give another `version`"));
    }
    // What is not released yet stays on top.
    let next = starts.iter().find(|(_, line)| !version_of(line).eq_ignore_ascii_case("unreleased"));
    let place = next.map_or(before_plain.len(), |(start, _)| *start);
    let (above, below) = before_plain.split_at(place);
    let gap = if below.is_empty() { "" } else { "\n" };
    let after = format!("{}\n\n{}\n{gap}{below}", above.trim_end(), section.trim_end());
    Ok(Some(if windows { after.replace('\n', "\r\n") } else { after }))
}

/// Returns the headings of the second level with their places, but not those in code blocks.
fn headings(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let (mut start, mut code) = (0, false);
    for line in text.split_inclusive('\n') {
        if line.starts_with("```") || line.starts_with("~~~") {
            code = !code;
        } else if line.starts_with("## ") && !code {
            found.push((start, line.trim_end()));
        }
        start += line.len();
    }
    found
}

/// Returns the version that a heading names: `1.2.0` of `## [1.2.0] - 2026-01-31`.
fn version_of(heading: &str) -> &str {
    let rest = heading.trim_start_matches('#').trim_start().trim_start_matches('[');
    rest.split([']', ' ', '(']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECTION: &str = "## [1.1.0]\n\n### Added\n\n- x\n";

    #[track_caller]
    fn check(before: &str, expected: &str) {
        let after = insert("CHANGELOG.md", before, "## [1.1.0]", SECTION).expect("it is there once");
        assert_eq!(after.as_deref(), Some(expected));
        assert_eq!(insert("CHANGELOG.md", expected, "## [1.1.0]", SECTION).expect("the same"), None);
    }

    #[test]
    fn where_a_section_goes() {
        check("# Changelog\n", "# Changelog\n\n## [1.1.0]\n\n### Added\n\n- x\n");
        check(
            "# Changelog\n\nWords.\n\n## 1.0.0\n- a\n",
            "# Changelog\n\nWords.\n\n## [1.1.0]\n\n### Added\n\n- x\n\n## 1.0.0\n- a\n",
        );
        check(
            "# C\n\n## [Unreleased]\n\n- b\n\n## [1.0.0]\n",
            "# C\n\n## [Unreleased]\n\n- b\n\n## [1.1.0]\n\n### Added\n\n- x\n\n## [1.0.0]\n",
        );
        check("# C\n\n```\n## not\n```\n", "# C\n\n```\n## not\n```\n\n## [1.1.0]\n\n### Added\n\n- x\n");
        check("# C\r\n\r\n## 1.0.0\r\n", "# C\r\n\r\n## [1.1.0]\r\n\r\n### Added\r\n\r\n- x\r\n\r\n## 1.0.0\r\n");
    }

    #[test]
    fn another_section_of_the_version() {
        let failure = insert("CHANGELOG.md", "# C\n\n## [1.1.0] - 2026-01-01\n\n- y\n", "## [1.1.0]", SECTION);
        let failure = failure.expect_err("it is there");
        assert_eq!(failure.message(), "`CHANGELOG.md` has another section for `1.1.0` already");
    }
}
