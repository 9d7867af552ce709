//! Outputs and exports of commands and lists: sections 5.7 and 5.8 of the contract.

use crate::support::job;

/// Runs a command with the given declared outputs that writes lines to its output file; compares outputs or message.
#[track_caller]
fn check(spec: &str, lines: &[&str], expected: Result<&str, &str>) {
    let lines: Vec<String> = lines.iter().map(|line| format!("\"${{{{ output_file }}}}\", '{line}'")).collect();
    let file = format!(
        "spec: {{outputs: {spec}}}\n---\nexec: {{command: [write, \"${{{{ output_file }}}}\", '', {}]}}",
        lines.join(", ")
    );
    let ran = job("run: [{name: a, step: ./f}]").file("f/func.yml", &file).run();
    match expected {
        Ok(outputs) => assert_eq!((ran.message(), ran.outputs_of("a").as_str()), ("", outputs)),
        Err(message) => assert_eq!(ran.message(), format!("step \"a\": output file: read output file: {message}")),
    }
}

#[test]
fn outputs_of_a_command() {
    check("{n: {type: number}}", &[r#"{"name":"n","value":4.5}"#], Ok(r#"{"n":4.5}"#));
    check("{n: {type: number}}", &[r#"{"name":"n","value":1}"#, r#"{"name":"n","value":2}"#], Ok(r#"{"n":2}"#));
    check("{n: {type: number, default: 7}}", &[], Ok(r#"{"n":7}"#));
    check("{s: {type: struct}}", &[r#"{"name":"s","value":{"a":null}}"#], Ok(r#"{"s":{"a":null}}"#));
    check(
        "{n: {type: number}}",
        &[r#"{"name":"n","value":1}"#, r#"{"name":"m","value":1}"#],
        Err("key \"m\": unexpected output, remove from step outputs or define in step specification"),
    );
    check(
        "{n: {type: string}}",
        &[r#"{"name":"n","value":42}"#],
        Err(
            "key \"n\": mismatched types, declared as \"string\" in step specification and received from step as type \"number\"",
        ),
    );
    check(
        "{n: {type: string}}",
        &[],
        Err("key \"n\": missing output, add to step outputs or remove from step specification"),
    );
    check("{}", &["[]"], Err("failed to unmarshal JSON at line 2: expected an object with \"name\" and \"value\""));
    check("{}", &["{}"], Err("failed to unmarshal JSON at line 2: \"name\" field is missing"));
}

#[test]
fn outputs_of_a_command_that_delegates() {
    check("delegate", &[r#"{"outputs": {"a": 1, "b": [2]}, "status": "success"}"#], Ok(r#"{"a":1,"b":[2]}"#));
    check("delegate", &["{}"], Ok("{}"));
    check("delegate", &[], Err("the file is empty, but the specification says `outputs: delegate`"));
    check("delegate", &[r#"{"outputs": 1}"#], Err("\"outputs\" must be an object"));
}

/// Runs a command that does something to its output file other than writing.
#[track_caller]
fn check_replaced(command: &str, expected: &str) {
    let file = format!("spec: {{}}\n---\nexec: {{command: [{command}, \"${{{{ output_file }}}}\"]}}");
    let ran = job("run: [{name: a, step: ./f}]").file("f/func.yml", &file).run();
    assert!(ran.message().starts_with("step \"a\": output file: read output file: "), "{}", ran.message());
    assert!(ran.message().contains(expected), "{}", ran.message());
}

#[test]
fn an_output_file_that_is_none_any_more() {
    check_replaced("remove", "opening file ");
    check_replaced("link", "opening file ");
    check_replaced("folder", "was replaced by something that is not a file");
}

/// Runs a command that writes a line to its export file; compares the exports or the message.
#[track_caller]
fn check_export(line: &str, expected: Result<&str, &str>) {
    let file = format!("spec: {{}}\n---\nexec: {{command: [write, \"${{{{ export_file }}}}\", '{line}']}}");
    let ran = job("run: [{name: a, step: ./f}, {name: b, script: exit 0}]").file("f/func.yml", &file).run();
    match expected {
        Ok(value) => {
            assert_eq!(ran.message(), "");
            assert_eq!(ran.result_of("a").exports["X"], value);
            assert_eq!(ran.invocation("b").environment["X"], value);
        }
        Err(message) => {
            assert_eq!(ran.message(), format!("step \"a\": export file: read env file: {message}"));
            assert!(ran.result_of("a").exports.is_empty());
        }
    }
}

#[test]
fn exports_of_a_command() {
    check_export(r#"{"name":"X","value":" a "}"#, Ok(" a "));
    check_export(r#"{"name":"X","value":1e21}"#, Ok("1000000000000000000000"));
    check_export(r#"{"name":"X","value":1e-7}"#, Ok("0.0000001"));
    check_export(r#"{"name":"X","value":true}"#, Ok("true"));
    check_export(r#"{"name":"X","value":[1]}"#, Err("key \"X\": cannot convert value type \"array\" to string"));
    check_export(r#"{"name":"X","value":{}}"#, Err("key \"X\": cannot convert value type \"struct\" to string"));
    check_export(r#"{"name":"X=6","value":1}"#, Err("key \"X=6\": the name of a variable cannot hold `=`"));
    check_export(r#"{"name":"X","value":"\u0000"}"#, Err("key \"X\": the value of a variable cannot hold NUL"));
}

#[test]
fn a_failed_command_hands_nothing_over_and_bad_outputs_prevent_exports() {
    let ran = job("run: [{name: a, step: ./f}]")
        .file(
            "f/func.yml",
            "spec: {}\n---\nexec: {command: [write, \"${{ export_file }}\", '{\"name\":\"X\",\"value\":\"x\"}', \
             \"${{ output_file }}\", '{\"name\":\"X\",\"value\":\"x\"}']}",
        )
        .run();
    assert!(ran.message().contains("unexpected output"));
    assert!(ran.result_of("a").exports.is_empty());
}

#[test]
fn files_are_made_only_where_an_expression_uses_them() {
    let ran = job("run: [{name: a, step: ./f}]")
        .command("f", "[exit, \"0\"]")
        .with(|surroundings| surroundings.scratch_folder = "/nowhere".into())
        .run();
    assert_eq!(ran.message(), "");
    let ran = job("run: [{name: a, step: ./f}]")
        .command("f", "[exit, \"${{ output_file }}\"]")
        .with(|surroundings| surroundings.scratch_folder = "/nowhere".into())
        .run();
    assert!(ran.message().starts_with("step \"a\": making the output file: "), "{}", ran.message());
    assert_eq!(ran.result.error.unwrap().kind, stepwell_run::JobErrorKind::Engine);
}

/// A command that gives the output `n: 5`.
const GIVES: &str = "spec: {outputs: {n: {type: number}}}\n---\n\
     exec: {command: [write, \"${{ output_file }}\", '{\"name\":\"n\",\"value\":5}']}";

/// Runs a list and compares its outputs, or the message, and the warnings.
#[track_caller]
fn check_list(file: &str, expected: Result<&str, &str>, warnings: &[&str]) {
    let ran = job("run: [{name: list, step: ./list}]").file("list/func.yml", file).file("gives/func.yml", GIVES).run();
    match expected {
        Ok(outputs) => assert_eq!((ran.message(), ran.outputs_of("list").as_str()), ("", outputs)),
        Err(message) => {
            assert_eq!(ran.message(), message);
            assert_eq!(ran.statuses(), "list failed, list/g succeeded");
        }
    }
    assert_eq!(ran.warnings(), warnings);
}

#[test]
fn outputs_of_a_list() {
    let run = "run: [{name: g, step: ../gives}]";
    check_list(
        &format!(
            "spec: {{outputs: {{m: {{type: number}}}}}}\n---\n{run}\noutputs: {{m: \"${{{{ steps.g.outputs.n }}}}\"}}"
        ),
        Ok("{\"m\":5}"),
        &[],
    );
    check_list(
        &format!(
            "spec: {{outputs: {{m: {{type: string}}, d: {{type: number, default: 3}}}}}}\n---\n{run}\noutputs: {{m: \"${{{{ steps.g.outputs.n }}}}!\"}}"
        ),
        Ok("{\"d\":3,\"m\":\"5!\"}"),
        &[],
    );
    check_list(
        &format!(
            "spec: {{outputs: {{m: {{type: string}}}}}}\n---\n{run}\noutputs: {{m: \"${{{{ steps.g.outputs.n }}}}\"}}"
        ),
        Err(
            "step \"list\": outputs: key \"m\": mismatched types, declared as \"string\" in step specification and received from step as type \"number\"",
        ),
        &[],
    );
    check_list(
        &format!("spec: {{outputs: {{m: {{type: string}}}}}}\n---\n{run}\noutputs: {{m: \"${{{{ env[inputs] }}}}\"}}"),
        Err("step \"list\": outputs: expand \"m\": env[inputs]: the key of struct must be string, not struct"),
        &[],
    );
}

#[test]
fn a_delegate_hands_over_unchanged() {
    check_list("spec: {outputs: delegate}\n---\nrun: [{name: g, step: ../gives}]\ndelegate: g", Ok("{\"n\":5}"), &[]);
}

#[test]
fn outputs_of_the_job() {
    let ran = job("run: [{name: g, step: ./gives}]\noutputs: {x: \"${{ steps.g.outputs.n + 1 }}\"}")
        .file("gives/func.yml", GIVES)
        .run();
    assert_eq!(ran.outputs_of(""), "{\"x\":6}");
}
