//! How far fetches have come: a moving line for each on a terminal, else one line for each that takes a while.

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::terminal;
use crate::FetchProgress;

/// A fetch that takes less is not worth a line.
const LONG_FETCH: Duration = Duration::from_millis(500);

/// The fetches that are under way.
pub(super) struct Fetches {
    open: Mutex<HashMap<String, Fetch>>,
    lines: Option<MultiProgress>,
}

struct Fetch {
    since: Instant,
    /// Since it took a while.
    shown: Option<ProgressBar>,
    told: bool,
}

impl Fetches {
    /// Shows nothing yet.
    pub(super) fn new() -> Self {
        let lines = terminal::one_screen().then(MultiProgress::new);
        Self { open: Mutex::default(), lines }
    }

    /// Shows how far a fetch has come.
    pub(super) fn take(&self, progress: &FetchProgress) {
        // The lock is held for no longer than a line takes to draw, and nothing in between can fail.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if progress.finished {
            if let Some(Fetch { shown: Some(line), .. }) = open.remove(&progress.repository) {
                line.finish_and_clear();
            }
            return;
        }
        let fetch = open.entry(progress.repository.clone()).or_insert_with(Fetch::new);
        if fetch.since.elapsed() < LONG_FETCH {
            return;
        }
        match &self.lines {
            Some(lines) => {
                let line = fetch.shown.get_or_insert_with(|| lines.add(new_line(&progress.repository)));
                if let Some(total) = progress.total_objects {
                    line.set_length(total);
                }
                line.set_position(progress.received_objects);
                line.set_prefix(format!("{:.1} MiB", progress.received_bytes as f64 / f64::from(1 << 20)));
            }
            None if !fetch.told => {
                fetch.told = true;
                // Standard error may be closed; the fetch goes on all the same.
                let _ = writeln!(io::stderr(), "fetching {}", progress.repository);
            }
            None => {}
        }
    }
}

impl Fetch {
    fn new() -> Self {
        Self { since: Instant::now(), shown: None, told: false }
    }
}

fn new_line(repository: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} fetching {msg}  {bar:20} {pos}/{len} objects  {prefix}");
    // The template is a constant, and a test reads it.
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style).with_message(repository.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_can_be_drawn() {
        let line = new_line("https://example.org/a");
        assert_eq!(line.message(), "https://example.org/a");
        assert!(
            ProgressStyle::with_template("{spinner} fetching {msg}  {bar:20} {pos}/{len} objects  {prefix}").is_ok()
        );
    }
}
