//! The tree of an expression.
//!
//! Chains of operators, of signs and of accesses are kept flat, so that the depth of the tree is the depth of brackets
//! alone; that is what makes reading, walking and dropping it safe for the stack.

use std::ops::Range;

use stepwell_schema::Value;

use crate::context::{Context, ContextUse};
use crate::error::{ExprError, ExprErrorKind};
use crate::function::Function;
use crate::operator::{Operator, Sign};

/// One expression.
#[derive(Debug)]
pub(crate) struct Expr {
    /// What it is.
    pub(crate) kind: ExprKind,
    /// Where it stands in the text of the template.
    pub(crate) range: Range<usize>,
}

/// The kinds of [`Expr`].
#[derive(Debug)]
pub(crate) enum ExprKind {
    /// A scalar.
    Literal(Value),
    /// A double-quoted string with interpolation.
    Text(Vec<Segment>),
    /// `[a, b]`.
    Array(Vec<Expr>),
    /// `{a: b}`.
    Object(Vec<(Expr, Expr)>),
    /// The name of a context.
    Context(Context),
    /// A name that is no context.
    Name(Box<str>),
    /// `base.name[index]`; at least one access.
    Access { base: Box<Expr>, accesses: Vec<Access> },
    /// `name(argument, …)`; the function is none if there is none of that name.
    Call { name: Box<str>, function: Option<Function>, arguments: Vec<Expr> },
    /// Signs before an operand, the outermost first; at least one.
    Signed { signs: Vec<Sign>, operand: Box<Expr> },
    /// Operands joined from the left by operators of one precedence; at least one operator.
    Chain { first: Box<Expr>, rest: Vec<(Operator, Expr)> },
    /// An expression that the older dialect may have read as a path: that reading is the second choice.
    Either { expression: Box<Expr>, path: Box<Expr> },
}

/// One access.
#[derive(Debug)]
pub(crate) enum Access {
    /// `.name` or `["name"]`.
    Name(Box<str>),
    /// `[index]`.
    Index(Expr),
    /// `(argument, …)` behind something that is not a plain name; never works.
    Call,
}

/// A piece of a template or of a double-quoted string.
#[derive(Debug)]
pub(crate) enum Segment {
    /// Text, unescaped, not empty.
    Text(Box<str>),
    /// An expression.
    Expr(Expr),
}

impl Expr {
    /// Puts kind and place together.
    pub(crate) fn new(kind: ExprKind, range: Range<usize>) -> Self {
        Self { kind, range }
    }

    /// Joins two operands, or makes a chain of the same precedence longer.
    pub(crate) fn chain(left: Self, operator: Operator, right: Self) -> Self {
        let range = left.range.start..right.range.end;
        let kind = match left.kind {
            ExprKind::Chain { first, mut rest } if rest[0].0.precedence() == operator.precedence() => {
                rest.push((operator, right));
                ExprKind::Chain { first, rest }
            }
            kind => ExprKind::Chain { first: Box::new(Self::new(kind, left.range)), rest: vec![(operator, right)] },
        };
        Self::new(kind, range)
    }

    /// Makes the path `context.name.name`.
    pub(crate) fn path(context: Context, names: impl Iterator<Item = Box<str>>, range: Range<usize>) -> Self {
        let start = range.start;
        let base = Box::new(Self::new(ExprKind::Context(context), start..start));
        Self::new(ExprKind::Access { base, accesses: names.map(Access::Name).collect() }, range)
    }

    /// Tells whether it is a context with nothing but names behind it, which both dialects read alike.
    pub(crate) fn is_plain_path(&self) -> bool {
        match &self.kind {
            ExprKind::Context(_) => true,
            ExprKind::Access { base, accesses } => {
                matches!(base.kind, ExprKind::Context(_))
                    && accesses.iter().all(|access| matches!(access, Access::Name(_)))
            }
            _ => false,
        }
    }

    /// Calls `visit` with this expression and every one inside it, outer ones first.
    pub(crate) fn walk<'t>(&'t self, visit: &mut dyn FnMut(&'t Self)) {
        visit(self);
        match &self.kind {
            ExprKind::Literal(_) | ExprKind::Context(_) | ExprKind::Name(_) => {}
            ExprKind::Text(segments) => walk_segments(segments, visit),
            ExprKind::Array(items) => items.iter().for_each(|item| item.walk(visit)),
            ExprKind::Object(members) => members.iter().for_each(|(key, value)| {
                key.walk(visit);
                value.walk(visit);
            }),
            ExprKind::Access { base, accesses } => {
                base.walk(visit);
                for access in accesses {
                    if let Access::Index(index) = access {
                        index.walk(visit);
                    }
                }
            }
            ExprKind::Call { arguments, .. } => arguments.iter().for_each(|argument| argument.walk(visit)),
            ExprKind::Signed { operand, .. } => operand.walk(visit),
            ExprKind::Chain { first, rest } => {
                first.walk(visit);
                rest.iter().for_each(|(_, operand)| operand.walk(visit));
            }
            ExprKind::Either { expression, path } => {
                expression.walk(visit);
                path.walk(visit);
            }
        }
    }

    /// Returns the context that this expression names, if it is such a name or an access that begins with one.
    fn context_use(&self) -> Option<ContextUse<'_>> {
        let (context, accesses) = match &self.kind {
            ExprKind::Context(context) => (*context, &[][..]),
            ExprKind::Access { base, accesses } => match base.kind {
                ExprKind::Context(context) => (context, &accesses[..]),
                _ => return None,
            },
            _ => return None,
        };
        let path: Vec<&str> = accesses
            .iter()
            .map_while(|access| match access {
                Access::Name(name) => Some(&**name),
                Access::Index(_) | Access::Call => None,
            })
            .collect();
        let computed = path.len() < accesses.len();
        Some(ContextUse { context, path, computed, certain: true, range: self.range.clone() })
    }

    /// Returns the error that evaluation gives whenever it reaches this very expression, if it surely does.
    fn fault(&self, text: &str) -> Option<ExprError> {
        let kind = match &self.kind {
            ExprKind::Name(name) => unknown_name(name, text[self.range.clone()].to_owned()),
            ExprKind::Call { name, function: None, .. } => unknown_function(name),
            ExprKind::Call { function: Some(function), arguments, .. } if arguments.len() != 1 => {
                ExprErrorKind::ArgumentCount { function: function.as_str(), given: arguments.len() }
            }
            _ => return None,
        };
        Some(kind.at(self.range.clone()))
    }
}

/// Walks the expressions of a template, see [`Expr::walk`].
pub(crate) fn walk_segments<'t>(segments: &'t [Segment], visit: &mut dyn FnMut(&'t Expr)) {
    for segment in segments {
        match segment {
            Segment::Text(_) => {}
            Segment::Expr(expr) => expr.walk(visit),
        }
    }
}

/// Returns every use of a context in the order of the text.
pub(crate) fn contexts(segments: &[Segment]) -> Vec<ContextUse<'_>> {
    let mut uses: Vec<ContextUse<'_>> = Vec::new();
    let mut uncertain = 0..0;
    let mut told: Option<&Expr> = None;
    walk_segments(segments, &mut |expr| {
        // The base of an access is visited behind the access, which has already told more.
        if told.is_some_and(|base| std::ptr::eq(base, expr)) {
            return;
        }
        match &expr.kind {
            ExprKind::Either { .. } => uncertain = expr.range.clone(),
            ExprKind::Access { base, .. } => told = Some(base),
            _ => {}
        }
        let certain = !uncertain.contains(&expr.range.start);
        uses.extend(expr.context_use().map(|one| ContextUse { certain, ..one }));
    });
    uses
}

/// Returns what evaluation refuses whenever it gets there: unknown names and functions, wrong numbers of arguments.
pub(crate) fn faults(segments: &[Segment], text: &str) -> Vec<ExprError> {
    let mut faults = Vec::new();
    for segment in segments {
        match segment {
            Segment::Text(_) => {}
            // The other reading may save it.
            Segment::Expr(Expr { kind: ExprKind::Either { .. }, .. }) => {}
            Segment::Expr(expr) => expr.walk(&mut |expr| faults.extend(expr.fault(text))),
        }
    }
    faults
}

/// The error for a name that is no context.
pub(crate) fn unknown_name(name: &str, path: String) -> ExprErrorKind {
    if Function::from_name(name).is_some() {
        return ExprErrorKind::FunctionAsValue(name.to_owned());
    }
    let known = Context::ALL.iter().map(|context| context.as_str());
    ExprErrorKind::Missing { path, name: name.to_owned(), known: crate::known::nearest(name, known) }
}

/// The error for a function that does not exist.
pub(crate) fn unknown_function(name: &str) -> ExprErrorKind {
    let known = Function::ALL.iter().map(|function| function.as_str());
    ExprErrorKind::UnknownFunction { name: name.to_owned(), known: crate::known::nearest(name, known) }
}
