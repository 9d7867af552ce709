//! `yarn.lock` of Yarn 1. What later ones write is another language.

use std::collections::BTreeMap;

use stepwell_sdk::Failure;

use super::{at, failure};
use crate::component::{Component, Components, Hash, Scope};
use crate::purl::{Kind, purl};

/// One entry.
#[derive(Debug, Default)]
struct Entry {
    /// `NAME@RANGE`, each range that it answers.
    patterns: Vec<String>,
    version: String,
    integrity: String,
    /// `NAME@RANGE` of what it needs, and whether that may be missing.
    needs: Vec<(String, bool)>,
}

impl Entry {
    fn purl(&self) -> String {
        purl(Kind::Npm, self.name(), &self.version, None)
    }

    /// Returns the name of the package. What a pattern aliases, `a@npm:b@^1`, is its real name.
    fn name(&self) -> &str {
        let pattern = self.patterns.first().map(String::as_str).unwrap_or_default();
        let aliased = pattern.split_once("@npm:").map_or(pattern, |(_, real)| real);
        aliased.rfind('@').filter(|at| *at > 0).map_or(aliased, |at| &aliased[..at])
    }
}

pub(super) fn read(path: &str, text: &str, components: &mut Components) -> Result<(), Failure> {
    let entries = entries(path, text)?;
    let by_pattern: BTreeMap<&str, &Entry> =
        entries.iter().flat_map(|entry| entry.patterns.iter().map(move |pattern| (pattern.as_str(), entry))).collect();
    let mut needed = std::collections::BTreeSet::new();
    for entry in &entries {
        let purl = entry.purl();
        let mut component = Component::new(entry.name(), &entry.version, Scope::Required);
        component.hashes.extend(Hash::of_integrity(&entry.integrity));
        components.add(&purl, component);
        for (pattern, optional) in &entry.needs {
            match by_pattern.get(pattern.as_str()) {
                Some(on) => {
                    components.depend(&purl, &on.purl());
                    needed.insert(on.purl());
                }
                None if *optional => {}
                None => {
                    let problem = format!("`{}` depends on `{pattern:.100}`, which is no package", entry.name());
                    return Err(failure(path, problem));
                }
            }
        }
    }
    // The file does not say what the project itself needs; what nobody else does, it must be.
    let direct = entries.iter().map(Entry::purl).filter(|purl| !needed.contains(purl));
    direct.for_each(|purl| components.depend_directly(&purl));
    Ok(())
}

fn entries(path: &str, text: &str) -> Result<Vec<Entry>, Failure> {
    let mut entries: Vec<Entry> = Vec::new();
    // Whether the lines of four blanks are dependencies, and optional ones.
    let mut section = None;
    for (number, line) in text.lines().enumerate() {
        let wrong = |problem: &str| at(path, number + 1, problem);
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if content.starts_with("__metadata:") {
            return Err(wrong("it is one of Yarn 2 or later")
                .hint("write a `package-lock.json` in its place: `npm install --package-lock-only`"));
        }
        let indent = line.len() - line.trim_start().len();
        match (indent, entries.last_mut()) {
            (0, _) => {
                let patterns = content.strip_suffix(':').ok_or_else(|| wrong("it is no beginning of an entry"))?;
                let patterns = patterns.split(", ").map(|pattern| unquoted(pattern).to_owned()).collect();
                entries.push(Entry { patterns, ..Entry::default() });
                section = None;
            }
            (2, Some(entry)) => match content.split_once(' ') {
                Some(("version", version)) => entry.version = unquoted(version).to_owned(),
                Some(("integrity", integrity)) => entry.integrity = unquoted(integrity).to_owned(),
                Some(_) => section = None,
                None => section = section_of(content),
            },
            (4, Some(entry)) => {
                if let Some(optional) = section {
                    let (name, range) = content
                        .rsplit_once("\" \"")
                        .or_else(|| content.split_once(' '))
                        .ok_or_else(|| wrong("it is no dependency"))?;
                    entry.needs.push((format!("{}@{}", unquoted(name), unquoted(range)), optional));
                }
            }
            (_, _) => return Err(wrong("it is no line of a lock file of Yarn 1")),
        }
    }
    match entries.iter().find(|entry| entry.version.is_empty()) {
        None => Ok(entries),
        Some(entry) => Err(failure(path, format!("`{:.100}` has no `version`", entry.name()))),
    }
}

fn section_of(heading: &str) -> Option<bool> {
    match heading {
        "dependencies:" => Some(false),
        "optionalDependencies:" => Some(true),
        _ => None,
    }
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches('"')
}
