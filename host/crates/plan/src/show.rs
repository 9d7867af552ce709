//! The plan as people read it: plain text, aligned, no colour.

use std::fmt::{self, Write as _};
use std::slice;

use stepwell_policy::{Capability, Decision, Verdict};
use stepwell_schema::Digest;

use crate::acts::Acts;
use crate::function::{PlannedDefinition, PlannedFunction, PlannedSequence};
use crate::invocation::{NeedsState, PlannedInvocation};
use crate::plan::Plan;
use crate::resolver::Protocol;
use crate::step::{Deferred, PlannedAction, PlannedStep, Target};

/// Widest left column; what is wider pushes its own line out and no other.
const MAX_LEFT: usize = 60;

/// Hexadecimal digits of a digest that are shown: enough that two never look alike by chance.
const SHOWN_DIGITS: usize = 12;

impl fmt::Display for Plan {
    /// Writes one line for the job, one for each step, and below it one for each need. The lines end with line feeds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Lines::default();
        lines.push(0, printable(self.source.name()), short(&self.digest));
        let mut walk = Walk { at: Vec::new(), invocations: self.invocations.iter(), acts: Acts::new(&self.acts) };
        lines.steps(&self.root, 1, &mut walk);
        lines.write(f)?;
        match self.denials().count() {
            0 => Ok(()),
            1 => f.write_str("\n1 need denied: this job would end before its first step\n"),
            count => writeln!(f, "\n{count} needs denied: this job would end before its first step"),
        }
    }
}

/// What is decided about the steps, for a walk of the tree in the order in which it was decided.
struct Walk<'p> {
    /// The positions on the way to the step.
    at: Vec<usize>,
    invocations: slice::Iter<'p, PlannedInvocation>,
    acts: Acts<'p>,
}

/// Lines of two columns.
#[derive(Default)]
struct Lines(Vec<(String, String)>);

impl Lines {
    fn push(&mut self, level: usize, left: String, right: String) {
        self.0.push((format!("{:indent$}{left}", "", indent = level * 2), right));
    }

    fn steps(&mut self, sequence: &PlannedSequence, level: usize, walk: &mut Walk<'_>) {
        let names: Vec<String> = sequence.steps.iter().map(|step| printable(&step.name)).collect();
        let width = names.iter().map(|name| width(name)).max().unwrap_or_default();
        for (position, (step, name)) in sequence.steps.iter().zip(&names).enumerate() {
            let left = format!("{name}{:fill$}  {}", "", what(step), fill = width - self::width(name));
            self.push(level, left, state(step));
            walk.at.push(position);
            self.step(step, level + 1, walk);
            walk.at.pop();
        }
    }

    /// Shows what is below a step: what is denied it at all, its list, and its needs.
    fn step(&mut self, step: &PlannedStep, level: usize, walk: &mut Walk<'_>) {
        let mut refused = walk.acts.take(&walk.at);
        refused.retain(|decision| decision.verdict != Verdict::Allowed);
        let Some(function) = step.pinned() else { return self.decisions(refused, &[], level) };
        if let PlannedDefinition::Sequence(sequence) = &function.definition {
            self.decisions(refused, &[], level);
            return self.steps(sequence, level, walk);
        }
        let needs = if function.is_decided() { walk.invocations.next() } else { None };
        match needs.map(|invocation| &invocation.needs) {
            None => self.decisions(refused, &[], level),
            Some(NeedsState::Decided(known)) => self.decisions(refused.into_iter().chain(&known.decisions), &[], level),
            Some(NeedsState::WhenReached { known, open }) => {
                self.decisions(refused.into_iter().chain(&known.decisions), open, level);
            }
        }
    }

    fn decisions<'d>(
        &mut self,
        decisions: impl IntoIterator<Item = &'d Decision>,
        open: &'d [Capability],
        level: usize,
    ) {
        let decided = decisions.into_iter().map(|decision| (&decision.request.capability, verdict(decision)));
        let rows: Vec<(&Capability, String)> =
            decided.chain(open.iter().map(|capability| (capability, "decided when reached".to_owned()))).collect();
        let subjects = rows.iter().map(|(capability, _)| width(&printable(&capability.subject())));
        let subject_width = subjects.max().unwrap_or_default();
        for (capability, verdict) in rows {
            let subject = printable(&capability.subject());
            let fill = subject_width - width(&subject);
            let detail = printable(&capability.detail());
            let left = format!("{:<6} {subject}{:fill$}  {detail}", capability.kind(), "");
            self.push(level, left.trim_end().to_owned(), verdict);
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.0.iter().map(|(left, _)| width(left));
        let column = widths.filter(|width| *width <= MAX_LEFT).max().unwrap_or_default();
        for (left, right) in &self.0 {
            let fill = column.saturating_sub(width(left));
            let line = format!("{left}{:fill$}  {right}", "");
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Returns what a step invokes, in the words of the document.
fn what(step: &PlannedStep) -> String {
    match &step.action {
        PlannedAction::Script(_) => "script".to_owned(),
        PlannedAction::Function { reference, .. } => printable(&reference.to_string()),
    }
}

fn state(step: &PlannedStep) -> String {
    const NATIVE: &str = "native, not confined";
    match &step.action {
        PlannedAction::Script(_) => NATIVE.to_owned(),
        PlannedAction::Function { target: Target::WhenReached(Deferred::Dynamic | Deferred::Asked), .. } => {
            "pinned when reached".to_owned()
        }
        PlannedAction::Function { target: Target::WhenReached(Deferred::NotThere(text)), .. } => {
            format!("pinned when reached: {}", printable(text))
        }
        PlannedAction::Function { target: Target::Pinned(function), .. } => pinned_state(function, NATIVE),
    }
}

fn pinned_state(function: &PlannedFunction, native: &str) -> String {
    let mut state = short(&function.resolved.digest);
    match &function.definition {
        PlannedDefinition::Exec { .. } => {
            let _ = write!(state, "   {native}");
        }
        PlannedDefinition::Sequence(_) | PlannedDefinition::Wasm(_) => {}
    }
    let origin = &function.resolved.origin;
    match (origin.protocol, &origin.commit) {
        (Protocol::BuiltIn, _) => state.push_str("   built in"),
        (Protocol::Git, Some(commit)) => {
            let _ = write!(state, "   commit {}…", commit.get(..SHOWN_DIGITS).unwrap_or(commit));
        }
        (Protocol::File | Protocol::Git | Protocol::Oci, _) => {}
    }
    state
}

fn verdict(decision: &Decision) -> String {
    let optional = if decision.request.optional { "   optional" } else { "" };
    format!("{:<9} {}{optional}", decision.verdict, decision.decided_by)
}

fn short(digest: &Digest) -> String {
    format!("sha256:{}…", &digest.hex()[..SHOWN_DIGITS])
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// Escapes control characters, so that no name in a document can move the cursor or start a line.
fn printable(text: &str) -> String {
    if !text.contains(char::is_control) {
        return text.to_owned();
    }
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            printable.extend(character.escape_debug());
        } else {
            printable.push(character);
        }
    }
    printable
}
