//! The keywords of pipelines, by GitLab's reference of `.gitlab-ci.yml`.

/// Keywords of `default` without meaning in a run of one job.
pub(super) const DEFAULTS_NOT_HONOURED: [&str; 10] =
    ["artifacts", "cache", "hooks", "id_tokens", "identity", "image", "interruptible", "retry", "services", "tags"];

/// The one of them that is written with a time.
pub(super) const TIMEOUT: &str = "timeout";

/// Keywords of defaults that may stand at the top level as well.
pub(super) const OLD_DEFAULTS: [&str; 3] = ["cache", "image", "services"];

/// Keywords of a job without meaning in a run of it alone, but for those of [`DEFAULTS_NOT_HONOURED`].
pub(super) const NOT_HONOURED: [&str; 20] = [
    "allow_failure",
    "coverage",
    "dast_configuration",
    "dependencies",
    "environment",
    "except",
    "inputs",
    "manual_confirmation",
    "needs",
    "only",
    "pages",
    "parallel",
    "publish",
    "release",
    "resource_group",
    "rules",
    "secrets",
    "start_in",
    "trigger",
    "when",
];

/// The stages of a pipeline that names none, without the first and the last.
pub(super) const DEFAULT_STAGES: [&str; 3] = ["build", "test", "deploy"];

/// The stage that is always the first.
pub(super) const FIRST_STAGE: &str = ".pre";

/// The stage that is always the last.
pub(super) const LAST_STAGE: &str = ".post";

/// The stage of a job that names none.
pub(super) const DEFAULT_STAGE: &str = "test";
