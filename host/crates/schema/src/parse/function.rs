//! Function files: specification and definition.

use std::collections::HashMap;
use std::sync::Arc;

use super::fields::Fields;
use super::job::{ignored_documents, run_member};
use super::node::values_by_name;
use super::step::{self, Names};
use super::{needs, quantity, shape};
use crate::code;
use crate::excerpt::excerpt;
use crate::findings::Findings;
use crate::function::{
    Definition, DefinitionKind, Exec, Function, Input, Output, OutputsSpec, Sequence, Spec, WasmModule,
};
use crate::name::MAX_NAME_BYTES;
use crate::problem::{Problem, Problems, Severity};
use crate::source::{Source, Span, Spanned};
use crate::suggest::did_you_mean;
use crate::value::{Value, ValueType};
use crate::yaml::{self, Documents, Member, Tree, TreeKind};

/// The keys that say how a function is done, as messages list them.
const KINDS: &str = "`exec`, `run` and `wasm`";

impl Function {
    /// Reads a function file: two YAML documents, specification and definition. Later documents are ignored.
    ///
    /// # Errors
    /// All problems of the file, in its order, warnings among them.
    pub fn parse(source: Arc<Source>) -> Result<Self, Problems> {
        let mut findings = Findings::new(source);
        let function = yaml::read(&mut findings, 2).and_then(|documents| function(&documents, &mut findings));
        let (mut function, warnings) = findings.finish(function)?;
        function.warnings = warnings;
        Ok(function)
    }
}

fn function(documents: &Documents, findings: &mut Findings) -> Option<Function> {
    if let Some(rest) = documents.rest {
        ignored_documents(rest, findings);
    }
    let (spec_tree, definition_tree) = two_documents(documents, findings)?;
    let spec = spec_document(spec_tree, findings);
    let definition = definition_document(definition_tree, findings);
    let (spec, definition) = (spec?, definition?);
    check_outputs(&spec, &definition, findings);
    if let DefinitionKind::Wasm(_) = definition.kind {
        check_wasm_names(&spec, findings);
    }
    let source = Arc::clone(findings.source());
    Some(Function { source, spec, definition, warnings: Problems::default() })
}

fn two_documents<'t>(documents: &'t Documents, findings: &mut Findings) -> Option<(&'t Tree, &'t Tree)> {
    let help = "a function file is `spec:`, a line `---`, then `exec:`, `run:` or `wasm:`";
    let wrong = |span: Span, message: &str, label: &str, findings: &mut Findings| {
        findings.error(code::WRONG_DOCUMENTS, span, message, label, help);
    };
    match documents.trees.as_slice() {
        [] => wrong(Span::new(0, 0), "the file is empty", "", findings),
        [only] => {
            let label = if has_key(only, "spec") { "the definition is missing behind it" } else { "the only document" };
            wrong(only.span, "a function file has two documents, this one has one", label, findings);
        }
        [first, second, ..] if has_key(second, "spec") && !has_key(first, "spec") => {
            wrong(second.span, "the two documents are in the wrong order", "this one comes first", findings);
        }
        [first, second, ..] => return Some((first, second)),
    }
    None
}

fn has_key(tree: &Tree, key: &str) -> bool {
    matches!(&tree.kind, TreeKind::Mapping(members) if members.iter().any(|member| &*member.key.value == key))
}

fn spec_document(tree: &Tree, findings: &mut Findings) -> Option<Spec> {
    let members = shape::mapping(tree, "the first document", "a mapping with `spec`", "spec: {}", findings)?;
    let mut fields = Fields::new("the specification", members, tree.span);
    let spec = fields.get("spec");
    fields.finish(Severity::Error, findings);
    Some(spec.map_or_else(Spec::default, |tree| read_spec(tree, findings)))
}

fn read_spec(tree: &Tree, findings: &mut Findings) -> Spec {
    let members = shape::mapping_or_nothing(tree, "`spec`", "a mapping", "spec: { inputs: {} }", findings);
    let mut fields = Fields::new("`spec`", members, tree.span);
    let inputs = fields.get("inputs").map(|tree| read_inputs(tree, findings)).unwrap_or_default();
    let outputs = fields.get("outputs").map(|tree| read_outputs(tree, findings)).unwrap_or_default();
    let needs = fields.get("needs").map(|tree| needs::needs(tree, findings)).unwrap_or_default();
    shape::note(fields.get("description"), "`description`", findings);
    fields.finish(Severity::Warning, findings);
    Spec { inputs, outputs, needs }
}

fn read_inputs(tree: &Tree, findings: &mut Findings) -> Vec<(Spanned<String>, Input)> {
    declarations(tree, "`inputs`", "input", findings)
        .into_iter()
        .map(|(name, declaration)| {
            let Declaration { value_type, default, sensitive, description } = declaration;
            (name, Input { value_type, default, sensitive, description })
        })
        .collect()
}

fn read_outputs(tree: &Tree, findings: &mut Findings) -> OutputsSpec {
    if matches!(&tree.kind, TreeKind::Scalar(scalar) if &*scalar.text == "delegate") {
        return OutputsSpec::Delegate(tree.span);
    }
    let outputs = declarations(tree, "`outputs`", "output", findings).into_iter().map(|(name, declaration)| {
        let Declaration { value_type, default, sensitive, description } = declaration;
        (name, Output { value_type, default, sensitive, description })
    });
    OutputsSpec::Declared(outputs.collect())
}

/// What inputs and outputs have in common.
struct Declaration {
    value_type: ValueType,
    default: Option<Value>,
    sensitive: bool,
    description: Option<String>,
}

fn declarations(tree: &Tree, what: &str, one: &str, findings: &mut Findings) -> Vec<(Spanned<String>, Declaration)> {
    let shape = if one == "output" { "a mapping, or the word `delegate`" } else { "a mapping" };
    let example = format!("{one}s: {{ name: {{ type: string }} }}");
    shape::mapping_or_nothing(tree, what, shape, &example, findings)
        .iter()
        .filter_map(|member| {
            let named = shape::check_name(&member.key.value, member.key.span, &format!("an {one}"), findings);
            let declaration = declaration(member, one, findings)?;
            named.then(|| (member.owned_key(), declaration))
        })
        .collect()
}

fn declaration(member: &Member, one: &str, findings: &mut Findings) -> Option<Declaration> {
    let name = excerpt(&member.key.value);
    let what = format!("{one} `{name}`");
    let example = format!("{name}: {{ type: string }}");
    let members = if member.value.is_null() {
        &[]
    } else {
        shape::mapping(&member.value, &what, "a mapping with `type`", &example, findings)?
    };
    let mut fields = Fields::new(what, members, member.key.span);
    let value_type = fields.required("type", "type: string", findings).and_then(|tree| value_type(tree, findings));
    let default = fields.get("default").filter(|tree| !tree.is_null());
    let sensitive = shape::flag(fields.get("sensitive"), "`sensitive`", "sensitive", findings);
    let description = shape::note(fields.get("description"), "`description`", findings);
    let what = fields.what().to_owned();
    fields.finish(Severity::Warning, findings);
    let value_type = value_type?;
    let default = default.map(|tree| default_value(tree, value_type, &what, findings));
    Some(Declaration { value_type, default, sensitive, description })
}

fn value_type(tree: &Tree, findings: &mut Findings) -> Option<ValueType> {
    let TreeKind::Scalar(scalar) = &tree.kind else {
        shape::wrong_shape(tree, "`type`", "the name of a type", "type: string", findings);
        return None;
    };
    let word = &*scalar.text;
    if let Some(found) = ValueType::ALL.into_iter().find(|known| known.as_str() == word) {
        return Some(found);
    }
    let label = nearest_type(word).map_or_else(|| "not a type".to_owned(), |near| format!("did you mean `{near}`?"));
    let known = ValueType::ALL.map(|known| format!("`{known}`")).join(", ");
    findings.error(
        code::UNKNOWN_TYPE,
        tree.span,
        format!("there is no type `{}`", excerpt(word)),
        label,
        format!("expected one of {known}"),
    );
    None
}

/// Returns the type that was meant: by a word that older versions or other languages have, else by spelling.
fn nearest_type(word: &str) -> Option<&'static str> {
    match word {
        "raw_string" | "text" | "str" => Some("string"),
        "bool" => Some("boolean"),
        "list" | "sequence" => Some("array"),
        "object" | "map" | "mapping" => Some("struct"),
        "int" | "integer" | "float" => Some("number"),
        _ => did_you_mean(word, ValueType::ALL.map(ValueType::as_str)),
    }
}

fn default_value(tree: &Tree, declared: ValueType, what: &str, findings: &mut Findings) -> Value {
    let value = tree.to_node().to_value();
    if !value.conforms(declared) {
        let help = if declared == ValueType::String {
            "quote it to make it a text".to_owned()
        } else {
            format!("give a {declared}, or declare the type `{}`", value.type_name())
        };
        let message = format!("the default of {what} must be of type {declared}, not {}", value.type_name());
        findings.error(code::DEFAULT_TYPE, tree.span, message, format!("this is of type {}", value.type_name()), help);
    }
    value
}

fn definition_document(tree: &Tree, findings: &mut Findings) -> Option<Definition> {
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

/// `outputs: delegate` and `delegate` belong together (section 5.8); a module hands over declared outputs only.
fn check_outputs(spec: &Spec, definition: &Definition, findings: &mut Findings) {
    let mismatch = |span: Span, message: &str, label: &str, help: &str, findings: &mut Findings| {
        findings.error(code::DELEGATE_MISMATCH, span, message, label, help);
    };
    match (&spec.outputs, &definition.kind) {
        (OutputsSpec::Delegate(span), DefinitionKind::Sequence(Sequence { delegate: None, .. })) => mismatch(
            *span,
            "`outputs: delegate` needs `delegate` in the definition",
            "of which step?",
            "add `delegate: NAME` beside `run`, or declare the outputs",
            findings,
        ),
        (OutputsSpec::Declared(_), DefinitionKind::Sequence(Sequence { delegate: Some(delegate), .. })) => mismatch(
            delegate.span,
            "`delegate` needs `outputs: delegate` in the specification",
            "its outputs would go nowhere",
            "write `spec: { outputs: delegate }`, or leave `delegate` out",
            findings,
        ),
        (OutputsSpec::Delegate(span), DefinitionKind::Wasm(_)) => mismatch(
            *span,
            "a module cannot hand on the outputs of a step",
            "only with `run` or `exec`",
            "declare the outputs",
            findings,
        ),
        (OutputsSpec::Delegate(_), DefinitionKind::Sequence(_) | DefinitionKind::Exec(_))
        | (OutputsSpec::Declared(_), _) => {}
    }
}

/// Checks names that a module receives: variables of upper-case names must differ, and the step ABI bounds their length.
fn check_wasm_names(spec: &Spec, findings: &mut Findings) {
    let mut first_of: HashMap<String, &Spanned<String>> = HashMap::new();
    for (name, _) in &spec.inputs {
        check_name_length(name, findings);
        if let Some(first) = first_of.insert(name.value.to_ascii_uppercase(), name) {
            let message = format!("inputs `{}` and `{}` differ in case only", first.value, name.value);
            let problem = Problem::error(code::NAMES_DIFFER_IN_CASE, message)
                .at(findings.place(name.span), "the same in upper case")
                .at(findings.place(first.span), "as this one")
                .help("a module may receive inputs as variables in upper case; rename one of them");
            findings.push(problem);
        }
    }
    if let OutputsSpec::Declared(outputs) = &spec.outputs {
        outputs.iter().for_each(|(name, _)| check_name_length(name, findings));
    }
}

fn check_name_length(name: &Spanned<String>, findings: &mut Findings) {
    if name.value.len() > MAX_NAME_BYTES {
        findings.error(
            code::INVALID_NAME,
            name.span,
            format!("the name has {} bytes", name.value.len()),
            "too long",
            format!("names that a module receives have at most {MAX_NAME_BYTES} bytes"),
        );
    }
}
