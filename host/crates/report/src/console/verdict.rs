//! The end of a run: counts, what went wrong, and the error.

use comfy_table::{ContentArrangement, Table, presets};
use stepwell_run::Status;

use super::text::{self, Palette, styled};
use super::{ConsoleSettings, Verbosity};
use crate::summary::{StepEnd, Summary, ended_badly};
use crate::terminal_text::own_text;

/// Widest table, in columns: long reasons go on in further lines, and still read well in a log.
const TABLE_COLUMNS: u16 = 120;

/// The order in which counts are said.
const ORDER: [Status; 6] =
    [Status::Succeeded, Status::Failed, Status::TimedOut, Status::Cancelled, Status::Lost, Status::Skipped];

/// Returns the table of what went wrong and the line of counts, such as `5 succeeded in 0.1 s   3 sandboxed, 2 native`.
pub(crate) fn counts(summary: &Summary, settings: ConsoleSettings) -> String {
    if settings.verbosity == Verbosity::Quiet {
        return String::new();
    }
    let palette = Palette::new(settings.color);
    let said = ORDER.into_iter().filter_map(|status| {
        let count = summary.count(status);
        (count > 0).then(|| styled(palette.of(status), &format!("{count} {}", word(status))))
    });
    let said = said.collect::<Vec<_>>();
    let said = if said.is_empty() { "no steps".to_owned() } else { said.join(", ") };
    let time = summary.job().map(|job| format!(" in {}", text::time(job.elapsed))).unwrap_or_default();
    let kinds = [(summary.sandboxed(), "sandboxed"), (summary.native(), "native")];
    let kinds = kinds.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    let kinds = kinds.collect::<Vec<_>>().join(", ");
    let line = format!("{said}{time}   {kinds}");
    format!("\n{}{}\n", table(summary), line.trim_end())
}

/// Returns the error with what to do next; empty where nothing went wrong.
pub(crate) fn error(summary: &Summary, settings: ConsoleSettings) -> String {
    let Some((message, hint)) = summary.failure() else { return String::new() };
    let palette = Palette::new(settings.color);
    let word = styled(palette.bad, "error");
    let message = styled(palette.strong, &own_text(&message));
    let hint = hint.map(|hint| format!("  = {}\n", own_text(hint))).unwrap_or_default();
    format!("\n{word}: {message}\n{hint}")
}

fn word(status: Status) -> &'static str {
    match status {
        Status::TimedOut => "timed out",
        other => other.as_str(),
    }
}

/// A table of the steps that ended badly; empty where there are none.
fn table(summary: &Summary) -> String {
    let bad = |end: &&StepEnd| !matches!(end.status, Status::Succeeded | Status::Skipped);
    let ends = summary.steps().iter().filter(bad).collect::<Vec<_>>();
    if ends.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(TABLE_COLUMNS)
        .set_header(["step", "status", "kind", "time", "reason"]);
    for end in ends {
        let reason = end.reason.as_deref().map(own_text).unwrap_or_default();
        let kind = end.kind.map(text::kind).unwrap_or_default();
        let cells = [
            own_text(&end.step.to_string()),
            ended_badly(end.status).to_owned(),
            kind.to_owned(),
            text::time(end.elapsed),
            reason,
        ];
        table.add_row(cells);
    }
    format!("{}\n\n", table.trim_fmt())
}
