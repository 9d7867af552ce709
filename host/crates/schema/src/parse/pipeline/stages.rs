//! `stages`: the order of the jobs.

use std::collections::HashMap;

use super::keywords::{DEFAULT_STAGES, FIRST_STAGE, LAST_STAGE};
use super::references::References;
use crate::code;
use crate::excerpt::excerpt;
use crate::findings::Findings;
use crate::parse::shape;
use crate::problem::Problem;
use crate::source::Place;
use crate::suggest::did_you_mean;
use crate::yaml::Member;

/// Most stages that a message lists, and with which a mistaken one is compared.
const MAX_LISTED: usize = 50;

/// The stages of a pipeline in order, each once.
pub(super) struct Stages {
    names: Vec<String>,
    places: HashMap<String, usize>,
}

impl Stages {
    /// Reads `stages`, or takes the usual ones.
    pub(super) fn read(root: &[Member], references: &mut References<'_>, findings: &mut Findings) -> Self {
        let tree = root
            .iter()
            .find(|member| &*member.key.value == "stages" && !member.value.is_null())
            .and_then(|member| references.resolve(&member.value, findings));
        let between: Vec<String> = match tree {
            Some(tree) => {
                let texts = shape::texts(&tree, "`stages`", "stages: [ build, test ]", findings);
                texts.into_iter().map(|stage| stage.value).collect()
            }
            None => DEFAULT_STAGES.map(str::to_owned).into(),
        };
        let between = between.into_iter().filter(|name| name != FIRST_STAGE && name != LAST_STAGE);
        let mut stages = Self { names: Vec::new(), places: HashMap::new() };
        for name in [FIRST_STAGE.to_owned()].into_iter().chain(between).chain([LAST_STAGE.to_owned()]) {
            if !stages.has(&name) {
                stages.places.insert(name.clone(), stages.names.len());
                stages.names.push(name);
            }
        }
        stages
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// Returns where a stage stands in the order; an unknown one is behind all others.
    pub(super) fn place_of(&self, name: &str) -> usize {
        self.places.get(name).copied().unwrap_or(self.names.len())
    }

    pub(super) fn into_names(self) -> Vec<String> {
        self.names
    }

    /// Words the problem of a stage that there is not; `unnamed` where the job names none.
    pub(super) fn unknown(&self, name: &str, unnamed: bool, job: &str, place: Place) -> Problem {
        let message = if unnamed {
            format!("{job} names no stage, and there is no stage `{}`", excerpt(name))
        } else {
            format!("there is no stage `{}`", excerpt(name))
        };
        let known = self.names.iter().take(MAX_LISTED).map(String::as_str);
        let label = match did_you_mean(name, known) {
            Some(near) if !unnamed => format!("did you mean `{near}`?"),
            Some(_) | None => "not among `stages`".to_owned(),
        };
        Problem::error(code::UNKNOWN_STAGE, message).at(place, label)
    }

    /// Returns the words that list the stages.
    pub(super) fn listed(&self) -> String {
        let names: Vec<String> =
            self.names.iter().take(MAX_LISTED).map(|name| format!("`{}`", excerpt(name))).collect();
        format!("stages of this pipeline: {}", names.join(", "))
    }
}
