//! Pieces of lines that both views share.

use std::time::Duration;

use anstyle::{AnsiColor, Style};
use stepwell_run::{Decision, Verdict};
use stepwell_run::{Level, Status, StepFacts, StepPath};
use stepwell_schema::Place;

use crate::terminal_text::own_text;

/// Returns a time as people say it: `41 ms`, `1.2 s`, `2 m 05 s`, `1 h 02 m`.
pub(crate) fn time(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    match seconds {
        0 if elapsed.as_millis() < 1000 => format!("{} ms", elapsed.as_millis()),
        0..60 => format!("{seconds}.{} s", elapsed.subsec_millis() / 100),
        60..3600 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} m", seconds / 3600, seconds / 60 % 60),
    }
}

/// Returns the word for where a step runs.
pub(crate) fn kind(kind: &str) -> &str {
    match kind {
        "exec" | "script" => "native",
        "sequence" => "steps",
        other => other,
    }
}

/// Returns what a step is, as a reference; a script has none.
pub(crate) fn reference(facts: &StepFacts) -> String {
    if facts.reference.is_empty() { facts.kind.to_owned() } else { own_text(&facts.reference) }
}

/// Returns what a step was given, such as `read guest-sdk, write dist`; empty where that is nothing.
pub(crate) fn given(facts: &StepFacts) -> String {
    let allowed = facts
        .decisions
        .iter()
        .filter(|decision| decision.verdict != Verdict::Denied && !decision.request.capability.is_act());
    allowed.map(asked).collect::<Vec<_>>().join(", ")
}

/// Returns the decisions against a step, those among them that are only recorded.
pub(crate) fn refused(decisions: &[Decision]) -> impl Iterator<Item = &Decision> {
    decisions.iter().filter(|decision| decision.verdict != Verdict::Allowed)
}

/// Returns what a decision is about, such as `write dist`.
pub(crate) fn asked(decision: &Decision) -> String {
    let capability = &decision.request.capability;
    let subject = capability.subject();
    let subject = if subject.is_empty() { capability.detail().into() } else { subject };
    own_text(format!("{} {subject}", capability.kind()).trim_end())
}

/// Returns the lines about a decision against a step: what, why, and what would change it.
pub(crate) fn refusal(step: &StepPath, decision: &Decision) -> String {
    let without = if decision.request.optional { ", which it works without" } else { "" };
    let reason = own_text(&decision.reason);
    let remedy = decision.remedy.as_deref().map(|remedy| format!("  = {}\n", own_text(remedy))).unwrap_or_default();
    let (word, may) = match decision.verdict {
        Verdict::Audited => ("audited", "would not be allowed to"),
        Verdict::Allowed | Verdict::Denied => ("denied", "may not"),
    };
    format!("{word}: step `{step}` {may} {}{without}: {reason} ({})\n{remedy}", asked(decision), decision.decided_by)
}

/// Returns the lines about something that a running step asked for and was not given.
pub(crate) fn denied(step: &StepPath, capability: &str, asked: &str) -> String {
    let (capability, asked) = (own_text(capability), own_text(asked));
    format!(
        "denied: step `{step}` asked for {capability} `{asked}`\n  = to change it, the author of its function lists it \
         under `spec.needs`\n"
    )
}

/// Returns the line about something odd.
pub(crate) fn warning(message: &str, place: Option<&Place>) -> String {
    let place = place.map(|place| format!("{}: ", own_text(&place.to_string()))).unwrap_or_default();
    format!("warning: {place}{}\n", own_text(message))
}

/// Returns how far a step is, such as `fetching 3 of 10`.
pub(crate) fn progress(done: u64, total: Option<u64>, label: &str) -> String {
    let total = total.map(|total| format!(" of {total}")).unwrap_or_default();
    own_text(&format!("{label} {done}{total}"))
}

/// Returns a structured log record as the contract has it: `LEVEL message key=value` (section 5.10).
pub(crate) fn record(level: Level, message: &str, fields: &[(String, String)]) -> String {
    let word = match level {
        Level::Trace => "TRACE",
        Level::Debug => "DEBUG",
        Level::Info => "INFO",
        Level::Warn => "WARN",
        Level::Error => "ERROR",
    };
    let fields = fields.iter().map(|(name, value)| format!(" {name}={}", field_value(value))).collect::<String>();
    format!("{word} {message}{fields}")
}

/// Values that could be misread are quoted.
fn field_value(value: &str) -> String {
    let plain =
        !value.is_empty() && !value.contains(|character: char| character.is_whitespace() || "\"=".contains(character));
    if plain { value.to_owned() } else { format!("{value:?}") }
}

/// Returns the mark in front of a step.
pub(crate) const fn mark(status: Status) -> &'static str {
    match status {
        Status::Succeeded => "✓",
        Status::Failed | Status::TimedOut | Status::Lost => "✗",
        Status::Cancelled | Status::Skipped => "–",
        Status::Pending | Status::Running => "·",
    }
}

/// The colours of our own view; all empty where it has none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Palette {
    pub(crate) good: Style,
    pub(crate) bad: Style,
    pub(crate) odd: Style,
    pub(crate) faint: Style,
    pub(crate) strong: Style,
}

impl Palette {
    pub(crate) const fn new(color: bool) -> Self {
        if !color {
            let none = Style::new();
            return Self { good: none, bad: none, odd: none, faint: none, strong: none };
        }
        Self {
            good: AnsiColor::Green.on_default(),
            bad: AnsiColor::Red.on_default().bold(),
            odd: AnsiColor::Yellow.on_default(),
            faint: Style::new().dimmed(),
            strong: Style::new().bold(),
        }
    }

    /// Returns the style of a status.
    pub(crate) const fn of(&self, status: Status) -> Style {
        match status {
            Status::Succeeded => self.good,
            Status::Failed | Status::TimedOut | Status::Lost => self.bad,
            Status::Cancelled | Status::Skipped => self.odd,
            Status::Pending | Status::Running => self.faint,
        }
    }
}

/// Puts a style around a text.
pub(crate) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_time(milliseconds: u64, expected: &str) {
        assert_eq!(time(Duration::from_millis(milliseconds)), expected);
    }

    #[test]
    fn times() {
        check_time(0, "0 ms");
        check_time(41, "41 ms");
        check_time(999, "999 ms");
        check_time(1000, "1.0 s");
        check_time(59_999, "59.9 s");
        check_time(125_000, "2 m 05 s");
        check_time(3_725_000, "1 h 02 m");
    }

    #[test]
    fn records() {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(record(Level::Info, "fetched step", &[field("image", "r/x:1")]), "INFO fetched step image=r/x:1");
        assert_eq!(record(Level::Warn, "m", &[field("a", "b c"), field("d", "")]), "WARN m a=\"b c\" d=\"\"");
    }
}
