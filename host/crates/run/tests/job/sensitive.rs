//! Section 4.7 of the contract: marks spread, and marked texts are masked before anything could show them.

use stepwell_expr::Marked;

use crate::support::{Case, Entry, job};

const SECRET: &str = "hunter2-hunter2";

/// A function with the input `i`, as declared, that puts it into a command.
fn case(declared: &str, value: &str) -> Case {
    job(&format!("run: [{{name: a, step: ./f, inputs: {{i: \"{value}\"}}}}]"))
        .file(
            "f/func.yml",
            &format!(
                "spec: {{inputs: {{i: {declared}}}}}\n---\nexec: {{command: [put, x, \"<${{{{ inputs.i }}}}>\"]}}"
            ),
        )
        .var("SECRET", Marked::sensitive(SECRET))
        .var("OTHER", Marked::plain("public"))
}

#[test]
fn a_sensitive_value_is_refused_for_an_input_that_is_not() {
    #[track_caller]
    fn check(value: &str, names: &str) {
        let ran = case("{type: string}", value).run();
        assert_eq!(
            ran.message(),
            format!(
                "step \"a\": failed to load: assign input \"i\": non-sensitive input cannot derive value using sensitive value(s) \"{names}\""
            )
        );
    }
    check("${{ vars.SECRET }}", "vars.SECRET");
    check("x ${{ vars.SECRET }} ${{ vars.OTHER }}", "vars.SECRET");
    check("${{ str(job.SECRET) + 'x' }}", "vars.SECRET");
    let ran = case("{type: string}", "${{ vars.SECRET }}")
        .with(|surroundings| surroundings.options.enforce_sensitive = false)
        .run();
    assert_eq!(ran.message(), "");
}

#[test]
fn a_sensitive_value_may_go_to_a_sensitive_input_and_stays_marked() {
    let ran = case("{type: string, sensitive: true}", "${{ vars.SECRET }}!").run();
    assert_eq!(ran.message(), "");
    assert!(ran.result_of("a").inputs["i"].sensitive);
    assert_eq!(ran.masked(), [SECRET, "hunter2-hunter2!", "<hunter2-hunter2!>"]);
}

#[test]
fn a_plain_value_becomes_sensitive_by_the_declaration() {
    let ran = case("{type: string, sensitive: true}", "${{ vars.OTHER }}-and-more").run();
    assert!(ran.result_of("a").inputs["i"].sensitive);
    assert!(ran.masked().contains(&"public-and-more"));
}

#[test]
fn everything_is_masked_before_the_step_starts() {
    let ran = case("{type: string, sensitive: true}", "${{ vars.SECRET }}").run();
    let invoked = ran.record.iter().position(|entry| matches!(entry, Entry::Invoked(_))).unwrap();
    assert!(ran.record[invoked..].iter().all(|entry| !matches!(entry, Entry::Masked(_))));
}

#[test]
fn sensitive_env_is_marked_and_masked() {
    let ran = job("run: [{name: a, script: exit 0, env: {T: \"${{ vars.SECRET }}-t\"}}]")
        .var("SECRET", Marked::sensitive(SECRET))
        .run();
    assert!(ran.result_of("a").env["T"].sensitive);
    assert_eq!(ran.masked(), [SECRET, "hunter2-hunter2-t"]);
    assert_eq!(ran.invocation("a").environment["T"], "hunter2-hunter2-t");
}

#[test]
fn sensitive_outputs_are_marked_masked_and_kept_from_plain_inputs() {
    let gives = "spec: {outputs: {s: {type: struct, sensitive: true}}}\n---\n\
         exec: {command: [write, \"${{ output_file }}\", '{\"name\":\"s\",\"value\":{\"key\":\"very-secret\",\"n\":1}}']}";
    let takes = "spec: {inputs: {i: {type: string}}}\n---\nexec: {command: [exit, \"0\"]}";
    let ran =
        job("run: [{name: g, step: ./gives}, {name: t, step: ./takes, inputs: {i: \"${{ steps.g.outputs.s.key }}\"}}]")
            .file("gives/func.yml", gives)
            .file("takes/func.yml", takes)
            .run();
    assert!(ran.result_of("g").outputs["s"].sensitive);
    assert_eq!(ran.masked(), ["very-secret", "{\"key\":\"very-secret\",\"n\":1}"]);
    assert!(ran.message().ends_with("sensitive value(s) \"steps.g.outputs.s.key\""), "{}", ran.message());
}

#[test]
fn a_list_hands_marks_on() {
    let ran = job("run: [{name: l, step: ./list, inputs: {i: \"${{ vars.SECRET }}\"}}]")
        .file(
            "list/func.yml",
            "spec: {inputs: {i: {type: string, sensitive: true}}, outputs: {o: {type: string}}}\n---\n\
             run: [{name: x, script: exit 0}]\noutputs: {o: \"${{ inputs.i }}?\"}",
        )
        .var("SECRET", Marked::sensitive(SECRET))
        .run();
    assert!(ran.result_of("l").outputs["o"].sensitive);
    assert!(ran.masked().contains(&"hunter2-hunter2?"));
}

#[test]
fn short_values_are_not_masked() {
    let ran = job("run: [{name: a, script: exit 0}]").var("PIN", Marked::sensitive("1234567")).run();
    assert!(ran.masked().is_empty());
}
