//! What the log shows.

use stepwell_sdk::Step;
use stepwell_step_parts::table::Table;

use crate::record::{FileCounts, Record, Share};

/// Most files that are shown and returned; the longest names of so many fit into the 256 KiB of an output.
const MAX_WORST: usize = 30;

/// Shows the worst files and the whole as a table, and returns the files.
pub(crate) fn show(step: &Step, record: &Record, base: Option<&Record>, worst: usize) -> Vec<FileCounts> {
    let worst = worst_files(record, worst.min(MAX_WORST));
    let mut table = match base {
        None => Table::new(&["file", "lines", "uncovered"]),
        Some(_) => Table::new(&["file", "lines", "uncovered", "change"]),
    };
    for (file, share) in &worst {
        table.row(row(file, *share, base.map(|base| base.share_of(file))));
    }
    let (lines, branches) = record.shares();
    let before = base.map(Record::shares);
    table.row(row("all lines", lines, before.map(|(lines, _)| Some(lines))));
    table.row(row("all branches", branches, before.map(|(_, branches)| Some(branches))));
    table.lines().iter().for_each(|line| step.info(line));
    let counts = |(file, share): (&str, Share)| FileCounts {
        file: file.to_owned(),
        lines: share.percent(),
        lines_covered: share.covered,
        lines_valid: share.valid,
    };
    worst.into_iter().map(counts).collect()
}

/// Returns the files with most uncovered lines, those with the smaller share first among equals.
fn worst_files(record: &Record, count: usize) -> Vec<(&str, Share)> {
    let mut files: Vec<_> = record.files().filter(|(_, share)| share.covered < share.valid).collect();
    files.sort_by_key(|(_, share)| (std::cmp::Reverse(share.valid - share.covered), share.valid));
    files.truncate(count);
    files
}

/// Returns a row; the last text is for a comparison, and says so where a file was not there before.
fn row(name: &str, share: Share, before: Option<Option<Share>>) -> Vec<String> {
    let uncovered = share.valid - share.covered;
    let mut row = vec![name.to_owned(), format!("{:.2} %", share.percent()), uncovered.to_string()];
    row.extend(before.map(|before| match before {
        None => "new".to_owned(),
        Some(before) => format!("{:+.2}", share.percent() - before.percent()),
    }));
    row
}
