//! The tables as types. A key that no field bears is an error, so that no expectation is overlooked.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use stepwell_schema::{Node, Source};

use crate::support::workspace_root;

const RULES: &str = "rules";

/// One rule of the contract.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Rule {
    /// `section/short-name`.
    pub(super) rule: String,
    /// What it asks for.
    pub(super) says: String,
    /// Why no case shows it; a rule has either this or a case.
    pub(super) not_shown: Option<String>,
}

/// The cases of one file.
#[derive(Debug)]
pub(super) struct Table {
    /// File name without its ending: section, `-`, topic.
    pub(super) name: String,
    /// In the order of the file.
    pub(super) cases: Vec<Case>,
}

impl Table {
    /// Returns the section that the table is about: `2.4`, or `protocol-2` for all of that chapter.
    pub(super) fn section(&self) -> &str {
        let after_number = |(at, _): &(usize, &str)| self.name[..*at].ends_with(|last: char| last.is_ascii_digit());
        self.name.match_indices('-').find(after_number).map_or(&*self.name, |(at, _)| &self.name[..at])
    }

    /// Tells whether a rule is of the section that the table is about.
    pub(super) fn is_about(&self, rule: &str) -> bool {
        rule.strip_prefix(self.section()).is_some_and(|rest| rest.starts_with(['/', '.']))
    }

    /// Returns the rules that its cases name.
    pub(super) fn rules(&self) -> impl Iterator<Item = &str> {
        self.cases.iter().flat_map(|case| case.rules.iter().map(String::as_str))
    }
}

/// What goes in and what must come out.
///
/// In every text `${WORK}`, `${TMP}` and `${REPO}` stand for the work dir, the folder for temporary files and the
/// repository; `${COMMIT:REV}` and `${COMMIT:REV:N}` for the id of a commit of the repository, or its first N digits;
/// `${SERVER}` and `${PORT}` for where the repository is served over HTTP, as `group/project.git`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    /// Its name, unlike all others in the file.
    pub(super) case: String,
    /// The rules that it shows.
    pub(super) rules: Vec<String>,
    /// Files of the work dir, by path.
    #[serde(default)]
    pub(super) files: BTreeMap<String, String>,
    /// Those of `files` that may be executed.
    #[serde(default)]
    pub(super) executable: Vec<String>,
    /// A shell script that fills the repository, run in it; `commit TEXT` commits all that is there, on `main`.
    pub(super) git: Option<String>,
    /// Serves the repository, and only to these: user and password with a colon between them, or nothing for everybody.
    pub(super) serve: Option<String>,
    /// A job that runs before, in the same place.
    pub(super) earlier: Option<Earlier>,
    /// The variable `STEPS`; none leaves it unset.
    pub(super) steps: Option<String>,
    /// Further variables; null unsets one.
    #[serde(default)]
    pub(super) env: BTreeMap<String, Option<String>>,
    /// Folder that the program starts in, from the work dir, which it is otherwise.
    pub(super) cwd: Option<String>,
    /// Sends SIGTERM to the program when its standard output holds this text.
    pub(super) terminate_after: Option<String>,
    /// Exit code.
    pub(super) exit: i32,
    /// Texts that standard output holds, in this order.
    #[serde(default)]
    pub(super) out: Vec<String>,
    /// Texts that standard error holds, in this order.
    #[serde(default)]
    pub(super) err: Vec<String>,
    /// Texts that standard error holds, in any order.
    #[serde(default)]
    pub(super) mentions: Vec<String>,
    /// Standard error ends with this, a line feed aside.
    pub(super) last: Option<String>,
    /// Texts that standard error holds once, not more.
    #[serde(default)]
    pub(super) once: Vec<String>,
    /// Texts that neither stream holds.
    #[serde(default)]
    pub(super) not: Vec<String>,
    /// Members that the results have with these values; others may be there. The text `(absent)` says that one is not.
    pub(super) results: Option<Value>,
    /// Texts that no file holds afterwards, neither in the work dir nor in home or the folder for temporary files.
    #[serde(default)]
    pub(super) nowhere: Vec<String>,
    /// Files of the work dir afterwards, with their content.
    #[serde(default)]
    pub(super) left: BTreeMap<String, String>,
    /// Paths in the work dir where nothing is afterwards.
    #[serde(default)]
    pub(super) absent: Vec<String>,
    /// Permissions of files of the work dir afterwards, in octal.
    #[serde(default)]
    pub(super) modes: BTreeMap<String, String>,
}

/// A job that runs before the one that is looked at.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Earlier {
    /// Its steps; it must succeed.
    pub(super) steps: String,
    /// A shell script that then changes the repository.
    #[serde(default)]
    pub(super) then: String,
}

/// Returns the rules, in the order of their file.
pub(super) fn rules() -> Vec<Rule> {
    read(RULES)
}

/// Returns the tables, sorted by name.
pub(super) fn tables() -> Vec<Table> {
    let entries = fs::read_dir(folder()).expect("the tables are there");
    let mut names: Vec<String> = entries
        .map(|entry| {
            let name = entry.expect("an entry").file_name().into_string().expect("names of tables are text");
            name.strip_suffix(".yml").unwrap_or_else(|| panic!("{name} is no table")).to_owned()
        })
        .filter(|name| name != RULES)
        .collect();
    names.sort();
    names.into_iter().map(|name| Table { cases: read(&name), name }).collect()
}

/// Reads a table with the reader of our documents, which refuses keys that stand twice and is bounded.
fn read<T: DeserializeOwned>(name: &str) -> Vec<T> {
    let path = folder().join(format!("{name}.yml"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let node =
        Node::parse(Source::new(path.display().to_string(), text)).unwrap_or_else(|problems| panic!("{problems}"));
    let Ok(Value::Array(items)) = node.to_value().to_json() else { panic!("{} is no list", path.display()) };
    let typed = |item: Value| {
        let shown = item.get("case").or(item.get("rule")).cloned().unwrap_or_default();
        serde_json::from_value(item).unwrap_or_else(|error| panic!("{}: {shown}: {error}", path.display()))
    };
    items.into_iter().map(typed).collect()
}

fn folder() -> PathBuf {
    workspace_root().join("tests/cases/contract")
}
