//! `step-runner ci`: the list in the variable `STEPS`, as GitLab Runner calls it.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use stepwell_run::{JobErrorKind, JobResult};

use super::super::error::CommandError;
use super::super::{lenient, run, surroundings, worker};
use super::Failure;
use super::args::CiArguments;
use super::job::{RESULTS_FILE, run_job};
use crate::JobRequest;

/// Runs the list. Steps see the environment of section 8.2 of the contract and nothing else of this process.
pub(super) fn ci(arguments: &CiArguments) -> Result<(), Failure> {
    let steps = surroundings::steps().map_err(|error| Failure::new(format!("reading STEPS: {error}")))?;
    let request = JobRequest::from_steps("STEPS", &steps)
        .map_err(|problems| Failure::at("reading STEPS", &CommandError::Document(problems)))?;
    let mut request = lenient::apply(&arguments.lenient, request)?
        .pinned_when_reached()
        .quote_lines(surroundings::steps_debug())
        .work_dir(work_dir()?)
        .environment(surroundings::runner_environment());
    for (name, value) in surroundings::runner_variables() {
        request = request.variable(name, value);
    }
    let isolation = worker::isolation(Some(arguments.isolation), &arguments.policy)?;
    let host = run::host(&arguments.policy, isolation)?;
    let wanted = arguments.write_steps_results || surroundings::steps_debug();
    let result = run_job(&host, request, "failed to run steps: ", wanted.then_some(Path::new(RESULTS_FILE)))?;
    let Some(error) = &result.error else { return Ok(()) };
    if error.kind == JobErrorKind::StepFailed {
        leave_exit_code(&result);
    }
    Err(Failure::Said)
}

/// Returns the project's folder. Where a runner names it relative to the folder in which a login starts, the script has
/// gone there already; then it is where the process stands.
fn work_dir() -> Result<PathBuf, CommandError> {
    let current = surroundings::current_folder()
        .map_err(|error| CommandError::file("cannot see where we stand", Path::new("."), error))?;
    Ok(match surroundings::project_folder() {
        Some(folder) if folder.is_relative() && current.ends_with(&folder) => current,
        Some(folder) => current.join(folder),
        None => current,
    })
}

/// Writes the exit code of the failed command where a runner's custom executor looks for it. A file that cannot be written
/// leaves the runner with 1.
fn leave_exit_code(result: &JobResult) {
    let code = result.error.as_ref().and_then(|error| exit_status(&error.message));
    if let (Some(code), Some(path)) = (code, surroundings::exit_code_file())
        && let Err(error) = write_whole(&path, &format!("{code}\n"))
    {
        // Nothing more can be said when standard error itself is gone.
        let _ = writeln!(io::stderr(), "warning: `{}` cannot be written: {error}", path.display());
    }
}

/// Writes a file in one piece: an empty one would turn the failure of the job into one of the system.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

/// Cuts the exit code out of a message, as GitLab Runner does; only codes from 1 up mean something to it.
fn exit_status(message: &str) -> Option<u32> {
    message.rsplit_once("exit status ")?.1.parse().ok().filter(|code| *code > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_stand_at_the_end() {
        assert_eq!(exit_status("step \"a\": exec: exit status 3"), Some(3));
        for message in ["exit status 0", "exit status 3 or so", "signal: killed", ""] {
            assert_eq!(exit_status(message), None, "{message}");
        }
    }
}
