//! The problems of one document while it is being read, be it in several files.

use std::sync::Arc;

use crate::code;
use crate::problem::{Problem, Problems, Severity};
use crate::source::{Place, Source, Span};

/// Most errors of one document that are listed, and likewise most warnings. Nobody reads more, and each costs a search for
/// its line.
const MAX_LISTED: usize = 100;

/// Most costly problems of one document that are worded, and likewise most such warnings. A value used through many
/// aliases gives the same one again and again, and the parts of a pipeline keep warnings of their own.
const MAX_WORDED: usize = 10 * MAX_LISTED;

/// Gathers problems, so that a reader can go on behind each of them.
///
/// Of identical problems, which a value used through several aliases gives, one is kept.
pub(crate) struct Findings {
    source: Arc<Source>,
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
    /// Whether a problem was left out.
    more: bool,
    /// How often there was asked for room, for errors and for warnings.
    asked: [usize; 2],
}

impl Findings {
    /// Starts with none.
    pub(crate) fn new(source: Arc<Source>) -> Self {
        Self { source, errors: Vec::new(), warnings: Vec::new(), more: false, asked: [0, 0] }
    }

    /// Returns the document that is read.
    pub(crate) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Returns the place to underline for a span of this document: its first line.
    pub(crate) fn place(&self, span: Span) -> Place {
        let text = self.source.text().get(span.start..span.end).unwrap_or("");
        let first_line = text.split(['\r', '\n']).next().unwrap_or("");
        Place::new(Arc::clone(&self.source), Span::new(span.start, span.start + first_line.len()))
    }

    /// Tells whether one more problem would be listed; if not, notes that there was one. For problems that are costly to
    /// word: whoever is told that there is room adds one, so of several errors the first is always there.
    pub(crate) fn has_room(&mut self, severity: Severity) -> bool {
        let (listed, asked) = match severity {
            Severity::Error => (self.errors.len(), &mut self.asked[0]),
            Severity::Warning => (self.warnings.len(), &mut self.asked[1]),
        };
        *asked += 1;
        let room = listed < MAX_LISTED && *asked <= MAX_WORDED;
        self.more |= !room;
        room
    }

    /// Adds an error: what is wrong, the words beside the underline, and what to do.
    pub(crate) fn error(
        &mut self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(Problem::error(code, message).at(self.place(span), label).help(help));
    }

    /// Adds a warning in the same way.
    pub(crate) fn warning(
        &mut self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(Problem::warning(code, message).at(self.place(span), label).help(help));
    }

    /// Adds a problem that is already put together.
    pub(crate) fn push(&mut self, problem: Problem) {
        let listed = match problem.severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        if listed.contains(&problem) {
            return;
        }
        if listed.len() < MAX_LISTED {
            listed.push(problem);
        } else {
            self.more = true;
        }
    }

    /// Tells whether there is an error so far.
    pub(crate) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Takes the warnings so far out, for a part of the document that keeps its own.
    pub(crate) fn take_warnings(&mut self) -> Vec<Problem> {
        std::mem::take(&mut self.warnings)
    }

    /// Ends the reading: the outcome with its warnings, or all problems if one of them is an error. Problems come in the
    /// order of the document.
    pub(crate) fn finish<T>(self, outcome: Option<T>) -> Result<(T, Problems), Problems> {
        debug_assert!(outcome.is_some() || !self.errors.is_empty(), "a reader that gives nothing has said why");
        let refused = !self.errors.is_empty();
        let mut problems = self.errors;
        problems.extend(self.warnings);
        problems.sort_by_key(|problem| problem.labels.first().map_or(0, |label| self.source.offset_of(&label.place)));
        if self.more {
            problems.push(too_many(&self.source, refused));
        }
        match outcome {
            Some(outcome) if !refused => Ok((outcome, Problems(problems))),
            Some(_) | None => Err(Problems(problems)),
        }
    }
}

fn too_many(source: &Arc<Source>, refused: bool) -> Problem {
    let severity = if refused { Severity::Error } else { Severity::Warning };
    let end = source.text().len();
    let problem = Problem::error(code::TOO_MANY_PROBLEMS, format!("only the first {MAX_LISTED} problems are listed"))
        .at(Place::new(Arc::clone(source), Span::new(end, end)), "")
        .help("correct these first");
    Problem { severity, ..problem }
}
