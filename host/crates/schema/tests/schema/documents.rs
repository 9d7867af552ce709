//! Whole documents: functions and jobs as people write them.

use std::sync::Arc;

use stepwell_schema::{
    DefinitionKind, Job, NodeKind, OutputsSpec, Reference, SecretUse, Source, StepAction, Value, ValueType,
};

use crate::support::{function, job};

#[test]
fn exec_function() {
    let function = function(
        "spec:\n  inputs:\n    name: { type: string, default: world, sensitive: yes }\n    n: { type: number }\n  \
         outputs:\n    greeting: { type: string }\n---\nenv: { A: 0x10, B: 1.10, C: }\n\
         exec:\n  command: [ echo, 2024-02-18, 1.10 ]\n  work_dir: sub\n",
    )
    .expect("a valid function");
    assert!(function.warnings.is_empty());
    let name = function.spec.input("name").expect("declared");
    assert_eq!((name.value_type, name.sensitive), (ValueType::String, true));
    assert_eq!(name.default, Some(Value::from("world")));
    assert!(function.spec.input("n").expect("declared").is_required());
    assert!(function.spec.output("greeting").is_some());
    let env: Vec<_> = function.definition.env.iter().map(|(_, value)| value.value.as_str()).collect();
    assert_eq!(env, ["0x10", "1.10", ""]);
    let DefinitionKind::Exec(exec) = &function.definition.kind else { panic!("exec") };
    let command: Vec<_> = exec.command.iter().map(|item| item.value.as_str()).collect();
    assert_eq!(command, ["echo", "2024-02-18", "1.10"]);
    assert_eq!(exec.work_dir.as_ref().expect("given").value, "sub");
}

#[test]
fn sequence_function() {
    let function = function(
        "spec: { outputs: delegate }\n---\nrun:\n  - name: a\n    func: ./a\n    inputs: { list: [1, x], n: ~ }\n  - \
         name: b\n    script: |\n      one\n      two\n    env: { X: 1 }\ndelegate: a\n",
    )
    .expect("a valid function");
    assert!(matches!(function.spec.outputs, OutputsSpec::Delegate(_)));
    let DefinitionKind::Sequence(sequence) = &function.definition.kind else { panic!("run") };
    assert_eq!(sequence.delegate.as_ref().expect("given").value, "a");
    let StepAction::Function { reference, inputs } = &sequence.steps[0].action else { panic!("func") };
    assert_eq!(reference.value, Reference::File { path: "./a".to_owned() });
    assert!(matches!(&inputs[0].1.kind, NodeKind::Array(items) if items.len() == 2));
    assert_eq!(inputs[1].1.kind, NodeKind::Null);
    let StepAction::Script(script) = &sequence.steps[1].action else { panic!("script") };
    assert_eq!(script.value, "one\ntwo\n");
}

#[test]
fn wasm_function_with_all_needs() {
    let text = r#"
spec:
  inputs: { source: { type: string } }
  needs:
    read: [ "${{ inputs.source }}", { path: docs, reason: reads them, optional: true } ]
    write: [ { path: dist, bytes: 2GiB, files: 100, reason: writes the archive }, out ]
    env: [ CI_COMMIT_SHA ]
    clock: frozen
    random: seeded
    limits: { memory: 256MiB, cpu: 20s, wall: 2m, log: 4096 }
    http: [ { host: api.example.com, port: 8443, methods: [get, POST], paths: ["/v1/*"], optional: true } ]
    secrets: [ { name: token, use: header, host: api.example.com }, { name: key, use: reveal } ]
---
wasm: { module: bin/archive.wasm, args: [ -v, 1 ] }
"#;
    let function = function(text).expect("a valid function");
    assert!(function.warnings.is_empty());
    let needs = &function.spec.needs;
    assert_eq!(needs.read[0].path.value, "${{ inputs.source }}");
    assert!(needs.read[1].optional);
    assert_eq!((needs.write[0].bytes, needs.write[0].files), (Some(2 << 30), Some(100)));
    assert_eq!(needs.write[1].path.path.value, "out");
    assert_eq!(needs.env[0].value, "CI_COMMIT_SHA");
    assert_eq!(needs.limits.memory, Some(256 << 20));
    assert_eq!(needs.limits.wall, Some(std::time::Duration::from_secs(120)));
    assert_eq!(needs.limits.log, Some(4096));
    assert_eq!(
        (needs.http[0].port, needs.http[0].methods.as_slice()),
        (Some(8443), &["GET".to_owned(), "POST".to_owned()][..])
    );
    assert_eq!(needs.secrets[0].usage, SecretUse::Header { host: "api.example.com".to_owned() });
    assert_eq!(needs.secrets[1].usage, SecretUse::Reveal);
    let DefinitionKind::Wasm(wasm) = &function.definition.kind else { panic!("wasm") };
    assert_eq!(wasm.module.value, "bin/archive.wasm");
    assert_eq!(wasm.args.len(), 2);
}

#[test]
fn job_forms() {
    for text in [
        "run:\n  - { name: a, script: x }\n",
        "{}\n---\nrun:\n  - { name: a, script: x }\n",
        "spec:\n---\nrun:\n  - { name: a, script: x }\n",
        "spec: { inputs: {} }\n---\nrun: [ { name: a, script: x } ]\n",
        "- { name: a, script: x }\n",
        r#"{"run": [{"name": "a", "script": "x"}]}"#,
    ] {
        let job = job(text).expect(text);
        assert_eq!(job.steps.len(), 1, "{text}");
        assert!(job.warnings.is_empty(), "{text}");
    }
    assert!(job("run: []").expect("an empty list is fine").steps.is_empty());
    let job = job("env: { A: b }\nrun: []\noutputs: { x: 1 }\n").expect("a job");
    assert_eq!((job.env.len(), job.outputs.len()), (1, 1));
}

#[test]
fn source_is_kept() {
    let source = Source::new("job.yml", "run: []");
    assert!(Arc::ptr_eq(&Job::parse(Arc::clone(&source)).expect("a job").source, &source));
}
