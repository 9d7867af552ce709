//! Whether a module can be a step at all, and the step its function file describes.

use std::collections::BTreeMap;

use stepwell_run::{Module, ModuleRefused};
use stepwell_schema::Spec;

use crate::form::{Form, Look, look};
use crate::imports::{Uncovered, uncovered};
use crate::spec_section::differences;

/// Most lines of one message. A module may differ from its function file in thousands of ways.
const MAX_LINES: usize = 50;

/// Looks at a module and compares it with its function file. Takes well under a millisecond for each megabyte.
///
/// # Errors
/// Names everything that is wrong.
pub(crate) fn check_module(module: &Module, spec: &Spec) -> Result<(), ModuleRefused> {
    let look = examine_for(module, !spec.needs.http.is_empty())?;
    let differences = differences(&look.spec_sections, look.form, spec);
    if !differences.is_empty() {
        return Err(ModuleRefused {
            module: module.name.clone(),
            message: listed(&differences),
            hint: Some("the function file is the contract: bring the module and it together".to_owned()),
            denied: false,
        });
    }
    check_variables(module, look.form, spec)
}

/// Looks at a module without its function file: its form, and that it imports only what is served to any function.
///
/// # Errors
/// Names everything that is wrong.
pub(crate) fn examine(module: &Module) -> Result<Look<'_>, ModuleRefused> {
    examine_for(module, true)
}

/// Looks at a module of a function that asks for outgoing requests, or does not.
fn examine_for(module: &Module, asks_http: bool) -> Result<Look<'_>, ModuleRefused> {
    let look = look_at(module)?;
    match look.form {
        Form::Typed | Form::Command => match &*uncovered(&look.imports, asks_http) {
            [] => Ok(look),
            uncovered => Err(refused_imports(module, uncovered)),
        },
        // The form says already what it imports.
        Form::Preview1 => Ok(look),
    }
}

/// Looks at a module whatever it imports.
///
/// # Errors
/// Says why the file is no step.
pub(crate) fn look_at(module: &Module) -> Result<Look<'_>, ModuleRefused> {
    look(&module.bytes).map_err(|error| ModuleRefused {
        module: module.name.clone(),
        message: error.to_string(),
        hint: error.hint(),
        denied: false,
    })
}

fn refused_imports(module: &Module, uncovered: &[Uncovered]) -> ModuleRefused {
    let lines: Vec<_> = uncovered.iter().map(Uncovered::to_string).collect();
    let mut needs: Vec<_> = uncovered.iter().filter_map(Uncovered::needs_line).collect();
    needs.dedup();
    let newer = uncovered.iter().any(|import| matches!(import, Uncovered::NewerAbi { .. }));
    let hint = match (&*needs, newer) {
        ([], true) => Some("use a newer engine, or build the step against an older SDK".to_owned()),
        ([], false) => None,
        (needs, _) => Some(format!("a step asks for it below `spec.needs` with `{}`", needs.join("`, `"))),
    };
    ModuleRefused {
        module: module.name.clone(),
        message: listed(&lines),
        hint,
        denied: uncovered.iter().all(Uncovered::is_denial),
    }
}

/// Returns lines as one text: the first of them, and how many there are besides.
fn listed(lines: &[String]) -> String {
    match lines.get(MAX_LINES..) {
        None | Some([]) => lines.join("\n"),
        Some(more) => format!("{}\nand {} more", lines[..MAX_LINES].join("\n"), more.len()),
    }
}

/// A command sees its scalar inputs as variables in upper case, so names that differ in case only would be one.
fn check_variables(module: &Module, form: Form, spec: &Spec) -> Result<(), ModuleRefused> {
    if form == Form::Typed {
        return Ok(());
    }
    let mut seen = BTreeMap::new();
    for (name, _) in &spec.inputs {
        if let Some(other) = seen.insert(name.value.to_ascii_uppercase(), &name.value) {
            return Err(ModuleRefused {
                module: module.name.clone(),
                message: format!("the inputs `{other}` and `{}` of a command differ in case only", name.value),
                hint: Some("a command sees them as variables in upper case: rename one of them".to_owned()),
                denied: false,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut() {
        let lines = |count: usize| (0..count).map(|number| number.to_string()).collect::<Vec<_>>();
        assert_eq!(listed(&lines(2)), "0\n1");
        assert_eq!(listed(&lines(MAX_LINES)).lines().count(), MAX_LINES);
        assert!(listed(&lines(1_000)).ends_with("49\nand 950 more"));
    }
}
