//! The command line: exit codes, streams, help whose examples work.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::support::{Place, Ran, files};

/// Runs `stepwell run job.yml` with a job of one script.
#[track_caller]
fn check_script(script: &str, code: i32) {
    let place = Place::new();
    place.write("job.yml", format!("run:\n  - name: only\n    script: {script}\n"));
    place.run(["run", "job.yml"]).code(code);
}

#[test]
fn success_is_0() {
    check_script("'true'", 0);
}

#[test]
fn a_failed_step_is_1_whatever_its_own_exit_code() {
    check_script("exit 1", 1);
    check_script("exit 42", 1);
    check_script("kill -KILL $$", 1);
}

#[test]
fn wrong_usage_is_2() {
    let place = Place::new();
    place.run(["frobnicate"]).code(2).says("frobnicate");
    place.run(["run"]).code(2);
    place.run(["run", "job.yml", "--var", "a b=2"]).code(2).says("`a b` is not the name of a variable");
    place.write("greet/func.yml", "{}\n---\nexec: { command: [ 'true' ] }\n");
    place.run(["call", "./greet", "--input", "nothing"]).code(2).says("nothing");
}

#[test]
fn the_script_function_can_be_called() {
    let place = Place::new();
    let ran = place.run(["call", "builtin://script", "--input", "script=echo 'a: ${{ b }}'"]);
    ran.code(0).says("a: ${{ b }}");
    assert_eq!(ran.stdout, "{}\n");
    place.run(["call", "dist://script", "--input", "script=exit 3"]).code(1).says("exit status 3");
    place.run(["call", "builtin://script"]).code(3).says("input `script` required");
}

#[test]
fn names_of_variables_are_those_that_gitlab_has() {
    let place = Place::new();
    place.write("job.yml", "run:\n  - { name: a, script: 'echo \"${{ vars.1A }} ${{ job.MY-VAR }}\"' }\n");
    place.run(["run", "job.yml", "--var", "1A=one", "--var", "MY-VAR=two"]).code(0).logs("one two");
}

#[test]
fn an_invalid_document_is_3_and_shows_all_problems() {
    let place = Place::new();
    place.write("job.yml", "run:\n  - nmae: a\n    script: x\n  - name: 1b\n    script: y\n");
    let ran = place.run(["run", "job.yml"]);
    ran.code(3).says("job.yml:2:5").says("nmae").says("did you mean `name`").says("1b");
    place.run(["run", "missing.yml"]).code(3).says("missing.yml");
}

#[test]
fn a_denied_need_is_4_before_anything_runs() {
    let place = Place::new();
    place.attack("nosy", "read: [ /etc ]");
    place.write(
        "job.yml",
        "run:\n  - { name: first, script: echo ran }\n  - { name: second, func: ./nosy, inputs: { what: panic } }\n",
    );
    let ran = place.run(["run", "job.yml"]);
    ran.code(4).says("second").says("read").says("/etc").never_shows("\nran");
}

#[test]
fn a_module_without_the_digest_it_must_have_is_6() {
    let place = Place::new();
    let digest = "0".repeat(64);
    place.write("pinned/func.yml", format!("spec: {{}}\n---\nwasm: {{ module: ./m.wasm, sha256: '{digest}' }}\n"));
    fs::copy(module("minimal"), place.work().join("pinned/m.wasm")).expect("the guest is there");
    place.write("job.yml", "run:\n  - { name: only, func: ./pinned }\n");
    place.run(["run", "job.yml"]).code(6).says(&digest);
}

#[test]
fn a_time_limit_is_124() {
    let place = Place::new();
    place
        .write("job.yml", "run:\n  - { name: only, script: exec sleep 1000 }\n  - { name: never, script: echo ran }\n");
    let ran = place.run(["run", "job.yml", "--timeout", "200ms"]);
    ran.code(124).says("200ms").says("only");
    assert!(!ran.stdout.contains("\nran"));
}

#[test]
fn a_wall_limit_of_a_function_is_124() {
    let place = Place::new();
    place.attack("slow", "limits: { wall: 200ms }");
    place.write("job.yml", "run:\n  - { name: only, func: ./slow, inputs: { what: sleep } }\n");
    place.run(["run", "job.yml"]).code(124).says("only").says("200");
}

#[test]
fn the_log_goes_to_standard_output_and_nothing_else_does() {
    let place = Place::new();
    place.write("job.yml", "run:\n  - { name: a, script: 'echo out; echo err >&2' }\n");
    let ran = place.run(["run", "job.yml"]);
    ran.code(0).says("err");
    assert_eq!(ran.stdout, "Running step name=a\nout\n");
}

#[test]
fn warnings_are_shown_and_change_nothing() {
    let place = Place::new();
    place.write("job.yml", "steps:\n  - { name: a, script: echo ran }\n");
    place.run(["run", "job.yml"]).code(0).logs("ran").says("`steps` is the old name of `run`").says("1 warning");
    let quiet = place.run(["run", "job.yml", "--quiet"]);
    assert_eq!(quiet.code(0).stderr, "");
    place.run(["plan", "job.yml"]).code(0).says("1 warning");
    place.run(["check", "job.yml"]).code(0).says("1 warning");
}

#[test]
fn a_dry_run_and_a_plan_run_nothing() {
    let place = Place::new();
    place.write("job.yml", "run:\n  - { name: a, script: touch made }\n");
    place.run(["run", "job.yml", "--dry-run"]).code(0).logs("a").logs("not confined");
    let plan = place.run(["plan", "job.yml", "--json"]);
    let plan: Value = serde_json::from_str(&plan.code(0).stdout).expect("the plan is JSON");
    assert_eq!(plan["version"], json!(1));
    assert_eq!(files(&place.work()).keys().collect::<Vec<_>>(), ["job.yml"]);
}

#[test]
fn results_and_events_are_files_of_json() {
    let place = Place::new();
    place.write("job.yml", "run:\n  - { name: a, script: exit 3 }\n");
    place
        .run(["run", "job.yml", "--results", "results.json", "--events", "events.jsonl"])
        .code(1)
        .says("exit status 3");
    let results: Value = serde_json::from_str(&place.read("results.json")).expect("results are JSON");
    assert_eq!(results["status"], json!("failure"));
    assert_eq!(results["subStepResults"][0]["step"]["name"], json!("a"));
    for line in place.read("events.jsonl").lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error} in {line}"));
    }
}

#[test]
fn a_call_prints_the_outputs_as_json_and_nothing_else() {
    let place = Place::new();
    place.write(
        "greet/func.yml",
        "spec:\n  inputs: { name: { type: string }, times: { type: number, default: 1 } }\n  outputs: { text: { type: string } }\n---\nexec:\n  command:\n    - sh\n    - -c\n    - 'echo working; echo \"{\\\"name\\\":\\\"text\\\",\\\"value\\\":\\\"$1 $2\\\"}\" >> \"$0\"'\n    - ${{ output_file }}\n    - ${{ inputs.name }}\n    - ${{ inputs.times }}\n",
    );
    let ran = place.run(["call", "./greet", "--input", "name=12", "--input", "times:=3"]);
    assert_eq!(serde_json::from_str::<Value>(&ran.code(0).stdout).expect("JSON"), json!({ "text": "12 3" }));
    ran.says("working");
    place.run(["call", "./greet"]).code(3).says("name");
    place.run(["call", "./greet", "--input", "nmae=x"]).code(3).says("did you mean `name`");
}

#[test]
fn variables_come_from_the_command_line_and_from_files() {
    let place = Place::new();
    place.write("job.yml", "run:\n  - { name: a, script: 'echo ${{ vars.A }}-${{ vars.B }}' }\n");
    place.write("vars.env", "# a comment\nA=one\nB=two words\n");
    place.write("vars.json", r#"{ "A": "json", "B": "file" }"#);
    place.run(["run", "job.yml", "--vars-file", "vars.env", "--var", "A=won"]).code(0).logs("won-two words\n");
    place.run(["run", "job.yml", "--vars-file", "vars.json"]).code(0).logs("json-file\n");
    place.write("vars.env", "A=1\nno equals sign\n");
    place.run(["run", "job.yml", "--vars-file", "vars.env"]).code(3).says("vars.env:2:1");
}

#[test]
fn the_log_level_reaches_the_steps() {
    let place = Place::new();
    place.write("job.yml", "run:\n  - { name: a, script: 'echo \"$CI_STEPS_LOG_LEVEL $CI_OTHER\"' }\n");
    let run = |level: &str| {
        let mut command = place.command(["run", "job.yml"]);
        Ran::from(command.env("CI_OTHER", "hidden").env("CI_STEPS_LOG_LEVEL", level).output().expect("it starts"))
    };
    run(" Debug").code(0).logs("debug \n");
    run("loud").code(7).says("loud not supported");
}

#[test]
fn check_lists_five_mistakes_of_a_function_file() {
    let place = Place::new();
    place.write(
        "func.yml",
        "spec:\n  inputs:\n    count: { type: nubmer }\n    1st: { type: string }\n    flag: { type: boolean, default: maybe }\n  outputs:\n    out: {}\n---\nexec:\n  command: []\n",
    );
    let ran = place.run(["check", "func.yml"]);
    ran.code(3).says("5 problems");
    for place in ["func.yml:3:", "func.yml:4:", "func.yml:5:", "func.yml:7:", "func.yml:10:"] {
        ran.says(place);
    }
    ran.says("did you mean `number`");
}

#[test]
fn check_finds_files_in_folders() {
    let place = Place::new();
    place.write("good/func.yml", "{}\n---\nexec: { command: [ 'true' ] }\n");
    place.write("bad/step.yml", "{}\n---\nexec: { comand: [ 'true' ] }\n");
    place.run(["check", "good"]).code(0);
    place.run(["check", "good", "bad"]).code(3).says("bad/step.yml").says("did you mean `command`");
    place.run(["check", "nowhere"]).code(3).says("nowhere");
}

#[test]
fn a_cache_that_others_may_write_is_left_out_with_a_warning() {
    let place = Place::new();
    place.write("job.yml", "run:\n  - { name: a, script: 'true' }\n");
    let folder = place.work().join("cache/stepwell");
    fs::create_dir_all(&folder).expect("a folder");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).expect("the folder is ours");
    let run = |more: &[&str]| {
        let mut command = place.command(["run", "job.yml"]);
        command.args(more).env("XDG_CACHE_HOME", place.work().join("cache"));
        Ran::from(command.output().expect("the program starts"))
    };
    run(&[]).code(0).says("warning: compiled modules are not kept").says("cache/stepwell");
    assert!(!run(&["-q"]).stderr.contains("warning"));
    assert!(files(&folder).is_empty(), "something was kept there");
}

#[test]
fn completions_manual_and_help_exist() {
    let place = Place::new();
    place.run(["completions", "bash"]).code(0).logs("stepwell");
    place.run(["manual"]).code(0).logs(".TH stepwell");
    place.run(["--help"]).code(0).logs("Exit codes").logs("130  cancelled");
    place.run(["--version"]).code(0).logs("stepwell 0.");
}

/// Every example line of every help text is run in a copy of the examples.
#[test]
fn the_examples_of_the_help_work() {
    let place = Place::new();
    place.examples();
    place.write("job.yml", "run:\n  - { name: a, func: ./greet, inputs: { name: you } }\n");
    place.write(
        "greet/func.yml",
        "spec: { inputs: { name: { type: string }, times: { type: number, default: 1 } } }\n---\nexec: { command: [ echo, '${{ inputs.name }}' ] }\n",
    );
    place.write("greet/tests/cases.yml", "cases: [ { name: greets, inputs: { name: you } } ]\n");
    place.write(".gitlab-ci.yml", "build: { run: [{ name: a, script: echo built }] }\n");
    let mut tried = 0;
    // Those of `build` need the tools of a language: authoring.rs runs them.
    for command in [
        "run",
        "call",
        "plan",
        "list",
        "check",
        "new",
        "test",
        "inspect",
        "functions",
        "docs",
        "cache",
        "policy",
        "completions",
        "manual",
    ] {
        let help = place.run([command, "--help"]);
        help.code(0);
        for line in help.stdout.lines().filter_map(|line| line.trim_start().strip_prefix("stepwell ")) {
            if line.starts_with(|next: char| next.is_ascii_lowercase()) {
                place.run(split(line)).code(0);
                tried += 1;
            }
        }
    }
    assert!(tried >= 10, "only {tried} examples were found");
}

/// Splits a line as a shell does that knows only single quotes.
fn split(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for character in line.chars() {
        match character {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            other => words.last_mut().expect("there is always a word").push(other),
        }
    }
    words
}

fn module(name: &str) -> std::path::PathBuf {
    crate::support::guest(name)
}
