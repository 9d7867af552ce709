//! References that are pinned when their step is reached, and content that changes meanwhile.

use stepwell_expr::Marked;
use stepwell_run::JobErrorKind;

use crate::support::{Entry, job};

#[test]
fn a_reference_is_evaluated_in_the_callers_context() {
    let ran = job("run: [{name: outer, step: ./outer, inputs: {which: f}}]")
        .file(
            "outer/func.yml",
            "spec: {inputs: {which: {type: string}}}\n---\nrun: [{name: a, step: \"./${{ inputs.which }}\"}]",
        )
        .file("outer/f/func.yml", "spec: {}\n---\nexec: {command: [put, x, \"${{ func_dir }}\"]}")
        .run();
    assert_eq!(ran.message(), "");
    assert_eq!(ran.invocation("outer/a").arguments[2], "/work-dir/outer/f");
}

#[test]
fn a_reference_may_lead_to_another_with_an_expression_but_not_for_ever() {
    let dynamic = |first: &str, second: &str| {
        job("run: [{name: a, step: \"${{ vars.FIRST }}\"}]")
            .command("f", "[exit, \"0\"]")
            .var("FIRST", Marked::plain(first))
            .var("SECOND", Marked::plain(second))
            .run()
    };
    assert_eq!(dynamic("${{ vars.SECOND }}", "./f").message(), "");
    assert_eq!(
        dynamic("${{ vars.SECOND }}", "${{ vars.FIRST }}").message(),
        "step \"a\": failed to load: the reference still holds an expression after 10 rounds"
    );
    assert_eq!(dynamic("", "").message(), "step \"a\": failed to load: the reference is empty");
    let missing = dynamic("./nowhere", "");
    assert_eq!(
        missing.message(),
        "step \"a\": failed to load: no function file in `/work-dir/nowhere`: `func.yml` not found"
    );
    assert_eq!(missing.result.error.unwrap().kind, JobErrorKind::Document);
}

#[test]
fn a_mistake_in_a_reference_does_not_show_its_credentials() {
    let ran = job("run: [{name: a, step: \"https://me:pass@${{ vars.NOPE }}/p@v1\"}]").run();
    assert_eq!(
        ran.message(),
        "step \"a\": failed to load: expand reference `https://*******@${{ vars.NOPE }}/p@v1`: vars.NOPE: the \"NOPE\" was not found"
    );
}

#[test]
fn a_dynamic_reference_to_the_script_function() {
    let ran = job("run: [{name: a, step: \"${{ vars.F }}\", inputs: {script: exit 4}}]")
        .var("F", Marked::plain("builtin://script"))
        .run();
    assert_eq!(ran.message(), "step \"a\": exec: exit status 4");
}

#[test]
fn a_function_that_leads_to_itself_by_an_expression_ends() {
    let ran = job("run: [{name: a, step: ./f}]")
        .file("f/func.yml", "spec: {}\n---\nrun: [{name: again, step: \"${{ func_dir }}\"}]")
        .run();
    assert!(ran.message().ends_with("failed to load: functions are nested deeper than 50 levels"), "{}", ran.message());
}

#[test]
fn a_function_that_an_earlier_step_makes() {
    let ran = job("run: [{name: make, step: ./make}, {name: a, step: ./late}]")
        .command("make", "[put, late/func.yml, \"spec: {}\\n---\\nexec: {command: [exit, \\\"5\\\"]}\"]")
        .run();
    assert_eq!(ran.message(), "step \"a\": exec: exit status 5");
}

#[test]
fn a_function_that_an_earlier_step_changes_is_read_again() {
    let ran = job("run: [{name: make, step: ./make}, {name: a, step: ./f}, {name: b, step: ./f}]")
        .command("f", "[exit, \"5\"]")
        .command("make", "[put, f/func.yml, \"spec: {}\\n---\\nexec: {command: [exit, \\\"0\\\"]}\"]")
        .run();
    assert_eq!(ran.message(), "");
    assert_eq!(ran.warnings(), ["`./f` has changed since the job was planned and was read again"; 2]);
}

#[test]
fn a_function_that_an_earlier_step_spoils() {
    let ran = job("run: [{name: make, step: ./make}, {name: a, step: ./f}]")
        .command("f", "[exit, \"5\"]")
        .command("make", "[put, f/func.yml, \"spec: {}\\n---\\nexec: {command: []}\"]")
        .run();
    assert!(ran.message().starts_with("step \"a\": failed to load: f/func.yml:3:"), "{}", ran.message());
    assert_eq!(ran.result.error.unwrap().kind, JobErrorKind::Document);
}

#[test]
fn modules_that_are_found_when_reached_are_checked_once() {
    let wasm = "spec: {}\n---\nwasm: {module: m.wasm, args: [return, \"[]\"]}";
    let list = "spec: {}\n---\nrun: [{name: x, step: ../m}]";
    let ran = job("run: [{name: a, step: \"${{ './m' }}\"}, {name: b, step: \"${{ './list' }}\"}]")
        .file("m/func.yml", wasm)
        .file("m/m.wasm", "module")
        .file("list/func.yml", list)
        .run();
    assert_eq!(ran.message(), "");
    let checks = ran.record.iter().filter(|entry| matches!(entry, Entry::CheckedModule(_))).count();
    assert_eq!(checks, 1);
}

#[test]
fn a_module_that_is_refused() {
    let ran = job("run: [{name: a, step: \"${{ './m' }}\"}]")
        .file("m/func.yml", "spec: {}\n---\nwasm: {module: m.wasm}")
        .file("m/m.wasm", "refused")
        .run();
    assert_eq!(ran.message(), "step \"a\": failed to load: module `m.wasm` is refused: it imports wasi:sockets");
    let error = ran.result.error.unwrap();
    assert_eq!((error.kind, error.hint.as_deref()), (JobErrorKind::Denied, Some("ask for less")));
}

#[test]
fn functions_reached_by_an_expression_nest_as_deep_as_others() {
    let nested = |levels: usize| {
        let innermost = job(&format!("run: [{{name: a, step: \"${{{{ vars.F }}}}/f{levels}\"}}]"))
            .var("F", Marked::plain("."))
            .command("f1", "[exit, \"5\"]");
        (2..=levels)
            .fold(innermost, |job, level| {
                let below =
                    format!("spec: {{}}\n---\nrun: [{{name: n, step: \"${{{{ func_dir }}}}/../f{}\"}}]", level - 1);
                job.file(&format!("f{level}/func.yml"), &below)
            })
            .run()
    };
    assert!(nested(50).message().ends_with("exec: exit status 5"));
    assert!(nested(51).message().ends_with("failed to load: functions are nested deeper than 50 levels"));
}
