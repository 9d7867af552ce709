//! Order, the first failure, nested lists, and what is told about them.

use stepwell_run::{EventKind, JobErrorKind, Status};

use crate::support::job;

#[test]
fn steps_run_in_order_depth_first() {
    let ran = job("run: [{name: a, script: exit 0}, {name: b, step: ./list}, {name: c, script: exit 0}]")
        .file("list/func.yml", "spec: {}\n---\nrun: [{name: x, script: exit 0}, {name: y, step: ./leaf}]")
        .file("list/leaf/func.yml", "spec: {}\n---\nexec: {command: [exit, \"0\"]}")
        .run();
    assert_eq!(
        ran.transitions(),
        "(job) pending → running\n\
         a pending → running\na running → succeeded\n\
         b pending → running\n\
         b/x pending → running\nb/x running → succeeded\n\
         b/y pending → running\nb/y running → succeeded\n\
         b running → succeeded\n\
         c pending → running\nc running → succeeded\n\
         (job) running → succeeded\n"
    );
    assert_eq!(
        ran.out(),
        "Running step name=a\nRunning step name=x\nRunning step name=y\nRunning step name=c\n",
        "a list has no line of its own"
    );
    let ids: Vec<_> = ran.invocations().iter().map(|seen| seen.id.as_str()).collect();
    assert_eq!(ids, ["0-1", "1.0-1", "1.1-1", "2-1"]);
    assert_eq!(ran.result.status, Status::Succeeded);
}

#[test]
fn an_empty_job_succeeds() {
    let ran = job("run: []").run();
    assert_eq!(ran.transitions(), "(job) pending → running\n(job) running → succeeded\n");
}

#[test]
fn the_first_failure_ends_every_list_above() {
    let ran = job("run: [{name: a, script: exit 0}, {name: outer, step: ./outer}, {name: z, script: exit 0}]")
        .file("outer/func.yml", "spec: {}\n---\nrun: [{name: inner, step: ./inner}, {name: w, script: exit 0}]")
        .file(
            "outer/inner/func.yml",
            "spec: {}\n---\nrun: [{name: bad, script: exit 3}, {name: x, script: exit 0}, {name: y, step: ../../a}]",
        )
        .command("a", "[exit, \"0\"]")
        .run();
    assert_eq!(
        ran.transitions(),
        "(job) pending → running\n\
         a pending → running\na running → succeeded\n\
         outer pending → running\nouter/inner pending → running\n\
         outer/inner/bad pending → running\nouter/inner/bad running → failed: exec: exit status 3\n\
         outer/inner/x pending → skipped: step \"bad\" failed\n\
         outer/inner/y pending → skipped: step \"bad\" failed\n\
         outer/inner running → failed: step \"bad\": exec: exit status 3\n\
         outer/w pending → skipped: step \"inner\" failed\n\
         outer running → failed: step \"inner\": step \"bad\": exec: exit status 3\n\
         z pending → skipped: step \"outer\" failed\n\
         (job) running → failed: step \"outer\": step \"inner\": step \"bad\": exec: exit status 3\n"
    );
    let error = ran.result.error.as_ref().unwrap();
    assert_eq!(error.message, "step \"outer\": step \"inner\": step \"bad\": exec: exit status 3");
    assert_eq!(error.kind, JobErrorKind::StepFailed);
    assert_eq!(error.step.to_string(), "outer/inner/bad");
    assert_eq!(ran.result_of("outer/inner/bad").exec.as_ref().unwrap().exit_code, 3);
    assert_eq!(ran.result_of("outer").children.len(), 1, "what did not run has no result");
}

#[test]
fn steps_of_the_same_name_are_told_apart_and_the_later_one_counts() {
    let ran = job(
        "run: [{name: a, step: ./one}, {name: a, step: ./two}, {name: b, script: \"exit ${{ steps.a.outputs.n }}\"}]",
    )
    .file("one/func.yml", "spec: {outputs: {n: {type: number, default: 1}}}\n---\nexec: {command: [exit, \"0\"]}")
    .file("two/func.yml", "spec: {outputs: {n: {type: number, default: 0}}}\n---\nexec: {command: [exit, \"0\"]}")
    .run();
    assert_eq!(ran.message(), "");
    assert_eq!(ran.invocation("b").arguments, ["exit", "0"]);
}

#[test]
fn what_a_step_is_going_to_do_is_told_before_it_starts() {
    let ran = job("run: [{name: a, script: exit 0}, {name: b, step: ./list}]")
        .file("list/func.yml", "spec: {}\n---\nrun: [{name: x, step: ./leaf}]")
        .file("list/leaf/func.yml", "spec: {}\n---\nexec: {command: [exit, \"0\"]}")
        .run();
    let mut prepared = Vec::new();
    for event in &ran.events {
        match &event.kind {
            EventKind::Prepared(facts) => {
                assert_eq!(facts.function.is_none(), facts.kind == "script");
                prepared.push((event.step.to_string(), facts.kind, facts.reference.clone()));
            }
            EventKind::Transition { to: Status::Running, .. } if !event.step.is_job() => {
                assert_eq!(prepared.last().unwrap().0, event.step.to_string());
            }
            _ => {}
        }
    }
    assert_eq!(
        prepared,
        [
            ("a".to_owned(), "script", String::new()),
            ("b".to_owned(), "sequence", "./list".to_owned()),
            ("b/x".to_owned(), "exec", "./list/leaf".to_owned()),
        ]
    );
}

#[test]
fn the_result_tells_inputs_environments_and_commands() {
    let ran = job("run: [{name: a, step: ./f, inputs: {n: 5}, env: {ITEM: i}}]")
        .file(
            "f/func.yml",
            "spec: {inputs: {n: {type: number}, d: {type: string, default: x}}}\n---\n\
             env: {OWN: \"${{ env.ITEM }}-${{ inputs.d }}\"}\n\
             exec: {command: [exit, \"${{ inputs.n }}\"], work_dir: sub}",
        )
        .run();
    let result = ran.result_of("a");
    assert_eq!(crate::support::json(&result.inputs), "{\"n\":5}", "only those given");
    assert_eq!(crate::support::json(&result.call_env), "{\"CI_STEPS_LOG_LEVEL\":\"info\",\"ITEM\":\"i\"}");
    assert_eq!(crate::support::json(&result.env), "{\"CI_STEPS_LOG_LEVEL\":\"info\",\"ITEM\":\"i\",\"OWN\":\"i-x\"}");
    let exec = result.exec.as_ref().unwrap();
    assert_eq!((exec.command.join(" "), exec.exit_code), ("exit 5".to_owned(), 5));
    assert_eq!(exec.work_dir, "/work-dir/sub");
}
