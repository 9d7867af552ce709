//! The stable identifiers of the problems that this crate reports.

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $text;)*

        /// All codes of this crate, in the order of this file.
        pub const ALL: &[&str] = &[$($text),*];
    };
}

codes! {
    /// An expression that cannot be read.
    EXPRESSION = "expression";
    /// An expression in a form that should be written in another way.
    OLDER_DIALECT = "older-dialect";
    /// An expression that names something that does not exist.
    NOT_FOUND = "not-found";
    /// An input that the function does not declare.
    UNKNOWN_INPUT = "unknown-input";
    /// An input without default that is not given.
    MISSING_INPUT = "missing-input";
    /// A value of another type than its input takes.
    INPUT_TYPE = "input-type";
    /// A built-in function that does not exist.
    UNKNOWN_FUNCTION = "unknown-function";
    /// A kind of reference that is not served.
    UNSUPPORTED_REFERENCE = "unsupported-reference";
    /// A function file or module that is there but cannot be used.
    UNREADABLE = "unreadable";
    /// A function file or module over its limit.
    FILE_TOO_LARGE = "file-too-large";
    /// A path that leads out of where it must stay.
    PATH_ESCAPES = "path-escapes";
    /// A function or module that is not there yet.
    NOT_THERE_YET = "not-there-yet";
    /// A function that reaches itself.
    CYCLE = "cycle";
    /// Functions nested too deep.
    TOO_DEEP = "too-deep";
    /// More steps than a job may have.
    TOO_MANY_STEPS = "too-many-steps";
    /// More needs than a function may have.
    TOO_MANY_NEEDS = "too-many-needs";
    /// A module that does not have the digest it must have.
    INTEGRITY = "integrity";
    /// A script that writes to a file that nobody reads.
    UNREAD_FILE = "unread-file";
}
