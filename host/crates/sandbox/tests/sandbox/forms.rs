//! The forms a file can have, and files that are no step.

use std::sync::Arc;

use stepwell_policy::Access::Write;
use stepwell_run::{FailureKind, Outcome, Stream};
use stepwell_sandbox::Sandbox;
use stepwell_schema::{Input, Spanned, Spec, Value, ValueType};

use crate::support::{Call, guest, module};

const TARGETS: [&str; 2] = ["wasm32-wasip1", "wasm32-wasip2"];

fn command(target: &'static str) -> Call {
    Call::of_module(module("command", guest("command", target)))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_command_gets() {
    for target in TARGETS {
        let ended = command(target)
            .input("name", "text")
            .input("n", 1e21)
            .input("list", Value::Array(vec![Value::from(true)]))
            .secret("token", "s3cr3t")
            .argument("")
            .argument("second argument")
            .variable("CI", "true")
            .variable("HIDDEN", "x")
            .grant_env("CI")
            .run()
            .await;
        assert_eq!(
            ended.output("input").to_json_text().unwrap(),
            r#"{"list":[true],"n":1e+21,"name":"text","token":"s3cr3t"}"#
        );
        assert_eq!(ended.output("arguments").to_json_text().unwrap(), r#"["the_step","","second argument"]"#);
        assert_eq!(
            ended.output("environment").to_json_text().unwrap(),
            concat!(
                r#"{"CI":"true","PWD":"/","STEPWELL_ABI":"command@0.1","STEPWELL_ATTEMPT":"1","#,
                r#""STEPWELL_EXPORT_FILE":"/out/exports","STEPWELL_INPUT_N":"1000000000000000000000","#,
                r#""STEPWELL_INPUT_NAME":"text","STEPWELL_OUTPUT_FILE":"/out/outputs","STEPWELL_STEP":"the_step"}"#
            )
        );
        assert_eq!(ended.returned().exports, [("COMMAND_RAN".to_owned(), "yes".to_owned())]);
        assert_eq!(ended.stream(Stream::Out), "a line of standard output\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_work_dir_of_a_command() {
    for target in TARGETS {
        let ended = command(target).grant(".", Write).run().await;
        let environment = ended.output("environment").to_json_text().unwrap();
        assert!(environment.contains(r#""PWD":"/work""#), "{environment}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes() {
    for code in [1, 42, 125] {
        let ended = command("wasm32-wasip1").argument(&code.to_string()).run().await;
        // The status stands by itself, so that a chain can end with it; what the command said last is its cause.
        ended.failed(FailureKind::Failed, &format!("exit status {code}"));
        assert_eq!(ended.failure().causes, ["a line of standard error"]);
    }
    let ended = command("wasm32-wasip1").argument("126").run().await;
    ended.failed(FailureKind::Internal, "exit code out of range");
    let ended = command("wasm32-wasip2").argument("42").run().await;
    assert_eq!(ended.failure().kind, FailureKind::Failed);
    assert!(ended.failure().message.starts_with("exit status "), "{:?}", ended.failure());
    for target in TARGETS {
        let ended = command(target).argument("0").run().await;
        assert_eq!(ended.returned().outputs.len(), 3);
        let ended = command(target).argument("no-outputs").run().await;
        assert_eq!(ended.returned().outputs.len(), 0);
        let ended = command(target).argument("trap").run().await;
        ended.failed(FailureKind::Internal, "trapped: `unreachable` executed");
    }
}

#[track_caller]
fn refused(bytes: &[u8], expected: &str) {
    let refused = Sandbox::check_module(&module("m.wasm", bytes.into()), &Spec::default()).unwrap_err();
    assert!(refused.message.contains(expected), "{}", refused.message);
    assert!(!refused.denied);
}

#[test]
fn files_that_are_no_step() {
    refused(b"", "an empty file");
    refused(b"(module)", "text");
    refused(b"\x7fELF", "ELF");
    refused(b"hello", "a text file");
    refused(b"\0asm\x01\0\0\0", "without `_start`");
    let echo = guest("echo", "wasm32-wasip2");
    refused(&echo[..echo.len() / 2], "truncated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_step_does_not_run() {
    let ended = Call::of_module(module("m.wasm", b"(module)".as_slice().into())).run().await;
    assert_eq!(ended.failure().kind, FailureKind::Internal);
    let mut wrong = (*module("m.wasm", guest("minimal", "wasm32-wasip2"))).clone();
    wrong.digest = stepwell_schema::Digest::of(b"something else");
    let ended = Call::of_module(Arc::new(wrong)).run().await;
    assert!(matches!(ended.outcome, Outcome::EngineError { .. }));
}

fn spec(inputs: &[(&str, ValueType)]) -> Spec {
    let input = |value_type| Input { value_type, default: None, sensitive: false, description: None };
    let inputs = inputs
        .iter()
        .map(|(name, value_type)| {
            (Spanned { value: (*name).to_owned(), span: stepwell_schema::Span::default() }, input(*value_type))
        })
        .collect();
    Spec { inputs, ..Spec::default() }
}

#[test]
fn a_module_is_compared_with_its_function_file() {
    let minimal = module("minimal.wasm", guest("minimal", "wasm32-wasip2"));
    let refused = Sandbox::check_module(&minimal, &spec(&[("text", ValueType::String)])).unwrap_err();
    assert_eq!(
        refused.message,
        "input `text` is in the function file but not in the module\n\
         input `number` is in the module but not in the function file\n\
         output `number` is in the module but not in the function file"
    );
}

#[test]
fn inputs_of_a_command_differ_in_more_than_case() {
    for target in TARGETS {
        let command = module("command.wasm", guest("command", target));
        Sandbox::check_module(&command, &spec(&[("a", ValueType::String)])).unwrap();
        let both = spec(&[("a", ValueType::String), ("A", ValueType::String)]);
        assert!(Sandbox::check_module(&command, &both).unwrap_err().message.contains("differ in case only"));
    }
}

fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let places: Vec<_> = bytes
        .windows(from.len())
        .enumerate()
        .filter(|(_, window)| *window == from.as_bytes())
        .map(|(at, _)| at)
        .collect();
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    bytes
}

#[test]
fn imports_that_are_not_served() {
    let echo = guest("echo", "wasm32-wasip2");
    let newer = replaced(&echo, "stepwell:step/log@0.1.0", "stepwell:step/log@0.9.0");
    refused(&newer, "needs interface log of step ABI 0.9.0, this engine has 0.1.0");
    let unknown = replaced(&echo, "stepwell:step/log@0.1.0", "stepwell:step/lag@0.1.0");
    refused(&unknown, "needs interface lag of step ABI 0.1.0, this engine has 0.1.0");
    let foreign = replaced(&echo, "stepwell:step/log@", "somebody:else/log@");
    refused(&foreign, "imports `somebody:else/log@0.1.0`, which this engine does not have");
}

#[test]
fn one_description_of_itself() {
    let mut minimal = guest("minimal", "wasm32-wasip2").to_vec();
    minimal.extend(b"\0\x0c\x09step-spec{}");
    refused(&minimal, "it has 2 sections `step-spec`; exactly one is allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn precompiled_code_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let cache = parent.path().join("cache");
    let sandbox = Sandbox::builder(parent.path()).instances(2).cache_folder(&cache).build().unwrap();
    let ended = Call::of("minimal").input("number", 1.0).run_in(&sandbox).await;
    assert_eq!(ended.number(), 2.0);
    let mut entries = std::fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path());
    let entry = entries.find(|path| path.file_name().unwrap() != "key").unwrap();
    let code = std::fs::read(entry).unwrap();
    refused(&code[32..], "machine code that was compiled from WebAssembly");
}
