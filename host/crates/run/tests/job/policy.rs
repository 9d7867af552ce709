//! What the operator's policies allow, decided when a step is reached.

use std::sync::Arc;

use stepwell_policy::Policy;
use stepwell_run::{EventKind, JobErrorKind, Verdict};
use stepwell_schema::Source;

use crate::support::{Case, Ran, job};

/// Lets all be done that the text does not forbid.
fn under(case: Case, text: &str) -> Ran {
    let text = format!("@id(\"all\") permit (principal, action, resource);\n{text}");
    let policy = Policy::load(&[Source::new("site.cedar", text)]).unwrap_or_else(|problems| panic!("{problems}"));
    case.with(|surroundings| surroundings.policy = Arc::new(policy)).run()
}

/// Checks that a job is denied, and that nothing was run.
#[track_caller]
fn check_denied(ran: &Ran, message: &str) {
    assert_eq!(ran.message(), message);
    let error = ran.result.error.as_ref().unwrap();
    assert_eq!(error.kind, JobErrorKind::Denied);
    assert!(error.hint.as_ref().unwrap().contains("whoever runs this engine"), "{:?}", error.hint);
    assert_eq!(ran.invocations().len(), 0);
}

#[test]
fn a_script_is_denied_before_it_starts() {
    let ran = under(
        job("run: [{name: a, script: exit 0}]"),
        "@id(\"no-native\") forbid (principal, action == Action::\"exec\", resource) when { context.script };",
    );
    check_denied(&ran, "step \"a\": `exec sh` is denied: a policy forbids it (rule `no-native`)");
    assert!(ran.transitions().contains("a pending → failed"));
    assert!(ran.events.iter().any(|event| matches!(&event.kind, EventKind::Prepared(facts)
        if facts.kind == "script" && facts.decisions[0].verdict == Verdict::Denied)));
}

#[test]
fn a_command_is_denied_by_the_name_of_its_program() {
    let case = || {
        job("run: [{name: a, step: ./f, inputs: {program: \"${{ vars.P }}\"}}]")
            .var("P", stepwell_run::Marked::plain("exit"))
            .file(
                "f/func.yml",
                "spec: {inputs: {program: {type: string}}}\n---\nexec: {command: [\"${{ inputs.program }}\", \"0\"]}",
            )
    };
    let forbid =
        |program: &str| format!("forbid (principal, action == Action::\"exec\", resource == Program::\"{program}\");");
    let ran = under(case(), &forbid("exit"));
    check_denied(&ran, "step \"a\": `exec exit` is denied: a policy forbids it (rule `site.cedar:2:1`)");
    assert_eq!(under(case(), &forbid("other")).message(), "");
}

#[test]
fn a_function_is_denied_wherever_it_is_called() {
    let ran = under(
        job("run: [{name: a, step: ./list}]")
            .file("list/func.yml", "spec: {}\n---\nrun: [{name: b, step: ./f}]")
            .file("list/f/func.yml", "spec: {}\n---\nexec: {command: [exit, \"0\"]}")
            .pinned_when_reached(),
        "@id(\"no-f\") forbid (principal, action == Action::\"run\", resource) when { resource.name like \"*/f\" };",
    );
    assert!(ran.message().contains("is denied: a policy forbids it (rule `no-f`)"), "{}", ran.message());
    assert_eq!(ran.invocations().len(), 0);
}

#[test]
fn an_export_that_is_denied_reaches_no_later_step() {
    let ran = under(
        job("run: [{name: a, step: ./m}, {name: b, script: exit 0}]")
            .file("m/func.yml", "spec: {}\n---\nwasm: {module: m.wasm, args: [return, '[]', '[[\"PATH\", \"/x\"]]']}")
            .file("m/m.wasm", "module"),
        "@id(\"no-path\") forbid (principal, action == Action::\"export\", resource == Variable::\"PATH\");",
    );
    assert_eq!(ran.message(), "step \"a\": `export PATH` is denied: a policy forbids it (rule `no-path`)");
    assert!(ran.result_of("a").exports.is_empty());
    assert_eq!(ran.invocations().len(), 1);
}
