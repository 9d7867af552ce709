//! The log as GitLab Runner takes it: what the contract says in section 5.10, and nothing of our own but warnings and
//! refusals. What becomes of the job is told by whoever started it, last and in the words that the runner reads.

use std::io::{self, Write};

use stepwell_run::{Event, EventKind, Level, StepFacts, Stream};

use super::plain::{pass, write_line};
use super::text;
use crate::output::Output;

/// Passes the log of a job on.
#[derive(Debug)]
pub struct RunnerLog<O: Write, E: Write> {
    out: Output<O>,
    error: Output<E>,
    level: Level,
    out_line_open: bool,
    error_line_open: bool,
}

impl<O: Write, E: Write> RunnerLog<O, E> {
    /// Starts a log. `out` gets standard output of the steps and structured log records of at least `level`; `error` gets
    /// their standard error, and warnings.
    pub fn new(out: O, error: E, level: Level) -> Self {
        Self { out: Output::new(out), error: Output::new(error), level, out_line_open: false, error_line_open: false }
    }

    /// Passes on what the next masked event holds of it. Nothing panics or stops where a writer fails; see
    /// [`RunnerLog::finish`].
    pub fn take(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Log { stream: Stream::Out, bytes } => pass(bytes, &mut self.out_line_open, &mut self.out),
            EventKind::Log { stream: Stream::Error, bytes } => pass(bytes, &mut self.error_line_open, &mut self.error),
            EventKind::Record { level, message, fields } if *level >= self.level => {
                let line = text::record(*level, message, fields) + "\n";
                write_line(&line, &mut self.out_line_open, &mut self.out);
            }
            EventKind::Warning { message, place } => self.tell(&text::warning(message, place.as_ref())),
            EventKind::Prepared(StepFacts { decisions, .. }) | EventKind::Decided(decisions) => {
                for decision in text::refused(decisions) {
                    self.tell(&text::refusal(&event.step, decision));
                }
            }
            EventKind::Denied { capability, asked } => self.tell(&text::denied(&event.step, capability, asked)),
            EventKind::Record { .. }
            | EventKind::Transition { .. }
            | EventKind::GroupOpened { .. }
            | EventKind::GroupClosed
            | EventKind::Progress { .. }
            | EventKind::Busy { .. }
            | EventKind::BusyOver => {}
        }
        self.out.flush();
        self.error.flush();
    }

    fn tell(&mut self, lines: &str) {
        write_line(lines, &mut self.error_line_open, &mut self.error);
    }

    /// Ends with `last` on a line of its own on `error`; with nothing where that is empty.
    ///
    /// # Errors
    /// The first failure of either writer.
    pub fn finish(mut self, last: &str) -> io::Result<()> {
        // Before the error, so that the two come in this order where both go to one log.
        let out = self.out.finish();
        write_line(last, &mut self.error_line_open, &mut self.error);
        self.error.finish().and(out)
    }
}

#[cfg(test)]
mod tests {
    use stepwell_run::Status;

    use super::*;
    use crate::script::Script;

    #[track_caller]
    fn check(script: Script, last: &str, out: &str, error: &str) {
        let (mut written, mut told) = (Vec::new(), Vec::new());
        let mut log = RunnerLog::new(&mut written, &mut told, Level::Info);
        script.events().iter().for_each(|event| log.take(event));
        log.finish(last).expect("a vector takes everything");
        assert_eq!(String::from_utf8(written).unwrap(), out);
        assert_eq!(String::from_utf8(told).unwrap(), error);
    }

    #[test]
    fn log_passes_as_it_is_and_nothing_is_added() {
        let script = Script::new().start("a").log("a", "x").error_log("a", "y").end("a", Status::Failed);
        check(script, "", "x", "y");
    }

    #[test]
    fn the_last_line_stands_by_itself() {
        check(Script::new().error_log("a", "no line feed"), "Error: x\n", "", "no line feed\nError: x\n");
    }

    #[test]
    fn records_obey_the_level() {
        let record = |level| EventKind::Record {
            level,
            message: "fetched".to_owned(),
            fields: vec![("image".to_owned(), "x:1".to_owned())],
        };
        let script = Script::new().event("a", record(Level::Debug)).event("a", record(Level::Info));
        check(script, "", "INFO fetched image=x:1\n", "");
    }
}
