//! From a question to what the library is asked: names, attributes and context as the schema has them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::error::Error;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression as Expression,
};

use crate::facts::FunctionFacts;
use crate::question::{Act, Action, Deed, Question};
use crate::work_path::WorkPath;

/// Why a question cannot be put: never one of ours, since none of it depends on what a user wrote.
type CannotAsk = Box<dyn Error>;

/// What policies look at besides the names of job, action and resource: only that is made for a question, since making
/// attributes takes longer than evaluating most policies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) job: bool,
    pub(super) resource: bool,
    pub(super) context: bool,
}

impl Seen {
    pub(super) const ALL: Self = Self { job: true, resource: true, context: true };

    /// Returns what either looks at.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            job: self.job || other.job,
            resource: self.resource || other.resource,
            context: self.context || other.context,
        }
    }
}

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

    /// Makes the request and the entities that it is about, as far as policies look at them.
    pub(super) fn request(&self, question: &Question, seen: Seen) -> Result<(Request, Entities), CannotAsk> {
        let action = question.action();
        let principal = uid(&self.job, &question.job.source);
        let kind = &self.resources[&action];
        let resource = uid(kind, &question.resource());
        let mut entities = Vec::with_capacity(2);
        if seen.job {
            let pairs = [("tenant", text(&question.job.tenant)), ("source", text(&question.job.source))];
            entities.push(Entity::new(principal.clone(), attributes(pairs), HashSet::new())?);
        }
        entities.extend(about(&question.deed, kind, &resource, seen)?);
        let entities = match entities.is_empty() {
            true => Entities::empty(),
            false => Entities::from_entities(entities, None)?,
        };
        let context = match seen.context {
            true => Context::from_pairs(context(&question.deed)?)?,
            false => Context::empty(),
        };
        Ok((Request::new(principal, self.action(action).clone(), resource, context, None)?, entities))
    }
}

fn context(deed: &Deed) -> Result<Vec<(String, Expression)>, CannotAsk> {
    let Deed::Function { function, act } = deed else {
        return Ok(vec![("script".to_owned(), Expression::new_bool(true))]);
    };
    let mut pairs = match act {
        Act::Run => {
            let module = function.module.as_ref().map(|module| ("module".to_owned(), text(module)));
            return Ok([("kind".to_owned(), text(function.kind))].into_iter().chain(module).collect());
        }
        Act::Exec { .. } => vec![("script".to_owned(), Expression::new_bool(false))],
        Act::Read { .. } | Act::RevealSecret { .. } | Act::ReadEnv { .. } | Act::Export { .. } => Vec::new(),
        Act::Write { bytes, files, .. } => {
            vec![("bytes".to_owned(), number(*bytes)), ("files".to_owned(), number(*files))]
        }
        Act::Connect { methods, paths, .. } => {
            vec![("methods".to_owned(), texts(methods)), ("paths".to_owned(), texts(paths))]
        }
        Act::UseSecret { host, .. } => vec![("host".to_owned(), text(host))],
    };
    pairs.push(("function".to_owned(), Expression::new_record(attributes(origin(function)))?));
    Ok(pairs)
}

/// Returns the entity that an act is about. A path has the paths around it as parents, which the head of a policy looks at.
fn about(deed: &Deed, kind: &EntityTypeName, resource: &EntityUid, seen: Seen) -> Result<Option<Entity>, CannotAsk> {
    let Deed::Function { function, act } = deed else { return Ok(None) };
    let (pairs, parents) = match act {
        Act::Run if seen.resource => (attributes(origin(function)), HashSet::new()),
        Act::Connect { host, port, .. } if seen.resource => {
            let pairs = [("name", text(host)), ("port", Expression::new_long(i64::from(*port)))];
            (attributes(pairs), HashSet::new())
        }
        Act::Read { path } | Act::Write { path, .. } => {
            (HashMap::new(), around(path).map(|outer| uid(kind, outer)).collect())
        }
        Act::Run
        | Act::Connect { .. }
        | Act::Exec { .. }
        | Act::UseSecret { .. }
        | Act::RevealSecret { .. }
        | Act::ReadEnv { .. }
        | Act::Export { .. } => return Ok(None),
    };
    Ok(Some(Entity::new(resource.clone(), pairs, parents)?))
}

fn origin(function: &FunctionFacts) -> [(&'static str, Expression); 6] {
    [
        ("name", text(&function.name)),
        ("protocol", text(function.protocol)),
        ("host", text(&function.host)),
        ("path", text(&function.path)),
        ("digest", text(&function.digest)),
        ("pinned", Expression::new_bool(function.pinned)),
    ]
}

fn attributes(pairs: impl IntoIterator<Item = (&'static str, Expression)>) -> HashMap<String, Expression> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

/// Returns the paths around a path, itself left out; the last is the work dir.
fn around(path: &WorkPath) -> impl Iterator<Item = &str> {
    let text = path.as_str();
    let folders = text.rmatch_indices('/').map(|(at, _)| &text[..at]);
    folders.chain((!path.is_work_dir()).then_some("."))
}

fn text(text: &str) -> Expression {
    Expression::new_string(text.to_owned())
}

fn texts(texts: &[String]) -> Expression {
    Expression::new_set(texts.iter().map(|one| text(one)))
}

/// Numbers of the language have a sign; a ceiling is far below where that would matter.
fn number(number: u64) -> Expression {
    Expression::new_long(i64::try_from(number).unwrap_or(i64::MAX))
}
