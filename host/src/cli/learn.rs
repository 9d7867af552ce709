//! `stepwell policy learn`: the least policy for what recorded runs did, as a change of a policy file.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use similar::TextDiff;
use stepwell_policy::{Action, Amounts, Policy, Use, Uses, WorkPath, host_name};
use stepwell_schema::Source;

use super::args::LearnArguments;
use super::error::{CommandError, Exit};
use crate::request;

/// The name of the policy file that is made from nothing.
const NEW_FILE: &str = "learnt.cedar";

/// What recorded runs say.
#[derive(Default)]
struct Recorded {
    /// What was permitted by policies.
    permitted: Uses,
    /// What they would have denied.
    audited: Uses,
    /// The policies that decided about something.
    needed: BTreeSet<String>,
}

/// Prints what would have to change, as a unified diff. Without a policy file it makes one that permits just what was
/// done; with one it adds what was only audited, and takes out the policies that decided nothing.
pub(super) fn learn(arguments: &LearnArguments) -> Result<Exit, CommandError> {
    let mut recorded = Recorded::default();
    for path in &arguments.events {
        recorded.read(path)?;
    }
    let (old_name, old, new) = match &arguments.file {
        None => (None, String::new(), recorded.all()),
        Some(path) => {
            let source = request::read(path).map_err(CommandError::Document)?;
            let new = recorded.amend(&source)?;
            (Some(path), source.text().to_owned(), new)
        }
    };
    // What is printed can be loaded: a mistake here would be ours.
    let name = old_name.map_or(Path::new(NEW_FILE), PathBuf::as_path).display().to_string();
    Policy::load(&[Source::new(name.as_str(), new.as_str())]).map_err(CommandError::Document)?;
    let header = (old_name.map_or_else(|| "/dev/null".to_owned(), |_| format!("a/{name}")), format!("b/{name}"));
    let diff = TextDiff::from_lines(&old, &new);
    super::print(diff.unified_diff().header(&header.0, &header.1).to_string().as_bytes())
}

impl Recorded {
    /// Reads the events of one run, as `--events` writes them.
    fn read(&mut self, path: &Path) -> Result<(), CommandError> {
        let text = std::fs::read_to_string(path).map_err(|error| CommandError::file("cannot read", path, error))?;
        let mut functions = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            let event: Value = serde_json::from_str(line).map_err(|error| {
                let what = format!("line {} is no event, in", number + 1);
                CommandError::file(&what, path, io::Error::new(io::ErrorKind::InvalidData, error))
            })?;
            let step = event["path"].to_string();
            if event["kind"] == "prepared" {
                functions.insert(step.clone(), event["reference"].as_str().map(str::to_owned));
            }
            let function = functions.get(&step).cloned().flatten();
            for decision in event["decisions"].as_array().into_iter().flatten() {
                self.take(decision, function.as_deref());
            }
        }
        Ok(())
    }

    fn take(&mut self, decision: &Value, function: Option<&str>) {
        let rules = decision["rule"].as_str().unwrap_or_default();
        let uses = match decision["verdict"].as_str() {
            Some("allowed") => {
                self.needed.extend(rules.split(", ").map(str::to_owned));
                &mut self.permitted
            }
            Some("audited") => &mut self.audited,
            _ => return,
        };
        if let Some((used, amounts)) = used(&decision["capability"], function) {
            uses.add(used, amounts);
        }
    }

    fn all(mut self) -> String {
        self.permitted.merge(self.audited);
        self.permitted.permits()
    }

    fn amend(&self, source: &Arc<Source>) -> Result<String, CommandError> {
        let policy = Policy::load(std::slice::from_ref(source)).map_err(CommandError::Document)?;
        let mut text = source.text().to_owned();
        let mut unneeded: Vec<_> = policy.policies().filter(|policy| !self.needed.contains(&policy.id)).collect();
        unneeded.sort_by_key(|policy| std::cmp::Reverse(policy.place.span.start));
        for policy in unneeded {
            let span = policy.place.span;
            let line_end = text[span.end..].find('\n').map_or(text.len(), |length| span.end + length + 1);
            let end = if text[span.end..line_end].trim().is_empty() { line_end } else { span.end };
            text.replace_range(span.start..end, "");
        }
        if !self.audited.is_empty() {
            let kept = text.trim_end();
            let gap = if kept.is_empty() { "" } else { "\n\n" };
            text = format!("{kept}{gap}{}", self.audited.permits());
        }
        Ok(text)
    }
}

/// Returns what a capability of an event is to policies; none for what they have no say in.
fn used(capability: &Value, function: Option<&str>) -> Option<(Use, Amounts)> {
    let text = |member: &str| capability[member].as_str().map(str::to_owned);
    let texts = |member: &str| -> BTreeSet<String> {
        capability[member].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let path = || Some(WorkPath::parse(&text("path")?, Path::new("/")).ok()?.as_str().to_owned());
    let mut amounts = Amounts::default();
    let mut host = None;
    let (action, resource) = match capability["kind"].as_str()? {
        "run" => (Action::Run, text("function")?),
        "exec" => (Action::Exec, text("program")?),
        "export" => (Action::Export, text("name")?),
        "env" => (Action::ReadEnv, text("name")?),
        "read" => (Action::Read, path()?),
        "write" => {
            (amounts.bytes, amounts.files) = (capability["bytes"].as_u64(), capability["files"].as_u64());
            (Action::Write, path()?)
        }
        "http" => {
            (amounts.methods, amounts.paths) = (texts("methods"), texts("paths"));
            (Action::Connect, format!("{}:{}", host_name(&text("host")?).ok()?, capability["port"]))
        }
        "secret" if capability["use"] == "reveal" => (Action::RevealSecret, text("name")?),
        "secret" => {
            host = Some(host_name(&text("host")?).ok()?);
            (Action::UseSecret, text("name")?)
        }
        _ => return None,
    };
    let function = function.filter(|_| action != Action::Run).map(str::to_owned);
    Some((Use { action, resource, function, host }, amounts))
}
