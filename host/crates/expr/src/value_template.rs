//! A YAML value with expressions at any depth.

use std::collections::BTreeMap;

use stepwell_schema::{Node, NodeKind, Span, Spanned, Value};

use crate::context::ContextUse;
use crate::error::{ExprError, ExprErrorKind, LocatedExprError, MASKED, shorten};
use crate::limit::{Budget, MAX_VALUE_DEPTH, check_value_depth};
use crate::marked::Marked;
use crate::scope::Scope;
use crate::template::Template;

/// A YAML value with expressions at any depth, also in the keys of structs; compiled once and evaluated often.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueTemplate {
    shape: Shape,
    span: Span,
}

#[derive(Clone, Debug, PartialEq)]
enum Shape {
    /// No expression in it.
    Constant(Value),
    /// A text with an expression.
    Text(Template),
    /// Items with an expression among them.
    Array(Vec<ValueTemplate>),
    /// Members with an expression among them, or in a key.
    Struct(Vec<(Spanned<Template>, ValueTemplate)>),
}

impl ValueTemplate {
    /// Compiles a value of a document.
    ///
    /// # Errors
    /// All texts that cannot be read, in the order of the document; and values deeper than [`MAX_VALUE_DEPTH`].
    pub fn compile(node: &Node) -> Result<Self, Vec<LocatedExprError>> {
        let mut errors = Vec::new();
        let template = compile_node(node, 0, &mut errors);
        if errors.is_empty() { Ok(template) } else { Err(errors) }
    }

    /// Compiles a value as [`ValueTemplate::compile`] does; where something cannot be read every evaluation gives the
    /// error, as with [`Template::parse_lazily`].
    pub fn compile_lazily(node: &Node) -> Self {
        // What cannot be read stands in the template itself.
        compile_node(node, 0, &mut Vec::new())
    }

    /// Makes a template that is `value` as it stands, also where a text in it looks like an expression.
    pub fn literal(value: Value) -> Self {
        Self { shape: Shape::Constant(value), span: Span::default() }
    }

    /// Tells whether there is no expression in it: then every evaluation gives the same value and none fails.
    pub fn is_literal(&self) -> bool {
        self.as_literal().is_some()
    }

    /// Returns the value that every evaluation gives, if there is no expression.
    pub fn as_literal(&self) -> Option<&Value> {
        match &self.shape {
            Shape::Constant(value) => Some(value),
            Shape::Text(_) | Shape::Array(_) | Shape::Struct(_) => None,
        }
    }

    /// Returns where the value stands in the document; for [`ValueTemplate::literal`] an empty span at 0.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Evaluates. The value is sensitive if any part of it is.
    ///
    /// # Errors
    /// The first thing that an expression refuses, and two keys of a struct that came out the same. The bounds of
    /// [`Template::evaluate`] hold for the value as a whole.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Marked, ExprError> {
        self.evaluate_located(scope).map_err(|located| located.error)
    }

    /// Evaluates as [`ValueTemplate::evaluate`] does; the error tells in which part of the document it arose.
    ///
    /// # Errors
    /// The same.
    pub fn evaluate_located(&self, scope: &Scope<'_>) -> Result<Marked, LocatedExprError> {
        if let Shape::Constant(value) = &self.shape {
            return Ok(Marked::plain(value.clone()));
        }
        let marked = self.evaluate_within(scope, &Budget::new())?;
        check_value_depth(&marked.value).map_err(|kind| self.locate(kind.at(0..0)))?;
        Ok(marked)
    }

    /// Returns every context that an expression names, in the order of the document, with the span of its text.
    pub fn contexts(&self) -> impl Iterator<Item = (Span, ContextUse<'_>)> {
        self.templates()
            .into_iter()
            .flat_map(|(span, template)| template.contexts().map(move |context_use| (span, context_use)))
    }

    /// Returns every text that holds an expression, keys included, in the order of the document, with its span.
    pub fn templates(&self) -> Vec<(Span, &Template)> {
        let mut templates = Vec::new();
        self.collect_templates(&mut templates);
        templates
    }

    fn collect_templates<'t>(&'t self, templates: &mut Vec<(Span, &'t Template)>) {
        match &self.shape {
            Shape::Constant(_) => {}
            Shape::Text(template) => templates.push((self.span, template)),
            Shape::Array(items) => items.iter().for_each(|item| item.collect_templates(templates)),
            Shape::Struct(members) => members.iter().for_each(|(key, value)| {
                if !key.value.is_literal() {
                    templates.push((key.span, &key.value));
                }
                value.collect_templates(templates);
            }),
        }
    }

    fn evaluate_within(&self, scope: &Scope<'_>, budget: &Budget) -> Result<Marked, LocatedExprError> {
        match &self.shape {
            Shape::Constant(value) => Ok(Marked::plain(value.clone())),
            Shape::Text(template) => template.evaluate_within(scope, budget).map_err(|error| self.locate(error)),
            Shape::Array(items) => evaluate_items(items, scope, budget),
            Shape::Struct(members) => evaluate_members(members, scope, budget),
        }
    }

    fn locate(&self, error: ExprError) -> LocatedExprError {
        LocatedExprError { error, span: self.span }
    }
}

fn evaluate_items(items: &[ValueTemplate], scope: &Scope<'_>, budget: &Budget) -> Result<Marked, LocatedExprError> {
    let mut values = Vec::with_capacity(items.len());
    let mut sensitive = false;
    for item in items {
        let item = item.evaluate_within(scope, budget)?;
        sensitive |= item.sensitive;
        values.push(item.value);
    }
    Ok(Marked { value: Value::Array(values), sensitive })
}

fn evaluate_members(
    members: &[(Spanned<Template>, ValueTemplate)],
    scope: &Scope<'_>,
    budget: &Budget,
) -> Result<Marked, LocatedExprError> {
    let mut values = BTreeMap::new();
    let mut sensitive = false;
    for (key, value) in members {
        let at_key = |error| LocatedExprError { error, span: key.span };
        let (name, secret_name) = key.value.evaluate_text_within(scope, budget).map_err(at_key)?;
        if values.contains_key(&name) {
            let name = if secret_name || sensitive { MASKED.to_owned() } else { shorten(&name) };
            return Err(at_key(ExprErrorKind::DuplicateKey(name).at(0..key.value.text().len())));
        }
        let value = value.evaluate_within(scope, budget)?;
        sensitive |= secret_name | value.sensitive;
        values.insert(name, value.value);
    }
    Ok(Marked { value: Value::Struct(values), sensitive })
}

/// Compiles a value; what cannot be read is in `errors` as well as in the result.
fn compile_node(node: &Node, depth: usize, errors: &mut Vec<LocatedExprError>) -> ValueTemplate {
    let nests = matches!(node.kind, NodeKind::Array(_) | NodeKind::Struct(_));
    if nests && depth >= MAX_VALUE_DEPTH {
        let error = ExprErrorKind::ValueTooDeep.at(0..0);
        errors.push(LocatedExprError { error: error.clone(), span: node.span });
        return ValueTemplate { shape: Shape::Text(Template::unreadable("", error)), span: node.span };
    }
    let shape = match &node.kind {
        NodeKind::Null => Shape::Constant(Value::Null),
        NodeKind::Boolean(value) => Shape::Constant(Value::Boolean(*value)),
        NodeKind::Number(number) => Shape::Constant(Value::Number(*number)),
        NodeKind::String(text) => text_shape(compile_text(text, node.span, errors)),
        NodeKind::Array(items) => array_shape(items.iter().map(|item| compile_node(item, depth + 1, errors)).collect()),
        NodeKind::Struct(members) => struct_shape(
            members
                .iter()
                .map(|(key, value)| {
                    let template = compile_text(&key.value, key.span, errors);
                    (Spanned::new(template, key.span), compile_node(value, depth + 1, errors))
                })
                .collect(),
        ),
    };
    ValueTemplate { shape, span: node.span }
}

fn compile_text(text: &str, span: Span, errors: &mut Vec<LocatedExprError>) -> Template {
    Template::parse(text).unwrap_or_else(|error| {
        errors.push(LocatedExprError { error: error.clone(), span });
        Template::unreadable(text, error)
    })
}

fn text_shape(template: Template) -> Shape {
    match template.as_literal() {
        Some(text) => Shape::Constant(Value::from(text)),
        None => Shape::Text(template),
    }
}

fn array_shape(items: Vec<ValueTemplate>) -> Shape {
    match items.iter().map(|item| item.as_literal().cloned()).collect() {
        Some(values) => Shape::Constant(Value::Array(values)),
        None => Shape::Array(items),
    }
}

fn struct_shape(members: Vec<(Spanned<Template>, ValueTemplate)>) -> Shape {
    let constants: Option<BTreeMap<String, Value>> = members
        .iter()
        .map(|(key, value)| Some((key.value.as_literal()?.to_owned(), value.as_literal()?.clone())))
        .collect();
    match constants {
        // Two keys that differ in an escape only are left to the evaluation, which refuses them.
        Some(values) if values.len() == members.len() => Shape::Constant(Value::Struct(values)),
        Some(_) | None => Shape::Struct(members),
    }
}
