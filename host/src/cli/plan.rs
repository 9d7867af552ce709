//! `stepwell plan`: what would run.

use super::args::{JobArguments, PlanArguments};
use super::error::{CommandError, Exit};
use super::{diagnostics, run, terminal};
use crate::Isolation;
use crate::Plan;

/// Shows the plan of a job as text or JSON. A plan with denials is shown all the same; it ends as the run would.
pub(super) fn plan(arguments: &PlanArguments) -> Result<Exit, CommandError> {
    let plan = planned(&arguments.job)?;
    let text = if arguments.json {
        // A `serde_json::Value` always has a text form.
        format!("{:#}\n", plan.to_json())
    } else {
        plan.to_string()
    };
    super::print(text.as_bytes())?;
    Ok(if plan.denials().next().is_none() { Exit::Success } else { Exit::Denied })
}

/// Plans a job and shows what is odd about it.
pub(super) fn planned(arguments: &JobArguments) -> Result<Plan, CommandError> {
    let host = run::host(&arguments.policy, Isolation::InProcess)?;
    let plan = host.plan(&run::request(arguments)?)?;
    // Standard error may be closed; the plan is what was asked for.
    let _ = diagnostics::draw(&mut std::io::stderr(), &plan.warnings, terminal::color_on_stderr());
    Ok(plan)
}
