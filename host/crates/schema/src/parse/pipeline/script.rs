//! `script`, `before_script` and `after_script`: commands, in lists that may lie in each other.

use crate::code;
use crate::findings::Findings;
use crate::parse::shape;
use crate::source::Spanned;
use crate::yaml::{Tree, TreeKind};

/// Most lists inside each other. As many as GitLab takes.
const MAX_LEVELS: usize = 10;

/// Reads commands: a text, or a list of texts and of such lists. Numbers and booleans are their source text.
pub(super) fn commands(tree: &Tree, key: &str, findings: &mut Findings) -> Vec<Spanned<String>> {
    let mut commands = Vec::new();
    match &tree.kind {
        TreeKind::Sequence(items) => append(items, key, 1, &mut commands, findings),
        TreeKind::Scalar(_) => commands.extend(command(tree, &format!("`{key}`"), key, findings)),
        TreeKind::Mapping(_) | TreeKind::Reference(_) => {
            let example = format!("{key}: [ make, make test ]");
            shape::wrong_shape(tree, &format!("`{key}`"), "a text or a list of texts", &example, findings);
        }
    }
    commands
}

fn append(items: &[Tree], key: &str, level: usize, commands: &mut Vec<Spanned<String>>, findings: &mut Findings) {
    for item in items {
        match &item.kind {
            TreeKind::Sequence(_) if level == MAX_LEVELS => {
                let message = format!("lists in `{key}` lie too deeply in each other");
                let label = format!("more than {MAX_LEVELS} levels");
                findings.error(code::WRONG_SHAPE, item.span, message, label, "write the commands into one list");
            }
            TreeKind::Sequence(inner) => append(inner, key, level + 1, commands, findings),
            TreeKind::Scalar(_) => commands.extend(command(item, &format!("a command of `{key}`"), key, findings)),
            TreeKind::Mapping(_) | TreeKind::Reference(_) => not_a_command(item, key, findings),
        }
    }
}

fn command(tree: &Tree, what: &str, key: &str, findings: &mut Findings) -> Option<Spanned<String>> {
    if tree.is_null() {
        let help = format!("leave it out, or write a command, for example `{key}: [ make ]`");
        findings.error(code::EMPTY_VALUE, tree.span, format!("{what} is empty"), "a command is needed here", help);
        return None;
    }
    shape::text(tree, what, "make", findings)
}

/// A command with `: ` in it that is not quoted is a mapping.
fn not_a_command(tree: &Tree, key: &str, findings: &mut Findings) {
    let found = tree.describe();
    findings.error(
        code::WRONG_SHAPE,
        tree.span,
        format!("a command of `{key}` must be a text, not {found}"),
        format!("YAML reads {found} here"),
        "a command that holds `: ` needs quotes around it, or stands below `- |`",
    );
}
