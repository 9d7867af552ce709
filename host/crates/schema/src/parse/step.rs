//! Items of a run list.

use super::fields::Fields;
use super::node::values_by_name;
use super::{needs, reference, shape};
use crate::code;
use crate::excerpt::excerpt;
use crate::findings::Findings;
use crate::problem::{Problem, Severity};
use crate::source::{Span, Spanned};
use crate::step::{Passes, Step, StepAction, When};
use crate::yaml::{Member, Tree};

/// What a list says about an item without a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// It is an error, as in a function file.
    Required,
    /// It is a warning, as in a job list.
    Expected,
}

const EXAMPLE: &str = "run: [ { name: greet, script: echo hello } ]";

/// Reads the items of a run list.
pub(super) fn steps(tree: &Tree, names: Names, findings: &mut Findings) -> Option<Vec<Step>> {
    let items = shape::sequence(tree, "`run`", "a list of steps", EXAMPLE, findings)?;
    Some(items.iter().filter_map(|item| step(item, names, findings)).collect())
}

fn step(tree: &Tree, names: Names, findings: &mut Findings) -> Option<Step> {
    let members = shape::mapping(tree, "a step", "a mapping", "{ name: greet, script: echo hello }", findings)?;
    let mut fields = Fields::new("this step", members, tree.span);
    let name = name(&mut fields, names, findings);
    let action = action(&mut fields, findings);
    let env = shape::environment(fields.get("env"), findings);
    let passes = passes(&mut fields, action.as_ref(), findings);
    fields.finish(Severity::Warning, findings);
    Some(Step { name: name?, action: action?, env, passes, when: When::OnSuccess, span: tree.span })
}

/// Reads what a function is passed besides inputs.
fn passes(fields: &mut Fields<'_>, action: Option<&StepAction>, findings: &mut Findings) -> Passes {
    let members = ["secrets", "allow"].into_iter().filter_map(|key| fields.member(key));
    if let Some(StepAction::Script(_)) = action {
        for member in members {
            findings.error(
                code::CONFLICTING_KEYS,
                member.key.span,
                format!("a script has no `{}`", member.key.value),
                "cannot stand beside `script`",
                "a script has every right of the job; make a function with `needs` of it to confine it",
            );
        }
        return Passes::default();
    }
    let secrets = fields.get("secrets").map(|tree| secrets(tree, findings)).unwrap_or_default();
    let allow = fields.get("allow").map(|tree| needs::rights(tree, "`allow`", "allow: { read: [ src ] }", findings));
    Passes { secrets, allow }
}

/// Reads secrets by the names under which a function asks for them.
pub(super) fn secrets(tree: &Tree, findings: &mut Findings) -> Vec<(Spanned<String>, Spanned<String>)> {
    let example = "secrets: { token: \"${{ vars.DEPLOY_TOKEN }}\" }";
    shape::mapping_or_nothing(tree, "`secrets`", "a mapping of names to texts", example, findings)
        .iter()
        .filter_map(|member| {
            let named = shape::check_name(&member.key.value, member.key.span, "a secret", findings);
            let what = format!("secret `{}`", excerpt(&member.key.value));
            let value = shape::text(&member.value, &what, example, findings)?;
            named.then(|| (member.owned_key(), value))
        })
        .collect()
}

fn name(fields: &mut Fields<'_>, names: Names, findings: &mut Findings) -> Option<Spanned<String>> {
    // A runner may write a name that is not there as an empty one.
    let left_out = |tree: &Tree| tree.is_null() || names == Names::Expected && tree.is_empty_text();
    match (fields.get("name").filter(|tree| !left_out(tree)), names) {
        (Some(tree), _) => {
            let name = shape::text(tree, "the name of a step", "name: greet", findings)?;
            shape::check_name(&name.value, name.span, "a step", findings).then_some(name)
        }
        (None, Names::Required) => {
            fields.missing("name", "name: greet", findings);
            None
        }
        (None, Names::Expected) => {
            let start = fields.span();
            findings.warning(
                code::MISSING_KEY,
                start,
                "this step has no `name`",
                "`name` is missing",
                "without a name nothing can refer to its outputs; add for example `name: greet`",
            );
            Some(Spanned::new(String::new(), Span::new(start.start, start.start)))
        }
    }
}

/// Reads what the step invokes: exactly one of `step` or `func`, and `script`.
fn action(fields: &mut Fields<'_>, findings: &mut Findings) -> Option<StepAction> {
    let inputs = fields.member("inputs");
    let kinds: Vec<&Member> = ["func", "step", "script"].into_iter().filter_map(|key| fields.member(key)).collect();
    // Known, so that they are not reported as unknown as well; not offered, since they are refused.
    let refused = refused(fields, findings);
    let values = values_by_name(inputs.map(|member| &member.value), "inputs", "an input", findings);
    match kinds.as_slice() {
        [] if refused => None,
        [] => {
            findings.error(
                code::MISSING_KEY,
                fields.span(),
                "this step says nothing to do",
                "one of `func`, `step` and `script` is missing",
                "add for example `func: ./greet` or `script: echo hello`",
            );
            None
        }
        [kind] if &*kind.key.value == "script" => script(kind, inputs, findings),
        [kind] => {
            let reference = reference::reference(&kind.key.value, &kind.value, findings)?;
            (!refused).then_some(StepAction::Function { reference, inputs: values })
        }
        [first, second, ..] => {
            conflict(first, second, findings);
            None
        }
    }
}

fn conflict(first: &Member, second: &Member, findings: &mut Findings) {
    let (first, second) = if first.key.span <= second.key.span { (first, second) } else { (second, first) };
    let message = format!("`{}` and `{}` cannot be in one step", first.key.value, second.key.value);
    let problem = Problem::error(code::CONFLICTING_KEYS, message)
        .at(findings.place(second.key.span), "only one of them")
        .at(findings.place(first.key.span), "the other is here")
        .help("a step has exactly one of `func`, `step` and `script`; make two steps of it");
    findings.push(problem);
}

fn script(script: &Member, inputs: Option<&Member>, findings: &mut Findings) -> Option<StepAction> {
    if let Some(inputs) = inputs {
        findings.error(
            code::CONFLICTING_KEYS,
            inputs.key.span,
            "a script has no inputs",
            "cannot stand beside `script`",
            "pass values by `env`, or write expressions into the script",
        );
    }
    let text = shape::filled_text(&script.value, "`script`", "script: echo hello", findings)?;
    inputs.is_none().then_some(StepAction::Script(text))
}

/// Notes the kinds of items that other engines or older versions know; tells whether there was one.
fn refused(fields: &mut Fields<'_>, findings: &mut Findings) -> bool {
    let mut found = false;
    for key in ["action", "run", "steps", "exec", "wasm"] {
        let Some(member) = fields.hidden(key) else { continue };
        found = true;
        let (message, help) = if key == "action" {
            ("actions are not supported".to_owned(), "call a function with `func`, or do the work in a `script`")
        } else {
            (
                format!("a step cannot hold its own `{key}`"),
                "put the definition into a function file and call it, for example with `func: ./greet`",
            )
        };
        findings.error(code::UNSUPPORTED_STEP, member.key.span, message, "not supported here", help);
    }
    found
}
