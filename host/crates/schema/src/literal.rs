//! Texts in which nothing is to be read as an expression.

/// Returns the text of a document that stands for a given text: a `${{` in it becomes `\${{`, everything else stays.
///
/// A script, an input or a value of `env` may hold expressions; whatever is put there as it is goes through this.
pub fn literal(text: &str) -> String {
    text.replace("${{", "\\${{")
}
