//! One document on its way to the plan: its templates compiled, its problems collected with exact places.

use std::ops::Range;
use std::sync::Arc;

use stepwell_expr::{ExprError, ExprErrorKind, Template, ValueTemplate};
use stepwell_schema::code::TOO_MANY_PROBLEMS;
use stepwell_schema::{Node, NodeKind, Place, Problem, Severity, Source, Span, Spanned};

use crate::code;
use crate::names::Names;
use crate::pinning::Pinning;

/// Most problems of one document that are listed, as when it is parsed: nobody reads more.
const MAX_LISTED: usize = 100;

/// A document and what is wrong with it so far.
pub(crate) struct Document {
    source: Arc<Source>,
    pinning: Pinning,
    problems: Vec<Problem>,
    /// Whether a problem was left out.
    more: bool,
}

impl Document {
    /// With [`Pinning::WhenReached`] the expressions are not looked at: each fails when it is evaluated.
    pub(crate) fn new(source: &Arc<Source>, pinning: Pinning) -> Self {
        Self { source: Arc::clone(source), pinning, problems: Vec::new(), more: false }
    }

    pub(crate) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    pub(crate) fn place(&self, span: Span) -> Place {
        Place::new(Arc::clone(&self.source), span)
    }

    /// Adds a problem, unless there are so many that nobody would read it.
    pub(crate) fn push(&mut self, problem: Problem) {
        // An error must not get lost behind warnings: one more of them is always listed.
        let first_error = problem.severity == Severity::Error && !self.has_errors();
        if !self.is_full() || first_error {
            self.problems.push(problem);
        } else {
            self.more = true;
        }
    }

    /// Tells whether a further error would not be listed: then there is no use in looking for it, which may be costly.
    pub(crate) fn gives_up(&mut self) -> bool {
        let gives_up = self.is_full() && self.has_errors();
        self.more |= gives_up;
        gives_up
    }

    fn is_full(&self) -> bool {
        self.problems.len() >= MAX_LISTED
    }

    fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Returns the problems in the order in which they came; where some were left out, the last one says so.
    pub(crate) fn into_problems(mut self) -> Vec<Problem> {
        if self.more {
            let severity = if self.has_errors() { Severity::Error } else { Severity::Warning };
            let end = self.source.text().len();
            let message = format!("only the first {MAX_LISTED} problems are listed");
            let note = Problem::error(TOO_MANY_PROBLEMS, message).at(self.place(Span::new(end, end)), "");
            self.problems.push(Problem { severity, ..note.help("correct these first") });
        }
        self.problems
    }

    /// Compiles a text. Where that fails the result is of no use but for going on to the next problem.
    fn template(&mut self, text: &Spanned<String>) -> Template {
        if self.pinning == Pinning::WhenReached {
            return Template::parse_lazily(&text.value);
        }
        match Template::parse(&text.value) {
            Ok(template) => {
                self.inspect(text.span, &template);
                template
            }
            Err(error) => {
                self.push_error(&error, &text.value, text.span);
                Template::literal(&text.value)
            }
        }
    }

    /// Compiles a value whose expressions see `names`, as [`Document::text`] does.
    pub(crate) fn value(&mut self, node: &Node, names: &Names<'_>) -> ValueTemplate {
        if self.pinning == Pinning::WhenReached {
            return ValueTemplate::compile_lazily(node);
        }
        match ValueTemplate::compile(node) {
            Ok(template) => {
                for (span, text) in template.templates() {
                    self.inspect(span, text);
                    names.check(self, span, text);
                }
                template
            }
            Err(errors) => {
                for located in errors {
                    let text = text_at(node, located.span).unwrap_or_default();
                    self.push_error(&located.error, text, located.span);
                }
                ValueTemplate::literal(node.to_value())
            }
        }
    }

    /// Compiles a text whose expressions see `names`.
    pub(crate) fn text(&mut self, text: &Spanned<String>, names: &Names<'_>) -> Template {
        let template = self.template(text);
        if self.pinning == Pinning::BeforeTheFirstStep {
            names.check(self, text.span, &template);
        }
        template
    }

    /// Compiles texts whose expressions see `names`.
    pub(crate) fn texts(&mut self, texts: &[Spanned<String>], names: &Names<'_>) -> Vec<Template> {
        texts.iter().map(|text| self.text(text, names)).collect()
    }

    /// Compiles an environment whose expressions see `names`.
    pub(crate) fn env(
        &mut self,
        env: &[(Spanned<String>, Spanned<String>)],
        names: &Names<'_>,
    ) -> Vec<(String, Template)> {
        env.iter().map(|(name, value)| (name.value.clone(), self.text(value, names))).collect()
    }

    /// Compiles outputs, whose expressions see `names`.
    pub(crate) fn outputs(
        &mut self,
        outputs: &[(Spanned<String>, Node)],
        names: &Names<'_>,
    ) -> Vec<(String, ValueTemplate)> {
        outputs.iter().map(|(name, node)| (name.value.clone(), self.value(node, names))).collect()
    }

    /// Returns the place of a range in the text of a scalar: exact where the document holds the text as it is, else the
    /// whole scalar (escapes and folding move characters).
    pub(crate) fn place_within(&self, span: Span, text: &str, range: &Range<usize>) -> Place {
        let offset = self.source.text().get(span.start..span.end).and_then(|written| written.find(text));
        let exact = offset.filter(|_| !text.is_empty()).map(|offset| {
            let start = span.start + offset;
            Span::new(start + range.start, start + range.end)
        });
        self.place(exact.unwrap_or(span))
    }

    /// Reports what can be seen of a template without evaluating it.
    fn inspect(&mut self, span: Span, template: &Template) {
        for fault in template.faults() {
            self.push_error(&fault, template.text(), span);
        }
        for warning in template.warnings() {
            let place = self.place_within(span, template.text(), &warning.range);
            self.push(Problem::warning(code::OLDER_DIALECT, warning.to_string()).at(place, ""));
        }
    }

    fn push_error(&mut self, error: &ExprError, text: &str, span: Span) {
        let known = match &error.kind {
            ExprErrorKind::Missing { known, .. } | ExprErrorKind::UnknownFunction { known, .. } => known.join(", "),
            _ => String::new(),
        };
        let (code, label) = if known.is_empty() {
            (code::EXPRESSION, String::new())
        } else {
            (code::NOT_FOUND, format!("known here: {known}"))
        };
        let place = self.place_within(span, text, &error.range);
        self.push(Problem::error(code, error.to_string()).at(place, label));
    }
}

/// Finds the text of the scalar or key that stands at a span.
fn text_at(node: &Node, span: Span) -> Option<&str> {
    match &node.kind {
        NodeKind::String(text) => (node.span == span).then_some(text),
        NodeKind::Array(items) => items.iter().find_map(|item| text_at(item, span)),
        NodeKind::Struct(members) => members
            .iter()
            .find_map(|(key, value)| if key.span == span { Some(key.value.as_str()) } else { text_at(value, span) }),
        NodeKind::Null | NodeKind::Boolean(_) | NodeKind::Number(_) => None,
    }
}
