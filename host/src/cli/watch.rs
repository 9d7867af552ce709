//! Follows a running job: events to the console and to a file, results to a file.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use stepwell_report::{Console, ConsoleSettings, JsonLines, Verbosity};
use stepwell_run::{Event, JobResult, Level};

use super::args::OutputArguments;
use super::error::{CommandError, Exit};
use super::{diagnostics, surroundings, terminal};
use crate::{Host, JobHandle, Recorder, WriteResultsError};

/// How often the line of the running step moves on a terminal.
const TICK: Duration = Duration::from_millis(100);

/// Width of a terminal that does not say how wide it is.
const COLUMNS: usize = 100;

/// Where the log of the steps goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogTo {
    /// Standard output: what `run` is asked for.
    StandardOutput,
    /// Standard error, because standard output carries data.
    StandardError,
}

/// What follows a job.
pub(super) struct Watch {
    console: Console<Box<dyn Write>, io::Stderr>,
    events: Option<(PathBuf, JsonLines<BufWriter<File>>)>,
    results: Option<PathBuf>,
    moving: bool,
    quiet: bool,
}

/// What came of following a job.
pub(super) struct Watched {
    /// How the program ends.
    pub(super) exit: Exit,
    /// What came of the job.
    pub(super) result: JobResult,
}

impl Watch {
    /// Opens what was asked for.
    ///
    /// # Errors
    /// A file that cannot be written, or a folder for it that is not there.
    pub(super) fn open(arguments: &OutputArguments, log_to: LogTo) -> Result<Self, CommandError> {
        let events = match &arguments.events {
            None => None,
            Some(path) => {
                let file =
                    File::create(path).map_err(|error| CommandError::file("cannot write events to", path, error))?;
                Some((path.clone(), JsonLines::new(BufWriter::new(file))))
            }
        };
        if let Some(path) = &arguments.results {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            folder
                .map_or(Ok(()), |folder| folder.read_dir().map(|_| ()))
                .map_err(|error| CommandError::file("cannot write results to", path, error))?;
        }
        let settings = settings(arguments, log_to);
        let log: Box<dyn Write> = match log_to {
            LogTo::StandardOutput => Box::new(io::stdout()),
            LogTo::StandardError => Box::new(io::stderr()),
        };
        Ok(Self {
            console: Console::new(log, io::stderr(), settings),
            events,
            results: arguments.results.clone(),
            moving: settings.terminal,
            quiet: arguments.quiet,
        })
    }

    /// Follows a job to its end and writes what was asked for. What cannot be written is said, and is how the program
    /// ends where the job itself ended well.
    pub(super) fn until_over(mut self, host: &Host, mut handle: JobHandle) -> Watched {
        let results = self.results.take().map(|path| (path, handle.recorder()));
        if !self.quiet {
            // Standard error may be closed; the job runs all the same.
            let _ = diagnostics::draw(&mut io::stderr(), handle.warnings(), terminal::color_on_stderr());
            if let Some(error) = host.cache_unusable() {
                let _ = writeln!(io::stderr(), "warning: compiled modules are not kept: {error}");
            }
        }
        let result = host.block_on(async {
            self.follow(&mut handle).await;
            handle.finished().await
        });
        let mut exit = Exit::of(&result);
        let written = results.map_or(Ok(()), |(path, recorder)| write_results(&recorder, &path, &result));
        let shown = finish_console(self.console);
        let told = self.events.map_or(Ok(()), |(path, lines)| finish_events(&path, lines));
        for failed in [shown, written, told].into_iter().filter_map(Result::err) {
            let failed = failed.report(&mut io::stderr(), terminal::color_on_stderr());
            exit = if exit == Exit::Success { failed } else { exit };
        }
        Watched { exit, result }
    }

    /// Shows every event.
    async fn follow(&mut self, handle: &mut JobHandle) {
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                event = handle.next_event_async() => match event {
                    Some(event) => self.take(&event),
                    None => return,
                },
                _ = tick.tick(), if self.moving => self.console.tick(SystemTime::now(), COLUMNS),
            }
        }
    }

    fn take(&mut self, event: &Event) {
        self.console.take(event);
        if let Some((_, lines)) = &mut self.events {
            lines.take(event);
        }
    }
}

fn finish_console(console: Console<Box<dyn Write>, io::Stderr>) -> Result<(), CommandError> {
    match console.finish() {
        // A reader that has seen enough, such as `head`, is no failure.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CommandError::Environment { message: "cannot show the run".to_owned(), cause: error, hint: None })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn finish_events(path: &Path, lines: JsonLines<BufWriter<File>>) -> Result<(), CommandError> {
    lines.finish().map_err(|error| CommandError::file("cannot write events to", path, error))
}

fn write_results(recorder: &Recorder, path: &Path, result: &JobResult) -> Result<(), CommandError> {
    match recorder.write(path, result) {
        Ok(_) => Ok(()),
        Err(WriteResultsError::File { path, cause }) => {
            Err(CommandError::file("cannot write results to", &path, cause))
        }
        Err(error @ WriteResultsError::NotFinite { .. }) => {
            Err(CommandError::file("cannot write results to", path, io::Error::other(error)))
        }
    }
}

fn settings(arguments: &OutputArguments, log_to: LogTo) -> ConsoleSettings {
    let verbosity = match (arguments.quiet, arguments.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, true) => Verbosity::Verbose,
        (false, false) => Verbosity::Normal,
    };
    let least = if verbosity == Verbosity::Verbose { Level::Debug } else { Level::Info };
    let level = surroundings::log_level().as_deref().and_then(Level::named).unwrap_or(least);
    ConsoleSettings {
        color: terminal::color_on_stderr(),
        terminal: log_to == LogTo::StandardOutput && terminal::one_screen(),
        verbosity,
        gitlab_sections: surroundings::in_gitlab(),
        level,
    }
}
