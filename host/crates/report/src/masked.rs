//! Events without secrets: what all other readers see.

use std::collections::BTreeMap;
use std::mem;
use std::time::SystemTime;

use stepwell_run::{Capability, Decision};
use stepwell_run::{Event, EventKind, StepFacts, StepPath, Stream};

use crate::mask::Masker;
use crate::mask_stream::MaskStream;

/// Turns raw events into masked ones.
///
/// Every text that a step, a document or a value could have filled is masked: log, records, reasons and hints, titles,
/// labels, warnings, references and decisions. Names of steps are identifiers of documents and stay.
///
/// The masked events are counted anew, from 0 without gaps: a piece of log may be held back until more of it is known,
/// and comes out before the final transition of its step at the latest.
#[derive(Debug)]
pub struct MaskedEvents {
    masker: Masker,
    streams: BTreeMap<StepPath, Streams>,
    sequence: u64,
    // Of the event that came last.
    time: SystemTime,
}

#[derive(Debug)]
struct Streams {
    out: MaskStream,
    error: MaskStream,
}

impl MaskedEvents {
    /// Starts with the first event of a job. The masker may grow meanwhile.
    pub fn new(masker: Masker) -> Self {
        Self { masker, streams: BTreeMap::new(), sequence: 0, time: SystemTime::UNIX_EPOCH }
    }

    /// Takes the next raw event; returns what can be shown by now, in order. May be nothing.
    pub fn take(&mut self, event: Event) -> Vec<Event> {
        self.time = event.time;
        let mut shown = Vec::new();
        match event.kind {
            EventKind::Log { stream, bytes } => {
                let log = self.feed(&event.step, stream, &bytes);
                self.show_log(&event.step, stream, log, &mut shown);
            }
            EventKind::Transition { to, .. } if to.is_final() => {
                self.release(&event.step, &mut shown);
                self.show(&event.step, event.kind, &mut shown);
            }
            kind => self.show(&event.step, kind, &mut shown),
        }
        shown
    }

    /// Returns what is still held back after the last event. Nothing where the job itself has ended properly.
    pub fn finish(mut self) -> Vec<Event> {
        let mut shown = Vec::new();
        self.release(&StepPath::job(), &mut shown);
        shown
    }

    fn feed(&mut self, step: &StepPath, stream: Stream, bytes: &[u8]) -> Vec<u8> {
        let masker = &self.masker;
        let streams = self
            .streams
            .entry(step.clone())
            .or_insert_with(|| Streams { out: masker.stream(), error: masker.stream() });
        let mut log = Vec::with_capacity(bytes.len());
        match stream {
            Stream::Out => streams.out.feed(bytes, &mut log),
            Stream::Error => streams.error.feed(bytes, &mut log),
        }
        log
    }

    /// Lets out what is held back of a step; of all steps where it is the job itself.
    fn release(&mut self, step: &StepPath, shown: &mut Vec<Event>) {
        let ended = if step.is_job() {
            mem::take(&mut self.streams)
        } else {
            self.streams.remove_entry(step).into_iter().collect()
        };
        for (step, mut streams) in ended {
            for (stream, masked) in [(Stream::Out, &mut streams.out), (Stream::Error, &mut streams.error)] {
                let mut log = Vec::new();
                masked.finish(&mut log);
                self.show_log(&step, stream, log, shown);
            }
        }
    }

    fn show_log(&mut self, step: &StepPath, stream: Stream, bytes: Vec<u8>, shown: &mut Vec<Event>) {
        if !bytes.is_empty() {
            self.push(step, EventKind::Log { stream, bytes }, shown);
        }
    }

    fn show(&mut self, step: &StepPath, mut kind: EventKind, shown: &mut Vec<Event>) {
        mask_kind(&self.masker, &mut kind);
        self.push(step, kind, shown);
    }

    fn push(&mut self, step: &StepPath, kind: EventKind, shown: &mut Vec<Event>) {
        shown.push(Event { sequence: self.sequence, time: self.time, step: step.clone(), kind });
        self.sequence += 1;
    }
}

/// Masks the texts of an event; log is masked as a stream before.
fn mask_kind(masker: &Masker, kind: &mut EventKind) {
    let texts: Vec<&mut String> = match kind {
        EventKind::Transition { reason, hint, .. } => reason.iter_mut().chain(hint).collect(),
        EventKind::Prepared(facts) => texts_of_facts(facts),
        EventKind::Decided(decisions) => decisions.iter_mut().flat_map(texts_of_decision).collect(),
        EventKind::Record { message, fields, .. } => {
            fields.iter_mut().flat_map(|(name, value)| [name, value]).chain([message]).collect()
        }
        EventKind::GroupOpened { title } => vec![title],
        EventKind::Progress { label, .. } => vec![label],
        EventKind::Warning { message, .. } => vec![message],
        EventKind::Busy { what } => vec![what],
        EventKind::Denied { capability, asked } => vec![capability, asked],
        EventKind::Log { .. } | EventKind::GroupClosed | EventKind::BusyOver => Vec::new(),
    };
    mask_texts(masker, texts);
}

fn mask_texts(masker: &Masker, texts: Vec<&mut String>) {
    for text in texts {
        *text = masker.mask(text).into_owned();
    }
}

fn texts_of_facts(facts: &mut StepFacts) -> Vec<&mut String> {
    facts.decisions.iter_mut().flat_map(texts_of_decision).chain([&mut facts.reference]).collect()
}

fn texts_of_decision(decision: &mut Decision) -> Vec<&mut String> {
    let mut texts = texts_of_capability(&mut decision.request.capability);
    texts.push(&mut decision.reason);
    texts.extend(&mut decision.remedy);
    texts.extend(&mut decision.request.reason);
    texts
}

fn texts_of_capability(capability: &mut Capability) -> Vec<&mut String> {
    match capability {
        Capability::Read { path } | Capability::Write { path, .. } => vec![path],
        Capability::Run { function } => vec![function],
        Capability::Exec { program } => vec![program],
        Capability::Env { name } | Capability::Export { name } => vec![name],
        Capability::Http { host, methods, paths, .. } => methods.iter_mut().chain(paths).chain([host]).collect(),
        Capability::Secret { name, host } => host.iter_mut().chain([name]).collect(),
        Capability::Clock(_) | Capability::Random(_) | Capability::Limits { .. } => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use stepwell_run::{DecidedBy, Request, Verdict};
    use stepwell_run::{Level, Status};

    use super::*;
    use crate::script::Script;

    const SECRET: &str = "hunter2hunter2";

    fn masked(script: Script) -> Vec<Event> {
        let masker = Masker::new();
        masker.add(SECRET);
        let mut events = MaskedEvents::new(masker);
        let mut shown = script.events().into_iter().flat_map(|event| events.take(event)).collect::<Vec<_>>();
        shown.extend(events.finish());
        shown
    }

    /// One line an event: the step and what is told of it, the log as text.
    fn lines(events: &[Event]) -> Vec<String> {
        let line = |event: &Event| match &event.kind {
            EventKind::Log { stream, bytes } => {
                format!("{} {} {stream:?} {:?}", event.sequence, event.step, String::from_utf8_lossy(bytes))
            }
            EventKind::Transition { to, .. } => format!("{} {} {to}", event.sequence, event.step),
            other => format!("{} {} {other:?}", event.sequence, event.step),
        };
        events.iter().map(line).collect()
    }

    #[test]
    fn log_is_masked_across_events_and_released_before_the_end() {
        let script = Script::new()
            .start("a")
            .log("a", "x hunter2")
            .log("a", "hunter2 y hunt")
            .error_log("a", "hunter2")
            .end("a", Status::Succeeded)
            .end("", Status::Succeeded);
        let expected = [
            "0 a running",
            "1 a Out \"x \"",
            "2 a Out \"[MASKED] y \"",
            "3 a Out \"hunt\"",
            "4 a Error \"hunter2\"",
            "5 a succeeded",
            "6  succeeded",
        ];
        assert_eq!(lines(&masked(script)), expected);
    }

    #[test]
    fn streams_of_different_steps_do_not_mix() {
        let script = Script::new().log("a", "hunter2").log("b", "hunter2").end("", Status::Failed);
        assert_eq!(lines(&masked(script)), ["0 a Out \"hunter2\"", "1 b Out \"hunter2\"", "2  failed"]);
    }

    #[test]
    fn what_comes_after_the_end_of_a_step_is_not_lost() {
        let script = Script::new().end("a", Status::Succeeded).log("a", "late hunter2");
        assert_eq!(lines(&masked(script)), ["0 a succeeded", "1 a Out \"late \"", "2 a Out \"hunter2\""]);
    }

    #[test]
    fn no_text_of_any_event_shows_a_secret() {
        let secret = || SECRET.to_owned();
        let decision = |capability| Decision {
            request: Request { capability, reason: Some(secret()), optional: true, place: None },
            verdict: Verdict::Denied,
            decided_by: DecidedBy::NoPolicy,
            reason: secret(),
            remedy: Some(secret()),
        };
        let decisions = vec![
            decision(Capability::Read { path: secret() }),
            decision(Capability::Write { path: secret(), bytes: None, files: None }),
            decision(Capability::Run { function: secret() }),
            decision(Capability::Exec { program: secret() }),
            decision(Capability::Export { name: secret() }),
            decision(Capability::Env { name: secret() }),
            decision(Capability::Http { host: secret(), port: 1, methods: vec![secret()], paths: vec![secret()] }),
            decision(Capability::Secret { name: secret(), host: Some(secret()) }),
        ];
        let kinds = [
            EventKind::Transition {
                from: Status::Running,
                to: Status::Failed,
                reason: Some(secret()),
                hint: Some(secret()),
                elapsed: Duration::ZERO,
                usage: None,
            },
            EventKind::Prepared(StepFacts {
                kind: "wasm",
                reference: secret(),
                function: None,
                module: None,
                decisions,
            }),
            EventKind::Log { stream: Stream::Out, bytes: secret().into_bytes() },
            EventKind::Record { level: Level::Info, message: secret(), fields: vec![(secret(), secret())] },
            EventKind::GroupOpened { title: secret() },
            EventKind::Progress { done: 0, total: None, label: secret() },
            EventKind::Warning { message: secret(), place: None },
            EventKind::Busy { what: secret() },
            EventKind::Denied { capability: secret(), asked: secret() },
        ];
        let script = kinds.into_iter().fold(Script::new(), |script, kind| script.event("a", kind));
        let shown = masked(script);
        assert_eq!(shown.len(), 9);
        assert!(!lines(&shown).concat().contains("hunter2"), "{shown:?}");
    }
}
