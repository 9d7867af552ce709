//! The modules of a plan, looked at before anything runs.

use std::collections::HashSet;
use std::sync::Arc;

use stepwell_plan::{Plan, PlannedDefinition, PlannedFunction};
use stepwell_sandbox::Sandbox;
use stepwell_schema::{DefinitionKind, Place, Problem, Problems};

/// The code of problems with a module that cannot be run.
pub(crate) const MODULE: &str = "module";
/// The code of problems with a module whose imports are not covered by what its function asks for.
pub(crate) const NOT_GRANTED: &str = "not-granted";

/// Looks at the module of every function that a plan calls, each once.
pub(crate) fn check_plan(plan: &Plan) -> Problems {
    let mut seen = Seen::new();
    let mut problems = Problems::default();
    for call in plan.invocations.iter().filter(|call| seen.insert(Arc::as_ptr(&call.function))) {
        let called = format!("called by step `{call}`");
        problems.extend(check(&call.function).map(|problem| problem.at(call.place.clone(), called)));
    }
    problems
}

/// Looks at the modules of a function and of everything below it, each once.
pub(crate) fn check_function(function: &PlannedFunction) -> Problems {
    let mut problems = Problems::default();
    check_below(function, &mut Seen::new(), &mut problems);
    problems
}

/// Functions that were looked at. A plan shares each of them, and lists that call one twice at every level would
/// otherwise double the work with each.
type Seen = HashSet<*const PlannedFunction>;

/// The depth is bounded by the plan.
fn check_below(function: &PlannedFunction, seen: &mut Seen, problems: &mut Problems) {
    if !seen.insert(function) {
        return;
    }
    problems.extend(check(function));
    if let PlannedDefinition::Sequence(sequence) = &function.definition {
        sequence.steps.iter().filter_map(|step| step.pinned()).for_each(|inner| check_below(inner, seen, problems));
    }
}

/// Looks at the module of a function, if it has one.
fn check(function: &PlannedFunction) -> Option<Problem> {
    let (PlannedDefinition::Wasm(wasm), DefinitionKind::Wasm(written)) =
        (&function.definition, &function.function.definition.kind)
    else {
        return None;
    };
    let refused = Sandbox::check_module(&wasm.module, &function.function.spec).err()?;
    let place = Place::new(function.function.source.clone(), written.module.span);
    let code = if refused.denied { NOT_GRANTED } else { MODULE };
    let problem = Problem::error(code, refused.to_string()).at(place, "this module");
    Some(match refused.hint {
        Some(hint) => problem.help(hint),
        None => problem,
    })
}
