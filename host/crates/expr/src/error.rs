//! What can be wrong with an expression, and where.

use std::ops::Range;

use stepwell_schema::Span;

use crate::limit::{MAX_COMPARED_BYTES, MAX_DEPTH, MAX_PRODUCED_BYTES, MAX_TEMPLATE_BYTES, MAX_VALUE_DEPTH};

/// An expression that cannot be read or evaluated.
///
/// **Trust:** holds pieces of the template text and names of members, never a value; a name that was computed from
/// something sensitive is replaced by [`MASKED`].
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{kind}")]
pub struct ExprError {
    /// What is wrong.
    pub kind: ExprErrorKind,
    /// Where: bytes in the text of the template, on character boundaries; empty where something is missing.
    pub range: Range<usize>,
}

/// What stands in an error in place of a name that was computed from something sensitive.
pub const MASKED: &str = "[MASKED]";

/// The kinds of [`ExprError`].
///
/// Where a field `path` occurs it is the source text of the access, shortened if it is long. `known` holds the names
/// that exist at that place: at most 20, the most similar ones first; it is empty if the names themselves came from
/// something sensitive.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ExprErrorKind {
    // Reading.
    /// `${{` without its `}}`.
    #[error("the {rest:?} is not closed: ${{{{ ... }}}}")]
    Unclosed {
        /// What follows the opening delimiter, shortened.
        rest: String,
    },
    /// Something else was needed here.
    #[error("expected {expected}, found {}", found_text(.found))]
    Expected {
        /// What would have been right.
        expected: &'static str,
        /// The character found; none at the end of the text.
        found: Option<char>,
    },
    /// A string without its closing quote.
    #[error("the string is not closed")]
    UnclosedString,
    /// A backslash before a character that has no meaning behind it.
    #[error("`\\{0}` is no escape of a double-quoted string")]
    Escape(char),
    /// `\u` that does not give a character: digits missing, or one half of a surrogate pair alone.
    #[error("`\\u` needs four hexadecimal digits that give a character, or two such escapes that make a pair")]
    UnicodeEscape,
    /// A number that does not fit.
    #[error("the number is too large")]
    NumberTooLarge,
    /// A word that the language keeps for itself, where a name was needed.
    #[error("`{0}` is a reserved word and cannot be a name here")]
    Reserved(&'static str),

    // Looking up.
    /// A name that does not exist.
    #[error("{path}: the \"{name}\" was not found")]
    Missing {
        /// The whole access.
        path: String,
        /// The part that does not exist.
        name: String,
        /// Names that do.
        known: Vec<String>,
    },
    /// A member of something that has no members.
    #[error("{path}: \"{type_name}\" is not supported: only structs and arrays have members")]
    NoMembers {
        /// The whole access.
        path: String,
        /// The type of what has no members.
        type_name: &'static str,
    },
    /// A key whose type does not fit.
    #[error("{path}: the key of {container} must be {}, not {key}", key_text(.container))]
    KeyType {
        /// The whole access.
        path: String,
        /// `array` or `struct`.
        container: &'static str,
        /// The type of the key.
        key: &'static str,
    },
    /// An index outside the array, negative, or not whole.
    #[error("{path}: the index was not found: the array has {length} items, counted from 0")]
    Index {
        /// The whole access.
        path: String,
        /// How many items there are.
        length: usize,
    },
    /// A key of a struct that is not text.
    #[error("the key of a struct must be string, not {0}")]
    MemberKey(&'static str),
    /// Two keys of a struct that came out the same.
    #[error("the key \"{0}\" occurs twice")]
    DuplicateKey(String),

    // Calling.
    /// A function that does not exist.
    #[error("the function \"{name}\" was not found")]
    UnknownFunction {
        /// The name.
        name: String,
        /// Functions that exist.
        known: Vec<String>,
    },
    /// The name of a function without a call.
    #[error("the function \"{0}\" is no value: call it")]
    FunctionAsValue(String),
    /// A call of something that is no function.
    #[error("{path}: only functions can be called")]
    NotCallable {
        /// The whole access.
        path: String,
    },
    /// A call with the wrong number of arguments.
    #[error("the function \"{function}\" takes 1 argument, not {given}")]
    ArgumentCount {
        /// The function.
        function: &'static str,
        /// How many were given.
        given: usize,
    },
    /// `num` of something that is neither text nor number.
    #[error("the function \"{function}\" does not take {type_name}")]
    ArgumentType {
        /// The function.
        function: &'static str,
        /// The type of the argument.
        type_name: &'static str,
    },
    /// `num` of a text that is no number.
    #[error("the text is no valid number")]
    NumberText,

    // Calculating.
    /// Operands that an operator does not take.
    #[error("`{operator}` does not take {left} and {right}{}", conversion_hint(.operator, .left, .right))]
    Operands {
        /// The operator as written.
        operator: &'static str,
        /// The type on its left.
        left: &'static str,
        /// The type on its right.
        right: &'static str,
    },
    /// An operand that a sign does not take.
    #[error("the sign `{operator}` does not take {operand}")]
    Operand {
        /// The operator as written.
        operator: &'static str,
        /// The type behind it.
        operand: &'static str,
    },
    /// A division, or a remainder, by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// A number that has no text form.
    #[error("the number {0} cannot be written as text or JSON")]
    NotFinite(f64),

    // Bounds.
    /// The text is longer than [`MAX_TEMPLATE_BYTES`].
    #[error("a text with expressions may have at most {MAX_TEMPLATE_BYTES} bytes")]
    TemplateTooLong,
    /// The expression nests deeper than [`MAX_DEPTH`].
    #[error("the expression nests deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// The value nests deeper than [`MAX_VALUE_DEPTH`].
    #[error("the value nests deeper than {MAX_VALUE_DEPTH} levels")]
    ValueTooDeep,
    /// The evaluation makes more than [`MAX_PRODUCED_BYTES`].
    #[error("the evaluation makes more than {MAX_PRODUCED_BYTES} bytes")]
    TooLarge,
    /// The evaluation compares more than [`MAX_COMPARED_BYTES`].
    #[error("the evaluation compares more than {MAX_COMPARED_BYTES} bytes")]
    TooMuchCompared,
}

impl ExprErrorKind {
    /// Puts the kind and its place together.
    pub(crate) fn at(self, range: Range<usize>) -> ExprError {
        ExprError { kind: self, range }
    }
}

impl From<stepwell_schema::value::NotFinite> for ExprErrorKind {
    fn from(error: stepwell_schema::value::NotFinite) -> Self {
        Self::NotFinite(error.0)
    }
}

/// An [`ExprError`] in one of several templates of a document.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{error}")]
pub struct LocatedExprError {
    /// What is wrong; its range counts in the text of the template, after YAML has been unescaped and unfolded.
    pub error: ExprError,
    /// Where the template stands in the document.
    pub span: Span,
}

/// Something that works, but should be written in another way.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{kind}")]
pub struct ExprWarning {
    /// What should be changed.
    pub kind: ExprWarningKind,
    /// Where: bytes in the text of the template.
    pub range: Range<usize>,
}

/// The kinds of [`ExprWarning`].
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ExprWarningKind {
    /// An expression that only makes sense as a path of the older dialect, such as `env.MY-VAR`.
    #[error("`{path}` is read as a path of the older dialect; write `{instead}`")]
    DottedPath {
        /// The path as written, shortened if it is long.
        path: String,
        /// The same with brackets.
        instead: String,
    },
}

/// Shortens a piece of source for a message, on a character boundary.
pub(crate) fn shorten(text: &str) -> String {
    /// Two lines of a terminal.
    const MAX_CHARS: usize = 160;
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn found_text(found: &Option<char>) -> String {
    found.map_or_else(|| "the end of the text".to_owned(), |found| format!("`{}`", found.escape_debug()))
}

fn key_text(container: &str) -> &'static str {
    if container == "array" { "number" } else { "string" }
}

/// The commonest mistake is to join text and number.
fn conversion_hint(operator: &str, left: &str, right: &str) -> &'static str {
    if operator == "+" && (left == "string" || right == "string") { "; convert with str()" } else { "" }
}
