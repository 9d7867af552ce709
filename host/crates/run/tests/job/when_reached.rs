//! Jobs whose functions and expressions are looked at when their step is reached.

use stepwell_expr::Marked;
use stepwell_run::Status;

use crate::support::{Ran, job};

/// Runs a first step that does nothing, then an item; the mistake must leave the first one succeeded.
#[track_caller]
fn check_second(item: &str, expected: &str) -> Ran {
    let ran = job(&format!("run: [{{name: first, script: exit 0}}, {item}]"))
        .command("f", "[exit, \"0\"]")
        .file("bad/func.yml", "spec: {}\n---\n{}\n")
        .file("broken/func.yml", "spec: {}\n---\nexec: {command: [\"exit\", \"${{ 1 + }}\"]}")
        .pinned_when_reached()
        .run();
    assert_eq!(ran.message(), expected);
    assert_eq!(ran.result.root.as_ref().unwrap().children[0].status, Status::Succeeded);
    ran
}

#[test]
fn mistakes_are_found_when_their_step_is_reached() {
    check_second("{name: b, step: ./f}", "");
    check_second(
        "{name: b, step: ./no}",
        "step \"b\": failed to load: no function file in `/work-dir/no`: `func.yml` not found",
    );
    check_second(
        "{name: b, step: ./f, inputs: {x: 1}}",
        "step \"b\": failed to load: step does not accept input with name \"x\"",
    );
    check_second(
        "{name: b, script: \"${{ steps.nope.outputs.x }}\"}",
        "step \"b\": failed to load: expand input \"script\": steps.nope.outputs.x: the \"nope\" was not found",
    );
    check_second(
        "{name: b, script: x, env: {A: \"${{ 1 + }}\"}}",
        "step \"b\": failed to load: env \"A\": expected a value, found `}`",
    );
    check_second(
        "{name: b, step: builtin://script, inputs: {text: x}}",
        "step \"b\": failed to load: step does not accept input with name \"text\"",
    );
    check_second(
        "{name: b, step: builtin://script}",
        "step \"b\": failed to load: failed to parse spec definition: input \"script\" required, but not defined",
    );
    check_second(
        "{name: b, step: ./broken}",
        "step \"b\": exec: interpolate command argument \"${{ 1 + }}\": expected a value, found `}`",
    );
    assert!(
        check_second_message("{name: b, step: ./bad}").starts_with("step \"b\": failed to load: "),
        "a function file that is not valid"
    );
}

fn check_second_message(item: &str) -> String {
    let job = job(&format!("run: [{{name: first, script: exit 0}}, {item}]"));
    let ran = job.file("bad/func.yml", "spec: {}\n---\n{}\n").pinned_when_reached().run();
    ran.message().to_owned()
}

#[test]
fn lists_inside_lists_are_looked_at_step_by_step_too() {
    let ran = job("run: [{name: outer, step: ./outer}]")
        .file(
            "outer/func.yml",
            "spec: {}\n---\nrun: [{name: make, step: ./make}, {name: made, step: ./made}, {name: no, step: ./no}]",
        )
        .command("outer/make", "[put, outer/made/func.yml, \"spec: {}\\n---\\nexec: {command: [exit, \\\"0\\\"]}\"]")
        .pinned_when_reached()
        .run();
    assert_eq!(
        ran.message(),
        "step \"outer\": step \"no\": failed to load: no function file in `/work-dir/outer/no`: `func.yml` not found"
    );
    let outer = &ran.result.root.as_ref().unwrap().children[0];
    assert_eq!(outer.children.len(), 2);
}

#[test]
fn a_function_that_leads_to_itself_ends() {
    let ran = job("run: [{name: a, step: ./f}]")
        .file("f/func.yml", "spec: {}\n---\nrun: [{name: again, step: ../f}]")
        .pinned_when_reached()
        .run();
    assert!(ran.message().ends_with("failed to load: functions are nested deeper than 50 levels"), "{}", ran.message());
}

#[test]
fn a_step_may_hand_over_outputs_that_nobody_knew_of() {
    let ran = job("run: [{name: a, step: ./f}, {name: b, script: \"exit ${{ steps.a.outputs.n }}\"}]")
        .file(
            "f/func.yml",
            "spec: {outputs: {n: {type: number}}}\n---\nrun: []\noutputs: {n: \"${{ vars.N }}\"}"
                .replace("run: []", "run: [{name: x, script: exit 0}]")
                .as_str(),
        )
        .var("N", Marked::plain(4.0))
        .pinned_when_reached()
        .run();
    assert_eq!(ran.message(), "step \"b\": exec: exit status 4");
}
