//! From a question to what the library is asked: names, attributes and context as the schema has them.

use std::collections::{BTreeMap, HashSet};
use std::error::Error;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression as Expression,
};

use super::attribute::{Attribute, Attributes};
use super::seen::Seen;
use crate::facts::{FunctionFacts, Subject};
use crate::question::{Act, Action, Deed, Question};
use crate::work_path::WorkPath;

/// Why a question cannot be put: never one of ours, since none of it depends on what a user wrote.
pub(super) type CannotAsk = Box<dyn Error>;

/// The names of the schema, parsed once.
pub(super) struct Names {
    job: EntityTypeName,
    resources: BTreeMap<Action, EntityTypeName>,
    actions: BTreeMap<Action, EntityUid>,
}

impl Names {
    pub(super) fn new() -> Self {
        let name = |name: &str| name.parse::<EntityTypeName>().expect("a name of the schema that we ship");
        let action = name("Action");
        Self {
            job: name("Job"),
            resources: Action::ALL.into_iter().map(|action| (action, name(action.resource_kind()))).collect(),
            actions: Action::ALL.into_iter().map(|one| (one, uid(&action, one.as_str()))).collect(),
        }
    }

    pub(super) fn action(&self, action: Action) -> &EntityUid {
        &self.actions[&action]
    }

    /// Names what a question is about.
    pub(super) fn resource(&self, question: &Question) -> EntityUid {
        uid(&self.resources[&question.action()], &question.resource())
    }

    /// Makes the request and the entities that it is about, as far as policies look at them. `resource` is its name.
    pub(super) fn request(
        &self,
        question: &Question,
        resource: EntityUid,
        seen: Seen,
    ) -> Result<(Request, Entities), CannotAsk> {
        let principal = uid(&self.job, &question.job.source);
        let job = entity(&principal, made(job(&question.job), seen.job), HashSet::new())?;
        let parents = if seen.around { parents(&question.deed, resource.type_name()) } else { HashSet::new() };
        let about = entity(&resource, made(about(&question.deed), seen.resource), parents)?;
        // Every path has all that lies around it, so that this way of adding them, which takes half as long, does.
        let entities = Entities::empty().add_entities(job.into_iter().chain(about), None)?;
        let context = context(&question.deed, seen)?;
        Ok((Request::new(principal, self.action(question.action()).clone(), resource, context, None)?, entities))
    }
}

/// A value before it is made for the library.
enum Value<'a> {
    Text(&'a str),
    Texts(&'a [String]),
    Number(u64),
    Flag(bool),
}

type Values<'a> = Vec<(Attribute, Value<'a>)>;

fn job(job: &Subject) -> Values<'_> {
    vec![(Attribute::Tenant, Value::Text(&job.tenant)), (Attribute::Source, Value::Text(&job.source))]
}

/// Returns the attributes of the resource.
fn about(deed: &Deed) -> Values<'_> {
    let Deed::Function { function, act } = deed else { return Vec::new() };
    match act {
        Act::Run => origin(function),
        Act::Connect { host, port, .. } => {
            vec![(Attribute::Name, Value::Text(host)), (Attribute::Port, Value::Number(u64::from(*port)))]
        }
        Act::Exec { .. }
        | Act::Read { .. }
        | Act::Write { .. }
        | Act::UseSecret { .. }
        | Act::RevealSecret { .. }
        | Act::ReadEnv { .. }
        | Act::Export { .. } => Vec::new(),
    }
}

/// Returns what the resource lies in: for a path all the paths around it.
fn parents(deed: &Deed, kind: &EntityTypeName) -> HashSet<EntityUid> {
    match deed {
        Deed::Function { act: Act::Read { path } | Act::Write { path, .. }, .. } => {
            around(path).map(|outer| uid(kind, outer)).collect()
        }
        Deed::Script | Deed::Function { .. } => HashSet::new(),
    }
}

fn context(deed: &Deed, seen: Seen) -> Result<Context, CannotAsk> {
    let mut pairs = made(entries(deed), seen.context);
    if let (Some(function), false) = (acting(deed), seen.function.is_empty()) {
        pairs.push(("function".to_owned(), Expression::new_record(made(origin(function), seen.function))?));
    }
    Ok(if pairs.is_empty() { Context::empty() } else { Context::from_pairs(pairs)? })
}

/// Returns the function that acts, other than by being called.
fn acting(deed: &Deed) -> Option<&FunctionFacts> {
    match deed {
        Deed::Script | Deed::Function { act: Act::Run, .. } => None,
        Deed::Function { function, .. } => Some(function),
    }
}

/// Returns the entries of the context, but for the function.
fn entries(deed: &Deed) -> Values<'_> {
    let Deed::Function { function, act } = deed else { return vec![(Attribute::Script, Value::Flag(true))] };
    match act {
        Act::Run => {
            let module = function.module.as_ref().map(|module| (Attribute::Module, Value::Text(module)));
            [(Attribute::Kind, Value::Text(function.kind))].into_iter().chain(module).collect()
        }
        Act::Exec { .. } => vec![(Attribute::Script, Value::Flag(false))],
        Act::Read { .. } | Act::RevealSecret { .. } | Act::ReadEnv { .. } | Act::Export { .. } => Vec::new(),
        Act::Write { bytes, files, .. } => {
            vec![(Attribute::Bytes, Value::Number(*bytes)), (Attribute::Files, Value::Number(*files))]
        }
        Act::Connect { methods, paths, .. } => {
            vec![(Attribute::Methods, Value::Texts(methods)), (Attribute::Paths, Value::Texts(paths))]
        }
        Act::UseSecret { host, .. } => vec![(Attribute::Host, Value::Text(host))],
    }
}

fn origin(function: &FunctionFacts) -> Values<'_> {
    vec![
        (Attribute::Name, Value::Text(&function.name)),
        (Attribute::Protocol, Value::Text(function.protocol)),
        (Attribute::Host, Value::Text(&function.host)),
        (Attribute::Path, Value::Text(&function.path)),
        (Attribute::Digest, Value::Text(&function.digest)),
        (Attribute::Pinned, Value::Flag(function.pinned)),
    ]
}

/// Makes the values that are looked at.
fn made(values: Values<'_>, seen: Attributes) -> Vec<(String, Expression)> {
    let looked_at = values.into_iter().filter(|(attribute, _)| seen.has(*attribute));
    looked_at.map(|(attribute, value)| (attribute.as_str().to_owned(), value.expression())).collect()
}

/// Makes an entity, where there is something about it: policies take the others as they are named.
fn entity(
    uid: &EntityUid,
    attributes: Vec<(String, Expression)>,
    parents: HashSet<EntityUid>,
) -> Result<Option<Entity>, CannotAsk> {
    if attributes.is_empty() && parents.is_empty() {
        return Ok(None);
    }
    Ok(Some(Entity::new(uid.clone(), attributes.into_iter().collect(), parents)?))
}

impl Value<'_> {
    fn expression(self) -> Expression {
        match self {
            Self::Text(text) => Expression::new_string(text.to_owned()),
            Self::Texts(texts) => Expression::new_set(texts.iter().cloned().map(Expression::new_string)),
            // Numbers of the language have a sign; a ceiling is far below where that would matter.
            Self::Number(number) => Expression::new_long(i64::try_from(number).unwrap_or(i64::MAX)),
            Self::Flag(flag) => Expression::new_bool(flag),
        }
    }
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

/// Returns the paths around a path, itself left out; the last is the work dir.
pub(super) fn around(path: &WorkPath) -> impl Iterator<Item = &str> {
    let text = path.as_str();
    let folders = text.rmatch_indices('/').map(|(at, _)| &text[..at]);
    folders.chain((!path.is_work_dir()).then_some("."))
}
