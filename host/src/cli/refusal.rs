//! Draws a refusal: who asked for what, where, which rule decided, and the line that would change it.

use std::io::{self, Write};

use stepwell_schema::Problem;

use super::diagnostics;
use crate::Denied;

/// Draws every denial, and that nothing has run.
///
/// # Errors
/// The writer's.
pub(super) fn draw(out: &mut dyn Write, denials: &[Denied], color: bool) -> io::Result<()> {
    for denied in denials {
        diagnostics::draw_one(out, &problem(denied), color)?;
    }
    writeln!(out, "{} denied; nothing has run", diagnostics::counted(denials.len(), "need"))
}

fn problem(denied: &Denied) -> Problem {
    let decision = &denied.decision;
    let message = format!("step `{}` is denied: {}", denied.step, decision.request.capability);
    let mut problem = Problem::error("denied", message);
    if let Some(place) = &decision.request.place {
        problem = problem.at(place.clone(), "asked for here");
    }
    let reason = format!("{} (decided by `{}`)", decision.reason, decision.decided_by);
    let problem = problem.at(denied.place.clone(), format!("by this step, which calls `{}`", denied.function));
    match &decision.remedy {
        Some(remedy) => problem.help(format!("{reason}\n{remedy}")),
        None => problem.help(reason),
    }
}
