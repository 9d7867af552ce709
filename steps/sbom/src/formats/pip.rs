//! `requirements.txt`: what pip installs, pinned or not.

use stepwell_sdk::{Failure, Step};

use super::at;
use crate::component::{Component, Components, Hash, Scope};
use crate::purl::{Kind, Place, purl};

pub(super) fn read(step: &Step, path: &str, text: &str, components: &mut Components) -> Result<(), Failure> {
    for (number, line) in lines(text) {
        let content = line.trim();
        if content.is_empty() {
            continue;
        }
        if content.starts_with('-') {
            if !content.starts_with("--hash") {
                step.warn(format!("{path}, line {number}: an option is not followed"));
            }
            continue;
        }
        let (name, version, place) = requirement(content).ok_or_else(|| {
            at(path, number, "it is no requirement").hint("a requirement is `NAME==VERSION` or `NAME @ URL`")
        })?;
        if version.is_empty() && place.is_none() {
            step.warn(format!("{path}, line {number}: `{name:.100}` is not pinned, and has no version in the bill"));
        }
        let purl = purl(Kind::Python, name, version, place.as_ref());
        let mut component = Component::new(name, version, Scope::Required);
        let digests = content
            .split("--hash")
            .skip(1)
            .filter_map(|rest| rest.trim_start_matches(['=', ' ']).split_whitespace().next());
        component.hashes.extend(digests.filter_map(Hash::of_pair));
        components.add(&purl, component);
        components.depend_directly(&purl);
    }
    Ok(())
}

/// Iterates over lines with the number of their first part: those that end with a backslash go on, and comments end.
fn lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in text.lines().enumerate() {
        let comment = if line.trim_start().starts_with('#') { Some(0) } else { line.find(" #") };
        let line = &line[..comment.unwrap_or(line.len())];
        let (part, goes_on) = line.trim_end().strip_suffix('\\').map_or((line, false), |part| (part, true));
        let (_, joined) = open.get_or_insert_with(|| (number + 1, String::new()));
        joined.push_str(part);
        if !goes_on {
            lines.extend(open.take());
        }
    }
    lines.extend(open);
    lines
}

/// Returns name, version and place of `NAME[EXTRAS] == VERSION ; MARKER --hash=…` or `NAME @ URL`.
fn requirement(line: &str) -> Option<(&str, &str, Option<Place>)> {
    let line = line.split(" --").next()?.trim();
    let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
    let end = line.find(|character| !plain(character)).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    let rest = rest.trim_start();
    let rest = if rest.starts_with('[') { rest.split_once(']')?.1 } else { rest }.trim_start();
    if !name.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return None;
    }
    if let Some(url) = rest.strip_prefix('@') {
        let url = url.split(" ;").next()?.trim();
        let place =
            if url.starts_with("git+") { Place::Repository(url.to_owned()) } else { Place::Download(url.to_owned()) };
        return (!url.is_empty()).then_some((name, "", Some(place)));
    }
    let range = rest.split(';').next()?.trim().trim_matches(['(', ')']);
    let pinned = range.strip_prefix("===").or(range.strip_prefix("==")).map(str::trim);
    match pinned {
        Some(version) if !version.contains([',', '*', ' ']) => Some((name, version, None)),
        Some(_) => Some((name, "", None)),
        None if range.is_empty() || range.starts_with(['<', '>', '~', '!']) => Some((name, "", None)),
        None => None,
    }
}
