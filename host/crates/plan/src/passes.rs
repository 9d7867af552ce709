//! The secrets that a step passes, held against those that its function asks for.

use stepwell_schema::{Place, Problem, SecretNeed, Spanned};

use crate::code;
use crate::document::Document;
use crate::function::{PlannedDefinition, PlannedFunction};
use crate::problem::{listed, nearest};

/// Reports secrets that the function does not ask for, and those that it needs and is not passed. `call` is where the
/// step stands.
pub(crate) fn check_secrets(
    document: &mut Document,
    call: &Place,
    given: &[(Spanned<String>, Spanned<String>)],
    planned: &PlannedFunction,
) {
    for (name, _) in given {
        if let Some(refused) = secret_refused(planned, &name.value) {
            let problem = Problem::error(code::UNKNOWN_SECRET, refused.message);
            document.push(problem.at(document.place(name.span), refused.label));
        }
    }
    for need in missing_secrets(planned, |name| given.iter().any(|(given, _)| given.value == name)) {
        let place = Place::new(planned.function.source.clone(), need.name.span);
        let problem =
            Problem::error(code::MISSING_SECRET, format!("secret `{}` required, but not passed", need.name.value))
                .at(call.clone(), format!("`{}` needs it", planned.resolved.origin.reference))
                .at(place, "asked for here, without `optional: true`")
                .help(format!(
                    "pass it beside `inputs`, for example `secrets: {{ {}: \"${{{{ vars.NAME }}}}\" }}`",
                    need.name.value
                ));
        document.push(problem);
    }
}

/// Why a function is not passed a secret.
pub struct SecretRefused {
    /// One line.
    pub message: String,
    /// What would be right, in a few words.
    pub label: String,
}

/// Tells why a function cannot be passed a secret of a name; none if it can.
pub fn secret_refused(planned: &PlannedFunction, name: &str) -> Option<SecretRefused> {
    let function = &planned.resolved.origin.reference;
    if !matches!(planned.definition, PlannedDefinition::Wasm(_)) {
        return Some(SecretRefused {
            message: format!("function `{function}` cannot be passed the secret `{name}`"),
            label: "only WebAssembly functions hold secrets by handle; pass it as an input or by `env`".to_owned(),
        });
    }
    let known: Vec<&str> = planned.function.spec.needs.secrets.iter().map(|need| need.name.value.as_str()).collect();
    if known.contains(&name) {
        return None;
    }
    let label = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "the function asks for no secrets".to_owned(),
        None => format!("secrets: {}", listed(&known)),
    };
    Some(SecretRefused { message: format!("function `{function}` does not ask for a secret `{name}`"), label })
}

/// Iterates over the secrets that a function cannot do without and is not passed; `is_passed` tells what it is.
pub fn missing_secrets<'p>(
    planned: &'p PlannedFunction,
    is_passed: impl Fn(&str) -> bool + 'p,
) -> impl Iterator<Item = &'p SecretNeed> {
    let is_module = matches!(planned.definition, PlannedDefinition::Wasm(_));
    let needs = planned.function.spec.needs.secrets.iter();
    needs.filter(move |need| is_module && !need.optional && !is_passed(&need.name.value))
}
