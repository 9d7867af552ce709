//! A run for people.
//!
//! Where the output is no terminal, the log of the steps passes to the log writer exactly as it comes, and our own view
//! is one line an event on the other writer. On a terminal all is one tree.

mod log_lines;
mod plain;
mod runner_log;
mod sections;
mod terminal;
mod text;
mod verdict;

use std::io::{self, Write};
use std::time::SystemTime;

use stepwell_run::{Event, Level};

use self::plain::Plain;
pub use self::runner_log::RunnerLog;
use self::terminal::Terminal;
use crate::output::Output;
use crate::summary::Summary;

/// How a run is shown. The default suits a file: plain, without colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsoleSettings {
    /// Whether our own view, and on a terminal the log too, may have colours. Default: no.
    pub color: bool,
    /// Whether the log writer is a terminal. Default: no.
    pub terminal: bool,
    /// How much is shown. Default: normal.
    pub verbosity: Verbosity,
    /// Whether the log has a GitLab section around each step and each group of log lines. Not on a terminal. Default: no.
    pub gitlab_sections: bool,
    /// The least level of structured log records that are shown. Default: info.
    pub level: Level,
}

impl Default for ConsoleSettings {
    fn default() -> Self {
        Self { color: false, terminal: false, verbosity: Verbosity::Normal, gitlab_sections: false, level: Level::Info }
    }
}

/// How much of our own view is shown. The log of steps is shown whole wherever the output is no terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// What went wrong, and nothing else.
    Quiet,
    /// Every step, and on a terminal a few lines of the log of each that succeeded.
    #[default]
    Normal,
    /// All.
    Verbose,
}

/// Shows the masked events of one job. Nothing panics or stops where a writer fails; see [`Console::finish`].
#[derive(Debug)]
pub struct Console<L: Write, V: Write> {
    writers: Writers<L, V>,
    settings: ConsoleSettings,
    summary: Summary,
    mode: Mode,
}

#[derive(Debug)]
struct Writers<L: Write, V: Write> {
    /// Standard output of the steps; on a terminal the tree.
    log: Output<L>,
    /// Our own view, and standard error of the steps.
    view: Output<V>,
}

#[derive(Debug)]
enum Mode {
    Plain(Plain),
    Terminal(Terminal),
}

impl<L: Write, V: Write> Console<L, V> {
    /// Starts a view. `log` is normally standard output, `view` standard error.
    pub fn new(log: L, view: V, settings: ConsoleSettings) -> Self {
        let mode = match settings.terminal {
            true => Mode::Terminal(Terminal::new(settings)),
            false => Mode::Plain(Plain::new(settings)),
        };
        let writers = Writers { log: Output::new(log), view: Output::new(view) };
        Self { writers, settings, summary: Summary::new(), mode }
    }

    /// Shows the next masked event.
    pub fn take(&mut self, event: &Event) {
        self.summary.take(event);
        let Writers { log, view } = &mut self.writers;
        match &mut self.mode {
            Mode::Plain(plain) => plain.take(event, log, view),
            Mode::Terminal(terminal) => terminal.take(event, &self.summary, log),
        }
        log.flush();
        view.flush();
    }

    /// Moves the line of the running step, on a terminal: for callers that come by some ten times a second. `columns` is
    /// the width of the terminal.
    pub fn tick(&mut self, now: SystemTime, columns: usize) {
        if let Mode::Terminal(terminal) = &mut self.mode {
            terminal.tick(now, columns, &mut self.writers.log);
            self.writers.log.flush();
        }
    }

    /// Ends with the summary: counts and time, a table of what went wrong, and the error with what to do next.
    ///
    /// # Errors
    /// The first failure of either writer.
    pub fn finish(self) -> io::Result<()> {
        let Writers { mut log, mut view } = self.writers;
        if let Mode::Terminal(terminal) = self.mode {
            terminal.finish(&mut log);
        }
        let counts = verdict::counts(&self.summary, self.settings);
        match self.settings.terminal {
            true => log.write(counts.as_bytes()),
            false => view.write(counts.as_bytes()),
        }
        // Before the error, so that the two come in this order where both go to one terminal.
        let logged = log.finish();
        view.write(verdict::error(&self.summary, self.settings).as_bytes());
        view.finish().and(logged)
    }
}

#[cfg(test)]
mod tests;
