//! The program as the watcher of another one: see docs/design/killed-engine.md.

use std::ffi::OsString;
use std::process::ExitCode;

use stepwell_process::{WatcherCommand, watch};

/// The name under which the program is a watcher, with a blank that keeps files from having it by chance.
const NAME: &str = "stepwell watcher";

/// Tells how this program starts itself as a watcher: from the file it runs from, even if another one lies in its place by
/// now.
pub(super) fn command() -> WatcherCommand {
    WatcherCommand { program: "/proc/self/exe".into(), name: NAME.to_owned() }
}

/// Tells whether the program was called by that name.
pub(super) fn is_called_by(program: Option<&OsString>) -> bool {
    program.is_some_and(|program| program == NAME)
}

/// Watches until the program that started this one is gone.
pub(super) fn main() -> ExitCode {
    // There is nobody to tell.
    if watch().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
