//! What the program reads of its surroundings: the environment, and where things are kept. Nothing else of the product
//! looks.

#![expect(clippy::disallowed_methods, reason = "this file is the one place that reads the surroundings")]

use std::env;
use std::io;
use std::path::PathBuf;

/// Names that are about the runner or the job rather than about the machine; section 8.2 of the contract.
const HIDDEN_PREFIXES: [&str; 4] = ["CI_", "GITLAB_", "FF_", "DOCKER_ENV_"];

/// How much is logged: of interest to the steps as well, although its name starts with one of [`HIDDEN_PREFIXES`].
const LOG_LEVEL: &str = "CI_STEPS_LOG_LEVEL";

/// Returns the environment for native steps: that of this process, less what is about the runner. Names and values that
/// are not UTF-8 are left out: expressions could not show them.
pub(super) fn environment() -> impl Iterator<Item = (String, String)> {
    env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name == LOG_LEVEL || !HIDDEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
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
