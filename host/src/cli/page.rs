//! Markdown pages as plain text: what a terminal can show of them.

use comfy_table::Table;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::table;

/// Columns of a line of text. What stands in a code block or a table is as wide as it is.
const COLUMNS: usize = 100;

/// Returns a page as plain text: headings underlined, code indented, tables in columns, links by their words.
pub(super) fn plain(page: &str) -> String {
    let mut plain = Plain::default();
    for event in Parser::new_ext(page, Options::ENABLE_TABLES) {
        plain.take(event);
    }
    plain.done
}

/// Returns the first sentence of the first paragraph.
pub(super) fn first_sentence(page: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for event in Parser::new(page) {
        match event {
            Event::Start(Tag::Paragraph) => inside = true,
            Event::End(TagEnd::Paragraph) => break,
            Event::Text(words) | Event::Code(words) if inside => text += &words,
            Event::SoftBreak | Event::HardBreak if inside => text.push(' '),
            _ => {}
        }
    }
    match text.split_once(". ") {
        Some((first, _)) => format!("{first}."),
        None => text,
    }
}

/// A page that is being written.
#[derive(Default)]
struct Plain {
    done: String,
    /// The words of the block that is being read.
    words: String,
    /// Whether words are taken as they are, lines and all.
    code: bool,
    /// The lists that are open: the number of the next item, or none where they are not numbered.
    lists: Vec<Option<u64>>,
    /// What stands in front of the next block: the mark of an item.
    mark: String,
    row: Vec<String>,
    table: Option<Table>,
    /// Whether the last block was an item of a list.
    after_item: bool,
}

impl Plain {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::End(tag) => self.end(tag),
            Event::Text(words) | Event::InlineHtml(words) | Event::Html(words) => self.words += &words,
            Event::Code(words) => self.words += &format!("`{words}`"),
            Event::SoftBreak => self.words.push(' '),
            Event::HardBreak => self.words.push('\n'),
            Event::Rule => self.block("", &"-".repeat(COLUMNS)),
            // Kinds of Markdown that are not turned on.
            Event::InlineMath(_) | Event::DisplayMath(_) | Event::FootnoteReference(_) | Event::TaskListMarker(_) => {}
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::CodeBlock(_) => {
                self.item_text();
                self.code = true;
            }
            Tag::List(first) => {
                self.item_text();
                self.lists.push(*first);
            }
            Tag::Item => self.mark = self.next_mark(),
            Tag::Table(_) => self.table = Some(Table::new()),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(level) => {
                let words = std::mem::take(&mut self.words);
                let line = if level as usize <= 1 { "=" } else { "-" };
                self.block("", &format!("{words}\n{}", line.repeat(words.chars().count())));
            }
            TagEnd::Paragraph => self.paragraph(),
            TagEnd::Item => self.item_text(),
            TagEnd::List(_) => {
                self.lists.pop();
            }
            TagEnd::CodeBlock => {
                self.code = false;
                let words = std::mem::take(&mut self.words);
                let indented: String = words.lines().map(|line| format!("    {line}\n")).collect();
                self.block("", indented.trim_end());
            }
            TagEnd::TableCell => self.row.push(std::mem::take(&mut self.words)),
            TagEnd::TableHead => {
                let mut table = table::table([]);
                table.set_header(std::mem::take(&mut self.row));
                self.table = Some(table);
            }
            TagEnd::TableRow => {
                let row = std::mem::take(&mut self.row);
                self.table.iter_mut().for_each(|table| {
                    table.add_row(row.clone());
                });
            }
            TagEnd::Table => {
                let text = self.table.take().map(|table| table::text(&table)).unwrap_or_default();
                self.block("", text.trim_end());
            }
            _ => {}
        }
    }

    fn next_mark(&mut self) -> String {
        let depth = self.lists.len().saturating_sub(1);
        let mark = match self.lists.last_mut() {
            Some(Some(number)) => {
                *number += 1;
                format!("{}. ", *number - 1)
            }
            Some(None) | None => "- ".to_owned(),
        };
        format!("{}{mark}", "  ".repeat(depth))
    }

    /// Ends the text of an item that has no paragraph of its own.
    fn item_text(&mut self) {
        if !self.words.trim().is_empty() {
            self.paragraph();
        }
    }

    fn paragraph(&mut self) {
        let words = std::mem::take(&mut self.words);
        let mark = std::mem::take(&mut self.mark);
        let indent = " ".repeat(mark.chars().count());
        let text = wrapped(&words, COLUMNS.saturating_sub(indent.len()), &indent);
        self.block(&mark, &text);
    }

    /// Adds a block, with an empty line in front unless it is an item behind another.
    fn block(&mut self, mark: &str, text: &str) {
        if !self.done.is_empty() && (mark.is_empty() || !self.after_item) {
            self.done.push('\n');
        }
        self.after_item = !mark.is_empty();
        self.done += &format!("{mark}{text}\n");
    }
}

/// Breaks a text into lines of so many columns; all but the first are indented.
fn wrapped(text: &str, columns: usize, indent: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for part in text.split('\n') {
        let mut line = String::new();
        for word in part.split_whitespace() {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > columns {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line += word;
        }
        lines.push(line);
    }
    lines.join(&format!("\n{indent}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_as_text() {
        let page = "# name\n\nSays [hello](x.md), to `you`. Twice.\n\n```yaml\n- a\n  b\n```\n\n| a | b |\n| - | - |\n| `x` | y |\n\n- one\n- two\n  more\n\nEnd.\n";
        let expected = "name\n====\n\nSays hello, to `you`. Twice.\n\n    - a\n      b\n\n a    b\n `x`  y\n\n- one\n- two more\n\nEnd.\n";
        assert_eq!(plain(page), expected);
        assert_eq!(first_sentence(page), "Says hello, to you.");
        assert_eq!(first_sentence(""), "");
    }

    #[test]
    fn lines_are_broken_at_words() {
        assert_eq!(wrapped("aa bb cc", 5, "  "), "aa bb\n  cc");
        assert_eq!(wrapped("a\nb", 5, ""), "a\nb");
    }
}
