//! Texts of the `step-spec` section: JSON strings and descriptions.

use proc_macro2::{Ident, Span};
use syn::{Attribute, Error, Expr, ExprLit, Lit, Meta, Result};

/// Longest name of an input, an output, a secret or a variable, in bytes. From the step ABI.
const MAX_NAME_BYTES: usize = 128;

/// Returns a text as a JSON string, with quotes.
pub(crate) fn quoted(text: &str) -> String {
    let inner: String = text.chars().map(escaped).collect();
    format!("\"{inner}\"")
}

fn escaped(character: char) -> String {
    match character {
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        '\n' => "\\n".to_owned(),
        control if u32::from(control) < 0x20 => format!("\\u{:04x}", u32::from(control)),
        other => other.to_string(),
    }
}

/// Returns an identifier as text, without `r#`.
pub(crate) fn plain(ident: &Ident) -> String {
    ident.to_string().trim_start_matches("r#").to_owned()
}

/// Refuses what can be no name on the other side of the boundary.
pub(crate) fn check_name(name: &str, place: Span) -> Result<()> {
    let starts = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let fits = name.chars().all(|other| other.is_ascii_alphanumeric() || other == '_');
    if starts && fits && name.len() <= MAX_NAME_BYTES {
        return Ok(());
    }
    let form = format!("letters, digits and `_`, at most {MAX_NAME_BYTES}, no digit first");
    Err(Error::new(place, format!("`{name}` is no name: {form}")))
}

/// Returns the doc comment without its indent, lines joined as they stand; none if there is none.
pub(crate) fn description(attributes: &[Attribute]) -> Option<String> {
    let lines: Vec<_> = attributes.iter().filter_map(doc_line).collect();
    let text = lines.join("\n").trim().to_owned();
    (!text.is_empty()).then_some(text)
}

fn doc_line(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) => Some(line.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_strings() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(quoted(text), expected);
        }
        check("plain", r#""plain""#);
        check("Who is \"greeted\".", r#""Who is \"greeted\".""#);
        check("a\\b\nc\u{1}", r#""a\\b\nc\u0001""#);
        check("größe", "\"größe\"");
    }
}
