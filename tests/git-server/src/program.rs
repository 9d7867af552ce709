//! The `git` program, in an environment of its own.

use std::path::Path;
use std::process::{Command, Output};

/// A fixed time, so that equal commits have equal ids.
const DATE: &str = "1700000000 +0000";

/// Returns a command that sees nothing of the machine's configuration.
#[expect(clippy::disallowed_methods, reason = "tests make repositories with the real program")]
pub(crate) fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(folder)
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| name == "PATH"))
        .env("HOME", "/nonexistent")
        .env("LC_ALL", "C")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0");
    for who in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{who}_NAME"), "Ada Example")
            .env(format!("GIT_{who}_EMAIL"), "ada@example.com")
            .env(format!("GIT_{who}_DATE"), DATE);
    }
    command
}

/// Runs a command and returns what it wrote, without the line end.
///
/// # Panics
/// It fails.
#[track_caller]
pub(crate) fn output(command: &mut Command) -> String {
    text(command.output().expect("git starts"))
}

/// Returns what a command wrote, without the line end.
///
/// # Panics
/// It failed.
#[track_caller]
pub(crate) fn text(output: Output) -> String {
    assert!(output.status.success(), "git: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}
