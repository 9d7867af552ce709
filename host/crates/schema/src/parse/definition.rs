//! The definition of a function: a command, a list of steps, or a module.

use super::fields::Fields;
use super::job::run_member;
use super::node::values_by_name;
use super::step::{self, Names};
use super::{quantity, shape};
use crate::code;
use crate::excerpt::excerpt;
use crate::findings::Findings;
use crate::function::{Definition, DefinitionKind, Exec, Sequence, WasmModule};
use crate::problem::{Problem, Severity};
use crate::source::Spanned;
use crate::suggest::did_you_mean;
use crate::yaml::{Member, Tree, TreeKind};

/// The keys that say how a function is done, as messages list them.
const KINDS: &str = "`exec`, `run` and `wasm`";

/// Reads the second document of a function file.
pub(super) fn definition_document(tree: &Tree, findings: &mut Findings) -> Option<Definition> {
    let members =
        shape::mapping(tree, "the second document", "a mapping", "exec: { command: [ echo, hello ] }", findings)?;
    let mut fields = Fields::new("the definition", members, tree.span);
    let kind = definition_kind(&mut fields, findings);
    let env = shape::environment(fields.get("env"), findings);
    hide_old_type(&mut fields);
    fields.finish(Severity::Warning, findings);
    Some(Definition { env, kind: kind?, span: tree.span })
}

/// Takes a left-over `type: exec` or `type: steps` of old files; any other value is an unknown key.
pub(super) fn hide_old_type(fields: &mut Fields<'_>) {
    fields.hidden_if(
        "type",
        |tree| matches!(&tree.kind, TreeKind::Scalar(scalar) if matches!(&*scalar.text, "exec" | "steps")),
    );
}

fn definition_kind(fields: &mut Fields<'_>, findings: &mut Findings) -> Option<DefinitionKind> {
    let exec = fields.member("exec");
    let run = run_member(fields, findings);
    let wasm = fields.member("wasm");
    let outputs = fields.member("outputs");
    let delegate = fields.member("delegate");
    let kinds: Vec<&Member> = [exec, run, wasm].into_iter().flatten().collect();
    if let [first, second, ..] = kinds.as_slice() {
        conflicting_kinds(first, second, findings);
        return None;
    }
    if run.is_none() {
        for member in [outputs, delegate].into_iter().flatten() {
            unused_beside_command(member, findings);
        }
    }
    if let Some(exec) = exec {
        return read_exec(&exec.value, findings).map(DefinitionKind::Exec);
    }
    if let Some(wasm) = wasm {
        return read_wasm(&wasm.value, findings).map(DefinitionKind::Wasm);
    }
    let Some(run) = run else {
        findings.error(
            code::MISSING_KEY,
            fields.span(),
            "the definition does not say what to do",
            format!("one of {KINDS} is missing"),
            "add for example `exec: { command: [ echo, hello ] }`",
        );
        return None;
    };
    read_sequence(run, outputs, delegate, findings).map(DefinitionKind::Sequence)
}

fn conflicting_kinds(first: &Member, second: &Member, findings: &mut Findings) {
    let (first, second) = if first.key.span <= second.key.span { (first, second) } else { (second, first) };
    let message = format!("`{}` and `{}` cannot be in one definition", first.key.value, second.key.value);
    let problem = Problem::error(code::CONFLICTING_KEYS, message)
        .at(findings.place(second.key.span), "only one of them")
        .at(findings.place(first.key.span), "the other is here")
        .help(format!("a definition has exactly one of {KINDS}"));
    findings.push(problem);
}

fn unused_beside_command(member: &Member, findings: &mut Findings) {
    findings.warning(
        code::UNUSED_KEY,
        member.key.span,
        format!("`{}` has no effect without `run`", member.key.value),
        "ignored",
        "a command or module hands over its outputs itself; leave this out",
    );
}

fn read_exec(tree: &Tree, findings: &mut Findings) -> Option<Exec> {
    let example = "exec: { command: [ echo, hello ] }";
    let members = shape::mapping(tree, "`exec`", "a mapping with `command`", example, findings)?;
    let mut fields = Fields::new("`exec`", members, tree.span);
    let command =
        fields.required("command", "command: [ echo, hello ]", findings).and_then(|tree| read_command(tree, findings));
    let work_dir = fields
        .get("work_dir")
        .filter(|tree| !tree.is_null())
        .and_then(|tree| shape::text(tree, "`work_dir`", "work_dir: build", findings));
    fields.finish(Severity::Warning, findings);
    Some(Exec { command: command?, work_dir })
}

fn read_command(tree: &Tree, findings: &mut Findings) -> Option<Vec<Spanned<String>>> {
    let command = shape::texts(tree, "`command`", "command: [ echo, hello ]", findings);
    if matches!(&tree.kind, TreeKind::Sequence(items) if items.is_empty()) {
        findings.error(
            code::EMPTY_VALUE,
            tree.span,
            "`command` is empty",
            "at least the program is needed",
            "for example `command: [ echo, hello ]`",
        );
    }
    (!command.is_empty()).then_some(command)
}

fn read_sequence(
    run: &Member,
    outputs: Option<&Member>,
    delegate: Option<&Member>,
    findings: &mut Findings,
) -> Option<Sequence> {
    let steps = step::steps(&run.value, Names::Required, findings);
    if matches!(&run.value.kind, TreeKind::Sequence(items) if items.is_empty()) {
        findings.error(
            code::EMPTY_VALUE,
            run.value.span,
            "`run` has no steps",
            "at least one step is needed in a function",
            "for example `run: [ { name: greet, script: echo hello } ]`",
        );
    }
    let outputs = values_by_name(outputs.map(|member| &member.value), "outputs", "an output", findings);
    let delegate = delegate
        .filter(|member| !member.value.is_null())
        .and_then(|member| shape::text(&member.value, "`delegate`", "delegate: build", findings))
        .filter(|name| shape::check_name(&name.value, name.span, "a step", findings));
    let steps = steps?;
    if let Some(delegate) = &delegate {
        check_delegate(delegate, &steps, findings);
    }
    Some(Sequence { steps, outputs, delegate })
}

/// Warns of a name that no step of the list has. Not an error: the contract has this fail at the end of the list.
fn check_delegate(delegate: &Spanned<String>, steps: &[crate::step::Step], findings: &mut Findings) {
    let names = || steps.iter().map(|step| step.name.value.as_str());
    if names().any(|name| name == delegate.value) {
        return;
    }
    let label = did_you_mean(&delegate.value, names())
        .map_or_else(|| "not in this list".to_owned(), |near| format!("did you mean `{near}`?"));
    findings.warning(
        code::DELEGATE_MISMATCH,
        delegate.span,
        format!("no step of this list is called `{}`", excerpt(&delegate.value)),
        label,
        format!("steps of this list: {}", excerpt(&names().collect::<Vec<_>>().join(", "))),
    );
}

fn read_wasm(tree: &Tree, findings: &mut Findings) -> Option<WasmModule> {
    let members = shape::mapping(tree, "`wasm`", "a mapping with `module`", "wasm: { module: greet.wasm }", findings)?;
    let mut fields = Fields::new("`wasm`", members, tree.span);
    let module = fields.required("module", "module: greet.wasm", findings).and_then(|tree| module_path(tree, findings));
    let sha256 = fields.get("sha256").filter(|tree| !tree.is_null()).and_then(|tree| quantity::digest(tree, findings));
    let args = fields
        .get("args")
        .filter(|tree| !tree.is_null())
        .map(|tree| shape::texts(tree, "`args`", "args: [ --verbose ]", findings))
        .unwrap_or_default();
    fields.finish(Severity::Error, findings);
    Some(WasmModule { module: module?, sha256, args })
}

/// Reads the path of a module: below the folder of the function file, by its text alone.
fn module_path(tree: &Tree, findings: &mut Findings) -> Option<Spanned<String>> {
    let path = shape::filled_text(tree, "`module`", "module: greet.wasm", findings)?;
    let Some(mistake) = module_path_mistake(&path.value) else { return Some(path) };
    findings.error(
        code::INVALID_VALUE,
        path.span,
        format!("`{}` cannot be the path of a module", excerpt(&path.value)),
        mistake,
        "write a path below the folder of the function file, with forward slashes, such as `greet.wasm`",
    );
    None
}

/// Returns what is wrong with the path of a module, if anything is.
fn module_path_mistake(path: &str) -> Option<&'static str> {
    let parts = || path.split('/');
    let mistakes = [
        (path.contains("${{"), "an expression cannot stand here"),
        (path.contains('\\'), "has a backslash"),
        (path.contains(char::is_control), "has a control character"),
        (path.starts_with('/') || path.as_bytes().get(1) == Some(&b':'), "is not relative"),
        (parts().any(|part| part == ".."), "leaves the folder"),
        (parts().next_back().is_none_or(|last| last.is_empty() || last == "."), "names no file"),
    ];
    mistakes.into_iter().find_map(|(found, label)| found.then_some(label))
}
