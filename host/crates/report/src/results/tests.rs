//! Result files against the words of the contract.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use stepwell_plan::{
    Base, Origin, Pinning, PlannedFunction, Protocol, ResolveError, Resolved, Resolver, load_function,
};
use stepwell_schema::{Digest, Reference, Source, Value as StepValue};

use super::*;
use crate::script::path;

/// Serves modules of no content, and nothing else.
struct Modules;

impl Resolver for Modules {
    fn resolve(&self, _: &Reference, base: &Base) -> Result<Resolved, ResolveError> {
        let Base::Folder(folder) = base else { return Err(ResolveError::Unsupported { kind: "relative" }) };
        Err(ResolveError::NotFound { folder: folder.clone(), tried: Vec::new() })
    }

    fn read_beside(&self, _: &Resolved, _: &str, _: u64) -> Result<Arc<[u8]>, ResolveError> {
        Ok(Arc::new([]))
    }

    fn is_unchanged(&self, _: &Resolved, _: &[&str]) -> bool {
        true
    }
}

fn function(reference: &str, text: &str) -> StepReference {
    StepReference::Function(planned(Protocol::File, reference, text))
}

fn planned(protocol: Protocol, reference: &str, text: &str) -> Arc<PlannedFunction> {
    let folder = (protocol == Protocol::File).then(|| PathBuf::from("/work"));
    let origin = Origin {
        protocol,
        folder,
        tree: None,
        commit: None,
        file: "func.yml".to_owned(),
        reference: reference.to_owned(),
    };
    let source = Source::new("func.yml", text);
    let digest = Digest::of(text.as_bytes());
    load_function(
        Resolved { origin, source, digest, notes: Vec::new(), stamp: None },
        &Modules,
        Pinning::BeforeTheFirstStep,
    )
    .expect("the function file is sound")
}

fn step(names: &str, reference: StepReference) -> StepResult {
    StepResult {
        step: path(names),
        reference,
        inputs: Values::new(),
        call_env: Arc::default(),
        status: Status::Succeeded,
        outputs: Values::new(),
        exports: BTreeMap::new(),
        env: Arc::default(),
        exec: None,
        children: Vec::new(),
    }
}

fn job(text: &str) -> Job {
    Job::parse(Source::new("job.yml", text)).expect("the job is sound")
}

fn result(root: Option<StepResult>) -> JobResult {
    JobResult { status: Status::Succeeded, error: None, root, elapsed: Duration::ZERO }
}

/// Compares the only step of a job, in clear.
#[track_caller]
fn check_step(item: &str, child: StepResult, expected: &Value) {
    let root = StepResult { children: vec![child], ..step("", StepReference::Root) };
    let json =
        results_json(&job(&format!("run:\n  - {item}\n")), &result(Some(root)), Secrets::Shown).unwrap().unwrap();
    let shown = &json["subStepResults"][0];
    assert_eq!(shown, expected, "{shown:#}");
}

fn values(pairs: &[(&str, Marked)]) -> Values {
    pairs.iter().map(|(name, marked)| ((*name).to_owned(), marked.clone())).collect()
}

const EXEC: &str = "\
spec:
  inputs:
    name: { type: string, default: you, description: who }
    count: { type: number }
    token: { type: string, sensitive: true, default: hidden by itself }
  outputs:
    text: { type: string }
---
env: { A: '${{ inputs.name }}' }
exec:
  command: [greet, '${{ inputs.name }}']
  work_dir: sub
";

fn exec_definition(token: &str) -> Value {
    json!({
        "spec": { "spec": {
            "inputs": {
                "name": { "type": "string", "default": "you" },
                "count": { "type": "number" },
                "token": { "type": "string", "sensitive": true, "default": token },
            },
            "outputs": { "text": { "type": "string" } },
            "outputMethod": "outputs",
        } },
        "definition": {
            "type": "exec",
            "exec": { "command": ["greet", "${{ inputs.name }}"], "workDir": "sub" },
            "env": { "A": "${{ inputs.name }}" },
        },
    })
}

fn exec_step() -> StepResult {
    StepResult {
        inputs: values(&[("count", Marked::plain(3.0)), ("token", Marked::sensitive("a long secret"))]),
        call_env: Arc::new(values(&[("HOME", Marked::plain("/root"))])),
        outputs: values(&[
            ("text", Marked::plain("hello")),
            ("half", Marked::plain(0.5)),
            ("no", Marked::plain(false)),
        ]),
        exports: BTreeMap::from([("E".to_owned(), "a long secret".to_owned())]),
        env: Arc::new(values(&[("HOME", Marked::plain("/root")), ("S", Marked::sensitive("brief"))])),
        exec: Some(ExecResult {
            command: vec!["greet".to_owned(), "a long secret".to_owned()],
            work_dir: "/work/sub".to_owned(),
            exit_code: 3,
        }),
        status: Status::Failed,
        ..step("greet", function("./greet", EXEC))
    }
}

const EXEC_ITEM: &str = "{ name: greet, step: ./greet, inputs: { count: 3 } }";

#[test]
fn a_command() {
    check_step(
        EXEC_ITEM,
        exec_step(),
        &json!({
            "step": {
                "name": "greet",
                "step": { "protocol": "local", "path": [".", "greet"], "filename": "func.yml" },
                "inputs": { "count": 3, "token": "a long secret" },
                "env": { "HOME": "/root" },
            },
            "specDefinition": exec_definition("hidden by itself"),
            "status": "failure",
            "outputs": { "text": "hello", "half": 0.5, "no": false },
            "exports": { "E": "a long secret" },
            "env": { "HOME": "/root", "S": "brief" },
            "execResult": { "command": ["greet", "a long secret"], "workDir": "/work/sub", "exitCode": 3 },
        }),
    );
}

#[test]
fn secrets_are_hidden_by_mark_and_by_text() {
    let masker = Masker::new();
    masker.add("a long secret");
    let root = StepResult { children: vec![exec_step()], ..step("", StepReference::Root) };
    let job = job(&format!("run:\n  - {EXEC_ITEM}\n"));
    let json = results_json(&job, &result(Some(root)), Secrets::Hidden(&masker)).unwrap().unwrap();
    let shown = &json["subStepResults"][0];
    assert_eq!(shown["step"]["inputs"], json!({ "count": 3, "token": "[MASKED]" }));
    assert_eq!(shown["env"], json!({ "HOME": "/root", "S": "[MASKED]" }));
    assert_eq!(shown["exports"], json!({ "E": "[MASKED]" }));
    assert_eq!(shown["execResult"]["command"], json!(["greet", "[MASKED]"]));
    assert_eq!(shown["specDefinition"], exec_definition("[MASKED]"));
    let text = json.to_string();
    assert!(!text.contains("long secret") && !text.contains("brief"), "{text}");
}

#[test]
fn a_script_is_a_call_of_the_built_in_function() {
    let script = StepResult {
        inputs: values(&[("script", Marked::plain("echo hi"))]),
        exec: Some(ExecResult { command: vec!["echo hi".to_owned()], work_dir: "/work".to_owned(), exit_code: 0 }),
        ..step("say", StepReference::Script("echo ${{ vars.X }}".to_owned()))
    };
    check_step(
        "{ name: say, script: 'echo ${{ vars.X }}' }",
        script,
        &json!({
            "step": {
                "name": "say",
                "step": { "protocol": "dist", "path": ["script"], "filename": "step.yml" },
                "inputs": { "script": "echo hi" },
            },
            "specDefinition": {
                "spec": { "spec": { "inputs": { "script": { "type": "string" } }, "outputMethod": "outputs" } },
                "definition": { "type": "exec", "exec": { "command": ["${{ inputs.script }}"] } },
            },
            "status": "success",
            "execResult": { "command": ["echo hi"], "workDir": "/work" },
        }),
    );
}

const LIST: &str = "\
spec:
  outputs: delegate
---
run:
  - { name: one, step: ./one/f.yml, inputs: { a: null, list: [1, { b: '${{ env.X }}' }] }, env: { K: v } }
  - { name: two, script: 'true' }
  - { name: three, step: '${{ env.REF }}' }
delegate: one
";

#[test]
fn a_list_has_its_steps_in_compiled_form() {
    let none = "spec: {}\n---\nexec: { command: ['true'] }\n";
    let inner = step("list/one", function("one/f.yml", none));
    let skipped = StepResult { status: Status::Skipped, ..step("list/one", function("one/f.yml", none)) };
    let list = StepResult { children: vec![inner, skipped], ..step("list", function("list", LIST)) };
    check_step(
        "{ name: list, step: '${{ vars.LIST }}' }",
        list,
        &json!({
            "step": {
                "name": "list",
                "step": { "protocol": "local", "path": ["list"], "filename": "func.yml" },
            },
            "specDefinition": {
                "spec": { "spec": { "outputMethod": "delegate" } },
                "definition": {
                    "type": "steps",
                    "steps": [
                        {
                            "name": "one",
                            "step": { "protocol": "local", "path": [".", "one"], "filename": "f.yml" },
                            "inputs": { "a": null, "list": [1, { "b": "${{ env.X }}" }] },
                            "env": { "K": "v" },
                        },
                        {
                            "name": "two",
                            "step": { "protocol": "dist", "path": ["script"], "filename": "step.yml" },
                            "inputs": { "script": "true" },
                        },
                        { "name": "three", "step": { "protocol": "dynamic", "url": "${{ env.REF }}" } },
                    ],
                    "delegate": "one",
                },
            },
            "status": "success",
            "subStepResults": [{
                "step": {
                    "name": "one",
                    "step": { "protocol": "local", "path": [".", "one"], "filename": "func.yml" },
                },
                "specDefinition": {
                    "spec": { "spec": { "outputMethod": "outputs" } },
                    "definition": { "type": "exec", "exec": { "command": ["true"] } },
                },
                "status": "success",
            }],
        }),
    );
}

#[test]
fn a_module() {
    let text = "spec: {}\n---\nwasm: { module: a.wasm, args: [x] }\n";
    let json = |reference: &str, protocol| {
        let child = step("a", StepReference::Function(planned(protocol, reference, text)));
        let root = StepResult { children: vec![child], ..step("", StepReference::Root) };
        results_json(&job("run: []\n"), &result(Some(root)), Secrets::Shown).unwrap().unwrap()
    };
    let shown = json("builtin://stepwell/archive", Protocol::BuiltIn);
    let step = &shown["subStepResults"][0];
    let reference = json!({ "protocol": "dist", "path": ["stepwell", "archive"], "filename": "func.yml" });
    assert_eq!(step["step"]["step"], reference);
    let definition = json!({ "type": "wasm", "wasm": { "module": "a.wasm", "args": ["x"] } });
    assert_eq!(step["specDefinition"]["definition"], definition);
}

#[track_caller]
fn check_reference(text: &str, expected: &Value) {
    let job = job(&format!("run:\n  - {{ name: a, step: {text} }}\n"));
    let json = compiled::job(&job).unwrap();
    assert_eq!(&json["definition"]["steps"][0]["step"], expected);
}

#[test]
fn references() {
    check_reference("./s", &json!({ "protocol": "local", "path": [".", "s"] }));
    check_reference("/opt/s/x.yml", &json!({ "protocol": "local", "path": ["", "opt", "s"], "filename": "x.yml" }));
    check_reference("builtin://a/b", &json!({ "protocol": "dist", "path": ["a", "b"] }));
    check_reference(
        "gitlab.com/group/project/-/dir/my.yml@v1",
        &json!({
            "protocol": "git", "url": "https://gitlab.com/group/project", "path": ["steps", "dir"],
            "filename": "my.yml", "version": "v1",
        }),
    );
    check_reference(
        "{ oci: { registry: r.example, repository: a/b, tag: '1', dir: d } }",
        &json!({ "protocol": "oci", "url": "r.example/a/b", "path": ["d"], "version": "1" }),
    );
}

#[test]
fn the_root_has_no_name_and_no_interface() {
    let job = job("env: { A: b }\nrun:\n  - { name: x, script: 'true' }\n");
    let root = StepResult { status: Status::Cancelled, ..step("", StepReference::Root) };
    let expected = json!({
        "step": {},
        "specDefinition": {
            "spec": { "spec": {} },
            "definition": {
                "type": "steps",
                "steps": [{
                    "name": "x",
                    "step": { "protocol": "dist", "path": ["script"], "filename": "step.yml" },
                    "inputs": { "script": "true" },
                }],
                "env": { "A": "b" },
            },
        },
        "status": "failure",
    });
    assert_eq!(results_json(&job, &result(Some(root)), Secrets::Shown).unwrap(), Some(expected));
}

#[test]
fn numbers_without_json_form_are_errors() {
    let job = job("run: []\n");
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let deep = StepValue::Array(vec![StepValue::Number(number)]);
        let child = StepResult { outputs: values(&[("o", Marked::plain(deep))]), ..exec_step() };
        let root = StepResult { children: vec![child], ..step("", StepReference::Root) };
        let error = results_json(&job, &result(Some(root)), Secrets::Shown).unwrap_err();
        let expected = format!("`o` of step `greet` holds the number {number}, which cannot be written as JSON");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn the_file_is_replaced_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("step-results.json");
    let (job, nothing) = (job("run: []\n"), result(None));
    assert!(!write_results(&file, &job, &nothing, Secrets::Shown).unwrap());
    assert!(!file.exists());

    fs::write(&file, "old").unwrap();
    let root = || result(Some(step("", StepReference::Root)));
    assert!(write_results(&file, &job, &root(), Secrets::Shown).unwrap());
    let written = serde_json::from_slice::<Value>(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(Some(written), results_json(&job, &root(), Secrets::Shown).unwrap());
    // The umask may take rights away, and never adds any.
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777 & !0o640, 0);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn what_is_no_file_is_written_to_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (job, root) = (job("run: []\n"), result(Some(step("", StepReference::Root))));
    let link = |name: &str, to: &str| {
        std::os::unix::fs::symlink(to, folder.path().join(name)).unwrap();
        folder.path().join(name)
    };
    let (device, full, file) = (link("device", "/dev/null"), link("full", "/dev/full"), link("link", "file"));
    fs::write(folder.path().join("file"), "old").unwrap();
    assert!(write_results(&device, &job, &root, Secrets::Shown).unwrap());
    assert!(write_results(&file, &job, &root, Secrets::Shown).unwrap());
    assert!(write_results(&full, &job, &root, Secrets::Shown).is_err());
    assert!(write_results(folder.path(), &job, &root, Secrets::Shown).is_err());
    [device, full, file].iter().for_each(|link| assert!(link.is_symlink(), "{}", link.display()));
    assert!(fs::read_to_string(folder.path().join("file")).unwrap().starts_with('{'));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
}

#[test]
fn a_file_that_cannot_be_written_is_an_error_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("missing/step-results.json");
    let root = result(Some(step("", StepReference::Root)));
    let error = write_results(&file, &job("run: []\n"), &root, Secrets::Shown).unwrap_err();
    assert_eq!(error.to_string(), format!("results cannot be written to `{}`", file.display()));
}
