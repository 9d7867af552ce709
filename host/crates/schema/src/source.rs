//! Where a piece of a document stood: sources, spans and places.

use std::fmt;
use std::sync::Arc;

use crate::code;
use crate::problem::Problem;

/// One document text with the name under which people know it.
///
/// A document that stands in several files, as a pipeline may, has one source too: their texts one behind the other, so
/// that a span says place and file at once. Every [`Place`] in it lies in the file that it belongs to.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    name: String,
    text: String,
    /// The files of which this is made, in the order of their texts; none for the source of a single file.
    parts: Vec<Part>,
}

/// One file of a document that stands in several.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    /// Where its text begins.
    start: usize,
    source: Arc<Source>,
}

impl Source {
    /// Makes a source. `name` is what messages show, normally a path relative to where the user stands.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: text.into(), parts: Vec::new() })
    }

    /// Makes a source from the bytes of a file.
    ///
    /// # Errors
    /// The bytes are not UTF-8; the problem points at the first one that is not.
    pub fn from_bytes(name: impl Into<String>, bytes: Vec<u8>) -> Result<Arc<Self>, Problem> {
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(name, text)),
            Err(error) => {
                let start = error.utf8_error().valid_up_to();
                // What stands before the first invalid byte is the same in the repaired text, so the place holds there.
                let source = Self::new(name, String::from_utf8_lossy(error.as_bytes()));
                let span = Span::new(start, start + char::REPLACEMENT_CHARACTER.len_utf8());
                Err(Problem::error(code::INVALID_UTF8, "the text is not UTF-8")
                    .at(Place::new(source, span), "this byte belongs to no character")
                    .help("save it as UTF-8"))
            }
        }
    }

    /// Joins the files of one document, the main one first; each is the source of a single file. Their texts are a line
    /// break apart: [`Source::start_behind`] says where the next one begins.
    pub(crate) fn joined(files: &[Arc<Self>]) -> Arc<Self> {
        let first = match files {
            [] => return Self::new("", ""),
            [only] => return Arc::clone(only),
            [first, ..] => first,
        };
        let mut joined = Self { name: first.name.clone(), text: String::new(), parts: Vec::with_capacity(files.len()) };
        for source in files {
            if !joined.parts.is_empty() {
                joined.text.push('\n');
            }
            joined.parts.push(Part { start: joined.text.len(), source: Arc::clone(source) });
            joined.text.push_str(&source.text);
        }
        Arc::new(joined)
    }

    /// Returns where the text of a file begins that is joined behind a file which begins at `start`.
    pub(crate) fn start_behind(&self, start: usize) -> usize {
        start + self.text.len() + 1
    }

    /// Returns the name that messages show; of a document in several files, that of the main one.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns line and column of a byte offset, both counted from 1; the column counts characters.
    /// An offset behind the end gives the position behind the last character; in a document of several files they are
    /// those in the file.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        if let Some(part) = self.part_at(offset) {
            return part.source.line_column(offset - part.start);
        }
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &self.text[..end];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// Returns the file that an offset lies in, if there are several.
    fn part_at(&self, offset: usize) -> Option<&Part> {
        let behind = self.parts.partition_point(|part| part.start <= offset);
        self.parts.get(behind.checked_sub(1)?)
    }

    /// Returns the offset at which a place of this document begins, its file found again.
    pub(crate) fn offset_of(&self, place: &Place) -> usize {
        let part = self.parts.iter().find(|part| Arc::ptr_eq(&part.source, &place.source));
        part.map_or(0, |part| part.start) + place.span.start
    }
}

/// A range of bytes in a source: `start` inclusive, `end` exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// Makes a span from its first byte and one past its last.
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }
}

/// A value together with where it stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stood in the document that it belongs to.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Puts a value and its span together.
    pub const fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// A span with the source it lies in, for messages that leave the document behind.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    /// The document; the source of a single file.
    pub source: Arc<Source>,
    /// The range in it.
    pub span: Span,
}

impl Place {
    /// Puts a source and a span together. In a document of several files the place lies in the one file in which the span
    /// begins, and ends there at the latest.
    pub fn new(source: Arc<Source>, span: Span) -> Self {
        let Some(part) = source.part_at(span.start) else { return Self { source, span } };
        let within = |offset: usize| offset.saturating_sub(part.start).min(part.source.text.len());
        let span = Span::new(within(span.start), within(span.end.max(span.start)));
        Self { source: Arc::clone(&part.source), span }
    }
}

impl fmt::Display for Place {
    /// Writes `NAME:LINE:COLUMN`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.source.line_column(self.span.start);
        write!(f, "{}:{line}:{column}", self.source.name())
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(offset: usize, expected: &str) {
        let joined = Source::joined(&[Source::new("a", "one\ntwo"), Source::new("b", ""), Source::new("c", "é\nx")]);
        let place = Place::new(Arc::clone(&joined), Span::new(offset, offset + 100));
        let rest = &place.source.text()[place.span.start..place.span.end];
        assert_eq!(format!("{place} {rest}"), expected);
        assert_eq!(joined.offset_of(&place), offset.min(joined.text().len()));
        let (line, column) = joined.line_column(offset);
        assert_eq!(place.to_string(), format!("{}:{line}:{column}", place.source.name()));
    }

    #[test]
    fn places_lie_in_one_file() {
        check(0, "a:1:1 one\ntwo");
        check(4, "a:2:1 two");
        check(7, "a:2:4 ");
        check(8, "b:1:1 ");
        check(9, "c:1:1 é\nx");
        check(12, "c:2:1 x");
        check(13, "c:2:2 ");
        check(99, "c:2:2 ");
    }

    #[test]
    fn a_single_file_is_its_own_source() {
        let only = Source::new("a", "x");
        assert!(Arc::ptr_eq(&Source::joined(&[Arc::clone(&only)]), &only));
        assert_eq!(only.start_behind(5), 7);
    }
}
