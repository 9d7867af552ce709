//! From texts to policies: parsed, checked against the schema, numbered; or all that is wrong with them.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use cedar_policy::{Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use miette::Diagnostic;
use stepwell_schema::{Place, Problem, Problems, Source, Span};

use super::{PROFILES, SCHEMA};
use crate::code;
use crate::rule::PolicyRef;

/// A policy.
pub(super) struct Loaded {
    pub(super) policy: Policy,
    /// Where it stands, as most decisions say it: that it decided alone.
    pub(super) place: Arc<[PolicyRef; 1]>,
    /// Its `@reason`, looked up once: the library parses the name of an annotation each time.
    pub(super) reason: Option<Arc<str>>,
}

pub(super) static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
    let (schema, _) = Schema::from_cedarschema_str(SCHEMA).expect("the schema that we ship is read by the tests");
    Validator::new(schema)
});

/// Reads all texts.
pub(super) fn load(sources: &[Arc<Source>]) -> Result<(Vec<Loaded>, Problems), Problems> {
    let mut loader = Loader::default();
    for source in sources {
        loader.source(source);
    }
    if loader.problems.has_errors() { Err(loader.problems) } else { Ok((loader.loaded, loader.problems)) }
}

#[derive(Default)]
struct Loader {
    loaded: Vec<Loaded>,
    problems: Problems,
    /// Where each identifier stands.
    known: BTreeMap<String, Place>,
}

impl Loader {
    fn source(&mut self, source: &Arc<Source>) {
        match source.text().parse::<PolicySet>() {
            Ok(set) => self.set(source, &set),
            Err(errors) => {
                self.problems.extend(errors.iter().map(|error| problem(code::POLICY_SYNTAX, error, source, None)));
            }
        }
    }

    fn set(&mut self, source: &Arc<Source>, set: &PolicySet) {
        let places = places(source, set);
        let place_of = |id: &PolicyId| places.get(AsRef::<str>::as_ref(id)).cloned();
        for template in set.templates() {
            let place = place_of(template.id()).into_iter();
            let problem = Problem::error(code::POLICY_TEMPLATE, "a policy with slots belongs to nobody");
            let problem = place.fold(problem, |problem, place| problem.at(place, "this one has slots"));
            self.problems
                .push(problem.help("write the principal and the resource instead of `?principal` and `?resource`"));
        }
        // Reading the schema takes longer than the rest of a profile, and they fit: the tests see to it.
        if !is_shipped(source.text()) {
            self.problems.extend(misfits(&VALIDATOR, source, set, &places));
        }
        for number in 0..set.num_of_policies() + set.num_of_templates() {
            let id = PolicyId::new(library_id(number));
            if let (Some(policy), Some(place)) = (set.policy(&id), place_of(&id)) {
                self.policy(policy, place);
            }
        }
    }

    fn policy(&mut self, policy: &Policy, place: Place) {
        let id = policy.annotation("id").filter(|id| !id.is_empty());
        let id = id.map_or_else(|| place.to_string(), str::to_owned);
        if id.contains(char::is_control) {
            let problem = Problem::error(code::POLICY_ID, "the `@id` of a policy holds a control character");
            self.problems.push(problem.at(place, "this one"));
            return;
        }
        if let Some(other) = self.known.insert(id.clone(), place.clone()) {
            let problem = Problem::error(code::POLICY_ID, format!("two policies have the `@id` `{id}`"));
            let problem = problem.at(place, "this one").at(other, "and this one");
            self.problems.push(problem.help("give one of them another `@id`: decisions name it"));
            return;
        }
        let reason = policy.annotation("reason").map(Arc::from);
        let place = Arc::new([PolicyRef { id, place }]);
        self.loaded.push(Loaded { policy: policy.clone(), place, reason });
    }
}

/// Tells whether a text is that of a profile.
fn is_shipped(text: &str) -> bool {
    PROFILES.iter().any(|(_, profile)| *profile == text)
}

/// Returns where policies do not fit the schema: errors, and what is odd about others.
pub(super) fn misfits(
    validator: &Validator,
    source: &Arc<Source>,
    set: &PolicySet,
    places: &BTreeMap<String, Place>,
) -> Vec<Problem> {
    let place_of = |id: &PolicyId| places.get(AsRef::<str>::as_ref(id)).cloned();
    let checked = validator.validate(set, ValidationMode::Strict);
    let errors = checked.validation_errors();
    let mut found: Vec<Problem> =
        errors.map(|error| problem(code::POLICY_SCHEMA, error, source, place_of(error.policy_id()))).collect();
    // What follows from an error says nothing new.
    let wrong: Vec<&PolicyId> = checked.validation_errors().map(|error| error.policy_id()).collect();
    for warning in checked.validation_warnings().filter(|warning| !wrong.contains(&warning.policy_id())) {
        let problem = problem(code::POLICY_ODD, warning, source, place_of(warning.policy_id()));
        found.push(Problem { severity: stepwell_schema::Severity::Warning, ..problem });
    }
    found
}

/// Returns the identifier that the library gives the policy of this number in a text.
fn library_id(number: usize) -> String {
    format!("policy{number}")
}

/// Finds where the policies of a text stand: one behind the other, with nothing but white space and comments between.
pub(super) fn places(source: &Arc<Source>, set: &PolicySet) -> BTreeMap<String, Place> {
    let text = source.text();
    let mut places = BTreeMap::new();
    let mut start = 0;
    for number in 0..set.num_of_policies() + set.num_of_templates() {
        let id = PolicyId::new(library_id(number));
        let written = match (set.policy(&id), set.template(&id)) {
            (Some(policy), _) => policy.to_cedar().unwrap_or_default(),
            (None, Some(template)) => template.to_cedar(),
            (None, None) => continue,
        };
        start += gap(&text[start..]);
        let end = start + if text[start..].starts_with(&written) { written.len() } else { 0 };
        places.insert(library_id(number), Place::new(Arc::clone(source), Span::new(start, end)));
        start = end;
    }
    places
}

/// Returns the length of the white space and comments that a text starts with.
fn gap(text: &str) -> usize {
    let mut rest = text.trim_start();
    while rest.starts_with("//") {
        rest = rest.split_once('\n').map_or("", |(_, below)| below).trim_start();
    }
    text.len() - rest.len()
}

/// Makes a problem of what the library says, at the places that it points at or else at the whole policy.
fn problem(code: &'static str, said: &dyn Diagnostic, source: &Arc<Source>, policy: Option<Place>) -> Problem {
    let mut problem = Problem::error(code, message(&said.to_string()));
    for label in said.labels().into_iter().flatten() {
        let span = Span::new(label.offset(), label.offset() + label.len());
        problem = problem.at(Place::new(Arc::clone(source), span), label.label().unwrap_or_default());
    }
    if let (true, Some(policy)) = (problem.labels.is_empty(), policy) {
        problem = problem.at(policy, "in this policy");
    }
    problem.help = said.help().map(|help| help.to_string());
    problem
}

/// Drops the number that the library gives a policy: the place says which one it is.
fn message(said: &str) -> String {
    let named = said.strip_prefix("for policy `policy").and_then(|rest| rest.split_once("`, "));
    named.map_or(said, |(_, message)| message).trim_end_matches('.').to_owned()
}
