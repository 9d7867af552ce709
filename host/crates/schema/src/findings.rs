//! The problems of one document while it is being read.

use std::sync::Arc;

use crate::problem::{Problem, Problems, Severity};
use crate::source::{Place, Source, Span};

/// Gathers problems, so that a reader can go on behind each of them.
pub(crate) struct Findings {
    source: Arc<Source>,
    problems: Vec<Problem>,
}

impl Findings {
    /// Starts with none.
    pub(crate) fn new(source: Arc<Source>) -> Self {
        Self { source, problems: Vec::new() }
    }

    /// Returns the document that is read.
    pub(crate) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Returns the place of a span of this document.
    pub(crate) fn place(&self, span: Span) -> Place {
        Place::new(Arc::clone(&self.source), span)
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
        self.problems.push(problem);
    }

    /// Ends the reading: the outcome with its warnings, or all problems if one of them is an error. Problems come in the
    /// order of the document; of identical ones, which a value used through several aliases gives, one is kept.
    pub(crate) fn finish<T>(mut self, outcome: Option<T>) -> Result<(T, Problems), Problems> {
        self.problems.sort_by_key(|problem| problem.labels.first().map_or(0, |label| label.place.span.start));
        let mut problems: Vec<Problem> = Vec::with_capacity(self.problems.len());
        for problem in self.problems {
            let start = |problem: &Problem| problem.labels.first().map(|label| label.place.span.start);
            let same_place = problems.iter().rev().take_while(|earlier| start(earlier) == start(&problem));
            if !same_place.into_iter().any(|earlier| *earlier == problem) {
                problems.push(problem);
            }
        }
        let problems = Problems(problems);
        debug_assert!(
            outcome.is_some() || problems.iter().any(|problem| problem.severity == Severity::Error),
            "a reader that gives nothing has said why"
        );
        match outcome {
            Some(outcome) if !problems.has_errors() => Ok((outcome, problems)),
            Some(_) | None => Err(problems),
        }
    }
}
