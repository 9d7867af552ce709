//! The policy language: Cedar, with the schema that stands beside this file. No type of its library leaves this folder.
//!
//! `load` goes from texts to policies or problems, `request` from a question to what the library is asked.

mod load;
mod request;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use cedar_policy::{
    ActionConstraint, AuthorizationError, Authorizer, Decision, Effect, Entities, EntityUid, Policy, PolicySet,
    Request, ResourceConstraint, Response,
};
use stepwell_schema::{Problems, Source};

use crate::decision::Verdict;
use crate::question::{Action, Question};
use crate::rule::{DecidedBy, PolicyRef};
use crate::ruling::Ruling;
use load::Loaded;
use request::{Names, Seen};

/// The schema of our policies, in the language for that.
pub(crate) const SCHEMA: &str = include_str!("schema.cedarschema");

/// The profiles that we ship, by name.
pub(crate) const PROFILES: [(&str, &str); 2] =
    [("local", include_str!("local.cedar")), ("hardened", include_str!("hardened.cedar"))];

/// Policies, parsed and sorted by what they may be about.
pub(crate) struct Engine {
    names: Names,
    actions: BTreeMap<Action, Shelf>,
    policies: Vec<Loaded>,
}

/// The policies that may be about one action.
#[derive(Default)]
struct Shelf {
    /// Those about any resource, or a kind or group of resources.
    general: PolicySet,
    /// Those about exactly one resource.
    by_resource: HashMap<EntityUid, PolicySet>,
    /// What the conditions of all of them look at.
    seen: Seen,
}

impl Engine {
    /// Reads policies and checks them against the schema. Returns what is odd but accepted beside them.
    ///
    /// # Errors
    /// All problems of all texts, warnings among them.
    pub(crate) fn load(sources: &[Arc<Source>]) -> Result<(Self, Problems), Problems> {
        let names = Names::new();
        let (policies, warnings) = load::load(sources)?;
        let mut actions: BTreeMap<Action, Shelf> =
            Action::ALL.into_iter().map(|action| (action, Shelf::default())).collect();
        for loaded in &policies {
            let constraint = loaded.policy.action_constraint();
            for (action, shelf) in &mut actions {
                if may_be_about(&constraint, names.action(*action)) {
                    shelf.add(&loaded.policy);
                }
            }
        }
        Ok((Self { names, actions, policies }, warnings))
    }

    /// Decides. A permit is needed, a forbid wins, and a policy that breaks down denies: an answer that depends on it is
    /// not known.
    pub(crate) fn rule(&self, question: &Question) -> Ruling {
        let shelf = &self.actions[&question.action()];
        let Ok((request, entities)) = self.names.request(question, shelf.seen) else {
            return Ruling::denied(DecidedBy::NoPolicy, "it cannot be put to the policies");
        };
        let named = request.resource().and_then(|resource| shelf.by_resource.get(resource));
        let sets = [Some(&shelf.general).filter(|general| !general.is_empty()), named];
        let answers: Vec<Response> =
            sets.into_iter().flatten().map(|set| authorize(set, &request, &entities)).collect();
        let broken: Vec<usize> = answers.iter().flat_map(broken).collect();
        if !broken.is_empty() {
            return Ruling::denied(self.decided_by(broken), "a policy cannot be evaluated: its arithmetic overflows");
        }
        let forbids = self.reasons(&answers, Effect::Forbid);
        if !forbids.is_empty() {
            let reason = self.reason(&forbids).unwrap_or_else(|| "a policy forbids it".into());
            return Ruling::denied(self.decided_by(forbids), reason);
        }
        let permits = self.reasons(&answers, Effect::Permit);
        if permits.is_empty() {
            return Ruling::denied(DecidedBy::NoPolicy, "no policy allows it");
        }
        let reason = self.reason(&permits).unwrap_or_else(|| "a policy allows it".into());
        Ruling { verdict: Verdict::Allowed, reason, decided_by: self.decided_by(permits) }
    }

    /// Returns the policies, in the order in which they were loaded.
    pub(crate) fn policies(&self) -> impl Iterator<Item = &PolicyRef> {
        self.policies.iter().map(|loaded| &loaded.place)
    }

    /// Returns how many policies there are.
    pub(crate) fn len(&self) -> usize {
        self.policies.len()
    }

    /// Returns the policies of one effect that were satisfied, in the order in which they were loaded. Of a denied request
    /// the library names the forbids only, which are all that is needed then.
    fn reasons(&self, answers: &[Response], effect: Effect) -> Vec<usize> {
        let wanted = if effect == Effect::Permit { Decision::Allow } else { Decision::Deny };
        let mut found: Vec<usize> = answers
            .iter()
            .filter(|answer| answer.decision() == wanted)
            .flat_map(|answer| answer.diagnostics().reason())
            .filter_map(load::index)
            .collect();
        found.sort_unstable();
        found
    }

    /// Returns what the first of these policies says of itself.
    fn reason(&self, policies: &[usize]) -> Option<Arc<str>> {
        policies.iter().find_map(|&index| self.policies.get(index)?.reason.clone())
    }

    fn decided_by(&self, policies: Vec<usize>) -> DecidedBy {
        let places: Vec<PolicyRef> =
            policies.into_iter().filter_map(|index| Some(self.policies.get(index)?.place.clone())).collect();
        DecidedBy::Policies(places.into())
    }
}

impl Shelf {
    fn add(&mut self, policy: &Policy) {
        let set = match policy.resource_constraint() {
            ResourceConstraint::Eq(resource) => self.by_resource.entry(resource).or_default(),
            ResourceConstraint::Any
            | ResourceConstraint::In(_)
            | ResourceConstraint::Is(_)
            | ResourceConstraint::IsIn(..) => &mut self.general,
        };
        set.add(policy.clone()).expect("policies are numbered, and each is put onto a shelf once");
        self.seen = self.seen.and(seen(policy));
    }
}

/// Returns what the conditions of a policy look at. What cannot be told counts as looked at.
fn seen(policy: &Policy) -> Seen {
    let Ok(json) = policy.to_json() else { return Seen::ALL };
    let Some(conditions) = json.get("conditions").map(ToString::to_string) else { return Seen::ALL };
    // Inside a text the quotes would be escaped, so that it is never taken for a variable, nor a variable for a text.
    let names = |variable: &str| conditions.contains(&format!("\"Var\":\"{variable}\""));
    Seen { job: names("principal"), resource: names("resource"), context: names("context") }
}

/// The schema has no groups of actions, so being in one is being it.
fn may_be_about(constraint: &ActionConstraint, action: &EntityUid) -> bool {
    match constraint {
        ActionConstraint::Any => true,
        ActionConstraint::In(actions) => actions.contains(action),
        ActionConstraint::Eq(only) => only == action,
    }
}

fn authorize(set: &PolicySet, request: &Request, entities: &Entities) -> Response {
    Authorizer::new().is_authorized(request, set, entities)
}

/// Returns the policies that broke down.
fn broken(answer: &Response) -> Vec<usize> {
    let errors = answer.diagnostics().errors();
    errors
        .filter_map(|error| match error {
            AuthorizationError::PolicyEvaluationError(error) => load::index(error.policy_id()),
        })
        .collect()
}

#[cfg(test)]
mod tests;
