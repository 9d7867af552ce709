//! The page as Markdown, for places that draw it: descriptions of releases and merge requests.

use crate::section::Content;
use crate::table::{Cell, Table};

/// Characters that mean something to Markdown or HTML somewhere in a line.
const SPECIAL: [char; 17] = ['\\', '`', '*', '_', '{', '}', '[', ']', '<', '>', '(', ')', '#', '|', '~', '!', '&'];

/// Returns the page up to its sections.
pub(crate) fn start(title: &str) -> String {
    format!("# {}\n", line(title))
}

/// Returns a section.
pub(crate) fn section(title: &str, content: &Content) -> String {
    let heading = if title.is_empty() { String::new() } else { format!("\n## {}\n", line(title)) };
    let content = match content {
        Content::Text(text) => paragraphs(text),
        Content::Markdown(text) => format!("{}\n", text.trim_end()),
        Content::Table(table) => of_table(table),
        Content::File { path, text, language } => {
            let fence = fence(text);
            let text = text.trim_end_matches('\n');
            format!("{}\n\n{fence}{language}\n{text}\n{fence}\n", line(path))
        }
        Content::Image { path, image } => format!("![{}]({})\n", line(path), image.url()),
    };
    format!("{heading}\n{content}")
}

/// Returns lines as lines: a line feed alone would join them.
fn paragraphs(text: &str) -> String {
    let mut lines = text.trim_end().lines().peekable();
    let mut page = String::new();
    while let Some(line) = lines.next() {
        page.push_str(&escaped(line));
        let goes_on = !line.trim().is_empty() && lines.peek().is_some_and(|next| !next.trim().is_empty());
        page.push_str(if goes_on { "\\\n" } else { "\n" });
    }
    page
}

fn of_table(table: &Table) -> String {
    if table.headings.is_empty() {
        return "–\n".to_owned();
    }
    let is_number = |column: usize| table.rows.iter().all(|row| row.get(column).is_some_and(|cell| cell.is_number));
    let rule = |column: usize| if is_number(column) && !table.rows.is_empty() { " ---: |" } else { " --- |" };
    let rules: String = (0..table.headings.len()).map(rule).collect();
    let headings: String = table.headings.iter().map(|heading| format!(" {} |", line(heading))).collect();
    let cell = |cell: &Cell| format!(" {} |", escaped(&cell.text).replace('\n', "<br>"));
    let row = |row: &Vec<Cell>| format!("|{}\n", row.iter().map(cell).collect::<String>());
    let rows: String = table.rows.iter().map(row).collect();
    let more = if table.more == 0 { String::new() } else { format!("\nand {} more\n", table.more) };
    format!("|{headings}\n|{rules}\n{rows}{more}")
}

/// Returns a fence that is longer than each in the text.
fn fence(text: &str) -> String {
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or_default();
    "`".repeat((longest + 1).max(3))
}

/// Returns a text as one line.
fn line(text: &str) -> String {
    escaped(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Returns a text of which nothing is markup.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    // What stands before in the line: nothing but blanks, or digits that a point would make the number of a list.
    let (mut begins, mut numbers) = (true, false);
    while let Some(character) = characters.next() {
        let ends = characters.peek().is_none_or(|next| next.is_whitespace());
        let is_marker = begins && matches!(character, '-' | '+' | '=') || numbers && ends && character == '.';
        if SPECIAL.contains(&character) || is_marker {
            escaped.push('\\');
        }
        match character {
            '\n' | '\t' => escaped.push(character),
            '\r' => {}
            control if control.is_control() => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
        numbers = (begins || numbers) && character.is_ascii_digit();
        begins = character == '\n' || begins && character.is_whitespace();
    }
    escaped
}
