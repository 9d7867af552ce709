//! What is wrong with a document: one [`Problem`] each, all of a stage together as [`Problems`].

use std::fmt;

use crate::source::Place;

/// How much a problem weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The document is used all the same.
    Warning,
    /// The document is refused.
    Error,
}

/// A place that a problem points at, with the words beside the underline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The underlined range.
    pub place: Place,
    /// A short text beside it; may be empty.
    pub text: String,
}

/// One thing wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// A stable identifier in kebab case, such as `unknown-key`.
    pub code: &'static str,
    /// Whether the document is refused for it.
    pub severity: Severity,
    /// A lower-case fragment without full stop; user text in backticks.
    pub message: String,
    /// The underlined places, the main one first. Empty only where no text exists (an unreadable file).
    pub labels: Vec<Label>,
    /// What to do next.
    pub help: Option<String>,
}

impl Problem {
    /// Makes an error without place.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Error, message: message.into(), labels: Vec::new(), help: None }
    }

    /// Makes a warning without place.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// Adds an underlined place with the words beside it.
    #[must_use]
    pub fn at(mut self, place: Place, text: impl Into<String>) -> Self {
        self.labels.push(Label { place, text: text.into() });
        self
    }

    /// Sets what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Problem {
    /// Writes `PLACE: MESSAGE` on one line; help and labels are left to the door that draws them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(label) = self.labels.first() {
            write!(f, "{}: ", label.place)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

/// The problems of one stage, in the order of the document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Tells whether one of them refuses the document.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Tells whether there is none at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Iterates over all of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl Extend<Problem> for Problems {
    fn extend<I: IntoIterator<Item = Problem>>(&mut self, iter: I) {
        self.0.extend(iter);
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Problems {
    /// Writes one problem a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
