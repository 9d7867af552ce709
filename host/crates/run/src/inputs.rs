//! From the inputs that a step gives to those that its function sees.

use std::collections::BTreeSet;

use stepwell_expr::{Context, ContextUse, Marked, Scope, Template, ValueTemplate, Values};
use stepwell_schema::{Input, Place, Spec, Value, ValueType};

use crate::environment::Block;
use crate::failure::Failed;
use crate::surroundings::Options;

/// Given inputs as the plan holds them: name, template, place.
pub(crate) type Given = [(String, ValueTemplate, Place)];

/// The inputs of one call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inputs {
    /// Those that were given.
    pub(crate) given: Values,
    /// All that the function declares, defaults filled in.
    pub(crate) all: Values,
}

/// Refuses inputs that the function does not declare.
pub(crate) fn refuse_undeclared(spec: &Spec, given: &Given) -> Result<(), Failed> {
    match given.iter().find(|(name, ..)| declared(spec, name).is_none()) {
        None => Ok(()),
        Some((name, ..)) => Err(Failed::step(format!("step does not accept input with name {name:?}"))),
    }
}

/// Evaluates the given inputs in the caller's scope.
pub(crate) fn evaluate(given: &Given, scope: &Scope<'_>) -> Result<Values, Failed> {
    given
        .iter()
        .map(|(name, template, _)| match template.evaluate(scope) {
            Ok(marked) => Ok((name.clone(), marked)),
            Err(error) => Err(Failed::step(format!("expand input {name:?}: {error}"))),
        })
        .collect()
}

/// Evaluates an `env` block in the scope outside it: its entries do not see each other.
pub(crate) fn evaluate_env(env: &[(String, Template)], scope: &Scope<'_>, link: &str) -> Result<Block, Failed> {
    env.iter()
        .map(|(name, template)| match template.evaluate_text(scope) {
            Ok((text, sensitive)) => Ok((name.clone(), Marked { value: Value::String(text), sensitive })),
            Err(error) => Err(Failed::step(format!("{link} {name:?}: {error}"))),
        })
        .collect()
}

/// Fills in defaults, and checks types and marks, in this order: what is required, types, marks. `given` and `scope` are
/// only asked where a message needs the names of sensitive values.
pub(crate) fn assign(
    spec: &Spec,
    values: Values,
    given: &Given,
    scope: &Scope<'_>,
    options: &Options,
) -> Result<Inputs, Failed> {
    if let Some((name, _)) =
        spec.inputs.iter().find(|(name, input)| input.default.is_none() && !values.contains_key(&name.value))
    {
        let name = &name.value;
        return Err(Failed::step(format!("failed to parse spec definition: input {name:?} required, but not defined")));
    }
    let mut inputs = Inputs { given: Values::new(), all: defaults(spec) };
    for (name, marked) in values {
        let input = declared(spec, &name);
        let marked = match input {
            Some(input) => {
                accept(input, marked, options).map_err(|problem| problem.into_failed(&name, given, scope))?
            }
            // Refused before; a value that nobody declared does no harm.
            None => marked,
        };
        inputs.all.insert(name.clone(), marked.clone());
        inputs.given.insert(name, marked);
    }
    Ok(inputs)
}

fn declared<'s>(spec: &'s Spec, name: &str) -> Option<&'s Input> {
    spec.inputs.iter().find(|(known, _)| known.value == name).map(|(_, input)| input)
}

fn defaults(spec: &Spec) -> Values {
    spec.inputs
        .iter()
        .filter_map(|(name, input)| {
            let value = input.default.clone()?;
            Some((name.value.clone(), Marked { value, sensitive: input.sensitive }))
        })
        .collect()
}

/// Why a value cannot be given to an input.
enum Refusal {
    Type { declared: ValueType, given: &'static str },
    Sensitive,
    NotFinite(f64),
}

fn accept(input: &Input, marked: Marked, options: &Options) -> Result<Marked, Refusal> {
    let value = if options.check_input_types { convert(marked.value, input.value_type)? } else { marked.value };
    if marked.sensitive && !input.sensitive && options.enforce_sensitive {
        return Err(Refusal::Sensitive);
    }
    Ok(Marked { value, sensitive: marked.sensitive || input.sensitive })
}

/// Checks a value against the declared type; a number or truth value given to a text input becomes text.
fn convert(value: Value, declared: ValueType) -> Result<Value, Refusal> {
    match (&value, declared) {
        (Value::Number(_) | Value::Boolean(_), ValueType::String) => {
            value.to_text().map(Value::String).map_err(|error| Refusal::NotFinite(error.0))
        }
        _ if value.value_type() == Some(declared) => Ok(value),
        _ => Err(Refusal::Type { declared, given: value.type_name() }),
    }
}

impl Refusal {
    fn into_failed(self, name: &str, given: &Given, scope: &Scope<'_>) -> Failed {
        match self {
            Self::Type { declared, given } => Failed::step(format!(
                "assign input {name:?}: mismatched types, declared as \"{declared}\" and given as \"{given}\""
            )),
            Self::NotFinite(number) => {
                Failed::step(format!("assign input {name:?}: the number {number} cannot be written as text"))
            }
            Self::Sensitive => {
                let template = given.iter().find(|(given, ..)| given == name).map(|(_, template, _)| template);
                let names = template.map(|template| sensitive_names(template, scope)).unwrap_or_default();
                Failed::step(format!(
                    "assign input {name:?}: non-sensitive input cannot derive value using sensitive value(s) {names:?}"
                ))
                .hint(Some(format!("mark the input `{name}` with `sensitive: true` in its function file")))
            }
        }
    }
}

/// Returns the sensitive values that a template names, with `, ` between them.
fn sensitive_names(template: &ValueTemplate, scope: &Scope<'_>) -> String {
    let names: BTreeSet<String> = template
        .contexts()
        .filter(|(_, context_use)| is_sensitive(context_use, scope))
        .map(|(_, context_use)| {
            let parts = [context_use.context.as_str()].into_iter().chain(context_use.path.iter().copied());
            parts.collect::<Vec<_>>().join(".")
        })
        .collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

fn is_sensitive(context_use: &ContextUse<'_>, scope: &Scope<'_>) -> bool {
    let member = |values: &Values, name: Option<&&str>| match name {
        Some(name) => values.get(*name).is_some_and(|marked| marked.sensitive),
        None => values.values().any(|marked| marked.sensitive),
    };
    let path = context_use.path.as_slice();
    match context_use.context {
        Context::Env => member(scope.env, path.first()),
        Context::Inputs => member(scope.inputs, path.first()),
        Context::Vars => member(scope.vars, path.first()),
        Context::Steps => match path.first() {
            Some(step) => scope.steps.get(*step).is_some_and(|outputs| member(outputs, path.get(2))),
            None => scope.steps.values().any(|outputs| member(outputs, None)),
        },
        Context::FuncDir | Context::WorkDir | Context::OutputFile | Context::ExportFile => false,
    }
}
