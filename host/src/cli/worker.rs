//! The program as a worker of another one: see docs/design/workers.md.

use std::ffi::OsString;
use std::process::ExitCode;

use super::args::IsolationChoice;
use super::error::CommandError;
use super::policies::PolicyArguments;
use crate::{Isolation, Support, WorkerCommand, wall_support};

/// The name under which the program is a worker, with a blank that keeps files from having it by chance.
const NAME: &str = "stepwell worker";

/// Returns where guests run: where it was said, else behind the wall where the policy asks for everything there is.
///
/// # Errors
/// The policy asks for it, and the kernel has not both halves of the wall.
pub(super) fn isolation(choice: Option<IsolationChoice>, policy: &PolicyArguments) -> Result<Isolation, CommandError> {
    let default = if policy.is_hardened() { IsolationChoice::Worker } else { IsolationChoice::InProcess };
    match choice.unwrap_or(default) {
        IsolationChoice::InProcess => Ok(Isolation::InProcess),
        IsolationChoice::Worker if policy.is_hardened() => {
            refuse_half_a_wall(&wall_support()).map(|()| Isolation::Worker(command()))
        }
        // What the kernel lacks is said when the first worker starts.
        IsolationChoice::Worker => Ok(Isolation::Worker(command())),
    }
}

fn refuse_half_a_wall(support: &Support) -> Result<(), CommandError> {
    if support.is_usable() {
        return Ok(());
    }
    Err(CommandError::Environment {
        message: "the profile `hardened` needs a wall around workers that this machine cannot raise".to_owned(),
        cause: std::io::Error::other(support.missing().join("; ")),
        hint: Some("use a kernel with Landlock and seccomp, or say `--isolation in-process`".to_owned()),
    })
}

/// Tells how this program starts itself as a worker: from the file it runs from, even if another one lies in its place by
/// now.
fn command() -> WorkerCommand {
    WorkerCommand { program: "/proc/self/exe".into(), name: NAME.to_owned() }
}

/// Tells whether the program was called by that name.
pub(super) fn is_called_by(program: Option<&OsString>) -> bool {
    program.is_some_and(|program| program == NAME)
}

/// Serves the program that started this one, until that is gone.
pub(super) fn main() -> ExitCode {
    // Whoever started it was told why.
    if crate::serve_worker().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
