//! A section, as the job gives it, and with its files read.

use serde::Deserialize;
use serde_json::Value;
use stepwell_sdk::{Failure, Step};

use crate::content::{self, Image};
use crate::table::Table;

/// A section of input `sections`: a title and one kind of content.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Section {
    #[serde(default)]
    pub(crate) title: String,
    text: Option<String>,
    markdown: Option<String>,
    table: Option<Value>,
    /// For a table: the columns that are shown, in this order.
    columns: Option<Vec<String>>,
    file: Option<String>,
    /// For a file: the language it is marked with; none is preformatted text.
    language: Option<String>,
    image: Option<String>,
}

/// What a section shows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    /// Paragraphs of plain text.
    Text(String),
    /// Markdown.
    Markdown(String),
    /// A table.
    Table(Table),
    /// A file: its path, its text, and the language it is marked with.
    File { path: String, text: String, language: String },
    /// An image: its path and itself.
    Image { path: String, image: Image },
}

/// Returns the content of a section.
pub(crate) fn read(step: &Step, source: &str, section: &Section) -> Result<Content, Failure> {
    let Section { title: _, text, markdown, table, columns, file, language, image } = section;
    let wrong = |problem: &str| Err(Failure::invalid_input(problem));
    if columns.is_some() && table.is_none() {
        return wrong("`columns` belongs to a `table`");
    }
    if language.is_some() && file.is_none() {
        return wrong("`language` belongs to a `file`");
    }
    match (text, markdown, table, file, image) {
        (Some(text), None, None, None, None) => Ok(Content::Text(text.clone())),
        (None, Some(text), None, None, None) => Ok(Content::Markdown(text.clone())),
        (None, None, Some(value), None, None) => Ok(Content::Table(Table::new(value, columns.as_deref())?)),
        (None, None, None, Some(path), None) => {
            let language = language.clone().unwrap_or_default();
            if !language.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'_' | b'#')) {
                return wrong("`language` is no name of one");
            }
            Ok(Content::File { path: path.clone(), text: content::text(step, source, path)?, language })
        }
        (None, None, None, None, Some(path)) => {
            Ok(Content::Image { path: path.clone(), image: content::image(step, source, path)? })
        }
        (None, None, None, None, None) => wrong("it has none of `text`, `markdown`, `table`, `file` and `image`"),
        _ => wrong("it has several of `text`, `markdown`, `table`, `file` and `image`"),
    }
}
