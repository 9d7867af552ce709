//! The walk over the tree that gives the value.

use std::borrow::Cow;
use std::collections::BTreeMap;

use stepwell_schema::Value;

use crate::context::Context;
use crate::error::{ExprError, ExprErrorKind, MASKED, shorten};
use crate::function::Function;
use crate::known::{SEARCH_BYTES, nearest};
use crate::limit::Budget;
use crate::marked::Marked;
use crate::operand::{Operand, Plain, Settled, View};
use crate::operator::{Operator, Sign};
use crate::scope::{Scope, StepOutputs};
use crate::syntax::{self, Access, Expr, ExprKind, Segment};

/// An evaluation of expressions of one template.
pub(crate) struct Evaluation<'a> {
    scope: Scope<'a>,
    text: &'a str,
    budget: &'a Budget,
}

impl<'a> Evaluation<'a> {
    /// Starts one; `text` is the text of the template.
    pub(crate) fn new(scope: &Scope<'a>, text: &'a str, budget: &'a Budget) -> Self {
        Self { scope: *scope, text, budget }
    }

    /// Evaluates an expression to one value.
    pub(crate) fn settled(&self, expr: &'a Expr) -> Result<Settled<'a>, ExprError> {
        let operand = self.operand(expr)?;
        operand.settle(self.budget).map_err(|kind| kind.at(expr.range.clone()))
    }

    /// Evaluates an expression to a value of its own.
    fn marked(&self, expr: &'a Expr) -> Result<Marked, ExprError> {
        let settled = self.settled(expr)?;
        settled.into_marked(self.budget).map_err(|kind| kind.at(expr.range.clone()))
    }

    /// Evaluates the pieces of a template and joins their text forms; the flag tells whether one was sensitive.
    pub(crate) fn joined(&self, segments: &'a [Segment]) -> Result<(String, bool), ExprError> {
        let mut text = String::with_capacity(expected_length(segments));
        let mut sensitive = false;
        for segment in segments {
            match segment {
                Segment::Text(literal) => text.push_str(literal),
                Segment::Expr(expr) => {
                    let settled = self.settled(expr)?;
                    sensitive |= settled.sensitive;
                    let written = settled.plain.write_text(&mut text, self.budget);
                    written.map_err(|kind| kind.at(expr.range.clone()))?;
                }
            }
        }
        Ok((text, sensitive))
    }

    fn operand(&self, expr: &'a Expr) -> Result<Operand<'a>, ExprError> {
        match &expr.kind {
            ExprKind::Literal(value) => Ok(Operand::borrowed(value, false)),
            ExprKind::Text(segments) => {
                let (text, sensitive) = self.joined(segments)?;
                Ok(Operand::owned(Value::String(text), sensitive))
            }
            ExprKind::Array(items) => self.array(items, expr),
            ExprKind::Object(members) => self.object(members, expr),
            ExprKind::Context(context) => self.context(*context, expr),
            ExprKind::Name(name) => Err(syntax::unknown_name(name, self.source(expr)).at(expr.range.clone())),
            ExprKind::Access { base, accesses } => self.access(expr, base, accesses),
            ExprKind::Call { name, function, arguments } => self.call(expr, name, *function, arguments),
            ExprKind::Signed { signs, operand } => self.signed(expr, signs, operand),
            ExprKind::Chain { first, rest } => self.chain(first, rest),
            ExprKind::Either { expression, path } => {
                self.operand(expression).or_else(|error| self.operand(path).map_err(|_| error))
            }
        }
    }

    fn array(&self, items: &'a [Expr], expr: &Expr) -> Result<Operand<'a>, ExprError> {
        self.produce(items.len() * size_of::<Value>(), expr)?;
        let mut values = Vec::with_capacity(items.len());
        let mut sensitive = false;
        for item in items {
            let item = self.marked(item)?;
            sensitive |= item.sensitive;
            values.push(item.value);
        }
        Ok(Operand::owned(Value::Array(values), sensitive))
    }

    /// A key that occurs again replaces the earlier member, as JSON readers do it.
    fn object(&self, members: &'a [(Expr, Expr)], expr: &Expr) -> Result<Operand<'a>, ExprError> {
        self.produce(members.len() * size_of::<Value>(), expr)?;
        let mut values = BTreeMap::new();
        let mut sensitive = false;
        for (key, value) in members {
            let name = self.marked(key)?;
            let value = self.marked(value)?;
            sensitive |= name.sensitive | value.sensitive;
            let Value::String(name) = name.value else {
                return Err(ExprErrorKind::MemberKey(name.value.type_name()).at(key.range.clone()));
            };
            values.insert(name, value.value);
        }
        Ok(Operand::owned(Value::Struct(values), sensitive))
    }

    fn context(&self, context: Context, expr: &Expr) -> Result<Operand<'a>, ExprError> {
        match context {
            Context::Env => Ok(Operand::Values(self.scope.env)),
            Context::Inputs => Ok(Operand::Values(self.scope.inputs)),
            Context::Vars => Ok(Operand::Values(self.scope.vars)),
            Context::Steps => Ok(Operand::Steps(self.scope.steps)),
            Context::FuncDir => Ok(Operand::text(self.scope.func_dir)),
            Context::WorkDir => Ok(Operand::text(self.scope.work_dir)),
            Context::OutputFile => self.file(self.scope.output_file, context, expr),
            Context::ExportFile => self.file(self.scope.export_file, context, expr),
        }
    }

    /// A file that exists only for a step of a function.
    fn file(&self, file: Option<&'a str>, context: Context, expr: &Expr) -> Result<Operand<'a>, ExprError> {
        file.map(Operand::text).ok_or_else(|| {
            let name = context.as_str().to_owned();
            ExprErrorKind::Missing { path: name.clone(), name, known: Vec::new() }.at(expr.range.clone())
        })
    }

    fn access(&self, expr: &'a Expr, base: &'a Expr, accesses: &'a [Access]) -> Result<Operand<'a>, ExprError> {
        let mut operand = match &base.kind {
            // The error names the whole path.
            ExprKind::Name(name) => {
                return Err(syntax::unknown_name(name, self.source(expr)).at(base.range.clone()));
            }
            _ => self.operand(base)?,
        };
        for access in accesses {
            operand = match access {
                Access::Name(name) => self.member(operand, &Key::plain(name), expr)?,
                Access::Index(index) => self.index(operand, index, expr)?,
                Access::Call => return Err(self.fail(ExprErrorKind::NotCallable { path: self.source(expr) }, expr)),
            };
        }
        Ok(operand)
    }

    fn index(&self, operand: Operand<'a>, index: &'a Expr, expr: &'a Expr) -> Result<Operand<'a>, ExprError> {
        let index = self.settled(index)?;
        match index.plain.view() {
            View::String(name) => self.member(operand, &Key { name, sensitive: index.sensitive }, expr),
            View::Number(number) => self.item(operand, number, index.sensitive, expr),
            key @ (View::Null | View::Boolean(_) | View::Array(_) | View::Struct(_)) => {
                let container = self.settle(operand, expr)?;
                Err(self.refuse_key(container.plain.view(), key, expr))
            }
        }
    }

    fn member(&self, operand: Operand<'a>, key: &Key<'_>, expr: &'a Expr) -> Result<Operand<'a>, ExprError> {
        match operand {
            Operand::Values(values) => match values.get(key.name) {
                Some(marked) => Ok(Operand::borrowed(&marked.value, marked.sensitive | key.sensitive)),
                None => Err(self.missing(key, values.keys().map(String::as_str), expr)),
            },
            Operand::Steps(steps) => self.step(steps, key, expr),
            Operand::Step(outputs) if key.name == "outputs" => self.mark(Operand::Values(outputs), key.sensitive, expr),
            Operand::Step(_) => Err(self.missing(key, ["outputs"].into_iter(), expr)),
            Operand::Value(settled) => self.member_of_value(settled, key, expr),
        }
    }

    fn step(&self, steps: &'a StepOutputs, key: &Key<'_>, expr: &'a Expr) -> Result<Operand<'a>, ExprError> {
        match steps.get(key.name) {
            Some(outputs) => self.mark(Operand::Step(outputs), key.sensitive, expr),
            None => Err(self.missing(key, steps.keys().map(String::as_str), expr)),
        }
    }

    /// Makes an operand sensitive because of the key that led to it; a part of a context becomes a value for that.
    fn mark(&self, operand: Operand<'a>, sensitive: bool, expr: &'a Expr) -> Result<Operand<'a>, ExprError> {
        if !sensitive {
            return Ok(operand);
        }
        let settled = self.settle(operand, expr)?;
        Ok(Operand::Value(Settled { sensitive: true, ..settled }))
    }

    fn member_of_value(&self, settled: Settled<'a>, key: &Key<'_>, expr: &'a Expr) -> Result<Operand<'a>, ExprError> {
        let sensitive = settled.sensitive | key.sensitive;
        // The names themselves are sensitive too.
        let missing = |members: &BTreeMap<String, Value>| {
            self.missing(key, members.keys().map(String::as_str).filter(|_| !settled.sensitive), expr)
        };
        match settled.plain {
            Plain::Value(Cow::Borrowed(Value::Struct(members))) => match members.get(key.name) {
                Some(value) => Ok(Operand::borrowed(value, sensitive)),
                None => Err(missing(members)),
            },
            // A value made here that is read at once, such as `{a: 1}[inputs.name]`.
            Plain::Value(Cow::Owned(Value::Struct(mut members))) => match members.remove(key.name) {
                Some(value) => Ok(Operand::owned(value, sensitive)),
                None => Err(missing(&members)),
            },
            plain => Err(self.refuse_key(plain.view(), View::String(key.name), expr)),
        }
    }

    fn item(&self, operand: Operand<'a>, index: f64, marks: bool, expr: &'a Expr) -> Result<Operand<'a>, ExprError> {
        let settled = self.settle(operand, expr)?;
        let sensitive = settled.sensitive | marks;
        match settled.plain {
            Plain::Value(Cow::Borrowed(Value::Array(items))) => match position(index, items) {
                Some(at) => Ok(Operand::borrowed(&items[at], sensitive)),
                None => Err(self.no_item(items, expr)),
            },
            Plain::Value(Cow::Owned(Value::Array(mut items))) => match position(index, &items) {
                Some(at) => Ok(Operand::owned(items.swap_remove(at), sensitive)),
                None => Err(self.no_item(&items, expr)),
            },
            plain => Err(self.refuse_key(plain.view(), View::Number(index), expr)),
        }
    }

    fn no_item(&self, items: &[Value], expr: &Expr) -> ExprError {
        self.fail(ExprErrorKind::Index { path: self.source(expr), length: items.len() }, expr)
    }

    fn missing<'n>(&self, key: &Key<'_>, names: impl Iterator<Item = &'n str>, expr: &Expr) -> ExprError {
        let (name, known) = if key.sensitive {
            // How similar the known names are would tell something about the key.
            (MASKED.to_owned(), Vec::new())
        } else if self.budget.compare(SEARCH_BYTES).is_err() {
            (shorten(key.name), Vec::new())
        } else {
            (shorten(key.name), nearest(key.name, names))
        };
        self.fail(ExprErrorKind::Missing { path: self.source(expr), name, known }, expr)
    }

    fn refuse_key(&self, container: View<'_>, key: View<'_>, expr: &Expr) -> ExprError {
        let path = self.source(expr);
        let type_name = container.type_name();
        let kind = match container {
            View::Array(_) | View::Struct(_) => {
                ExprErrorKind::KeyType { path, container: type_name, key: key.type_name() }
            }
            View::Null | View::Boolean(_) | View::Number(_) | View::String(_) => {
                ExprErrorKind::NoMembers { path, type_name }
            }
        };
        self.fail(kind, expr)
    }

    fn call(
        &self,
        expr: &'a Expr,
        name: &str,
        function: Option<Function>,
        arguments: &'a [Expr],
    ) -> Result<Operand<'a>, ExprError> {
        let function = function.ok_or_else(|| self.fail(syntax::unknown_function(name), expr))?;
        let [argument] = arguments else {
            let kind = ExprErrorKind::ArgumentCount { function: function.as_str(), given: arguments.len() };
            return Err(self.fail(kind, expr));
        };
        let argument = self.settled(argument)?;
        let value = function.call(&argument.plain, self.budget).map_err(|kind| self.fail(kind, expr))?;
        Ok(Operand::owned(value, argument.sensitive))
    }

    fn signed(&self, expr: &'a Expr, signs: &[Sign], operand: &'a Expr) -> Result<Operand<'a>, ExprError> {
        let mut settled = self.settled(operand)?;
        for sign in signs.iter().rev() {
            let value = sign.apply(settled.plain.view()).map_err(|kind| self.fail(kind, expr))?;
            settled.plain = Plain::Value(Cow::Owned(value));
        }
        Ok(Operand::Value(settled))
    }

    fn chain(&self, first: &'a Expr, rest: &'a [(Operator, Expr)]) -> Result<Operand<'a>, ExprError> {
        let mut left = self.operand(first)?;
        for (operator, right) in rest {
            left = match operator {
                Operator::Or if left.is_truthy() => left,
                Operator::And if !left.is_truthy() => left,
                Operator::Or | Operator::And => self.operand(right)?,
                operator => self.binary(left, *operator, right, first.range.start)?,
            };
        }
        Ok(left)
    }

    fn binary(
        &self,
        left: Operand<'a>,
        operator: Operator,
        right: &'a Expr,
        start: usize,
    ) -> Result<Operand<'a>, ExprError> {
        let range = start..right.range.end;
        let left = left.settle(self.budget).map_err(|kind| kind.at(range.clone()))?;
        let right = self.settled(right)?;
        let sensitive = left.sensitive | right.sensitive;
        let plain = operator.apply(left.plain, &right.plain, self.budget).map_err(|kind| kind.at(range))?;
        Ok(Operand::Value(Settled { plain, sensitive }))
    }

    fn settle(&self, operand: Operand<'a>, expr: &Expr) -> Result<Settled<'a>, ExprError> {
        operand.settle(self.budget).map_err(|kind| self.fail(kind, expr))
    }

    fn produce(&self, bytes: usize, expr: &Expr) -> Result<(), ExprError> {
        self.budget.produce(bytes).map_err(|kind| self.fail(kind, expr))
    }

    fn source(&self, expr: &Expr) -> String {
        shorten(&self.text[expr.range.clone()])
    }

    fn fail(&self, kind: ExprErrorKind, expr: &Expr) -> ExprError {
        kind.at(expr.range.clone())
    }
}

/// The name of a member, and whether it was computed from something sensitive.
struct Key<'k> {
    name: &'k str,
    sensitive: bool,
}

impl<'k> Key<'k> {
    /// A name that stands in the text.
    fn plain(name: &'k str) -> Self {
        Self { name, sensitive: false }
    }
}

/// Returns the position of an index if it is whole and within the array.
fn position(index: f64, items: &[Value]) -> Option<usize> {
    if index.fract() != 0.0 || index < 0.0 || index >= items.len() as f64 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, and within the array")]
    Some(index as usize)
}

/// Returns about how long the joined text will be.
fn expected_length(segments: &[Segment]) -> usize {
    /// Room for a name or a number; longer values make the text grow.
    const SHORT_VALUE: usize = 16;
    segments
        .iter()
        .map(|segment| match segment {
            Segment::Text(text) => text.len(),
            Segment::Expr(_) => SHORT_VALUE,
        })
        .sum()
}
