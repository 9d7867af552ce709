//! Where a piece of a document stood: sources, spans and places.

use std::fmt;
use std::sync::Arc;

use crate::code;
use crate::problem::Problem;

/// One document text with the name under which people know it.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    name: String,
    text: String,
}

impl Source {
    /// Makes a source. `name` is what messages show, normally a path relative to where the user stands.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: text.into() })
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

    /// Returns the name that messages show.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns line and column of a byte offset, both counted from 1; the column counts characters.
    /// An offset behind the end gives the position behind the last character.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &self.text[..end];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
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
    /// The document.
    pub source: Arc<Source>,
    /// The range in it.
    pub span: Span,
}

impl Place {
    /// Puts a source and a span together.
    pub fn new(source: Arc<Source>, span: Span) -> Self {
        Self { source, span }
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
