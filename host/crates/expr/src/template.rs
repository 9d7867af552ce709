//! A text with expressions in it.

use std::fmt;
use std::sync::Arc;

use stepwell_schema::Value;

use crate::context::ContextUse;
use crate::dialect::{Interpolation, read_interpolation};
use crate::error::{ExprError, ExprErrorKind, ExprWarning};
use crate::evaluate::Evaluation;
use crate::limit::{Budget, MAX_TEMPLATE_BYTES, check_value_depth};
use crate::marked::Marked;
use crate::operand::{Plain, Settled};
use crate::parse::{ESCAPED_OPEN, OPEN};
use crate::scope::Scope;
use crate::syntax::{self, Expr, Segment};

/// A text with expressions, compiled once and evaluated often. Cheap to clone.
///
/// ```
/// use std::collections::BTreeMap;
/// use stepwell_expr::{Marked, Scope, StepOutputs, Template, Values};
///
/// let inputs = Values::from([("count".to_owned(), Marked::plain(2.0))]);
/// let (none, steps) = (Values::new(), StepOutputs::new());
/// let scope = Scope {
///     env: &none,
///     vars: &none,
///     inputs: &inputs,
///     steps: &steps,
///     work_dir: "/work",
///     func_dir: "",
///     output_file: None,
///     export_file: None,
/// };
/// let template = Template::parse("${{ inputs.count + 1 }}")?;
/// assert_eq!(template.evaluate(&scope)?, Marked::plain(3.0));
/// # Ok::<(), stepwell_expr::ExprError>(())
/// ```
#[derive(Clone)]
pub struct Template(Arc<Inner>);

struct Inner {
    text: Box<str>,
    body: Body,
    warnings: Vec<ExprWarning>,
}

/// What a text consists of.
enum Body {
    /// The text itself, with nothing in it to read.
    Verbatim,
    /// Pieces; without an expression among them there is at most one, which is text.
    Segments(Vec<Segment>),
    /// What cannot be read: every evaluation gives this error.
    Unreadable(ExprError),
}

impl Template {
    /// Reads a text of either dialect.
    ///
    /// # Errors
    /// The first mistake in the text; [`ExprErrorKind::TemplateTooLong`] and [`ExprErrorKind::TooDeep`] for the bounds
    /// [`MAX_TEMPLATE_BYTES`] and [`MAX_DEPTH`](crate::MAX_DEPTH). A name or function that does not exist is an error
    /// of the evaluation; [`Template::faults`] tells earlier.
    pub fn parse(text: &str) -> Result<Self, ExprError> {
        if !text.contains(OPEN) {
            return Ok(Self::literal(text));
        }
        if text.len() > MAX_TEMPLATE_BYTES {
            return Err(ExprErrorKind::TemplateTooLong.at(0..0));
        }
        let mut warnings = Vec::new();
        let segments = read_segments(text, &mut warnings)?;
        Ok(Self(Arc::new(Inner { text: text.into(), body: Body::Segments(segments), warnings })))
    }

    /// Reads a text as [`Template::parse`] does; what cannot be read becomes a template whose every evaluation gives the
    /// error. For callers that may speak of mistakes only once the text is needed.
    pub fn parse_lazily(text: &str) -> Self {
        Self::parse(text).unwrap_or_else(|error| Self::unreadable(text, error))
    }

    pub(crate) fn unreadable(text: &str, error: ExprError) -> Self {
        Self(Arc::new(Inner { text: text.into(), body: Body::Unreadable(error), warnings: Vec::new() }))
    }

    /// Makes a template that is `text` as it stands, also where that looks like an expression.
    pub fn literal(text: &str) -> Self {
        Self(Arc::new(Inner { text: text.into(), body: Body::Verbatim, warnings: Vec::new() }))
    }

    /// Returns the source text.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Tells whether there is no expression in it: then every evaluation gives the same text and none fails.
    pub fn is_literal(&self) -> bool {
        self.as_literal().is_some()
    }

    /// Returns the text that every evaluation gives, unescaped, if there is no expression.
    pub fn as_literal(&self) -> Option<&str> {
        match (&self.0.body, self.segments()) {
            (Body::Verbatim, _) => Some(&self.0.text),
            (Body::Segments(_), [Segment::Text(text)]) => Some(text),
            (Body::Segments(_) | Body::Unreadable(_), _) => None,
        }
    }

    /// Evaluates with types: a single expression keeps the type of its value, also with white space around it if the
    /// value is an array or a struct; everything else is joined to text.
    ///
    /// # Errors
    /// The first thing that an expression refuses, also when it exceeds [`MAX_PRODUCED_BYTES`](crate::MAX_PRODUCED_BYTES),
    /// [`MAX_COMPARED_BYTES`](crate::MAX_COMPARED_BYTES) or [`MAX_VALUE_DEPTH`](crate::MAX_VALUE_DEPTH).
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Marked, ExprError> {
        self.evaluate_within(scope, &Budget::new())
    }

    /// Evaluates to text, with a flag that tells whether it is sensitive. A template that is a single expression gives
    /// `null` for null; null among other text is `<null>`.
    ///
    /// # Errors
    /// As [`Template::evaluate`]; besides a number without text form.
    pub fn evaluate_text(&self, scope: &Scope<'_>) -> Result<(String, bool), ExprError> {
        self.evaluate_text_within(scope, &Budget::new())
    }

    /// Returns every context that an expression names, in the order of the text. Evaluation depends on nothing else.
    ///
    /// Where both dialects have a reading (`env.A-1`) the names of both are given, see [`ContextUse::certain`].
    pub fn contexts(&self) -> impl Iterator<Item = ContextUse<'_>> {
        syntax::contexts(self.segments()).into_iter()
    }

    /// Returns what is sure to fail when an evaluation gets there: names and functions that do not exist, and wrong
    /// numbers of arguments. An evaluation need not get there, as in `false && nonsense`.
    pub fn faults(&self) -> Vec<ExprError> {
        syntax::faults(self.segments(), &self.0.text)
    }

    /// Returns what works but should be written in another way, in the order of the text.
    pub fn warnings(&self) -> &[ExprWarning] {
        &self.0.warnings
    }

    pub(crate) fn evaluate_within(&self, scope: &Scope<'_>, budget: &Budget) -> Result<Marked, ExprError> {
        if let Some(text) = self.as_literal() {
            return Ok(Marked::plain(text));
        }
        self.refuse_unreadable()?;
        let evaluation = Evaluation::new(scope, &self.0.text, budget);
        if let [Segment::Expr(expr)] = self.segments() {
            return into_result(evaluation.settled(expr)?, expr, budget);
        }
        if let Some(expr) = self.expr_in_white_space() {
            let settled = evaluation.settled(expr)?;
            return match &settled.plain {
                Plain::Value(value) if matches!(**value, Value::Array(_) | Value::Struct(_)) => {
                    into_result(settled, expr, budget)
                }
                Plain::Value(_) | Plain::Text(_) => self.within_white_space(settled, expr, budget),
            };
        }
        let (text, sensitive) = evaluation.joined(self.segments())?;
        Ok(Marked { value: Value::String(text), sensitive })
    }

    pub(crate) fn evaluate_text_within(&self, scope: &Scope<'_>, budget: &Budget) -> Result<(String, bool), ExprError> {
        if let Some(text) = self.as_literal() {
            return Ok((text.to_owned(), false));
        }
        self.refuse_unreadable()?;
        let evaluation = Evaluation::new(scope, &self.0.text, budget);
        let [Segment::Expr(expr)] = self.segments() else { return evaluation.joined(self.segments()) };
        let settled = evaluation.settled(expr)?;
        let sensitive = settled.sensitive;
        let text = whole_text(settled, budget).map_err(|kind| kind.at(expr.range.clone()))?;
        Ok((text, sensitive))
    }

    /// Returns the expression of a template that has one, and else white space only.
    fn expr_in_white_space(&self) -> Option<&Expr> {
        let mut exprs = self.segments().iter().filter_map(|segment| match segment {
            Segment::Text(_) => None,
            Segment::Expr(expr) => Some(expr),
        });
        let expr = exprs.next().filter(|_| exprs.next().is_none())?;
        let blank = self.segments().iter().all(|segment| match segment {
            Segment::Text(text) => text.trim().is_empty(),
            Segment::Expr(_) => true,
        });
        blank.then_some(expr)
    }

    /// Joins a value that has been evaluated with the white space around its expression.
    fn within_white_space(&self, settled: Settled<'_>, expr: &Expr, budget: &Budget) -> Result<Marked, ExprError> {
        let mut joined = String::new();
        for segment in self.segments() {
            match segment {
                Segment::Text(text) => joined.push_str(text),
                Segment::Expr(_) => {
                    settled.plain.write_text(&mut joined, budget).map_err(|kind| kind.at(expr.range.clone()))?;
                }
            }
        }
        Ok(Marked { value: Value::String(joined), sensitive: settled.sensitive })
    }

    fn refuse_unreadable(&self) -> Result<(), ExprError> {
        match &self.0.body {
            Body::Unreadable(error) => Err(error.clone()),
            Body::Verbatim | Body::Segments(_) => Ok(()),
        }
    }

    fn segments(&self) -> &[Segment] {
        match &self.0.body {
            Body::Verbatim | Body::Unreadable(_) => &[],
            Body::Segments(segments) => segments,
        }
    }
}

impl PartialEq for Template {
    /// Two templates are equal if they give the same values: same text, read in the same way.
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text() && matches!(self.0.body, Body::Verbatim) == matches!(other.0.body, Body::Verbatim)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(&self.text()).finish()
    }
}

impl fmt::Display for Template {
    /// Writes the source text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Reads a text that holds at least one `${{`.
fn read_segments(text: &str, warnings: &mut Vec<ExprWarning>) -> Result<Vec<Segment>, ExprError> {
    let mut segments = Vec::new();
    let mut literal = String::new();
    let mut at = 0;
    while let Some(length) = text[at..].find(OPEN) {
        let open = at + length;
        if text[at..open].ends_with('\\') {
            literal.push_str(&text[at..open + OPEN.len() - ESCAPED_OPEN.len()]);
            literal.push_str(OPEN);
            at = open + OPEN.len();
            continue;
        }
        literal.push_str(&text[at..open]);
        close_literal(&mut segments, &mut literal);
        let Interpolation { expr, end, warning } = read_interpolation(text, open + OPEN.len())?;
        segments.push(Segment::Expr(expr));
        warnings.extend(warning);
        at = end;
    }
    literal.push_str(&text[at..]);
    close_literal(&mut segments, &mut literal);
    Ok(segments)
}

fn close_literal(segments: &mut Vec<Segment>, literal: &mut String) {
    if !literal.is_empty() {
        segments.push(Segment::Text(std::mem::take(literal).into()));
    }
}

/// Takes the value of a single expression out. A struct or array that was made here may have become too deep; one that
/// is copied is checked as it is copied.
fn into_result(settled: Settled<'_>, expr: &Expr, budget: &Budget) -> Result<Marked, ExprError> {
    let marked = settled.into_marked(budget).and_then(|marked| {
        check_value_depth(&marked.value)?;
        Ok(marked)
    });
    marked.map_err(|kind| kind.at(expr.range.clone()))
}

fn whole_text(settled: Settled<'_>, budget: &Budget) -> Result<String, ExprErrorKind> {
    if let Plain::Value(value) = &settled.plain
        && matches!(**value, Value::Null)
    {
        return Ok("null".to_owned());
    }
    settled.plain.into_text(budget)
}
