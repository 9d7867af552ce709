//! The names that the expressions of one list can see, and the check that they use no others.
//!
//! Only what is sure is reported: paths that are written out. A computed part (`inputs[env.NAME]`) is left to the run.

use std::collections::HashMap;
use std::sync::Arc;

use stepwell_expr::{Context, ContextUse, Template};
use stepwell_schema::{DefinitionKind, Function, OutputsSpec, Problem, Span, Spec};

use crate::code;
use crate::document::Document;
use crate::function::PlannedFunction;
use crate::problem::{listed, nearest};

/// What the expressions of one list can name.
pub(crate) struct Names<'f> {
    /// The interface of the function; none at job level, where there are no inputs.
    spec: Option<&'f Spec>,
    /// The last step of each name so far.
    latest: HashMap<String, StepOutputs>,
    /// The names in the order in which they first came.
    order: Vec<String>,
}

/// What is known of the outputs of a step.
pub(crate) enum StepOutputs {
    /// Nothing.
    Unknown,
    /// There are none: it is a script.
    None,
    /// Those of a function.
    Of(Arc<PlannedFunction>),
}

impl<'f> Names<'f> {
    pub(crate) fn new(spec: Option<&'f Spec>) -> Self {
        Self { spec, latest: HashMap::new(), order: Vec::new() }
    }

    /// Adds a step, which from now on is an earlier one.
    pub(crate) fn add(&mut self, name: &str, outputs: StepOutputs) {
        if self.latest.insert(name.to_owned(), outputs).is_none() {
            self.order.push(name.to_owned());
        }
    }

    /// Reports the names in a template that do not exist.
    pub(crate) fn check(&self, document: &mut Document, span: Span, template: &Template) {
        if document.gives_up() {
            return;
        }
        for context_use in sure(template) {
            if let Some(unknown) = self.unknown(&context_use) {
                document.push(unknown.problem(document, span, template, &context_use));
            }
        }
    }

    fn unknown(&self, context_use: &ContextUse<'_>) -> Option<Unknown> {
        match context_use.context {
            Context::Inputs => self.unknown_input(context_use.path.first()?),
            Context::Steps => self.unknown_step(&context_use.path),
            Context::Env
            | Context::Vars
            | Context::FuncDir
            | Context::WorkDir
            | Context::OutputFile
            | Context::ExportFile => None,
        }
    }

    fn unknown_input(&self, name: &str) -> Option<Unknown> {
        let Some(spec) = self.spec else {
            return Some(Unknown::new(name, [], "a job has no inputs"));
        };
        let known = || spec.inputs.iter().map(|(known, _)| known.value.as_str());
        if known().any(|known| known == name) {
            return None;
        }
        let label = if spec.inputs.is_empty() { "the function declares no inputs" } else { "inputs: " };
        Some(Unknown::new(name, known(), label))
    }

    fn unknown_step(&self, path: &[&str]) -> Option<Unknown> {
        let (step, rest) = path.split_first()?;
        let Some(outputs) = self.latest.get(*step) else {
            let label = if self.order.is_empty() { "no step of this list comes before" } else { "earlier steps: " };
            return Some(Unknown::new(step, self.order.iter().map(String::as_str), label));
        };
        let (word, rest) = rest.split_first()?;
        if *word != "outputs" {
            return Some(Unknown::new(word, ["outputs"], "a step has: "));
        }
        outputs.unknown(rest.first()?)
    }
}

impl StepOutputs {
    fn unknown(&self, name: &str) -> Option<Unknown> {
        match self {
            Self::Unknown => None,
            Self::None => Some(Unknown::new(name, [], "a script has no outputs")),
            Self::Of(planned) => {
                let known = output_names(&planned.function)?;
                let label = if known.is_empty() { "the function declares no outputs" } else { "outputs: " };
                (!known.contains(&name)).then(|| Unknown::new(name, known, label))
            }
        }
    }
}

/// Returns the names that a function can hand over; none where they are another step's.
fn output_names(function: &Function) -> Option<Vec<&str>> {
    let OutputsSpec::Declared(declared) = &function.spec.outputs else { return None };
    let mut names: Vec<&str> = declared.iter().map(|(name, _)| name.value.as_str()).collect();
    // What stands under `outputs` of a list is handed over whether it is declared or not.
    if let DefinitionKind::Sequence(sequence) = &function.definition.kind {
        names.extend(sequence.outputs.iter().map(|(name, _)| name.value.as_str()));
    }
    Some(names)
}

/// Returns the uses that are sure to be meant. An expression that the older dialect may read as a path (`env.MY-VAR`)
/// names contexts twice, in overlapping ranges; which reading counts is known only when it is evaluated.
fn sure<'t>(template: &'t Template) -> Vec<ContextUse<'t>> {
    // What stands in brackets behind a path overlaps with it, and is no other reading of it.
    let (mut sure, mut plain): (Vec<_>, Vec<_>) = template.contexts().partition(|context_use| context_use.computed);
    plain.sort_by_key(|context_use| context_use.range.start);
    let mut end = 0;
    let mut cluster: Vec<ContextUse<'t>> = Vec::new();
    for context_use in plain {
        if context_use.range.start >= end {
            sure.extend(alone(&mut cluster));
        }
        end = end.max(context_use.range.end);
        cluster.push(context_use);
    }
    sure.extend(alone(&mut cluster));
    sure
}

/// Empties a cluster of overlapping uses; returns its use if there is but one.
fn alone<'t>(cluster: &mut Vec<ContextUse<'t>>) -> Option<ContextUse<'t>> {
    let single = cluster.len() == 1;
    let last = cluster.pop();
    cluster.clear();
    last.filter(|_| single)
}

/// A name that does not exist.
struct Unknown {
    name: String,
    nearest: Option<String>,
    label: String,
}

impl Unknown {
    /// `label` is followed by the known names, if there are any.
    fn new<'k>(name: &str, known: impl IntoIterator<Item = &'k str>, label: &str) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        Self {
            name: name.to_owned(),
            nearest: nearest(name, known.iter().copied()).map(str::to_owned),
            label: format!("{label}{}", listed(&known)),
        }
    }

    fn problem(self, document: &Document, span: Span, template: &Template, context_use: &ContextUse<'_>) -> Problem {
        let written = template.text().get(context_use.range.clone()).unwrap_or_default();
        let message = format!("`{written}`: the \"{}\" was not found", self.name);
        let place = document.place_within(span, template.text(), &context_use.range);
        let problem = Problem::error(code::NOT_FOUND, message).at(place, self.label);
        match self.nearest {
            Some(nearest) => problem.help(format!("did you mean `{nearest}`?")),
            None => problem,
        }
    }
}
