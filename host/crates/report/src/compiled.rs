//! The compiled form of documents, as the result file has it under `specDefinition`.

use serde_json::{Map, Value, json};
use stepwell_run::{Origin, Protocol};
use stepwell_schema::reference::split_file;
use stepwell_schema::value::NotFinite;
use stepwell_schema::{
    Definition, DefinitionKind, Exec, Function, GitReference, Input, Job, Node, OciReference, Output, OutputsSpec,
    Reference, Spanned, Spec, Step, StepAction, ValueType, WasmModule,
};

use crate::mask::MASKED;
use crate::members::Members;

/// A number in a document that has no JSON form.
#[derive(Debug, PartialEq)]
pub(crate) struct WrongNumber {
    /// The input or output.
    pub(crate) member: String,
    /// Infinite, or not a number.
    pub(crate) number: f64,
}

/// Returns the job as the definition of a sequence without a specification.
pub(crate) fn job(job: &Job) -> Result<Value, WrongNumber> {
    let definition = sequence(&job.steps, &job.outputs, None)?.nonempty("env", env(&job.env));
    Ok(json!({ "spec": { "spec": {} }, "definition": Value::from(definition) }))
}

/// Returns a function file. Where secrets are hidden, so are the defaults of sensitive inputs and outputs.
pub(crate) fn function(function: &Function, hidden: bool) -> Result<Value, WrongNumber> {
    Ok(json!({
        "spec": { "spec": spec(&function.spec, hidden)? },
        "definition": definition(&function.definition)?,
    }))
}

/// Returns the function that stands behind script items: built in, with one input.
pub(crate) fn script() -> Value {
    json!({
        "spec": { "spec": { "inputs": { "script": { "type": "string" } }, "outputMethod": "outputs" } },
        "definition": { "type": "exec", "exec": { "command": ["${{ inputs.script }}"] } },
    })
}

/// Returns the reference that stands behind script items.
pub(crate) fn script_reference() -> Value {
    json!({ "protocol": "dist", "path": ["script"], "filename": "step.yml" })
}

/// Returns the list of a definition; empty for a command or module.
pub(crate) fn steps(definition: &Definition) -> &[Step] {
    match &definition.kind {
        DefinitionKind::Sequence(sequence) => &sequence.steps,
        DefinitionKind::Exec(_) | DefinitionKind::Wasm(_) => &[],
    }
}

/// Returns the reference of a step whose function is known: as written where that says it, with the name of the file
/// that was found.
pub(crate) fn resolved_reference(origin: &Origin, item: Option<&Step>) -> Value {
    let written = item.and_then(|item| match &item.action {
        StepAction::Function { reference, .. } => Some(&reference.value),
        StepAction::Script(_) => None,
    });
    let members = match written {
        None | Some(Reference::Dynamic { .. }) => origin_members(origin),
        Some(written) => reference_members(written),
    };
    members.nonempty("filename", json!(origin.file)).into()
}

/// The reference of a function that no document names as it is: its canonical form. Of a file that is a path, which need
/// not begin as a reference does.
fn origin_members(origin: &Origin) -> Members {
    match (origin.protocol, Reference::parse(&origin.reference)) {
        (Protocol::File, _) => file_members(&origin.reference),
        (Protocol::BuiltIn | Protocol::Git | Protocol::Oci, Ok(reference)) => reference_members(&reference),
        (Protocol::BuiltIn, Err(_)) => protocol("dist").nonempty("url", json!(origin.reference)),
        (Protocol::Git, Err(_)) => protocol("git").nonempty("url", json!(origin.reference)),
        (Protocol::Oci, Err(_)) => protocol("oci").nonempty("url", json!(origin.reference)),
    }
}

fn reference_members(reference: &Reference) -> Members {
    match reference {
        Reference::Dynamic { text } => protocol("dynamic").nonempty("url", json!(text)),
        Reference::File { path } => file_members(path),
        Reference::BuiltIn { name, .. } => builtin_members(name),
        Reference::Git(git) => git_members(git),
        Reference::Oci(oci) => oci_members(oci),
    }
}

fn file_members(path: &str) -> Members {
    let (folder, file) = split_file(path);
    protocol("local").nonempty("path", parts(folder)).nonempty("filename", json!(file))
}

fn builtin_members(name: &str) -> Members {
    protocol("dist").nonempty("path", parts(name))
}

fn git_members(git: &GitReference) -> Members {
    protocol("git")
        .nonempty("url", json!(git.shown_url()))
        .nonempty("path", parts(&git.directory))
        .nonempty("filename", json!(git.file))
        .nonempty("version", json!(git.revision))
}

fn oci_members(oci: &OciReference) -> Members {
    protocol("oci")
        .nonempty("url", json!(format!("{}/{}", oci.registry, oci.repository)))
        .nonempty("path", parts(&oci.directory))
        .nonempty("filename", json!(oci.file))
        .nonempty("version", json!(oci.tag))
}

fn protocol(word: &str) -> Members {
    Members::new().put("protocol", json!(word))
}

/// The parts of a path; the first one of an absolute path is empty.
fn parts(path: &str) -> Value {
    if path.is_empty() { Value::Null } else { path.split('/').collect() }
}

fn spec(spec: &Spec, hidden: bool) -> Result<Value, WrongNumber> {
    let inputs = object(&spec.inputs, |name, input| input_json(name, input, hidden))?;
    let (outputs, method) = match &spec.outputs {
        OutputsSpec::Declared(outputs) => {
            (object(outputs, |name, output| output_json(name, output, hidden))?, "outputs")
        }
        OutputsSpec::Delegate(_) => (Value::Null, "delegate"),
    };
    let members = Members::new().nonempty("inputs", inputs).nonempty("outputs", outputs);
    Ok(members.put("outputMethod", json!(method)).into())
}

fn input_json(name: &str, input: &Input, hidden: bool) -> Result<Value, WrongNumber> {
    declared(name, input.value_type, input.default.as_ref(), input.sensitive, hidden)
}

fn output_json(name: &str, output: &Output, hidden: bool) -> Result<Value, WrongNumber> {
    declared(name, output.value_type, output.default.as_ref(), output.sensitive, hidden)
}

fn declared(
    name: &str,
    value_type: ValueType,
    default: Option<&stepwell_schema::Value>,
    sensitive: bool,
    hidden: bool,
) -> Result<Value, WrongNumber> {
    let members = Members::new().put("type", json!(value_type)).nonempty("sensitive", json!(sensitive));
    let Some(default) = default else { return Ok(members.into()) };
    let default = match hidden && sensitive {
        true => json!(MASKED),
        false => default.to_json().map_err(|wrong| wrong_number(name, wrong))?,
    };
    Ok(members.put("default", default).into())
}

fn definition(definition: &Definition) -> Result<Value, WrongNumber> {
    let members = match &definition.kind {
        DefinitionKind::Exec(exec) => exec_members(exec),
        DefinitionKind::Sequence(list) => sequence(&list.steps, &list.outputs, list.delegate.as_ref())?,
        DefinitionKind::Wasm(module) => wasm_members(module),
    };
    Ok(members.nonempty("env", env(&definition.env)).into())
}

fn exec_members(exec: &Exec) -> Members {
    let command = exec.command.iter().map(|item| json!(item.value)).collect();
    let work_dir = exec.work_dir.as_ref().map(|work_dir| work_dir.value.as_str());
    let exec = Members::new().nonempty("command", command).nonempty("workDir", json!(work_dir));
    Members::new().put("type", json!("exec")).put("exec", exec.into())
}

/// The old program knew no modules: this form is ours.
fn wasm_members(module: &WasmModule) -> Members {
    let wasm = Members::new()
        .put("module", json!(module.module.value))
        .nonempty("sha256", module.sha256.as_ref().map_or(Value::Null, |digest| json!(digest.value.hex())))
        .nonempty("args", module.args.iter().map(|item| json!(item.value)).collect());
    Members::new().put("type", json!("wasm")).put("wasm", wasm.into())
}

fn sequence(
    steps: &[Step],
    outputs: &[(Spanned<String>, Node)],
    delegate: Option<&Spanned<String>>,
) -> Result<Members, WrongNumber> {
    let steps = steps.iter().map(item_json).collect::<Result<Value, _>>()?;
    Ok(Members::new()
        .put("type", json!("steps"))
        .nonempty("steps", steps)
        .nonempty("outputs", nodes(outputs)?)
        .nonempty("delegate", json!(delegate.map(|delegate| &delegate.value))))
}

fn item_json(step: &Step) -> Result<Value, WrongNumber> {
    let (reference, inputs) = match &step.action {
        StepAction::Script(text) => (script_reference(), json!({ "script": text.value })),
        StepAction::Function { reference, inputs } => (reference_members(&reference.value).into(), nodes(inputs)?),
    };
    let members = Members::new()
        .nonempty("name", json!(step.name.value))
        .put("step", reference)
        .nonempty("inputs", inputs)
        .nonempty("env", env(&step.env));
    Ok(members.into())
}

fn nodes(nodes: &[(Spanned<String>, Node)]) -> Result<Value, WrongNumber> {
    object(nodes, |name, node| node.to_value().to_json().map_err(|wrong| wrong_number(name, wrong)))
}

fn env(env: &[(Spanned<String>, Spanned<String>)]) -> Value {
    env.iter().map(|(name, text)| (name.value.clone(), json!(text.value))).collect::<Map<_, _>>().into()
}

fn object<T>(
    entries: &[(Spanned<String>, T)],
    json: impl Fn(&str, &T) -> Result<Value, WrongNumber>,
) -> Result<Value, WrongNumber> {
    let entry = |(name, entry): &(Spanned<String>, T)| Ok((name.value.clone(), json(&name.value, entry)?));
    entries.iter().map(entry).collect::<Result<Map<_, _>, _>>().map(Value::Object)
}

fn wrong_number(member: &str, wrong: NotFinite) -> WrongNumber {
    WrongNumber { member: member.to_owned(), number: wrong.0 }
}
