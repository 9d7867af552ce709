//! Events as JSON lines, for programs.
//!
//! The first line names the format and its version: `{"format":"stepwell-events","version":1}`. Each other line is one
//! event with all its facts. Members may be added within a version; readers skip those that they do not know.

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use stepwell_run::Decision;
use stepwell_run::{Event, EventKind, Level, StepFacts, StepPath, Stream, Usage};

use crate::output::Output;

/// The version of the format.
pub const JSON_LINES_VERSION: u32 = 1;

/// Writes events as JSON lines, each flushed as a whole.
///
/// An event has `sequence`, `time` (RFC 3339, UTC, microseconds), `step` (names with `/` between, empty for the job),
/// `path` (the same as a list of `index` and `name`) and `kind` (kebab case). Durations are in microseconds, sizes in
/// bytes; facts that are not known are left out. Log bytes stand in `text` where they are UTF-8, else in `base64`, and
/// `encoding` says in which of the two.
#[derive(Debug)]
pub struct JsonLines<W: Write> {
    output: Output<W>,
}

impl<W: Write> JsonLines<W> {
    /// Starts with the line that names the format.
    pub fn new(writer: W) -> Self {
        let mut lines = Self { output: Output::new(writer) };
        lines.line(&json!({ "format": "stepwell-events", "version": JSON_LINES_VERSION }));
        lines
    }

    /// Writes a masked event. After a failure of the writer nothing more is written; see [`JsonLines::finish`].
    pub fn take(&mut self, event: &Event) {
        self.line(&event_json(event));
    }

    /// Ends.
    ///
    /// # Errors
    /// The first failure of the writer.
    pub fn finish(self) -> io::Result<()> {
        self.output.finish()
    }

    fn line(&mut self, json: &Value) {
        // Every line feed of a text is escaped in JSON.
        self.output.write(format!("{json}\n").as_bytes());
        self.output.flush();
    }
}

fn event_json(event: &Event) -> Value {
    let mut object = Map::new();
    object.insert("sequence".to_owned(), json!(event.sequence));
    object.insert("time".to_owned(), json!(time_text(event.time)));
    object.insert("step".to_owned(), json!(event.step));
    object.insert("path".to_owned(), path_json(&event.step));
    object.insert("kind".to_owned(), json!(kind_word(&event.kind)));
    if let Value::Object(facts) = known(facts_json(&event.kind)) {
        object.extend(facts);
    }
    Value::Object(object)
}

/// Leaves out the members of an object that are null.
fn known(mut json: Value) -> Value {
    if let Some(object) = json.as_object_mut() {
        object.retain(|_, value| !value.is_null());
    }
    json
}

/// A time that no calendar holds is shown as the beginning of the epoch.
fn time_text(time: SystemTime) -> String {
    format!("{:.6}", jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::UNIX_EPOCH))
}

fn path_json(step: &StepPath) -> Value {
    step.segments().map(|(index, name)| json!({ "index": index, "name": name })).collect()
}

const fn kind_word(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::Transition { .. } => "transition",
        EventKind::Prepared(_) => "prepared",
        EventKind::Decided(_) => "decided",
        EventKind::Log { .. } => "log",
        EventKind::Record { .. } => "record",
        EventKind::GroupOpened { .. } => "group-opened",
        EventKind::GroupClosed => "group-closed",
        EventKind::Progress { .. } => "progress",
        EventKind::Warning { .. } => "warning",
        EventKind::Busy { .. } => "busy",
        EventKind::BusyOver => "busy-over",
        EventKind::Denied { .. } => "denied",
    }
}

/// The members beside those that every event has; null for what is not known.
fn facts_json(kind: &EventKind) -> Value {
    match kind {
        EventKind::Transition { from, to, reason, hint, elapsed, usage } => json!({
            "from": from, "to": to, "reason": reason, "hint": hint, "elapsed_us": micros(*elapsed),
            "usage": usage.as_ref().map(usage_json),
        }),
        EventKind::Prepared(facts) => step_facts_json(facts),
        EventKind::Decided(decisions) => {
            json!({ "decisions": decisions.iter().map(decision_json).collect::<Value>() })
        }
        EventKind::Log { stream, bytes } => log_json(*stream, bytes),
        EventKind::Record { level, message, fields } => json!({
            "level": level_word(*level), "message": message,
            "fields": fields.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect::<Value>(),
        }),
        EventKind::GroupOpened { title } => json!({ "title": title }),
        EventKind::Progress { done, total, label } => json!({ "done": done, "total": total, "label": label }),
        EventKind::Warning { message, place } => {
            json!({ "message": message, "place": place.as_ref().map(ToString::to_string) })
        }
        EventKind::Busy { what } => json!({ "what": what }),
        EventKind::Denied { capability, asked } => json!({ "capability": capability, "asked": asked }),
        EventKind::GroupClosed | EventKind::BusyOver => json!({}),
    }
}

fn step_facts_json(facts: &StepFacts) -> Value {
    json!({
        // `kind` is the kind of the event.
        "step_kind": facts.kind,
        "reference": (!facts.reference.is_empty()).then_some(&facts.reference),
        "function": facts.function,
        "module": facts.module,
        "decisions": facts.decisions.iter().map(decision_json).collect::<Value>(),
    })
}

fn decision_json(decision: &Decision) -> Value {
    known(json!({
        "capability": decision.request.capability,
        "why": decision.request.reason,
        "optional": decision.request.optional,
        "place": decision.request.place.as_ref().map(ToString::to_string),
        "verdict": decision.verdict.as_str(),
        "rule": decision.decided_by.to_string(),
        "reason": decision.reason,
        "remedy": decision.remedy,
    }))
}

fn log_json(stream: Stream, bytes: &[u8]) -> Value {
    let stream = match stream {
        Stream::Out => "stdout",
        Stream::Error => "stderr",
    };
    match str::from_utf8(bytes) {
        Ok(text) => json!({ "stream": stream, "encoding": "text", "text": text }),
        Err(_) => json!({ "stream": stream, "encoding": "base64", "base64": STANDARD.encode(bytes) }),
    }
}

fn usage_json(usage: &Usage) -> Value {
    known(json!({ "cpu_us": usage.cpu.map(micros), "peak_memory_bytes": usage.peak_memory_bytes }))
}

/// Returns the word of a level, in small letters.
const fn level_word(level: Level) -> &'static str {
    match level {
        Level::Trace => "trace",
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    }
}

/// Saturates after half a million years.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use stepwell_run::Status;
    use stepwell_run::{Capability, DecidedBy, Request, Verdict};
    use stepwell_schema::{Digest, Place, Source, Span};

    use super::*;
    use crate::output::Broken;
    use crate::script::Script;

    fn write(script: Script) -> Vec<Value> {
        let mut written = Vec::new();
        let mut lines = JsonLines::new(&mut written);
        for event in script.events() {
            lines.take(&event);
        }
        lines.finish().unwrap();
        let text = String::from_utf8(written).unwrap();
        assert!(text.ends_with('\n'));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Compares what an event of step `a` says beside what all events say.
    #[track_caller]
    fn check(kind: EventKind, expected: &Value) {
        let mut written = write(Script::new().event("a", kind)).remove(1);
        let object = written.as_object_mut().unwrap();
        for common in ["sequence", "time", "step", "path"] {
            assert!(object.remove(common).is_some(), "{common}");
        }
        assert_eq!(&written, expected);
    }

    #[test]
    fn the_first_line_names_format_and_version() {
        assert_eq!(write(Script::new()), [json!({ "format": "stepwell-events", "version": 1 })]);
    }

    #[test]
    fn every_event_says_when_and_where() {
        let expected = json!({
            "sequence": 1, "time": "2026-01-01T00:00:00.001000Z", "step": "outer/inner",
            "path": [{ "index": 0, "name": "outer" }, { "index": 0, "name": "inner" }], "kind": "busy-over",
        });
        let script = Script::new().start("").event("outer/inner", EventKind::BusyOver);
        assert_eq!(write(script)[2], expected);
    }

    #[test]
    fn transitions() {
        let usage = Usage { cpu: Some(Duration::from_millis(2)), peak_memory_bytes: Some(65536) };
        check(
            EventKind::Transition {
                from: Status::Running,
                to: Status::TimedOut,
                reason: Some("wall".to_owned()),
                hint: Some("more".to_owned()),
                elapsed: Duration::from_secs(1),
                usage: Some(usage),
            },
            &json!({
                "kind": "transition", "from": "running", "to": "timed-out", "reason": "wall", "hint": "more",
                "elapsed_us": 1_000_000, "usage": { "cpu_us": 2000, "peak_memory_bytes": 65536 },
            }),
        );
        let script = Script::new().start("a");
        let start = &write(script)[1];
        assert!(start.get("reason").is_none() && start.get("usage").is_none());
        assert_eq!(start["elapsed_us"], 0);
    }

    #[test]
    fn facts_and_decisions() {
        let place = Place::new(Source::new("func.yml", "ab\ncd"), Span::new(4, 5));
        let capability = Capability::Write { path: "dist".to_owned(), bytes: Some(10), files: None };
        let decision = Decision {
            request: Request { capability, reason: Some("to pack".to_owned()), optional: false, place: Some(place) },
            verdict: Verdict::Allowed,
            decided_by: DecidedBy::Rule("workspace-write"),
            reason: "within the work dir".to_owned(),
            remedy: None,
        };
        let digest = Digest::of(b"x");
        let facts = StepFacts {
            kind: "wasm",
            reference: "builtin://stepwell/archive".to_owned(),
            function: Some(digest),
            module: None,
            decisions: vec![decision],
        };
        check(
            EventKind::Prepared(facts),
            &json!({
                "kind": "prepared", "step_kind": "wasm", "reference": "builtin://stepwell/archive",
                "function": digest.to_string(),
                "decisions": [{
                    "capability": { "kind": "write", "path": "dist", "bytes": 10 }, "why": "to pack", "optional": false,
                    "place": "func.yml:2:2", "verdict": "allowed", "rule": "workspace-write",
                    "reason": "within the work dir",
                }],
            }),
        );
    }

    #[test]
    fn log_says_how_it_is_encoded() {
        let log = |stream, bytes: &[u8]| EventKind::Log { stream, bytes: bytes.to_vec() };
        check(
            log(Stream::Out, "ä\n\u{1b}[0m".as_bytes()),
            &json!({ "kind": "log", "stream": "stdout", "encoding": "text", "text": "ä\n\u{1b}[0m" }),
        );
        check(
            log(Stream::Error, b"\xff\n"),
            &json!({ "kind": "log", "stream": "stderr", "encoding": "base64", "base64": "/wo=" }),
        );
    }

    #[test]
    fn all_other_kinds() {
        let text = str::to_owned;
        let fields = vec![(text("image"), text("x")), (text("image"), text("y"))];
        check(
            EventKind::Record { level: Level::Warn, message: text("m"), fields },
            &json!({
                "kind": "record", "level": "warn", "message": "m",
                "fields": [{ "name": "image", "value": "x" }, { "name": "image", "value": "y" }],
            }),
        );
        check(EventKind::GroupOpened { title: text("t") }, &json!({ "kind": "group-opened", "title": "t" }));
        check(EventKind::GroupClosed, &json!({ "kind": "group-closed" }));
        check(
            EventKind::Progress { done: 1, total: None, label: text("l") },
            &json!({ "kind": "progress", "done": 1, "label": "l" }),
        );
        let place = Place::new(Source::new("job.yml", "ab"), Span::new(0, 1));
        check(
            EventKind::Warning { message: text("m"), place: Some(place) },
            &json!({ "kind": "warning", "message": "m", "place": "job.yml:1:1" }),
        );
        check(EventKind::Busy { what: text("w") }, &json!({ "kind": "busy", "what": "w" }));
        check(
            EventKind::Denied { capability: text("read"), asked: text("/etc") },
            &json!({ "kind": "denied", "capability": "read", "asked": "/etc" }),
        );
    }

    #[test]
    fn a_writer_that_fails_is_reported_once_at_the_end() {
        let mut lines = JsonLines::new(Broken::after(0));
        for event in Script::new().start("a").end("a", Status::Succeeded).events() {
            lines.take(&event);
        }
        assert_eq!(lines.finish().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
