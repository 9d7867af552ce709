//! What the program reads of its surroundings: the environment, and where things are kept. Nothing else of the product
//! looks.

#![expect(clippy::disallowed_methods, reason = "this file is the one place that reads the surroundings")]

use std::env;
use std::io;
use std::path::PathBuf;

use crate::{GitSettings, Proxies};

/// Names that are about the runner or the job rather than about the machine; section 8.2 of the contract.
const HIDDEN_PREFIXES: [&str; 4] = ["CI_", "GITLAB_", "FF_", "DOCKER_ENV_"];

/// What of the process environment reaches the steps of a job that a runner started, by section 8.2 of the contract. Not
/// even `HOME` does: with it a step would find the credentials of whoever runs the runner.
const RUNNER_ENVIRONMENT: [&str; 17] = [
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LOGNAME",
    "NO_PROXY",
    "PATH",
    "SHELL",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// Which variables of the process environment are variables of a job that a runner started, by the same section.
const RUNNER_VARIABLE_PREFIXES: [&str; 3] = ["CI_", "GITLAB_", "DOCKER_"];

/// How much is logged: of interest to the steps as well, although its name starts with one of [`HIDDEN_PREFIXES`].
const LOG_LEVEL: &str = "CI_STEPS_LOG_LEVEL";

/// Returns the environment for native steps: that of this process, less what is about the runner.
pub(super) fn environment() -> impl Iterator<Item = (String, String)> {
    texts().filter(|(name, _)| name == LOG_LEVEL || !HIDDEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
}

/// Returns where programs are looked for, as a variable for steps.
pub(super) fn path() -> Option<(String, String)> {
    text("PATH").map(|path| ("PATH".to_owned(), path))
}

/// Returns the environment of the steps of a job that a runner started.
pub(super) fn runner_environment() -> impl Iterator<Item = (String, String)> {
    texts().filter(|(name, _)| RUNNER_ENVIRONMENT.contains(&name.as_str()))
}

/// Returns the job variables that a runner left in the environment.
pub(super) fn runner_variables() -> impl Iterator<Item = (String, String)> {
    texts().filter(|(name, _)| RUNNER_VARIABLE_PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
}

/// Returns the list of steps that a runner left in the environment.
///
/// # Errors
/// There is none, or it is not UTF-8.
pub(super) fn steps() -> Result<String, &'static str> {
    match env::var("STEPS") {
        Ok(steps) if !steps.trim().is_empty() => Ok(steps),
        Ok(_) | Err(env::VarError::NotPresent) => Err("the variable `STEPS` is empty or missing; it holds the list"),
        Err(env::VarError::NotUnicode(_)) => Err("the variable `STEPS` is not UTF-8"),
    }
}

/// Returns the folder of the project that a runner names, if it does.
pub(super) fn project_folder() -> Option<PathBuf> {
    env::var_os("CI_PROJECT_DIR").filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

/// Returns where the custom executor of a runner looks for the exit code of a failed job.
pub(super) fn exit_code_file() -> Option<PathBuf> {
    env::var_os("BUILD_EXIT_CODE_FILE").filter(|file| !file.is_empty()).map(PathBuf::from)
}

/// Tells whether results are to be written, and lines of output files quoted, without being asked for.
pub(super) fn steps_debug() -> bool {
    let value = env::var("CI_STEPS_DEBUG").unwrap_or_default();
    ["1", "t", "T", "true", "True", "TRUE"].contains(&value.as_str())
}

/// Returns the checks that are to be left out, with commas between them.
pub(super) fn lenient() -> Option<String> {
    env::var("STEPWELL_LENIENT").ok()
}

/// Returns the file of this program.
///
/// # Errors
/// The system does not say.
pub(super) fn program() -> io::Result<PathBuf> {
    env::current_exe()
}

/// Returns the variables whose names and values are UTF-8: expressions could not show others.
fn texts() -> impl Iterator<Item = (String, String)> {
    env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Returns the folder for compiled modules: `stepwell` in the user's cache folder; none where the user has no home.
pub(super) fn cache_folder() -> Option<PathBuf> {
    use etcetera::BaseStrategy as _;
    Some(etcetera::choose_base_strategy().ok()?.cache_dir().join("stepwell"))
}

/// Returns the folder for temporary files: `TMPDIR`, else `/tmp`. An empty `TMPDIR` is none, rather than the folder where
/// the user stands.
pub(super) fn scratch_folder() -> PathBuf {
    let named = env::temp_dir();
    if named.as_os_str().is_empty() { PathBuf::from("/tmp") } else { named }
}

/// Returns how git references are served: certificate authorities and proxies as git itself takes them from the
/// environment.
pub(super) fn git() -> GitSettings {
    let mut settings = GitSettings::new(scratch_folder()).proxies(Proxies {
        http: text("http_proxy").or_else(|| text("HTTP_PROXY")),
        https: text("https_proxy").or_else(|| text("HTTPS_PROXY")),
        all: text("all_proxy").or_else(|| text("ALL_PROXY")),
        none: text("no_proxy").or_else(|| text("NO_PROXY")),
    });
    if let Some(file) = text("GIT_SSL_CAINFO").map(PathBuf::from).or_else(certificate_authorities) {
        settings = settings.certificate_authorities(file);
    }
    cache_folder().into_iter().fold(settings, GitSettings::cache_folder)
}

/// Returns the file with the certificate authorities that are trusted in place of those of the machine.
pub(super) fn certificate_authorities() -> Option<PathBuf> {
    text("SSL_CERT_FILE").map(PathBuf::from)
}

/// Returns a variable; none where it is empty.
fn text(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns where the user stands.
///
/// # Errors
/// The folder was removed, or may not be seen.
pub(super) fn current_folder() -> io::Result<PathBuf> {
    env::current_dir()
}

/// Tells whether the log is shown by GitLab, which folds sections.
pub(super) fn in_gitlab() -> bool {
    env::var_os("GITLAB_CI").is_some_and(|value| value == "true")
}

/// Returns the log level that the environment asks for, in small letters. A job refuses one that does not exist.
pub(super) fn log_level() -> Option<String> {
    env::var(LOG_LEVEL).ok().map(|level| level.trim().to_lowercase())
}
