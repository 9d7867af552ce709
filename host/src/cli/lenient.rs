//! Checks that GitLab's older engine did not make, and that can be left out here.

use clap::{Args, ValueEnum};

use super::error::CommandError;
use super::surroundings;
use crate::JobRequest;

/// A check that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Lenient {
    /// Inputs may have other types than their functions declare.
    InputTypes,
    /// Sensitive values may be given to inputs that are not sensitive.
    Sensitive,
}

/// What commands that run something take.
#[derive(Clone, Debug, Args)]
pub(super) struct LenientArguments {
    /// Leaves out a check that GitLab's older engine did not make; may be repeated, and may stand in the variable
    /// STEPWELL_LENIENT, with commas.
    #[arg(long = "lenient", value_name = "CHECK", value_enum)]
    checks: Vec<Lenient>,
}

/// Leaves out what the command line and the environment say.
///
/// # Errors
/// The environment names a check that there is not.
pub(super) fn apply(arguments: &LenientArguments, request: JobRequest) -> Result<JobRequest, CommandError> {
    let variable = surroundings::lenient().unwrap_or_default();
    let named = variable.split(',').map(str::trim).filter(|word| !word.is_empty());
    let named = named.map(|word| Lenient::from_str(word, false).map_err(|_| unknown(word)));
    let named: Vec<Lenient> = named.collect::<Result<_, _>>()?;
    Ok(arguments.checks.iter().chain(&named).fold(request, |request, check| match check {
        Lenient::InputTypes => request.check_input_types(false),
        Lenient::Sensitive => request.enforce_sensitive(false),
    }))
}

fn unknown(word: &str) -> CommandError {
    let known: Vec<String> = Lenient::value_variants()
        .iter()
        .filter_map(|check| Some(format!("`{}`", check.to_possible_value()?.get_name())))
        .collect();
    CommandError::Usage {
        message: format!("`{word}` in STEPWELL_LENIENT is no check that can be left out"),
        hint: format!("checks: {}", known.join(", ")),
    }
}
