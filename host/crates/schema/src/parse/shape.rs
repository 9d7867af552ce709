//! Asking a tree to be something: a mapping, a list, a text, a boolean, a name, one of some words.

use crate::code;
use crate::excerpt::excerpt;
use crate::findings::Findings;
use crate::name::is_name;
use crate::source::{Span, Spanned};
use crate::suggest::did_you_mean;
use crate::yaml::{Member, Scalar, ScalarValue, Style, Tree, TreeKind};

/// Notes that a value has another shape than its key takes.
pub(super) fn wrong_shape(tree: &Tree, what: &str, shape: &str, example: &str, findings: &mut Findings) {
    let found = tree.describe();
    findings.error(
        code::WRONG_SHAPE,
        tree.span,
        format!("{what} must be {shape}, not {found}"),
        format!("this is {found}"),
        format!("for example `{example}`"),
    );
}

/// Returns the members of a mapping.
pub(super) fn mapping<'t>(
    tree: &'t Tree,
    what: &str,
    shape: &str,
    example: &str,
    findings: &mut Findings,
) -> Option<&'t [Member]> {
    match &tree.kind {
        TreeKind::Mapping(members) => Some(members),
        TreeKind::Scalar(_) | TreeKind::Sequence(_) | TreeKind::Reference(_) => {
            wrong_shape(tree, what, shape, example, findings);
            None
        }
    }
}

/// Returns the members of a mapping; nothing at all counts as an empty one.
pub(super) fn mapping_or_nothing<'t>(
    tree: &'t Tree,
    what: &str,
    shape: &str,
    example: &str,
    findings: &mut Findings,
) -> &'t [Member] {
    if tree.is_null() {
        return &[];
    }
    mapping(tree, what, shape, example, findings).unwrap_or(&[])
}

/// Returns the items of a list.
pub(super) fn sequence<'t>(
    tree: &'t Tree,
    what: &str,
    shape: &str,
    example: &str,
    findings: &mut Findings,
) -> Option<&'t [Tree]> {
    match &tree.kind {
        TreeKind::Sequence(items) => Some(items),
        TreeKind::Scalar(_) | TreeKind::Mapping(_) | TreeKind::Reference(_) => {
            wrong_shape(tree, what, shape, example, findings);
            None
        }
    }
}

/// Returns a text: of a plain scalar its source text, of a missing value the empty text.
pub(super) fn text(tree: &Tree, what: &str, example: &str, findings: &mut Findings) -> Option<Spanned<String>> {
    match &tree.kind {
        TreeKind::Scalar(scalar) => Some(Spanned::new(scalar.text.to_string(), tree.span)),
        TreeKind::Sequence(_) | TreeKind::Mapping(_) | TreeKind::Reference(_) => {
            wrong_shape(tree, what, "a text", example, findings);
            None
        }
    }
}

/// Returns a text of at least one character.
pub(super) fn filled_text(tree: &Tree, what: &str, example: &str, findings: &mut Findings) -> Option<Spanned<String>> {
    let text = text(tree, what, example, findings)?;
    if !text.value.is_empty() {
        return Some(text);
    }
    findings.error(
        code::EMPTY_VALUE,
        text.span,
        format!("{what} is empty"),
        "a text is needed here",
        format!("for example `{example}`"),
    );
    None
}

/// Returns an optional text for people.
pub(super) fn note(tree: Option<&Tree>, what: &str, findings: &mut Findings) -> Option<String> {
    let tree = tree.filter(|tree| !tree.is_null())?;
    text(tree, what, "a sentence for people", findings).map(|text| text.value)
}

/// Returns the items of a list of texts.
pub(super) fn texts(tree: &Tree, what: &str, example: &str, findings: &mut Findings) -> Vec<Spanned<String>> {
    let item = format!("an item of {what}");
    let items = sequence(tree, what, "a list of texts", example, findings).unwrap_or(&[]);
    items.iter().filter_map(|tree| text(tree, &item, "a text", findings)).collect()
}

/// Returns a boolean. `yes`, `no`, `on`, `off`, `y` and `n` count here, unlike in values; a missing key is `false`.
pub(super) fn flag(tree: Option<&Tree>, what: &str, key: &str, findings: &mut Findings) -> bool {
    let Some(tree) = tree.filter(|tree| !tree.is_null()) else { return false };
    boolean(tree).unwrap_or_else(|| {
        wrong_shape(tree, what, "a boolean", &format!("{key}: true"), findings);
        false
    })
}

fn boolean(tree: &Tree) -> Option<bool> {
    match &tree.kind {
        TreeKind::Scalar(Scalar { value: ScalarValue::Boolean(value), .. }) => Some(*value),
        TreeKind::Scalar(Scalar { value: ScalarValue::Text, style: Style::Plain, text }) => {
            match text.to_ascii_lowercase().as_str() {
                "yes" | "on" | "y" => Some(true),
                "no" | "off" | "n" => Some(false),
                _ => None,
            }
        }
        TreeKind::Scalar(_) | TreeKind::Sequence(_) | TreeKind::Mapping(_) | TreeKind::Reference(_) => None,
    }
}

/// Tells whether a text is a name, and notes it if not.
pub(super) fn check_name(name: &str, span: Span, what: &str, findings: &mut Findings) -> bool {
    let valid = is_name(name);
    if !valid {
        findings.error(
            code::INVALID_NAME,
            span,
            format!("`{}` is no name for {what}", excerpt(name)),
            name_hint(name),
            "a name has letters, digits and underscores and does not begin with a digit",
        );
    }
    valid
}

/// Offers the name that was probably meant.
fn name_hint(name: &str) -> String {
    let mut near: String = name.chars().map(|next| if next.is_ascii_alphanumeric() { next } else { '_' }).collect();
    if near.starts_with(|first: char| first.is_ascii_digit()) {
        near.insert(0, '_');
    }
    if is_name(&near) && near.bytes().any(|byte| byte != b'_') {
        format!("`{}` would be one", excerpt(&near))
    } else {
        "not a name".to_owned()
    }
}

/// Returns one of some words, and notes it if another stands there.
pub(super) fn word<T: Copy>(
    tree: &Tree,
    what: &str,
    words: &[(&'static str, T)],
    findings: &mut Findings,
) -> Option<T> {
    let known = || words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    let TreeKind::Scalar(scalar) = &tree.kind else {
        wrong_shape(tree, what, &format!("one of {}", known()), words.first().map_or("", |(word, _)| word), findings);
        return None;
    };
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == &*scalar.text) {
        return Some(*value);
    }
    let label = did_you_mean(&scalar.text, words.iter().map(|(word, _)| *word))
        .map_or_else(|| "not known here".to_owned(), |near| format!("did you mean `{near}`?"));
    let message = format!("{what} cannot be `{}`", excerpt(&scalar.text));
    findings.error(code::UNKNOWN_WORD, tree.span, message, label, format!("expected one of {}", known()));
    None
}

/// Returns variables by name: names by the name rule, values by their source text.
pub(super) fn environment(tree: Option<&Tree>, findings: &mut Findings) -> Vec<(Spanned<String>, Spanned<String>)> {
    let Some(tree) = tree else { return Vec::new() };
    let members =
        mapping_or_nothing(tree, "`env`", "a mapping of names to texts", "env: { GREETING: hello }", findings);
    members
        .iter()
        .filter_map(|member| {
            let named = check_name(&member.key.value, member.key.span, "a variable", findings);
            let key = excerpt(&member.key.value);
            let value = text(&member.value, &format!("variable `{key}`"), &format!("{key}: text"), findings)?;
            named.then(|| (member.owned_key(), value))
        })
        .collect()
}
