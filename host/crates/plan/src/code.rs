//! The stable identifiers of the problems that this crate reports.

/// An expression that cannot be read.
pub const EXPRESSION: &str = "expression";
/// An expression in a form that should be written in another way.
pub const OLDER_DIALECT: &str = "older-dialect";
/// An expression that names something that does not exist.
pub const NOT_FOUND: &str = "not-found";
/// An input that the function does not declare.
pub const UNKNOWN_INPUT: &str = "unknown-input";
/// An input without default that is not given.
pub const MISSING_INPUT: &str = "missing-input";
/// A secret that the function does not ask for, or cannot hold.
pub const UNKNOWN_SECRET: &str = "unknown-secret";
/// A secret that the function cannot do without and is not passed.
pub const MISSING_SECRET: &str = "missing-secret";
/// A value of another type than its input takes.
pub const INPUT_TYPE: &str = "input-type";
/// A built-in function that does not exist.
pub const UNKNOWN_FUNCTION: &str = "unknown-function";
/// A kind of reference that is not served.
pub const UNSUPPORTED_REFERENCE: &str = "unsupported-reference";
/// A repository that cannot be fetched.
pub const FETCH_FAILED: &str = "fetch-failed";
/// A revision that the repository does not have.
pub const UNKNOWN_REVISION: &str = "unknown-revision";
/// A function file or module that a fetched tree does not have.
pub const NOT_IN_TREE: &str = "not-in-tree";
/// A fetch that was not done because the job was cancelled.
pub const CANCELLED: &str = "cancelled";
/// A function file or module that is there but cannot be used.
pub const UNREADABLE: &str = "unreadable";
/// A function file or module over its limit.
pub const FILE_TOO_LARGE: &str = "file-too-large";
/// A path that leads out of where it must stay.
pub const PATH_ESCAPES: &str = "path-escapes";
/// A function or module that is not there yet.
pub const NOT_THERE_YET: &str = "not-there-yet";
/// A function that reaches itself.
pub const CYCLE: &str = "cycle";
/// Functions nested too deep.
pub const TOO_DEEP: &str = "too-deep";
/// More steps than a job may have.
pub const TOO_MANY_STEPS: &str = "too-many-steps";
/// More needs than a function may have.
pub const TOO_MANY_NEEDS: &str = "too-many-needs";
/// A module that does not have the digest it must have.
pub const INTEGRITY: &str = "integrity";
/// A script that writes to a file that nobody reads.
pub const UNREAD_FILE: &str = "unread-file";
/// Fetched content with something odd about it, such as submodules that are not filled in.
pub const ODD_CONTENT: &str = "odd-content";
