//! `--update`: writes what came instead of what was expected. How a case ends is not changed: that a function fails now
//! is for people to judge.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stepwell_schema::{CaseTable, Source};

use super::Tried;
use super::judge::Correction;
use crate::cli::diagnostics::counted;
use crate::cli::error::{CommandError, Exit};

/// Rewrites the tables. What is left for people to change is how the program ends.
pub(super) fn update(paths: &[PathBuf], tables: &[CaseTable], tried: &[Tried<'_>]) -> Result<Exit, CommandError> {
    let mut left = false;
    for (path, table) in paths.iter().zip(tables) {
        let mut corrections = Vec::new();
        for case in tried.iter().filter(|case| Arc::ptr_eq(&case.table.source, &table.source)) {
            for difference in &case.judged.differences {
                match &difference.correction {
                    Some(correction) => corrections.push(correction.clone()),
                    None => left = true,
                }
            }
        }
        if !corrections.is_empty() {
            left |= rewrite(path, table, corrections)?;
        }
    }
    Ok(if left { Exit::StepFailed } else { Exit::Success })
}

/// Rewrites one table; tells whether something could not be written.
fn rewrite(path: &Path, table: &CaseTable, corrections: Vec<Correction>) -> Result<bool, CommandError> {
    let (text, written, left) = corrected(table.source.text(), corrections);
    // A part that several cases share, or that is written in an unusual way, may not take the new text.
    if let Err(problems) = CaseTable::parse(Source::new(table.source.name(), text.clone())) {
        return Err(CommandError::Document(problems));
    }
    replace(path, &text).map_err(|error| CommandError::file("cannot write", path, error))?;
    crate::cli::print(format!("{} rewritten in {}\n", counted(written, "expectation"), path.display()).as_bytes())?;
    Ok(left)
}

/// Returns the text with all corrections, how many were made, and whether some were not, because another one is about the
/// same place.
fn corrected(text: &str, mut corrections: Vec<Correction>) -> (String, usize, bool) {
    corrections.sort_by_key(|correction| correction.span);
    corrections.dedup();
    let (mut done, mut written, mut end, mut left) = (String::new(), 0, 0, false);
    for correction in corrections {
        let start = start_of(text, correction.span.start);
        let Some(between) = text.get(end..start) else {
            left = true;
            continue;
        };
        done += between;
        done += &correction.text;
        end = correction.span.end;
        written += 1;
    }
    done += text.get(end..).unwrap_or_default();
    (done, written, left)
}

/// Returns where a value begins whose content begins at `content`: of a block, at the `|` or `>` that ends the line before.
fn start_of(text: &str, content: usize) -> usize {
    let before = text.get(..content).unwrap_or_default().trim_end_matches([' ', '\t']);
    let before = before.trim_end_matches(['\n', '\r', ' ', '\t']).len()..before.len();
    if !text[before.clone()].contains('\n') {
        return content;
    }
    let line_start = text[..before.start].rfind('\n').map_or(0, |end| end + 1);
    let line = &text[line_start..before.start];
    let line = line.find(" #").map_or(line, |comment| &line[..comment]).trim_end();
    let word = line.rfind([' ', '\t']).map_or(line, |space| &line[space + 1..]);
    let is_indicator = word.starts_with(['|', '>']) && word[1..].chars().all(|next| "+-0123456789".contains(next));
    if is_indicator { line_start + line.len() - word.len() } else { content }
}

/// Replaces a file as a whole.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().permissions(fs::metadata(path)?.permissions()).tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use stepwell_schema::Span;

    use super::*;

    #[test]
    fn blocks_are_replaced_as_a_whole() {
        for (text, expected) in [
            ("a: |\n  one\n", "a: 1\n"),
            ("a: >-  # said so\n\n  one\nb: 2\n", "a: 1\nb: 2\n"),
            ("a:\n  one\n", "a:\n  1\n"),
            ("a: one\n", "a: 1\n"),
        ] {
            let start = text.find("one").expect("it is there");
            let correction = Correction { span: Span::new(start, start + 3), text: "1".to_owned() };
            assert_eq!(corrected(text, vec![correction]).0, expected);
        }
    }

    #[test]
    fn corrections_do_not_overlap() {
        let to = |start, end, text: &str| Correction { span: Span::new(start, end), text: text.to_owned() };
        let (text, written, left) =
            corrected("a: one, b: two", vec![to(11, 14, "2"), to(3, 6, "1"), to(3, 6, "1"), to(4, 5, "x")]);
        assert_eq!((text.as_str(), written, left), ("a: 1, b: 2", 2, true));
    }
}
