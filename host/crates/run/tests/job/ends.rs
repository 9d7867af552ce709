//! How steps end, and the words for it: section 4.8 of the contract.

use stepwell_run::{JobErrorKind, Status};

use crate::support::job;

/// Runs a command; compares the status and the message behind the step's name.
#[track_caller]
fn check(command: &str, status: Status, kind: JobErrorKind, message: &str) {
    let ran = job("run: [{name: a, step: ./f}, {name: b, script: exit 0}]").command("f", command).run();
    let error = ran.result.error.as_ref().unwrap();
    assert_eq!((ran.result.status, error.kind), (status, kind));
    assert_eq!(error.message, format!("step \"a\": {message}"));
    assert_eq!(ran.statuses(), format!("a {status}, b skipped"));
    assert_eq!(ran.result_of("a").status, status);
}

#[test]
fn ends_of_commands() {
    use JobErrorKind::{Engine, StepFailed};
    use Status::{Failed, Lost};
    check("[exit, \"3\"]", Failed, StepFailed, "exec: exit status 3");
    check("[exit, \"127\"]", Failed, StepFailed, "exec: exit status 127");
    check("[signal, \"9\"]", Failed, StepFailed, "exec: signal: killed");
    check("[signal, \"40\"]", Failed, StepFailed, "exec: signal: signal 40");
    check("[missing]", Failed, StepFailed, "exec: exec: \"missing\": executable file not found in $PATH");
    check("[broken]", Failed, Engine, "exec: no more processes");
    check("[panic]", Lost, Engine, "the executor broke down; it is not known whether the step ended");
    check("[odd]", Failed, Engine, "exec: the executor ended it as cancelled, although nobody cancelled the job");
    check("[return, \"[]\"]", Failed, Engine, "exec: the executor gave an answer that is none for a command");
    check(
        "[\"${{ 1 / 0 }}\"]",
        Failed,
        StepFailed,
        "exec: interpolate command argument \"${{ 1 / 0 }}\": division by zero",
    );
}

#[test]
fn a_command_without_exit_code_has_minus_one() {
    for command in ["[signal, \"9\"]", "[missing]"] {
        let ran = job("run: [{name: a, step: ./f}]").command("f", command).run();
        assert_eq!(ran.result_of("a").exec.as_ref().unwrap().exit_code, -1);
    }
}

#[test]
fn a_script_that_cannot_be_evaluated_was_never_started() {
    let ran = job("run: [{name: a, script: \"exit ${{ 1 / 0 }}\"}]").run();
    assert_eq!(ran.message(), "step \"a\": failed to load: expand input \"script\": division by zero");
    assert!(ran.result_of("").children.is_empty());
}

#[test]
fn the_env_of_a_definition_that_cannot_be_evaluated() {
    for (kind, file) in [("exec", "exec: {command: [exit, \"0\"]}"), ("run", "run: [{name: x, script: exit 0}]")] {
        let ran = job("run: [{name: a, step: ./f}]")
            .file("f/func.yml", &format!("spec: {{}}\n---\nenv: {{X: \"${{{{ 1 / 0 }}}}\"}}\n{file}"))
            .run();
        assert_eq!(ran.message(), "step \"a\": expand step env: env variable \"X\": division by zero", "{kind}");
        assert_eq!(ran.result_of("a").status, Status::Failed, "it failed while running, so it has a result");
        assert_eq!(ran.invocations().len(), 0);
    }
}

#[test]
fn the_env_of_the_job_that_cannot_be_evaluated() {
    let ran = job("env: {X: \"${{ 1 / 0 }}\"}\nrun: [{name: a, script: exit 0}]").run();
    assert_eq!(ran.message(), "expand step env: env variable \"X\": division by zero");
    assert_eq!(ran.statuses(), "a skipped");
}

#[test]
fn hints_are_kept_apart() {
    let ran = job("run: [{name: a, step: ./f}]").command("f", "[missing]").run();
    assert_eq!(ran.result.error.unwrap().hint.as_deref(), Some("install it"));
}

#[test]
fn the_exit_status_ends_the_message_once() {
    let ran = job("run: [{name: outer, step: ./outer}]")
        .file("outer/func.yml", "spec: {}\n---\nrun: [{name: inner, script: exit 42}]")
        .run();
    assert!(ran.message().ends_with("exit status 42"));
    assert_eq!(ran.message().matches("exit status").count(), 1);
}

#[test]
fn a_work_dir_of_a_command() {
    #[track_caller]
    fn check(work_dir: &str, expected: &str) {
        let file = format!("spec: {{}}\n---\nexec: {{command: [exit, \"0\"], work_dir: {work_dir}}}");
        let ran = job("run: [{name: a, step: ./f}]").file("f/func.yml", &file).run();
        assert_eq!(ran.invocation("a").directory, expected);
    }
    check("sub", "/work-dir/sub");
    check("/abs", "/abs");
    check("\"${{ func_dir }}\"", "/work-dir/f");
}
