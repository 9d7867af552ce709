//! What of a policy's condition follows from the names and texts of a question alone, so that the library need not be
//! asked about policies that cannot hold: it takes a hundred times as long.
//!
//! [`Condition::holds`] answers by this rule, which the tests put to the library with random policies and questions:
//!
//! > *Some(b) means: the library evaluates the condition to b, without an error.* None means that nothing is known.
//!
//! It holds of each kind of condition, given that it holds of the parts:
//! - [`Condition::Unknown`] says nothing, and whatever is not understood is that.
//! - Comparisons say something only where the question has the text, which is then the attribute that `request` makes.
//!   Comparing, matching and looking for a path breaks down on no text.
//! - Not, all, any: as the library they look at the parts from left to right, and at none behind the one that decides.
//!   Where nothing is known of a part, which may then break down, they say nothing.
//!
//! A policy is its head and its conditions, joined by "and" in the order in which they are written. Where that is known
//! to be false, the policy is neither satisfied nor breaks down, so an answer without it is the same: only satisfied
//! policies and those that break down are in an answer. What is known to be true is still put to the library, so that
//! nothing is allowed that the library does not permit.

use cedar_policy::pst;
use pst::{BinaryOp, EntityOrSlot, EntityUID, Expr, Literal, PatternElem, PrincipalConstraint, ResourceConstraint};

use super::attribute::{Attribute, path};
use super::request::around;
use crate::facts::FunctionFacts;
use crate::question::{Act, Action, Deed, Question};

/// How deep conditions are looked into; all that lies deeper is unknown. People nest a handful, and what is written in a
/// row nests as often as it has parts.
const MAX_DEPTH: usize = 64;

/// A condition, as far as it is understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// Anything else.
    Unknown,
    Constant(bool),
    Not(Box<Self>),
    /// All of them, looked at in this order.
    All(Vec<Self>),
    /// One of them, looked at in this order.
    Any(Vec<Self>),
    /// The job is this one. It is in nothing but itself.
    Job(String),
    /// The resource is of this type.
    Kind(String),
    /// The resource is this one.
    Resource(Name),
    /// The resource is this one or lies in it.
    Within(Name),
    /// The text is this one.
    Equal(Text, String),
    /// The text matches a pattern.
    Like(Text, Pattern),
    /// The reference to the function is pinned.
    Pinned(Holder),
    /// The job starts a program for a script of its own.
    Script,
    /// A function acts.
    HasFunction,
}

/// The type and identifier of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    kind: String,
    id: String,
}

/// A text that policies compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Text {
    Tenant,
    Source,
    /// An attribute of a function; the name of a host to which requests go counts as one.
    Of(Holder, Attribute),
    /// The host that a secret is for.
    SecretHost,
    /// The kind of the function that is called.
    FunctionKind,
}

/// Where policies see a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// As the resource: it is called.
    Resource,
    /// In the context: it acts.
    Context,
}

/// A pattern, by what stands before its first and behind its last `*`, and how many of these there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    start: String,
    end: String,
    stars: usize,
}

impl Condition {
    /// Returns what is understood of a policy: its head, but for the action, and its conditions.
    pub(super) fn of(policy: &pst::Template) -> Self {
        let head = Self::principal(&policy.principal).and(Self::resource(&policy.resource));
        let clauses = policy.clauses().iter().map(|clause| match clause {
            pst::Clause::When(condition) => Self::expression(condition, MAX_DEPTH),
            pst::Clause::Unless(condition) => Self::expression(condition, MAX_DEPTH).not(),
        });
        clauses.fold(head, Self::and)
    }

    /// Tells whether it holds for a question, where that is known.
    pub(super) fn holds(&self, question: &Question) -> Option<bool> {
        match self {
            Self::Unknown => None,
            Self::Constant(value) => Some(*value),
            Self::Not(inner) => inner.holds(question).map(|holds| !holds),
            Self::All(parts) => decided(parts, question, false),
            Self::Any(parts) => decided(parts, question, true),
            Self::Job(id) => Some(question.job.source == *id),
            Self::Kind(kind) => Some(question.action().resource_kind() == kind),
            Self::Resource(name) => Some(name.is_resource_of(question)),
            Self::Within(name) => Some(name.is_resource_of(question) || name.is_around(question)),
            Self::Equal(text, value) => Some(text.of(question)? == value),
            Self::Like(text, pattern) => pattern.matches(text.of(question)?),
            Self::Pinned(holder) => Some(holder.function(question)?.pinned),
            Self::Script => starts_program(question).then(|| question.function().is_none()),
            Self::HasFunction => starts_program(question).then(|| question.function().is_some()),
        }
    }

    fn principal(head: &PrincipalConstraint) -> Self {
        match head {
            PrincipalConstraint::Any => Self::Constant(true),
            PrincipalConstraint::Eq(EntityOrSlot::Entity(job)) | PrincipalConstraint::In(EntityOrSlot::Entity(job)) => {
                Self::job(job)
            }
            PrincipalConstraint::Is(_)
            | PrincipalConstraint::IsIn(..)
            | PrincipalConstraint::Eq(EntityOrSlot::Slot(_))
            | PrincipalConstraint::In(EntityOrSlot::Slot(_)) => Self::Unknown,
        }
    }

    fn resource(head: &ResourceConstraint) -> Self {
        match head {
            ResourceConstraint::Any => Self::Constant(true),
            ResourceConstraint::Eq(EntityOrSlot::Entity(uid)) => Name::of(uid).map_or(Self::Unknown, Self::Resource),
            ResourceConstraint::In(EntityOrSlot::Entity(uid)) => Name::of(uid).map_or(Self::Unknown, Self::Within),
            ResourceConstraint::Is(kind) => Self::kind(kind),
            ResourceConstraint::IsIn(kind, EntityOrSlot::Entity(uid)) => {
                Self::kind(kind).and(Name::of(uid).map_or(Self::Unknown, Self::Within))
            }
            ResourceConstraint::Eq(EntityOrSlot::Slot(_))
            | ResourceConstraint::In(EntityOrSlot::Slot(_))
            | ResourceConstraint::IsIn(_, EntityOrSlot::Slot(_)) => Self::Unknown,
        }
    }

    fn expression(expression: &Expr, depth: usize) -> Self {
        let Some(depth) = depth.checked_sub(1) else { return Self::Unknown };
        match expression {
            Expr::Literal(Literal::Bool(value)) => Self::Constant(*value),
            Expr::UnaryOp { op: pst::UnaryOp::Not, expr } => Self::expression(expr, depth).not(),
            Expr::BinaryOp { op: BinaryOp::And, left, right } => {
                Self::expression(left, depth).and(Self::expression(right, depth))
            }
            Expr::BinaryOp { op: BinaryOp::Or, left, right } => {
                Self::expression(left, depth).or(Self::expression(right, depth))
            }
            Expr::BinaryOp { op: BinaryOp::Eq, left, right } => Self::equal(left, right),
            Expr::BinaryOp { op: BinaryOp::NotEq, left, right } => Self::equal(left, right).not(),
            Expr::BinaryOp { op: BinaryOp::In, left, right } => match (&**left, &**right) {
                (Expr::Var(pst::Var::Resource), Expr::Literal(Literal::EntityUID(uid))) => {
                    Name::of(uid).map_or(Self::Unknown, Self::Within)
                }
                _ => Self::Unknown,
            },
            Expr::Like { expr, pattern } => match Text::named(expr) {
                Some(text) => Self::Like(text, Pattern::new(pattern)),
                None => Self::Unknown,
            },
            Expr::GetAttr { .. } => Self::flag(expression),
            Expr::HasAttr { expr, attrs } => match (&**expr, attrs.head.as_str(), attrs.tail.is_empty()) {
                (Expr::Var(pst::Var::Context), "function", true) => Self::HasFunction,
                _ => Self::Unknown,
            },
            // The library adds kinds as it grows.
            _ => Self::Unknown,
        }
    }

    /// Comparing looks at both sides, whichever stands left.
    fn equal(left: &Expr, right: &Expr) -> Self {
        match (left, right) {
            (other, Expr::Literal(literal)) | (Expr::Literal(literal), other) => Self::equal_to(other, literal),
            _ => Self::Unknown,
        }
    }

    fn equal_to(expression: &Expr, literal: &Literal) -> Self {
        match (expression, literal) {
            (Expr::Var(pst::Var::Principal), Literal::EntityUID(uid)) => Self::job(uid),
            (Expr::Var(pst::Var::Resource), Literal::EntityUID(uid)) => {
                Name::of(uid).map_or(Self::Unknown, Self::Resource)
            }
            (text, Literal::String(value)) => match Text::named(text) {
                Some(text) => Self::Equal(text, value.to_string()),
                None => Self::Unknown,
            },
            _ => Self::Unknown,
        }
    }

    fn flag(expression: &Expr) -> Self {
        match path(expression).as_deref() {
            Some(["resource", "pinned"]) => Self::Pinned(Holder::Resource),
            Some(["context", "function", "pinned"]) => Self::Pinned(Holder::Context),
            Some(["context", "script"]) => Self::Script,
            _ => Self::Unknown,
        }
    }

    fn job(uid: &EntityUID) -> Self {
        match Name::of(uid) {
            Some(Name { kind, id }) if kind == "Job" => Self::Job(id),
            Some(_) | None => Self::Unknown,
        }
    }

    fn kind(kind: &pst::EntityType) -> Self {
        kind_name(kind).map_or(Self::Unknown, Self::Kind)
    }

    fn and(self, right: Self) -> Self {
        match self {
            Self::Constant(true) => right,
            Self::All(mut parts) => {
                parts.push(right);
                Self::All(parts)
            }
            left => Self::All(vec![left, right]),
        }
    }

    fn or(self, right: Self) -> Self {
        match self {
            Self::Any(mut parts) => {
                parts.push(right);
                Self::Any(parts)
            }
            left => Self::Any(vec![left, right]),
        }
    }

    fn not(self) -> Self {
        Self::Not(self.into())
    }
}

impl Name {
    fn of(uid: &EntityUID) -> Option<Self> {
        Some(Self { kind: kind_name(&uid.ty)?, id: uid.eid.to_string() })
    }

    fn is_resource_of(&self, question: &Question) -> bool {
        self.kind == question.action().resource_kind() && question.resource() == self.id
    }

    /// Paths lie in paths, and nothing else lies in anything.
    fn is_around(&self, question: &Question) -> bool {
        let Deed::Function { act: Act::Read { path } | Act::Write { path, .. }, .. } = &question.deed else {
            return false;
        };
        self.kind == question.action().resource_kind() && around(path).any(|outer| outer == self.id)
    }
}

impl Text {
    /// Returns the text that an expression stands for, by its name in the schema.
    fn named(expression: &Expr) -> Option<Self> {
        match path(expression)?.as_slice() {
            ["principal", "tenant"] => Some(Self::Tenant),
            ["principal", "source"] => Some(Self::Source),
            ["resource", attribute] => Attribute::named(attribute).map(|named| Self::Of(Holder::Resource, named)),
            ["context", "function", attribute] => {
                Attribute::named(attribute).map(|named| Self::Of(Holder::Context, named))
            }
            ["context", "host"] => Some(Self::SecretHost),
            ["context", "kind"] => Some(Self::FunctionKind),
            _ => None,
        }
    }

    /// Returns it as `request` makes it, where the schema has it for the action.
    fn of(self, question: &Question) -> Option<&str> {
        match self {
            Self::Tenant => Some(&question.job.tenant),
            Self::Source => Some(&question.job.source),
            Self::Of(holder, attribute) => match (holder, attribute, &question.deed) {
                (Holder::Resource, Attribute::Name, Deed::Function { act: Act::Connect { host, .. }, .. }) => {
                    Some(host)
                }
                _ => attribute_of(holder.function(question)?, attribute),
            },
            Self::SecretHost => match &question.deed {
                Deed::Function { act: Act::UseSecret { host, .. }, .. } => Some(host),
                Deed::Script | Deed::Function { .. } => None,
            },
            Self::FunctionKind => Holder::Resource.function(question).map(|function| function.kind),
        }
    }
}

impl Holder {
    fn function(self, question: &Question) -> Option<&FunctionFacts> {
        let Deed::Function { function, act } = &question.deed else { return None };
        let called = matches!(act, Act::Run);
        match self {
            Self::Resource => called.then_some(&**function),
            Self::Context => (!called).then_some(&**function),
        }
    }
}

impl Pattern {
    fn new(elements: &[PatternElem]) -> Self {
        let literal = |element: &PatternElem| match element {
            PatternElem::Char(character) => Some(*character),
            PatternElem::Wildcard => None,
        };
        let start: String = elements.iter().map_while(literal).collect();
        let stars = elements.iter().filter(|element| literal(element).is_none()).count();
        let behind = elements.iter().rposition(|element| literal(element).is_none()).map_or(0, |star| star + 1);
        let end = if stars == 0 { String::new() } else { elements[behind..].iter().filter_map(literal).collect() };
        Self { start, end, stars }
    }

    /// Tells whether a text matches. With several `*` it is only known that it does not: its start or its end is another.
    fn matches(&self, text: &str) -> Option<bool> {
        let ends = |rest: &str| rest.ends_with(&self.end);
        match (text.strip_prefix(&*self.start), self.stars) {
            (None, _) => Some(false),
            (Some(rest), 0) => Some(rest.is_empty()),
            (Some(rest), 1) => Some(ends(rest)),
            (Some(rest), _) => {
                if ends(rest) {
                    None
                } else {
                    Some(false)
                }
            }
        }
    }
}

/// Returns an attribute of a function where it is a text.
fn attribute_of(function: &FunctionFacts, attribute: Attribute) -> Option<&str> {
    match attribute {
        Attribute::Name => Some(&function.name),
        Attribute::Protocol => Some(function.protocol),
        Attribute::Host => Some(&function.host),
        Attribute::Path => Some(&function.path),
        Attribute::Digest => Some(&function.digest),
        Attribute::Tenant
        | Attribute::Source
        | Attribute::Pinned
        | Attribute::Port
        | Attribute::Kind
        | Attribute::Module
        | Attribute::Script
        | Attribute::Bytes
        | Attribute::Files
        | Attribute::Methods
        | Attribute::Paths => None,
    }
}

/// Looks at parts up to the one that decides; none decides that they are not what it would say.
fn decided(parts: &[Condition], question: &Question, deciding: bool) -> Option<bool> {
    for part in parts {
        if part.holds(question)? == deciding {
            return Some(deciding);
        }
    }
    Some(!deciding)
}

/// Only there the schema has `function` as something that may be missing.
fn starts_program(question: &Question) -> bool {
    question.action() == Action::Exec
}

/// Returns the name of a type of the schema, which has no namespaces.
fn kind_name(kind: &pst::EntityType) -> Option<String> {
    kind.0.namespace.is_empty().then(|| kind.0.id.as_str().to_owned())
}

#[cfg(test)]
mod tests;
