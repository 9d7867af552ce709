//! What the log shows.

use stepwell_sdk::{Level, Step};
use stepwell_step_parts::table::Table;

use crate::summary::{Counts, MAX_FAILED, Summary};

/// Most reports that the table lists.
const MAX_ROWS: usize = 50;

/// Most failed tests among the causes of a failure; the host keeps 32 causes, and thresholds are among them.
pub(crate) const MAX_CAUSES: usize = 20;

/// Shows the numbers as a table, and the tests that failed.
pub(crate) fn show(step: &Step, summary: &Summary) {
    let mut table = Table::new(&["report", "tests", "failures", "errors", "skipped", "seconds"]);
    for (report, counts) in summary.reports.iter().take(MAX_ROWS) {
        table.row(row(report, counts));
    }
    if let Some(more) = summary.reports.len().checked_sub(MAX_ROWS).filter(|more| *more > 0) {
        table.row([format!("and {more} more")]);
    }
    table.row(row("all", &summary.counts));
    table.lines().iter().for_each(|line| step.info(line));
    let unsuccessful = summary.counts.failures + summary.counts.errors;
    if unsuccessful > 0 {
        let _group = step.group("tests that failed");
        for failed in &summary.failed {
            step.log(Level::Error, failed, &[("result", &failed.result)]);
        }
        if unsuccessful > MAX_FAILED as u64 {
            step.error(format!("and {} more", unsuccessful - MAX_FAILED as u64));
        }
    }
}

fn row(report: &str, counts: &Counts) -> [String; 6] {
    let Counts { tests, failures, errors, skipped, seconds } = counts;
    let [tests, failures, errors, skipped] = [tests, failures, errors, skipped].map(u64::to_string);
    [report.to_owned(), tests, failures, errors, skipped, format!("{seconds:.3}")]
}
