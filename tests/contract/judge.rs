//! Compares what came out of a case with what must.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use super::run::{Filled, Outcome};
use super::table::Case;

/// Says of a member of the results that it must not be there.
const ABSENT: &str = "(absent)";

/// Returns everything that is not as the case says.
pub(super) fn problems(case: &Case, outcome: &Outcome) -> Vec<String> {
    let mut problems = Vec::new();
    let place = &outcome.place;
    match outcome.code {
        Some(code) if code == case.exit => {}
        Some(code) => problems.push(format!("exit code {code} instead of {}", case.exit)),
        None => problems.push("it was ended by a signal, or took too long".to_owned()),
    }
    in_order("standard output", &outcome.stdout, &filled(&case.out, place), &mut problems);
    in_order("standard error", &outcome.stderr, &filled(&case.err, place), &mut problems);
    for text in filled(&case.mentions, place) {
        in_order("standard error", &outcome.stderr, &[text], &mut problems);
    }
    if let Some(last) = &case.last {
        let end = outcome.stderr.strip_suffix('\n').unwrap_or(&outcome.stderr);
        if !end.ends_with(&place.fill(last)) {
            problems.push(format!("standard error does not end with `{last}`"));
        }
    }
    for text in filled(&case.once, place) {
        let times = outcome.stderr.matches(&text).count();
        if times != 1 {
            problems.push(format!("standard error holds `{text}` {times} times"));
        }
    }
    for text in filled(&case.not, place) {
        for (name, stream) in [("standard output", &outcome.stdout), ("standard error", &outcome.stderr)] {
            if stream.contains(&text) {
                problems.push(format!("{name} holds `{text}`"));
            }
        }
    }
    for text in filled(&case.nowhere, place) {
        problems.extend(place.files_with(&text).iter().map(|name| format!("`{name}` holds `{text}`")));
    }
    files(case, place, &mut problems);
    if let Some(expected) = &case.results {
        same("results", Some(expected), outcome.results.as_ref(), place, &mut problems);
    }
    problems.extend(outcome.left_over.iter().map(|name| format!("`{name}` is left in the temporary folder")));
    problems.extend(outcome.processes.iter().map(|name| format!("`{name}` is still running")));
    problems
}

fn filled(texts: &[String], place: &Filled) -> Vec<String> {
    texts.iter().map(|text| place.fill(text)).collect()
}

/// Notes the first text that does not stand behind the ones before it.
fn in_order(name: &str, stream: &str, texts: &[String], problems: &mut Vec<String>) {
    let mut rest = stream;
    for text in texts {
        let Some(at) = rest.find(text) else {
            let place = if stream.contains(text) { ", or not in this order" } else { "" };
            problems.push(format!("{name} does not hold `{text}`{place}"));
            return;
        };
        rest = &rest[at + text.len()..];
    }
}

fn files(case: &Case, place: &Filled, problems: &mut Vec<String>) {
    let work = place.work();
    for (path, content) in &case.left {
        match fs::read_to_string(work.join(path)) {
            Ok(found) if found == place.fill(content) => {}
            Ok(found) => problems.push(format!("`{path}` holds `{found}`")),
            Err(error) => problems.push(format!("`{path}`: {error}")),
        }
    }
    let there = case.absent.iter().filter(|path| fs::symlink_metadata(work.join(path)).is_ok());
    problems.extend(there.map(|path| format!("`{path}` is there")));
    for (path, mode) in &case.modes {
        match fs::metadata(work.join(path)) {
            Ok(found) if format!("{:o}", found.permissions().mode() & 0o7777) == *mode => {}
            Ok(found) => problems.push(format!("`{path}` has mode {:o}", found.permissions().mode() & 0o7777)),
            Err(error) => problems.push(format!("`{path}`: {error}")),
        }
    }
}

/// Compares what is expected of a member with what is there. Objects may have more members, lists may not have more
/// items.
fn same(path: &str, expected: Option<&Value>, found: Option<&Value>, place: &Filled, problems: &mut Vec<String>) {
    match (expected, found) {
        (None, None) => {}
        (Some(Value::String(text)), None) if text == ABSENT => {}
        (Some(Value::Object(expected)), Some(Value::Object(found))) => {
            for (key, value) in expected {
                same(&format!("{path}.{key}"), Some(value), found.get(key), place, problems);
            }
        }
        (Some(Value::Array(expected)), Some(Value::Array(found))) => {
            for index in 0..expected.len().max(found.len()) {
                same(&format!("{path}[{index}]"), expected.get(index), found.get(index), place, problems);
            }
        }
        (Some(Value::String(expected)), Some(Value::String(found))) if place.fill(expected) == *found => {}
        (Some(Value::Number(expected)), Some(Value::Number(found))) if expected.as_f64() == found.as_f64() => {}
        (Some(expected), Some(found)) if expected == found => {}
        (expected, found) => {
            let shown = |value: Option<&Value>| value.map_or("nothing".to_owned(), Value::to_string);
            problems.push(format!("{path} is {} instead of {}", shown(found), shown(expected)));
        }
    }
}
