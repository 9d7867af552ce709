//! `variables`, of the pipeline and of jobs.

use crate::code;
use crate::excerpt::excerpt;
use crate::findings::Findings;
use crate::name::is_name;
use crate::parse::fields::Fields;
use crate::parse::shape;
use crate::pipeline::PipelineVariable;
use crate::problem::Severity;
use crate::source::Span;
use crate::yaml::{Member, Scalar, ScalarValue, Style, Tree, TreeKind};

/// Largest whole number that a float holds exactly.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// Reads variables: each a text, number or boolean, or a mapping with `value` and `expand`.
pub(super) fn variables(tree: &Tree, findings: &mut Findings) -> Vec<PipelineVariable> {
    let example = "variables: { GREETING: hello }";
    shape::mapping_or_nothing(tree, "`variables`", "a mapping of names to values", example, findings)
        .iter()
        .filter_map(|member| variable(member, findings))
        .collect()
}

fn variable(member: &Member, findings: &mut Findings) -> Option<PipelineVariable> {
    let usable = check_name(&member.key.value, member.key.span, findings);
    let key = excerpt(&member.key.value);
    let (value, expand) = match &member.value.kind {
        TreeKind::Mapping(members) => {
            let mut fields = Fields::new(format!("variable `{key}`"), members, member.value.span);
            let value = fields.get("value").filter(|tree| !tree.is_null());
            let expand = fields.get("expand").filter(|tree| !tree.is_null());
            // For people who start a pipeline by hand.
            for key in ["description", "options"] {
                fields.member(key);
            }
            let expand = expand.is_none_or(|tree| shape::flag(Some(tree), "`expand`", "expand", findings));
            fields.finish(Severity::Warning, findings);
            let value = value.map_or_else(|| Some(String::new()), |tree| text(tree, &key, findings))?;
            (value, expand)
        }
        TreeKind::Scalar(_) | TreeKind::Sequence(_) | TreeKind::Reference(_) => {
            (text(&member.value, &key, findings)?, true)
        }
    };
    let place = findings.place(member.key.span);
    usable.then(|| PipelineVariable { name: member.key.value.to_string(), value, expand, place })
}

fn check_name(name: &str, span: Span, findings: &mut Findings) -> bool {
    let help = "a name has letters, digits and underscores and does not begin with a digit";
    if is_name(name) {
        return true;
    }
    let message = format!("`{}` is no name for a variable", excerpt(name));
    if name.is_empty() || name.contains(['=', '\0']) {
        findings.error(code::INVALID_NAME, span, message, "no environment can hold it", help);
        return false;
    }
    findings.warning(code::INVALID_NAME, span, message, "shells do not see it", help);
    true
}

fn text(tree: &Tree, key: &str, findings: &mut Findings) -> Option<String> {
    if tree.is_null() {
        findings.error(
            code::EMPTY_VALUE,
            tree.span,
            format!("variable `{key}` has no value"),
            "a value is needed here",
            format!("for the empty text write `{key}: \"\"`"),
        );
        return None;
    }
    if let TreeKind::Scalar(scalar) = &tree.kind {
        check_number(scalar, tree.span, findings);
    }
    shape::text(tree, &format!("variable `{key}`"), &format!("{key}: text"), findings).map(|text| text.value)
}

/// Warns of a number that does not come back from YAML as it was written: GitLab hands on the number, we the text.
fn check_number(scalar: &Scalar, span: Span, findings: &mut Findings) {
    let ScalarValue::Number(number) = scalar.value else { return };
    if scalar.style != Style::Plain || number.to_string() == *scalar.text || number.abs() >= MAX_EXACT {
        return;
    }
    let text = excerpt(&scalar.text);
    let label = if number.fract() == 0.0 && !scalar.text.contains(['.', 'e', 'E']) {
        format!("`{number}` in GitLab")
    } else {
        "another text in GitLab".to_owned()
    };
    let message = format!("`{text}` is a number that GitLab writes in another way");
    findings.warning(code::NUMBER_REWRITTEN, span, message, label, format!("quote it: `\"{text}\"`"));
}
