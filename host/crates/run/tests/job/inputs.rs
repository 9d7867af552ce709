//! What is checked of inputs when a step is reached. The plan has seen the literal ones, so these are evaluated.

use stepwell_expr::Marked;

use crate::support::{job, json};

/// Gives a value to an input `i` of a declared type; compares what the function got, or the message behind
/// `failed to load: `.
#[track_caller]
fn check(declared: &str, value: &str, expected: Result<&str, &str>) {
    check_with(declared, value, true, expected);
}

#[track_caller]
fn check_with(declared: &str, value: &str, check_types: bool, expected: Result<&str, &str>) {
    let ran = job(&format!("run: [{{name: a, step: ./f, inputs: {{i: \"${{{{ {value} }}}}\"}}}}]"))
        .file("f/func.yml", &format!("spec: {{inputs: {{i: {declared}}}}}\n---\nexec: {{command: [exit, \"0\"]}}"))
        .with(|surroundings| surroundings.options.check_input_types = check_types)
        .run();
    match expected {
        Ok(inputs) => assert_eq!((ran.message(), json(&ran.result_of("a").inputs).as_str()), ("", inputs)),
        Err(message) => {
            assert_eq!(ran.message(), format!("step \"a\": failed to load: {message}"));
            assert_eq!(
                ran.transitions().lines().nth(1),
                Some(&*format!("a pending → failed: failed to load: {message}"))
            );
            assert!(ran.result_of("").children.is_empty(), "a step that failed while loading has no result");
        }
    }
}

#[test]
fn types_of_evaluated_inputs() {
    check("{type: number}", "1 + 1", Ok("{\"i\":2}"));
    check("{type: string}", "1 + 1", Ok("{\"i\":\"2\"}"));
    check("{type: string}", "1 == 1", Ok("{\"i\":\"true\"}"));
    check("{type: array}", "[1, 'a']", Ok("{\"i\":[1,\"a\"]}"));
    check("{type: struct}", "{a: 1} ", Ok("{\"i\":{\"a\":1}}"));
    let mismatch = |declared: &str, given: &str| {
        format!("assign input \"i\": mismatched types, declared as \"{declared}\" and given as \"{given}\"")
    };
    check("{type: number}", "'1'", Err(&mismatch("number", "string")));
    check("{type: string}", "[1]", Err(&mismatch("string", "array")));
    check("{type: boolean}", "1", Err(&mismatch("boolean", "number")));
    check("{type: struct}", "null", Err(&mismatch("struct", "null")));
    check("{type: string, default: d}", "null", Err(&mismatch("string", "null")));
    check_with("{type: number}", "'1'", false, Ok("{\"i\":\"1\"}"));
    check_with("{type: string}", "1", false, Ok("{\"i\":1}"));
}

#[test]
fn an_input_that_cannot_be_evaluated() {
    check("{type: number}", "1 / 0", Err("expand input \"i\": division by zero"));
}

#[test]
fn the_env_of_an_item_that_cannot_be_evaluated() {
    let ran = job("run: [{name: a, script: exit 0, env: {X: \"${{ 1 / 0 }}\"}}]").run();
    assert_eq!(ran.message(), "step \"a\": failed to load: env \"X\": division by zero");
}

/// Calls a function that an earlier step made, so that only the run can look at its inputs.
#[track_caller]
fn check_late(spec: &str, inputs: &str, expected: &str) {
    let ran = job(&format!("run: [{{name: make, step: ./make}}, {{name: a, step: ./late, inputs: {inputs}}}]"))
        .command(
            "make",
            &format!("[put, late/func.yml, \"spec: {spec}\\n---\\nexec: {{command: [exit, \\\"0\\\"]}}\"]"),
        )
        .run();
    assert_eq!(ran.message(), expected);
}

#[test]
fn inputs_of_a_function_that_was_made_meanwhile() {
    check_late("{inputs: {i: {type: number}}}", "{i: 1}", "");
    check_late(
        "{inputs: {i: {type: number}}}",
        "{}",
        "step \"a\": failed to load: failed to parse spec definition: input \"i\" required, but not defined",
    );
    check_late(
        "{inputs: {i: {type: number}}}",
        "{i: 1, j: \"${{ 1 / 0 }}\"}",
        "step \"a\": failed to load: step does not accept input with name \"j\"",
    );
}

#[test]
fn defaults_are_taken_literally() {
    let ran = job("run: [{name: a, step: ./f}]")
        .file(
            "f/func.yml",
            "spec: {inputs: {i: {type: string, default: \"${{ 1 }}\"}}}\n---\nexec: {command: [put, x, \"${{ inputs.i }}\"]}",
        )
        .run();
    assert_eq!(ran.invocation("a").arguments, ["put", "x", "${{ 1 }}"]);
}

#[test]
fn a_step_sees_outputs_of_earlier_steps_and_its_own_context() {
    let ran = job("run: [{name: a, step: ./f, inputs: {i: \"${{ vars.V }}\"}}]")
        .file(
            "f/func.yml",
            "spec: {inputs: {i: {type: string}}}\n---\nexec: {command: [put, x, \"${{ inputs.i }} ${{ func_dir }} ${{ work_dir }}\"]}",
        )
        .var("V", Marked::plain("v"))
        .run();
    assert_eq!(ran.invocation("a").arguments[2], "v /work-dir/f /work-dir");
}
