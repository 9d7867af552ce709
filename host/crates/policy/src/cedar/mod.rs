//! The policy language: Cedar, with the schema that stands beside this file. No type of its library leaves this folder.
//!
//! `load` goes from texts to policies or problems, `shelf` says which policies a question needs, `known` which of them are
//! known not to hold, `seen` what the others look at, `request` goes from a question to what the library is asked.

mod attribute;
mod known;
mod load;
mod request;
mod seen;
mod shelf;

use std::collections::BTreeMap;
use std::sync::Arc;

use cedar_policy::{Authorizer, Effect};
use stepwell_schema::{Problems, Source};

use crate::decision::Verdict;
use crate::question::{Action, Question};
use crate::rule::{DecidedBy, PolicyRef};
use crate::ruling::Ruling;
use load::Loaded;
use request::{CannotAsk, Names};
use seen::Seen;
use shelf::{Shelf, Single};

/// The schema of our policies, in the language for that.
pub(crate) const SCHEMA: &str = include_str!("schema.cedarschema");

/// The profiles that we ship, by name.
pub(crate) const PROFILES: [(&str, &str); 2] =
    [("local", include_str!("local.cedar")), ("hardened", include_str!("hardened.cedar"))];

/// Policies, parsed and sorted by what they may be about.
pub(crate) struct Engine {
    names: Names,
    actions: BTreeMap<Action, Shelf>,
    singles: Vec<Single>,
    policies: Vec<Loaded>,
}

/// What became of the policies that a question was put to, by their numbers.
#[derive(Debug, Default, PartialEq, Eq)]
struct Answers {
    broken: Vec<usize>,
    forbids: Vec<usize>,
    permits: Vec<usize>,
}

impl Engine {
    /// Reads policies and checks them against the schema. Returns what is odd but accepted beside them.
    ///
    /// # Errors
    /// All problems of all texts, warnings among them.
    pub(crate) fn load(sources: &[Arc<Source>]) -> Result<(Self, Problems), Problems> {
        let names = Names::new();
        let (policies, warnings) = load::load(sources)?;
        let singles = Single::all(&policies.iter().map(|loaded| &loaded.policy).collect::<Vec<_>>());
        let shelf = |action| Shelf::new(names.action(action), policies.iter().map(|loaded| &loaded.policy));
        let actions = Action::ALL.into_iter().map(|action| (action, shelf(action))).collect();
        Ok((Self { names, actions, singles, policies }, warnings))
    }

    /// Decides. A permit is needed, a forbid wins, and a policy that breaks down denies: an answer that depends on it is
    /// not known.
    pub(crate) fn rule(&self, question: &Question) -> Ruling {
        let Ok(Answers { broken, forbids, permits }) = self.answers(question) else {
            return Ruling::denied(DecidedBy::NoPolicy, "it cannot be put to the policies");
        };
        if !broken.is_empty() {
            return Ruling::denied(self.decided_by(&broken), "a policy cannot be evaluated: its arithmetic overflows");
        }
        if !forbids.is_empty() {
            let reason = self.reason(&forbids).unwrap_or_else(|| "a policy forbids it".into());
            return Ruling::denied(self.decided_by(&forbids), reason);
        }
        if permits.is_empty() {
            return Ruling::denied(DecidedBy::NoPolicy, "no policy allows it");
        }
        let reason = self.reason(&permits).unwrap_or_else(|| "a policy allows it".into());
        Ruling { verdict: Verdict::Allowed, reason, decided_by: self.decided_by(&permits) }
    }

    /// Puts a question to each policy that may be about it and is not known to be false. An error is never one of a
    /// policy, and none of it depends on what a user wrote.
    fn answers(&self, question: &Question) -> Result<Answers, CannotAsk> {
        let resource = self.names.resource(question);
        let asked: Vec<(usize, &Single)> = self.actions[&question.action()]
            .policies(&resource)
            .filter_map(|number| Some((number, self.singles.get(number)?)))
            .filter(|(_, single)| single.condition.holds(question) != Some(false))
            .collect();
        let mut answers = Answers::default();
        if asked.is_empty() {
            return Ok(answers);
        }
        let seen = asked.iter().fold(Seen::default(), |seen, (_, single)| seen.and(single.seen));
        let (request, entities) = self.names.request(question, resource, seen)?;
        for (number, single) in asked {
            let answer = Authorizer::new().is_authorized(&request, &single.set, &entities);
            if answer.diagnostics().errors().next().is_some() {
                answers.broken.push(number);
            } else if answer.diagnostics().reason().next().is_some() {
                match single.effect {
                    Effect::Forbid => answers.forbids.push(number),
                    Effect::Permit => answers.permits.push(number),
                }
            }
        }
        Ok(answers)
    }

    /// Returns the policies, in the order in which they were loaded.
    pub(crate) fn policies(&self) -> impl Iterator<Item = &PolicyRef> {
        self.policies.iter().flat_map(|loaded| &*loaded.place)
    }

    /// Returns how many policies there are.
    pub(crate) fn len(&self) -> usize {
        self.policies.len()
    }

    /// Returns what the first of these policies says of itself.
    fn reason(&self, policies: &[usize]) -> Option<Arc<str>> {
        policies.iter().find_map(|&index| self.policies.get(index)?.reason.clone())
    }

    fn decided_by(&self, policies: &[usize]) -> DecidedBy {
        let places: Vec<&Arc<[PolicyRef; 1]>> =
            policies.iter().filter_map(|&index| Some(&self.policies.get(index)?.place)).collect();
        DecidedBy::Policies(match *places {
            [only] => Arc::<[PolicyRef; 1]>::clone(only),
            _ => places.into_iter().flat_map(|place| &**place).cloned().collect(),
        })
    }
}

#[cfg(test)]
mod tests;
