//! Everything that a step says, under one budget.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use stepwell_run::{EventKind, EventSender, Level, MaskSink, StepPath, Stream};

use crate::size::bytes_text;

/// Longest text of one record, group title or progress label, in bytes. From the step ABI, section 5.
const MAX_TEXT_BYTES: usize = 16 << 10;
/// Most fields of a record. From the step ABI, section 5.
const MAX_FIELDS: usize = 32;
/// Most groups that are open at the same time. From the step ABI, section 5.
const MAX_GROUPS: usize = 16;
/// Most masks that one step adds. From the step ABI, section 5.
const MAX_MASKS: usize = 200;
/// Longest texts that one step masks, all together, in bytes. Looking for a text takes many times its length.
const MAX_MASK_BYTES: usize = 256 << 10;
/// Shortest text that is masked, in bytes: shorter ones would eat the log. From the step ABI, section 2.
const MIN_MASK_BYTES: usize = 4;
/// What each event and each field counts besides its text, in bytes, so that empty ones are not free.
const EVENT_BYTES: usize = 32;
/// Most lines of standard output and error together. Viewers of logs take lines far worse than bytes, and four MiB of line
/// feeds would be millions of them. Records are bounded by [`EVENT_BYTES`].
const MAX_LINES: u64 = 100_000;
/// Most denials that one step reports: enough to see what is missing.
const MAX_DENIALS: usize = 100;
/// Longest last line of standard error that is kept for the text of a failure, in bytes.
const MAX_LAST_LINE_BYTES: usize = 1 << 10;
/// How often progress is stated.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);
/// Stands where a text was cut.
const CUT_MARK: &str = " … (cut)";

/// The one way from a step to the log of its job.
pub(crate) struct LogSink {
    events: EventSender,
    step: StepPath,
    mask: MaskSink,
    limit_bytes: u64,
    without_waits: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    used_bytes: u64,
    used_lines: u64,
    groups: usize,
    masks: usize,
    mask_bytes: usize,
    denials: usize,
    warned: Vec<&'static str>,
    progress: Option<(Instant, Option<Statement>)>,
    last_line: LastLine,
}

/// How far a step says that it is.
struct Statement {
    done: u64,
    total: Option<u64>,
    label: String,
}

impl LogSink {
    pub(crate) fn new(events: EventSender, step: StepPath, mask: MaskSink, limit_bytes: u64) -> Self {
        Self { events, step, mask, limit_bytes, without_waits: false, state: Mutex::default() }
    }

    /// Sets whether events that depend on time are left out: what the engine does meanwhile, and progress on the way.
    pub(crate) fn without_waits(mut self, on: bool) -> Self {
        self.without_waits = on;
        self
    }

    /// Takes bytes of a stream out of the budget. Answers how many of them, from the front, may be sent.
    pub(crate) fn take_stream(&self, stream: Stream, bytes: &[u8]) -> usize {
        let mut state = self.lock();
        if stream == Stream::Error {
            state.last_line.push(bytes);
        }
        let left = self.limit_bytes.saturating_sub(state.used_bytes);
        let within = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let (taken, lines) = whole_lines(&bytes[..within], MAX_LINES - state.used_lines);
        state.used_bytes += taken as u64;
        state.used_lines += lines;
        if taken < within {
            self.warn_once(&mut state, "log limit of 100000 lines reached; the rest is dropped");
        } else if taken < bytes.len() {
            self.warn_of_budget(&mut state);
        }
        taken
    }

    /// Sends bytes that were taken out of the budget, waiting for the reader.
    pub(crate) async fn send_stream(&self, stream: Stream, bytes: Vec<u8>) {
        self.events.log(&self.step, stream, bytes).await;
    }

    /// Sends bytes that were taken out of the budget, at once. As nothing waits for the reader, each call costs.
    pub(crate) fn send_stream_now(&self, stream: Stream, bytes: Vec<u8>) {
        let mut state = self.lock();
        state.used_bytes = state.used_bytes.saturating_add(EVENT_BYTES as u64);
        drop(state);
        self.events.send(&self.step, EventKind::Log { stream, bytes });
    }

    /// Emits a record.
    pub(crate) fn record(&self, level: Level, message: &str, mut fields: Vec<(String, String)>) {
        let mut state = self.lock();
        if fields.len() > MAX_FIELDS {
            fields.truncate(MAX_FIELDS);
            self.warn_once(&mut state, "a log record has more than 32 fields; the rest is dropped");
        }
        let mut room = MAX_TEXT_BYTES;
        let message = self.shown(&mut state, message, &mut room);
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (self.shown(&mut state, name, &mut room), self.shown(&mut state, value, &mut room)))
            .collect();
        let field_bytes = fields.iter().map(|(name, value)| name.len() + value.len() + EVENT_BYTES);
        let bytes = message.len() + field_bytes.sum::<usize>();
        self.send_within(&mut state, bytes, EventKind::Record { level, message, fields });
    }

    /// Opens a group.
    pub(crate) fn open_group(&self, title: &str) {
        let mut state = self.lock();
        if state.groups == MAX_GROUPS {
            self.warn_once(&mut state, "more than 16 log groups are open; the rest is ignored");
            return;
        }
        let title = self.shown(&mut state, title, &mut { MAX_TEXT_BYTES });
        let bytes = title.len();
        if self.send_within(&mut state, bytes, EventKind::GroupOpened { title }) {
            state.groups += 1;
        }
    }

    /// Closes the innermost group, if there is one.
    pub(crate) fn close_group(&self) {
        let mut state = self.lock();
        if state.groups > 0 {
            state.groups -= 1;
            self.events.send(&self.step, EventKind::GroupClosed);
        }
    }

    /// States progress; of many statements in a short time the last one is sent. Where nothing may depend on time it is the
    /// first and the last of all.
    pub(crate) fn progress(&self, done: u64, total: Option<u64>, label: &str) {
        let mut state = self.lock();
        let label = self.shown(&mut state, label, &mut { MAX_TEXT_BYTES });
        let statement = Statement { done, total, label };
        let now = Instant::now();
        match &mut state.progress {
            Some((sent, waiting)) if self.without_waits || now.duration_since(*sent) < PROGRESS_INTERVAL => {
                *waiting = Some(statement)
            }
            progress => {
                *progress = Some((now, None));
                self.send_statement(&mut state, statement);
            }
        }
    }

    /// Masks a text for the rest of the job.
    pub(crate) fn mask(&self, text: &str) {
        let mut state = self.lock();
        if text.len() < MIN_MASK_BYTES {
            self.warn_once(&mut state, "a text shorter than four bytes cannot be masked");
        } else if state.masks == MAX_MASKS {
            self.warn_once(&mut state, "the step masks more than 200 texts; the rest is ignored");
        } else if text.len() > MAX_MASK_BYTES - state.mask_bytes {
            self.warn_once(&mut state, "the step masks texts of more than 256 KiB; the rest is ignored");
        } else {
            state.masks += 1;
            state.mask_bytes += text.len();
            (self.mask.0)(text);
        }
    }

    /// Masks a text that the host made, outside of what the step may mask.
    pub(crate) fn mask_own(&self, text: &str) {
        (self.mask.0)(text);
    }

    /// Notes that the step asked for something that it was not given.
    pub(crate) fn denied(&self, capability: &str, asked: &str) {
        let mut state = self.lock();
        if state.denials == MAX_DENIALS {
            return;
        }
        state.denials += 1;
        let asked = escaped(cut(asked, 1 << 10).0);
        self.events.send(&self.step, EventKind::Denied { capability: capability.to_owned(), asked });
    }

    /// Sends what waits and closes what is open. Nothing is sent afterwards.
    pub(crate) fn finish(&self) {
        let mut state = self.lock();
        if let Some((_, Some(statement))) = state.progress.take() {
            self.send_statement(&mut state, statement);
        }
        for _ in 0..std::mem::take(&mut state.groups) {
            self.events.send(&self.step, EventKind::GroupClosed);
        }
    }

    /// Emits a warning of ours about the step.
    pub(crate) fn warn(&self, message: String) {
        self.events.send(&self.step, EventKind::Warning { message, place: None });
    }

    /// Emits an event of ours about the step, unless it is left out.
    pub(crate) fn notice(&self, kind: EventKind) {
        if self.without_waits && matches!(kind, EventKind::Busy { .. } | EventKind::BusyOver) {
            return;
        }
        self.events.send(&self.step, kind);
    }

    /// Returns the last line of standard error that says something; none if there was none.
    pub(crate) fn last_error_line(&self) -> Option<String> {
        self.lock().last_line.text()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Counters stay usable, whatever happened to another thread.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send_within(&self, state: &mut State, bytes: usize, event: EventKind) -> bool {
        let bytes = (bytes + EVENT_BYTES) as u64;
        if state.used_bytes.saturating_add(bytes) > self.limit_bytes {
            self.warn_of_budget(state);
            return false;
        }
        state.used_bytes += bytes;
        self.events.send(&self.step, event);
        true
    }

    fn send_statement(&self, state: &mut State, statement: Statement) {
        let Statement { done, total, label } = statement;
        self.send_within(state, label.len(), EventKind::Progress { done, total, label });
    }

    fn warn_of_budget(&self, state: &mut State) {
        const KEY: &str = "budget";
        if !state.warned.contains(&KEY) {
            state.warned.push(KEY);
            self.warn(format!("log limit of {} reached; the rest is dropped", bytes_text(self.limit_bytes)));
        }
    }

    fn warn_once(&self, state: &mut State, text: &'static str) {
        if !state.warned.contains(&text) {
            state.warned.push(text);
            self.warn(text.to_owned());
        }
    }

    /// Returns a text as it may be shown, taking its length out of what a record may hold.
    fn shown(&self, state: &mut State, text: &str, room: &mut usize) -> String {
        let (kept, was_cut) = cut(text, *room);
        *room -= kept.len();
        let mut shown = escaped(kept);
        if was_cut {
            shown.push_str(CUT_MARK);
            self.warn_once(state, "a log record is longer than 16 KiB; it is cut");
        }
        shown
    }
}

/// Returns the longest front of a text within a number of bytes, and whether anything was left out.
pub(crate) fn cut(text: &str, limit_bytes: usize) -> (&str, bool) {
    let end = text.floor_char_boundary(limit_bytes);
    (&text[..end], end < text.len())
}

/// Returns a text, cut and marked if it is longer than a number of bytes.
pub(crate) fn cut_with_mark(text: String, limit_bytes: usize) -> String {
    match cut(&text, limit_bytes) {
        (_, false) => text,
        (front, true) => format!("{front}{CUT_MARK}"),
    }
}

/// Escapes control characters other than line feed and tab, as `\u{1b}`.
pub(crate) fn escaped(text: &str) -> String {
    let is_harmless = |character: char| !character.is_control() || matches!(character, '\n' | '\t');
    if text.chars().all(is_harmless) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_harmless(character) {
            shown.push(character);
        } else {
            shown.extend(character.escape_unicode());
        }
    }
    shown
}

/// The last line of a stream, found while it passes by.
#[derive(Default)]
struct LastLine {
    complete: Vec<u8>,
    partial: Vec<u8>,
}

impl LastLine {
    fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (piece, false),
            };
            let room = MAX_LAST_LINE_BYTES.saturating_sub(self.partial.len());
            self.partial.extend_from_slice(&text[..text.len().min(room)]);
            if ends {
                let line = std::mem::take(&mut self.partial);
                if says_something(&line) {
                    self.complete = line;
                }
            }
        }
    }

    fn text(&self) -> Option<String> {
        let line = if says_something(&self.partial) { &self.partial } else { &self.complete };
        says_something(line).then(|| escaped(String::from_utf8_lossy(line).trim()))
    }
}

/// Returns how many bytes from the front hold at most so many line feeds, and how many they hold. After the last that is
/// allowed nothing is taken.
fn whole_lines(bytes: &[u8], most: u64) -> (usize, u64) {
    if most == 0 {
        return (0, 0);
    }
    let mut lines = 0;
    for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        lines += 1;
        if lines == most {
            return (at + 1, lines);
        }
    }
    (bytes.len(), lines)
}

/// Blank lines say nothing, nor does the advice that a panic of a Rust program ends with.
fn says_something(line: &[u8]) -> bool {
    !line.trim_ascii().is_empty() && !line.starts_with(b"note: run with `RUST_BACKTRACE")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use stepwell_run::{EventStream, event_channel};

    use super::*;

    fn sink(limit_bytes: u64) -> (LogSink, EventStream) {
        let (events, stream) = event_channel();
        let mask = MaskSink(Arc::new(|_| {}));
        (LogSink::new(events, StepPath::job().child(0, "s"), mask, limit_bytes), stream)
    }

    fn kinds(sink: LogSink, mut stream: EventStream) -> Vec<String> {
        drop(sink);
        let mut kinds = Vec::new();
        while let Some(event) = stream.next_blocking() {
            kinds.push(match event.kind {
                EventKind::Record { message, fields, .. } => format!("record {message} {}", fields.len()),
                EventKind::Warning { message, .. } => format!("warning {message}"),
                EventKind::GroupOpened { title } => format!("open {title}"),
                EventKind::GroupClosed => "close".to_owned(),
                EventKind::Progress { done, .. } => format!("progress {done}"),
                EventKind::Denied { capability, asked } => format!("denied {capability} {asked}"),
                other => format!("{other:?}"),
            });
        }
        kinds
    }

    #[test]
    fn one_line_says_that_the_rest_is_dropped() {
        let (sink, stream) = sink(100);
        assert_eq!(sink.take_stream(Stream::Out, &[b'x'; 80]), 80);
        assert_eq!(sink.take_stream(Stream::Out, &[b'x'; 80]), 20);
        assert_eq!(sink.take_stream(Stream::Out, b"x"), 0);
        sink.record(Level::Info, "m", Vec::new());
        assert_eq!(kinds(sink, stream), ["warning log limit of 100 B reached; the rest is dropped"]);
    }

    #[test]
    fn control_characters_are_escaped() {
        let (sink, stream) = sink(1_000);
        sink.record(Level::Info, "a\u{1b}[31m\n\tb\u{7f}", Vec::new());
        assert_eq!(kinds(sink, stream), ["record a\\u{1b}[31m\n\tb\\u{7f} 0"]);
    }

    #[test]
    fn records_are_cut_and_fields_dropped() {
        let (sink, stream) = sink(1 << 20);
        sink.record(Level::Info, &"é".repeat(10_000), vec![(String::new(), String::new()); 40]);
        let kinds = kinds(sink, stream);
        assert_eq!(kinds.len(), 3);
        assert!(kinds[2].ends_with(&format!("{CUT_MARK} 32")), "{}", kinds[2]);
    }

    #[test]
    fn open_groups_are_closed_at_the_end() {
        let (sink, stream) = sink(1 << 20);
        (0..20).for_each(|_| sink.open_group("g"));
        sink.close_group();
        sink.finish();
        sink.close_group();
        let kinds = kinds(sink, stream);
        assert_eq!(kinds.iter().filter(|kind| *kind == "open g").count(), 16);
        assert_eq!(kinds.iter().filter(|kind| *kind == "close").count(), 16);
        assert_eq!(kinds.iter().filter(|kind| kind.starts_with("warning")).count(), 1);
    }

    #[test]
    fn the_last_progress_is_sent() {
        let (sink, stream) = sink(1 << 20);
        (0..1_000).for_each(|done| sink.progress(done, None, ""));
        sink.finish();
        let kinds = kinds(sink, stream);
        assert_eq!(kinds.first().map(String::as_str), Some("progress 0"));
        assert_eq!(kinds.last().map(String::as_str), Some("progress 999"));
        assert!(kinds.len() < 100);
    }

    #[test]
    fn masks_and_denials_are_bounded() {
        let (sink, stream) = sink(1 << 20);
        (0..300).for_each(|_| sink.mask("long enough"));
        sink.mask("abc");
        (0..300).for_each(|_| sink.denied("read", "p"));
        let kinds = kinds(sink, stream);
        assert_eq!(kinds.iter().filter(|kind| kind.starts_with("warning")).count(), 2);
        assert_eq!(kinds.iter().filter(|kind| kind.starts_with("denied")).count(), MAX_DENIALS);
    }

    #[test]
    fn long_masks_are_bounded() {
        let (sink, stream) = sink(1 << 20);
        let masked = std::iter::repeat_with(|| sink.mask(&"m".repeat(100 << 10))).take(5).count();
        sink.mask("short");
        assert_eq!((masked, sink.lock().masks), (5, 3));
        assert_eq!(kinds(sink, stream), ["warning the step masks texts of more than 256 KiB; the rest is ignored"]);
    }

    #[test]
    fn nothing_gets_past_the_budget() {
        #[track_caller]
        fn check(expected: usize, say: impl Fn(&LogSink)) {
            let (sink, stream) = sink(1_000);
            for _ in 0..1_000 {
                say(&sink);
                // As if the interval had passed.
                sink.lock().progress = None;
            }
            let said = kinds(sink, stream).iter().filter(|kind| !kind.starts_with("warning")).count();
            assert_eq!(said, expected);
        }
        check(31, |sink| sink.progress(1, None, ""));
        check(7, |sink| sink.progress(1, None, &"l".repeat(100)));
        check(31, |sink| sink.record(Level::Info, "", Vec::new()));
        check(1, |sink| sink.record(Level::Info, "", vec![(String::new(), String::new()); 25]));
        check(31, |sink| {
            if sink.take_stream(Stream::Out, b"x") == 1 {
                sink.send_stream_now(Stream::Out, b"x".to_vec());
            }
        });
    }

    #[track_caller]
    fn check_last_line(pieces: &[&str], expected: Option<&str>) {
        let mut last = LastLine::default();
        pieces.iter().for_each(|piece| last.push(piece.as_bytes()));
        assert_eq!(last.text().as_deref(), expected);
    }

    #[test]
    fn lines_are_bounded() {
        let (sink, _stream) = sink(u64::MAX);
        let lines = vec![b'\n'; usize::try_from(MAX_LINES).unwrap()];
        assert_eq!(sink.take_stream(Stream::Out, &lines[1..]), lines.len() - 1);
        assert_eq!(sink.take_stream(Stream::Error, b"a\nb\n"), 2);
        assert_eq!(sink.take_stream(Stream::Out, b"c"), 0);
        assert_eq!(sink.lock().warned, ["log limit of 100000 lines reached; the rest is dropped"]);
    }

    #[test]
    fn lines_are_counted() {
        assert_eq!(whole_lines(b"a\nb\nc", 3), (5, 2));
        assert_eq!(whole_lines(b"a\nb\nc", 2), (4, 2));
        assert_eq!(whole_lines(b"\n\n", 1), (1, 1));
        assert_eq!(whole_lines(b"a", 0), (0, 0));
    }

    #[test]
    fn last_lines() {
        check_last_line(&[], None);
        check_last_line(&["\n\n"], None);
        check_last_line(&["a\nb\n"], Some("b"));
        check_last_line(&["a\nb"], Some("b"));
        check_last_line(&["a\nb", "c\n", "\n"], Some("bc"));
        check_last_line(&["boom\nnote: run with `RUST_BACKTRACE=1` environment variable\n"], Some("boom"));
        check_last_line(&["a\u{1b}b"], Some("a\\u{1b}b"));
    }
}
