//! Calls of modules: inputs, decisions, ends.

use stepwell_policy::Verdict;
use stepwell_run::{EventKind, JobErrorKind, Status};

use crate::support::{Case, job};

/// A job with one call of a module whose arguments say what happens.
fn case(spec: &str, arguments: &str) -> Case {
    job("run: [{name: a, step: ./m}, {name: b, script: exit 0}]")
        .file("m/func.yml", &format!("spec: {spec}\n---\nwasm: {{module: m.wasm, args: {arguments}}}"))
        .file("m/m.wasm", "module")
}

#[test]
fn inputs_come_in_the_order_of_the_file_with_defaults() {
    let ran = job("run: [{name: a, step: ./m, inputs: {y: \"${{ 1 + 1 }}\"}}]")
        .file(
            "m/func.yml",
            "spec: {inputs: {z: {type: string, default: d}, y: {type: number}, x: {type: boolean, default: false}}}\n\
             ---\nwasm: {module: m.wasm, args: [return, \"[]\"]}",
        )
        .file("m/m.wasm", "module")
        .run();
    let names: Vec<_> = ran.invocation("a").inputs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["z", "y", "x"]);
    assert_eq!(ran.result_of("a").status, Status::Succeeded);
}

#[test]
fn what_a_module_hands_over_is_checked() {
    let spec = "{outputs: {n: {type: number}, d: {type: string, default: x}}}";
    let ran = case(spec, "[return, '[[\"n\", 4]]', '[[\"X\", \"1\"], [\"X\", \"2\"]]']").run();
    assert_eq!(ran.outputs_of("a"), "{\"d\":\"x\",\"n\":4}");
    assert_eq!(ran.invocation("b").environment["X"], "2");

    let ran = case(spec, "[return, '[[\"n\", 4], [\"n\", 5], [\"q\", 1], [\"d\", null]]', '[[\"A=B\", \"\"]]']").run();
    assert_eq!(
        ran.message(),
        "step \"a\": wasm: internal: invalid completion: key \"n\": the output occurs twice; \
         key \"A=B\": export: the name of a variable cannot hold `=`; \
         key \"q\": unexpected output, remove from step outputs or define in step specification; \
         key \"d\": mismatched types, declared as \"string\" in step specification and received from step as type \"null\""
    );
    assert!(ran.result_of("a").exports.is_empty());
    let usages: Vec<_> = ran
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::Transition { to: Status::Failed, usage, .. } if event.step.to_string() == "a" => Some(*usage),
            _ => None,
        })
        .collect();
    assert!(usages[0].is_some(), "what it used is told all the same");
}

#[track_caller]
fn check_end(arguments: &str, status: Status, kind: JobErrorKind, message: &str) {
    let ran = case("{}", arguments).run();
    let error = ran.result.error.as_ref().unwrap();
    assert_eq!((ran.result.status, error.kind), (status, kind));
    assert_eq!(error.message, format!("step \"a\": {message}"));
    assert_eq!(ran.statuses(), format!("a {status}, b skipped"));
}

#[test]
fn ends_of_modules() {
    use JobErrorKind::{Cancelled, Engine, StepFailed, TimedOut};
    check_end("[fail, failed, no luck, why, deeper]", Status::Failed, StepFailed, "wasm: no luck: why: deeper");
    check_end("[fail, internal, trap]", Status::Failed, StepFailed, "wasm: internal: trap");
    check_end("[fail, failed, exit status 3, last line]", Status::Failed, StepFailed, "wasm: last line: exit status 3");
    check_end("[fail, cancelled, gave up]", Status::Failed, StepFailed, "wasm: gave up");
    check_end("[fail, cancel, gave up]", Status::Cancelled, Cancelled, "cancelled");
    check_end("[limit, wall]", Status::TimedOut, TimedOut, "wasm: wall limit of 5 reached");
    check_end("[limit, cpu]", Status::TimedOut, TimedOut, "wasm: cpu limit of 5 reached");
    check_end("[limit, memory]", Status::Failed, StepFailed, "wasm: memory limit of 5 reached");
    check_end("[limit, stack]", Status::Failed, StepFailed, "wasm: stack limit of 5 reached");
    check_end("[limit, message]", Status::Failed, StepFailed, "wasm: message limit of 5 reached");
    check_end("[broken]", Status::Failed, Engine, "wasm: no more processes");
    check_end("[panic]", Status::Lost, Engine, "the executor broke down; it is not known whether the step ended");
    check_end("[exit, \"0\"]", Status::Failed, Engine, "wasm: the executor gave an answer that is none for a module");
}

/// A module that reads the path in its input.
const READS: &str = "spec: {inputs: {p: {type: string}}, needs: {read: [\"${{ inputs.p }}\"]}}\n---\n\
     wasm: {module: m.wasm, args: [return, \"[]\"]}";

/// Runs it with a path that only an earlier step tells.
fn reads(path: &str) -> crate::support::Ran {
    let gives = format!(
        "spec: {{outputs: {{p: {{type: string}}}}}}\n---\n\
         exec: {{command: [write, \"${{{{ output_file }}}}\", '{{\"name\":\"p\",\"value\":\"{path}\"}}']}}"
    );
    job("run: [{name: g, step: ./gives}, {name: a, step: ./m, inputs: {p: \"${{ steps.g.outputs.p }}\"}}]")
        .file("gives/func.yml", &gives)
        .file("m/func.yml", READS)
        .file("m/m.wasm", "module")
        .run()
}

#[test]
fn needs_are_decided_with_the_inputs_filled_in() {
    let ran = reads("src");
    assert_eq!(ran.message(), "");
    let facts = ran.events.iter().find_map(|event| match &event.kind {
        EventKind::Prepared(facts) if facts.kind == "wasm" => Some(facts),
        _ => None,
    });
    let facts = facts.unwrap();
    // The first says that the function may be called at all.
    assert_eq!((facts.decisions.len(), facts.decisions[1].verdict), (2, Verdict::Allowed));
    assert!(facts.module.is_some() && facts.function.is_some());
}

#[test]
fn a_need_that_is_denied_fails_the_step_before_it_starts() {
    let ran = reads("../secrets");
    assert_eq!(
        ran.message(),
        "step \"a\": `read ../secrets` is denied: `../secrets` lies outside the job's work dir (rule `no-rule`)"
    );
    let error = ran.result.error.as_ref().unwrap();
    assert_eq!(error.kind, JobErrorKind::Denied);
    assert!(error.hint.as_ref().unwrap().contains("spec.needs.read"));
    assert!(ran.transitions().contains("a pending → failed"));
    assert_eq!(ran.invocations().len(), 1);
    assert!(ran.events.iter().any(|event| matches!(&event.kind, EventKind::Prepared(facts)
        if facts.kind == "wasm" && facts.decisions[1].verdict == Verdict::Denied)));
}
