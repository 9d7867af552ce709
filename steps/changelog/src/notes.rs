//! The notes: commits in groups.

use std::collections::BTreeMap;

use git_conventional::{Commit, FooterSeparator};
use stepwell_sdk::Failure;

use crate::links::{Links, references};

/// Most bytes of notes: those of one output of the step ABI, less room for the heading.
const MAX_BYTES: usize = 255 * 1024;

/// The heading above all others.
const BREAKING: &str = "Breaking";

/// The heading for what is not conventional.
const OTHER: &str = "Other";

/// Kinds of commits and their headings, which are those of Keep a Changelog. Other kinds are of no interest to users.
const KINDS: [(&str, &str); 8] = [
    ("feat", "Added"),
    ("fix", "Fixed"),
    ("perf", "Changed"),
    ("change", "Changed"),
    ("revert", "Changed"),
    ("deprecate", "Deprecated"),
    ("remove", "Removed"),
    ("security", "Security"),
];

/// The order of the usual headings; others follow by name.
const ORDER: [&str; 7] = [BREAKING, "Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];

/// Footers whose references are shown.
const REFERRING: [&str; 12] =
    ["close", "closes", "closed", "fix", "fixes", "fixed", "resolve", "resolves", "resolved", "ref", "refs", "issue"];

/// The commits so far.
pub(crate) struct Notes {
    headings: BTreeMap<String, String>,
    others: bool,
    groups: BTreeMap<(usize, String), Vec<String>>,
    commits: usize,
    breaking: usize,
    bytes: usize,
}

impl Notes {
    /// Begins without commits. Headings of kinds are the usual ones but for those given.
    pub(crate) fn new(kinds: &BTreeMap<String, String>, others: bool) -> Result<Self, Failure> {
        if let Some((kind, heading)) = kinds.iter().find(|(_, heading)| heading.contains(char::is_control)) {
            let problem = format!("input `kinds` has the heading {heading:?} for `{kind}`, which is more than a line");
            return Err(Failure::invalid_input(problem));
        }
        let mut headings: BTreeMap<_, _> =
            KINDS.iter().map(|(kind, heading)| ((*kind).to_owned(), (*heading).to_owned())).collect();
        headings.extend(kinds.iter().map(|(kind, heading)| (kind.to_lowercase(), heading.clone())));
        Ok(Self { headings, others, groups: BTreeMap::new(), commits: 0, breaking: 0, bytes: 0 })
    }

    /// Adds a commit, if it is to be listed.
    pub(crate) fn add(&mut self, links: &Links, id: &str, message: &str) -> Result<(), Failure> {
        let message = message.replace("\r\n", "\n");
        let end = if id.is_empty() { String::new() } else { format!(" ({})", links.commit(id)) };
        let Ok(commit) = Commit::parse(message.trim()) else {
            return match message.trim().lines().next() {
                Some(first) if self.others => self.list(OTHER.to_owned(), format!("- {}{end}\n", links.text(first))),
                Some(_) | None => Ok(()),
            };
        };
        let scope = commit.scope().map(|scope| format!("**{}:** ", links.text(scope.as_str()))).unwrap_or_default();
        let entry = |text: String| format!("- {scope}{text}{}{end}\n", issues(links, &commit));
        let description = links.text(commit.description());
        if let Some(breaks) = commit.breaking_description() {
            self.breaking += 1;
            let breaks = links.text(breaks);
            let text = if breaks == description { description } else { format!("{description}: {breaks}") };
            return self.list(BREAKING.to_owned(), entry(text));
        }
        let heading = self.headings.get(&commit.type_().as_str().to_lowercase());
        match heading.filter(|heading| !heading.is_empty()).cloned() {
            Some(heading) => self.list(heading, entry(description)),
            None => Ok(()),
        }
    }

    fn list(&mut self, heading: String, entry: String) -> Result<(), Failure> {
        self.commits += 1;
        let place = ORDER.iter().position(|known| *known == heading).unwrap_or(ORDER.len());
        let place = if heading == OTHER { usize::MAX } else { place };
        self.bytes += entry.len();
        let group = self.groups.entry((place, heading)).or_insert_with_key(|(_, heading)| {
            self.bytes += heading.len() + "### \n\n\n".len();
            Vec::new()
        });
        group.push(entry);
        if self.bytes > MAX_BYTES {
            let problem = format!("the notes of the first {} commits have more than {MAX_BYTES} bytes", self.commits);
            return Err(Failure::failed(problem).hint("give fewer commits, for example those since the last version"));
        }
        Ok(())
    }

    /// Returns the number of commits that are listed.
    pub(crate) fn commits(&self) -> usize {
        self.commits
    }

    /// Returns the number of commits that break something.
    pub(crate) fn breaking(&self) -> usize {
        self.breaking
    }

    /// Returns the notes in Markdown, each group below a heading of the third level.
    pub(crate) fn text(&self) -> String {
        let groups = self.groups.iter().map(|((_, heading), entries)| format!("### {heading}\n\n{}", entries.concat()));
        let groups: Vec<_> = groups.collect();
        if groups.is_empty() { "No changes that concern users.\n".to_owned() } else { groups.join("\n") }
    }
}

/// Returns the references of the footers that the description does not have, in parentheses.
fn issues(links: &Links, commit: &Commit<'_>) -> String {
    let known = references(commit.description());
    let mut found: Vec<(char, &str)> = Vec::new();
    for footer in commit.footers() {
        let token = footer.token().as_str().to_lowercase();
        if !REFERRING.contains(&token.as_str()) {
            continue;
        }
        let value = footer.value();
        let whole = match footer.separator() {
            // `Closes #12`: the sign belongs to the separator.
            FooterSeparator::Ref => {
                let digits = value.bytes().take_while(u8::is_ascii_digit).count();
                (digits > 0).then(|| ('#', &value[..digits]))
            }
            _ => None,
        };
        found.extend(whole.into_iter().chain(references(value)));
    }
    found.retain(|reference| !known.contains(reference));
    let mut told: Vec<String> = Vec::new();
    for (sign, number) in found {
        let link = links.reference(sign, number);
        if !told.contains(&link) {
            told.push(link);
        }
    }
    if told.is_empty() { String::new() } else { format!(" ({})", told.join(", ")) }
}
