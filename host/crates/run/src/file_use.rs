//! Which functions use the output file or the export file: only for these they are made.

use stepwell_expr::{Context, ContextUse};
use stepwell_plan::{PlannedAction, PlannedDefinition, PlannedFunction, PlannedSequence, PlannedStep};
use stepwell_schema::{OutputsSpec, Reference};

/// Tells whether an expression of a command or a list, in its definition or its items, names one of the two files; or
/// whether the specification makes the output file needed. Modules have none.
pub(crate) fn uses_files(function: &PlannedFunction) -> bool {
    let delegates = matches!(function.function.spec.outputs, OutputsSpec::Delegate(_));
    let in_env = function.env.iter().any(|(_, template)| any(template.contexts()));
    in_env
        || match &function.definition {
            PlannedDefinition::Exec { command, work_dir } => {
                delegates || command.iter().chain(work_dir).any(|template| any(template.contexts()))
            }
            PlannedDefinition::Sequence(sequence) => in_list(sequence),
            PlannedDefinition::Wasm(_) => false,
        }
}

fn in_list(sequence: &PlannedSequence) -> bool {
    sequence.steps.iter().any(in_step)
        || sequence.outputs.iter().any(|(_, template)| any(template.contexts().map(|(_, context_use)| context_use)))
}

fn in_step(step: &PlannedStep) -> bool {
    step.env.iter().any(|(_, template)| any(template.contexts()))
        || match &step.action {
            PlannedAction::Script(template) => any(template.contexts()),
            PlannedAction::Function { reference, inputs, .. } => {
                in_reference(reference)
                    || inputs
                        .iter()
                        .any(|(_, template, _)| any(template.contexts().map(|(_, context_use)| context_use)))
            }
        }
}

/// References are compiled when they are reached; looking for the words is enough to be safe.
fn in_reference(reference: &Reference) -> bool {
    match reference {
        Reference::Dynamic { text } => {
            [Context::OutputFile, Context::ExportFile].iter().any(|context| text.contains(context.as_str()))
        }
        Reference::File { .. } | Reference::BuiltIn { .. } | Reference::Git(_) | Reference::Oci(_) => false,
    }
}

fn any<'t>(mut uses: impl Iterator<Item = ContextUse<'t>>) -> bool {
    uses.any(|context_use| matches!(context_use.context, Context::OutputFile | Context::ExportFile))
}
