//! Section 5.4 of the contract: who wins.

use crate::support::{Case, job};

/// Runs a job whose last step is `probe`, and compares what that step sees of the variable `V`.
#[track_caller]
fn check(case: Case, expected: &str) {
    let ran = case.run();
    assert_eq!(ran.message(), "");
    let seen = ran.invocations().into_iter().rfind(|seen| seen.step.ends_with("probe")).expect("there is a probe");
    assert_eq!(seen.environment.get("V").map(String::as_str), Some(expected));
}

/// A function that exports `V`.
const EXPORT: &str = "spec: {inputs: {to: {type: string}}}\n---\n\
     exec: {command: [write, \"${{ export_file }}\", '{\"name\":\"V\",\"value\":\"${{ inputs.to }}\"}']}";
const PROBE: &str = "spec: {}\n---\nexec: {command: [exit, \"0\"]}";
/// A function that sets `V` itself.
const OWN_PROBE: &str = "spec: {}\n---\nenv: {V: definition}\nexec: {command: [exit, \"0\"]}";

fn case(text: &str) -> Case {
    job(text)
        .file("export/func.yml", EXPORT)
        .file("probe/func.yml", PROBE)
        .file("own-probe/func.yml", OWN_PROBE)
        .env("V", "base")
}

#[test]
fn later_levels_win() {
    check(case("run: [{name: probe, step: ./probe}]"), "base");
    check(case("run: [{name: e, step: ./export, inputs: {to: exported}}, {name: probe, step: ./probe}]"), "exported");
    check(
        case(
            "run: [{name: e, step: ./export, inputs: {to: one}}, {name: f, step: ./export, inputs: {to: two}}, \
             {name: probe, step: ./probe}]",
        ),
        "two",
    );
    check(
        case("run: [{name: e, step: ./export, inputs: {to: x}}, {name: probe, step: ./probe, env: {V: item}}]"),
        "item",
    );
    check(case("run: [{name: probe, step: ./own-probe, env: {V: item}}]"), "definition");
    check(
        case("env: {V: job}\nrun: [{name: e, step: ./export, inputs: {to: x}}, {name: probe, step: ./probe}]"),
        "job",
    );
    check(case("env: {V: job}\nrun: [{name: probe, step: ./probe, env: {V: item}}]"), "item");
}

#[test]
fn an_inner_env_beats_an_outer_one() {
    let nested = |item: &str| {
        case("run: [{name: outer, step: ./outer, env: {V: outer-item}}]").file(
            "outer/func.yml",
            &format!("spec: {{}}\n---\nenv: {{V: outer-definition}}\nrun: [{{name: probe, step: ../probe{item}}}]"),
        )
    };
    check(nested(""), "outer-definition");
    check(nested(", env: {V: inner-item}"), "inner-item");
    let outer_only = case("run: [{name: outer, step: ./outer, env: {V: outer-item}}]")
        .file("outer/func.yml", "spec: {}\n---\nrun: [{name: probe, step: ../probe}]");
    check(outer_only, "outer-item");
}

#[test]
fn an_export_is_seen_inside_and_after_the_list_it_was_made_in() {
    let list = "spec: {}\n---\nrun: [{name: e, step: ../export, inputs: {to: new}}, {name: probe, step: ../probe}]";
    check(case("run: [{name: outer, step: ./outer}]").file("outer/func.yml", list), "new");
    check(
        case("run: [{name: outer, step: ./outer}, {name: probe, step: ./probe}]").file("outer/func.yml", list),
        "new",
    );
    check(
        case("run: [{name: outer, step: ./outer, env: {V: item}}, {name: probe, step: ./probe}]")
            .file("outer/func.yml", list),
        "new",
    );
    check(case("run: [{name: outer, step: ./outer, env: {V: item}}]").file("outer/func.yml", list), "item");
}

#[test]
fn an_item_env_does_not_reach_later_items_or_its_own_inputs() {
    check(case("run: [{name: a, step: ./probe, env: {V: item}}, {name: probe, step: ./probe}]"), "base");
    let ran = case("run: [{name: a, step: ./export, inputs: {to: \"${{ env.V }}\"}, env: {V: item}}]").run();
    assert_eq!(ran.result_of("a").exports["V"], "base");
}

#[test]
fn entries_of_a_block_do_not_see_each_other() {
    check(case("run: [{name: probe, step: ./probe, env: {W: w, V: \"${{ env.V }}-x\"}}]"), "base-x");
    let ran = case("run: [{name: a, step: ./probe, env: {V: item, W: \"${{ env.V }}\"}}]").run();
    assert_eq!(ran.invocation("a").environment["W"], "base");
}

#[test]
fn job_variables_are_not_in_the_environment() {
    let ran =
        case("run: [{name: a, script: \"exit ${{ vars.N }}\"}]").var("N", stepwell_expr::Marked::plain("0")).run();
    assert_eq!(ran.invocation("a").environment.get("N"), None);
    assert_eq!(ran.invocation("a").arguments, ["exit", "0"]);
}

#[test]
fn every_step_sees_the_normalised_log_level() {
    #[track_caller]
    fn check(variable: Option<&str>, environment: Option<&str>, expected: Result<&str, &str>) {
        let mut case = job("run: [{name: a, script: exit 0}]");
        if let Some(level) = variable {
            case = case.var("CI_STEPS_LOG_LEVEL", stepwell_expr::Marked::plain(level));
        }
        if let Some(level) = environment {
            case = case.env("CI_STEPS_LOG_LEVEL", level);
        }
        let ran = case.run();
        match expected {
            Ok(level) => assert_eq!(ran.invocation("a").environment["CI_STEPS_LOG_LEVEL"], level),
            Err(message) => {
                assert_eq!(ran.message(), message);
                assert_eq!(ran.statuses(), "a skipped");
                assert!(ran.result.root.is_none());
            }
        }
    }
    check(None, None, Ok("info"));
    check(None, Some(" WARN "), Ok("warn"));
    check(Some("debug"), Some("warn"), Ok("debug"));
    check(Some(""), None, Ok("info"));
    check(None, Some("loud"), Err("init global environment: log level: loud not supported"));
}
