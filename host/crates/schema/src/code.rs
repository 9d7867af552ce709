//! The stable identifiers of the problems that this crate reports.

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $text;)*

        /// All codes of this crate, in the order of this file.
        pub const ALL: &[&str] = &[$($text),*];
    };
}

codes! {
    /// The bytes are not UTF-8.
    INVALID_UTF8 = "invalid-utf8";
    /// The text is not YAML.
    YAML_SYNTAX = "yaml-syntax";
    /// The document is over one of the limits of [`crate::yaml`].
    DOCUMENT_TOO_LARGE = "document-too-large";
    /// There are more problems than are listed.
    TOO_MANY_PROBLEMS = "too-many-problems";
    /// A value holds itself through an alias.
    RECURSIVE_ALIAS = "recursive-alias";
    /// A merge key with something other than mappings.
    INVALID_MERGE = "invalid-merge";
    /// One key twice in a mapping.
    DUPLICATE_KEY = "duplicate-key";
    /// A key that is no text.
    KEY_NOT_TEXT = "key-not-text";
    /// A YAML tag that has no meaning here.
    UNKNOWN_TAG = "unknown-tag";
    /// A value that does not fit its YAML tag.
    INVALID_TAGGED_VALUE = "invalid-tagged-value";
    /// A document of the file is missing, or one too many.
    WRONG_DOCUMENTS = "wrong-documents";
    /// A key that is not known where it stands.
    UNKNOWN_KEY = "unknown-key";
    /// A key that must be there is not.
    MISSING_KEY = "missing-key";
    /// Keys that exclude each other.
    CONFLICTING_KEYS = "conflicting-keys";
    /// A key that is still read under its old name.
    RENAMED_KEY = "renamed-key";
    /// A key that has no effect where it stands.
    UNUSED_KEY = "unused-key";
    /// A value of another shape than its key takes.
    WRONG_SHAPE = "wrong-shape";
    /// An empty text or list where something is needed.
    EMPTY_VALUE = "empty-value";
    /// A name against the name rule.
    INVALID_NAME = "invalid-name";
    /// A name that another of its kind has.
    DUPLICATE_NAME = "duplicate-name";
    /// A word that is not one of those allowed.
    UNKNOWN_WORD = "unknown-word";
    /// A type that does not exist.
    UNKNOWN_TYPE = "unknown-type";
    /// A default of another type than the declared one.
    DEFAULT_TYPE = "default-type";
    /// `delegate` on one side only, or of a step that is not in the list.
    DELEGATE_MISMATCH = "delegate-mismatch";
    /// Inputs of a WebAssembly function that differ in case only.
    NAMES_DIFFER_IN_CASE = "names-differ-in-case";
    /// A text that is no reference.
    INVALID_REFERENCE = "invalid-reference";
    /// An item of a kind that is not supported.
    UNSUPPORTED_STEP = "unsupported-step";
    /// A number, size, duration, port or digest that cannot be read.
    INVALID_QUANTITY = "invalid-quantity";
    /// A path, host or method that cannot be used.
    INVALID_VALUE = "invalid-value";
    /// An include of a pipeline whose file cannot be had.
    INCLUDE_FAILED = "include-failed";
    /// Includes of a pipeline that are not followed.
    INCLUDE_NOT_FOLLOWED = "include-not-followed";
    /// A file of a pipeline that includes itself.
    INCLUDE_CYCLE = "include-cycle";
    /// A job that the pipeline does not have.
    UNKNOWN_JOB = "unknown-job";
    /// A stage that is not among `stages`.
    UNKNOWN_STAGE = "unknown-stage";
    /// `extends` that lead in a circle, or over too many levels.
    ENDLESS_EXTENDS = "endless-extends";
    /// A `!reference` that leads nowhere.
    REFERENCE_NOT_FOUND = "reference-not-found";
    /// `!reference` tags that lead in a circle, or over too many levels.
    ENDLESS_REFERENCE = "endless-reference";
    /// Something that GitLab fills in or decides, and that is taken as it stands here.
    NOT_HONOURED = "not-honoured";
    /// A number that GitLab writes in another way.
    NUMBER_REWRITTEN = "number-rewritten";
    /// Something that GitLab's engine does not understand.
    ONLY_STEPWELL = "only-stepwell";
}
