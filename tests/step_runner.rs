//! The program under the name `step-runner`, called as GitLab Runner calls it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::{Value, json};
use stepwell_git_server::{Repository, Server};

use crate::support::Ran;
use crate::support::runner::Runner;

/// Drops what depends on the machine: environments, and what is compared by itself.
fn without_env(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("env");
            members.values_mut().for_each(without_env);
        }
        Value::Array(items) => items.iter_mut().for_each(without_env),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

const ECHO: &str = "spec:
  inputs: { text: { type: string } }
  outputs: { length: { type: number } }
---
exec:
  command: [\"${{ step_dir }}/echo.sh\", \"${{ inputs.text }}\", \"${{ output_file }}\"]
";

const ECHO_SCRIPT: &str =
    "#!/bin/sh\necho \"echo: $1\"\nprintf '{\"name\":\"length\",\"value\":%s}\\n' ${#1} > \"$2\"\n";

fn echo() -> Repository {
    let repository = Repository::new();
    repository.write("steps/step.yml", ECHO).write_executable("steps/echo.sh", ECHO_SCRIPT).commit("echo");
    repository.annotated_tag("v1.2.0");
    repository
}

#[test]
fn a_job_with_steps_of_all_kinds() {
    let runner = Runner::new();
    let repository = echo();
    let server = Server::of(&repository);
    let exit_code = runner.place.tmp().with_file_name("exit-code");
    runner.place.write(
        "local/step.yml",
        "spec: { inputs: { n: { type: number } } }\n---\nexec: { command: [sh, -c, 'exit ${{ inputs.n }}'] }\n",
    );
    let steps = json!([
        { "name": "echo", "step": format!("{}@v1.2.0", server.url("project.git")), "inputs": { "text": "${{ job.CI_WORD }}" } },
        { "name": "say", "script": "echo said ${{ steps.echo.outputs.length }}" },
        { "name": "last", "step": "./local", "inputs": { "n": "${{ steps.echo.outputs.length }}" } },
        { "name": "never", "script": "echo never" },
    ]);
    let mut command = runner.command(&["ci", "--write-steps-results"], &steps.to_string());
    command.env("CI_WORD", "seven__").env("BUILD_EXIT_CODE_FILE", &exit_code);
    let ran = Ran::from(command.output().expect("the program starts"));
    ran.code(1).logs("Running step name=echo\necho: seven__\nRunning step name=say\nsaid 7\nRunning step name=last\n");
    assert_eq!(ran.stderr, "Error: failed to run steps: step \"last\": exec: exit status 7\n");
    ran.never_shows("never");
    assert_eq!(fs::read_to_string(&exit_code).expect("the exit code is there"), "7\n");
    let mode = fs::metadata(runner.place.work().join("step-results.json")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o640);

    let mut results = runner.results();
    assert_eq!(results["env"]["CI_STEPS_LOG_LEVEL"], "info");
    assert_eq!(results["env"]["HOME"], Value::Null);
    without_env(&mut results);
    let reference = json!({
        "protocol": "git", "url": server.url("project.git"), "path": ["steps"], "version": "v1.2.0",
        "filename": "step.yml",
    });
    let first = &results["subStepResults"][0];
    assert_eq!(first["step"], json!({ "name": "echo", "step": reference, "inputs": { "text": "seven__" } }));
    assert_eq!(first["outputs"], json!({ "length": 7 }));
    assert_eq!(first["status"], "success");
    assert_eq!(first["specDefinition"]["definition"]["type"], "exec");
    let last = &results["subStepResults"][2];
    assert_eq!(last["status"], "failure");
    assert_eq!(
        last["execResult"],
        json!({ "command": ["sh", "-c", "exit 7"], "workDir": runner.place.work(), "exitCode": 7 })
    );
    assert_eq!(results["status"], "failure");
    assert_eq!(results["step"], json!({}));
    assert_eq!(results["subStepResults"].as_array().expect("a list").len(), 3);
    assert_eq!(runner.place.left_over(), Vec::<String>::new());
}

#[test]
fn what_a_runner_leaves_in_the_environment_reaches_no_step() {
    let runner = Runner::new();
    let mut command = runner.command(&["ci"], "[{name: a, script: env}]");
    for (name, value) in [
        ("JOB_RESPONSE_FILE", "secret1"),
        ("CUSTOM_ENV_CI_JOB_TOKEN", "secret2"),
        ("FF_X", "secret3"),
        ("CI_JOB_TOKEN", "secret4"),
        ("GITLAB_TOKEN", "secret5"),
        ("DOCKER_AUTH_CONFIG", "secret6"),
        ("ANY", "secret7"),
        ("BUILD_EXIT_CODE_FILE", "/dev/null/secret8"),
        ("LANG", "C.UTF-8"),
    ] {
        command.env(name, value);
    }
    let ran = Ran::from(command.output().expect("the program starts"));
    ran.code(0).never_shows("secret").never_shows("STEPS=").never_shows("HOME=").logs("LANG=C.UTF-8\n");
}

/// Starts a job whose step prints a line that begins with `pid `, and returns the process it names.
fn started(runner: &Runner, script: &str) -> (Child, String) {
    let steps = json!([{ "name": "before", "script": "true" }, { "name": "stuck", "script": script }]);
    let mut command = runner.command(&["ci", "--write-steps-results"], &steps.to_string());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    #[expect(clippy::zombie_processes, reason = "the caller waits, unless the test has failed")]
    let mut child = command.spawn().expect("the program starts");
    let mut log = BufReader::new(child.stdout.take().expect("standard output is piped"));
    let mut line = String::new();
    loop {
        line.clear();
        assert_ne!(log.read_line(&mut line).expect("the log is text"), 0, "the log ended too early");
        if let Some(process) = line.strip_prefix("pid ") {
            let process = process.trim().to_owned();
            std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
            return (child, process);
        }
    }
}

fn pid(text: &str) -> Pid {
    text.parse().ok().and_then(Pid::from_raw).unwrap_or_else(|| panic!("`{text}` is no process"))
}

#[test]
fn sigterm_ends_with_1_and_leaves_nothing() {
    for script in [
        "echo pid $$; exec sleep 1000",
        "trap '' TERM; echo pid $$; while :; do sleep 1000; done",
        "setsid sh -c 'echo pid $$; exec sleep 1000' & exec sleep 1000",
    ] {
        let runner = Runner::new();
        let (mut child, process) = started(&runner, script);
        kill_process(pid(&child.id().to_string()), Signal::TERM).expect("the program runs");
        let mut error = String::new();
        child.stderr.take().expect("it is piped").read_to_string(&mut error).expect("messages are text");
        assert_eq!(child.wait().expect("it ends").code(), Some(1), "{error}");
        assert!(error.contains("Error: failed to run steps: step \"stuck\""), "{error}");
        assert!(test_kill_process(pid(&process)).is_err(), "process {process} is still there: {script}");
        assert_eq!(runner.place.left_over(), Vec::<String>::new());
        assert_eq!(runner.results()["subStepResults"][1]["status"], "failure");
    }
}

#[test]
fn mistakes_in_the_list_end_before_the_first_step() {
    let runner = Runner::new();
    for (steps, words) in [
        ("", "reading STEPS: the variable `STEPS` is empty or missing"),
        ("{", "reading STEPS: STEPS:"),
        ("run: []", "the job must be a list of steps"),
        ("[{name: a, script: echo ran, step: ./x}]", "cannot be in one step"),
        ("[{name: a, script: echo ran}, {name: b, step: {git: {url: x/y}}}]", "`rev` is missing"),
    ] {
        let ran = runner.ci(steps);
        ran.code(1).says(words).never_shows("\nran\n");
        assert!(ran.stderr.lines().last().is_some_and(|line| line.starts_with("Error: ")), "{}", ran.stderr);
        assert!(!runner.place.work().join("step-results.json").exists(), "{steps}");
    }
    runner.ci("[]").code(0);
}

#[test]
fn earlier_steps_have_run_when_a_later_one_cannot_be_loaded() {
    let runner = Runner::new();
    for item in
        ["{name: b, step: ./nowhere}", "{name: b, step: 'file:///nowhere@v1'}", "{name: b, script: '${{ 1 + }}'}"]
    {
        let ran = runner.ci(&format!("[{{name: a, script: echo ran}}, {item}]"));
        ran.code(1).logs("\nran\n").says("Error: failed to run steps: step \"b\": failed to load: ");
        assert_eq!(runner.results()["subStepResults"].as_array().map(Vec::len), Some(1));
    }
}

#[test]
fn a_relative_project_folder_is_where_the_script_has_gone() {
    let runner = Runner::new();
    let work = runner.place.work();
    let mut command = runner.command(&["ci"], "[{name: a, script: pwd}]");
    command.env("CI_PROJECT_DIR", work.strip_prefix("/").expect("it is absolute"));
    Ran::from(command.output().expect("it starts")).code(0).logs(&format!("\n{}\n", work.display()));
    let mut command = runner.command(&["ci"], "[{name: a, script: pwd}]");
    command.env_remove("CI_PROJECT_DIR");
    Ran::from(command.output().expect("it starts")).code(0).logs(&format!("\n{}\n", work.display()));
}

#[test]
fn the_log_level_is_checked_before_the_first_step() {
    let runner = Runner::new();
    let mut command = runner.command(&["ci"], "[{name: a, script: echo ran}]");
    let ran = Ran::from(command.env("CI_STEPS_LOG_LEVEL", "loud").output().expect("it starts"));
    ran.code(1).never_shows("\nran\n").says("Error: init global environment: log level: loud not supported");
}

#[test]
fn one_step_by_its_reference() {
    let runner = Runner::new();
    let repository = echo();
    runner.place.write(
        "show/step.yml",
        "spec: { inputs: { a: { type: number }, b: { type: string, default: none }, c: { type: array, default: [] } } }\n---\nexec: { command: [echo, '${{ inputs.a }} ${{ inputs.b }} ${{ inputs.c }} ${{ env.E }} ${{ job.J }}'] }\n",
    );
    let flags = ["--env", "E=e", "--job", "J=j"];
    let with = |arguments: &[&str]| runner.run(&[&["run"], arguments, &flags].concat());
    with(&["./show", "--inputs", "a=3"]).code(0).logs("3 none [] e j\n");
    with(&["./show", "--inputs", "a=0x10,b=two words"]).code(0).logs("16 two words [] e j\n");
    with(&["./show", "--inputs", "a=1", "--inputs", "c=[1, x]"]).code(0).logs("1 none [1,\"x\"] e j\n");
    with(&["step: ./show", "--inputs", "a=1"]).code(0).logs("1 none [] e j\n");
    with(&["./show"]).code(1).says("Error: step \"\": failed to load: ").says("input \"a\" required");
    let url = repository.url();
    with(&["--git-url", &url, "--git-rev", "v1.2.0", "--git-dir", "steps", "--inputs", "text=hello"])
        .code(0)
        .logs("echo: hello\n");
    with(&[]).code(1).says("Error: no step specified");
    with(&["./show", "--inputs", "a=1", "--step-results-file", "r.json"]).code(0);
    assert!(runner.place.read("r.json").contains("\"success\""));
}

#[test]
fn wrong_usage_is_1_and_help_has_no_banner() {
    let runner = Runner::new();
    runner.run(&["frobnicate"]).code(1).says("Error: ");
    runner.run(&["ci", "--frobnicate"]).code(1).says("Error: ").logs("Step Runner version: ");
    runner.run(&["serve"]).code(1).says("Error: the service is not part of this version");
    let help = runner.run(&["--help"]);
    assert!(!help.code(0).stdout.contains("Step Runner version"), "{}", help.stdout);
    runner.run(&["--version"]).code(0).logs("step-runner ");
    runner.run(&["completion", "bash"]).code(0).logs("step-runner");
    assert!(runner.command(&["ci", "more"], "[]").status().expect("it starts").success());
}

#[test]
fn it_installs_itself() {
    let runner = Runner::new();
    let folder = runner.place.work().join("bin");
    let folder = folder.to_str().expect("text");
    for _ in 0..2 {
        runner.place.run(["install", "--as", "step-runner", folder]).code(0).logs("/bin/step-runner");
        runner.run(&["bootstrap", folder]).code(0);
    }
    let program = runner.place.work().join("bin/step-runner");
    assert_eq!(fs::metadata(&program).expect("it is there").permissions().mode() & 0o777, 0o755);
    #[expect(clippy::disallowed_methods, reason = "the program under test is started from outside")]
    let output = Command::new(&program).arg("--version").output().expect("it starts");
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("step-runner "));
}

#[test]
fn checks_that_the_older_engine_did_not_make_can_be_left_out() {
    let runner = Runner::new();
    runner.place.write(
        "f/step.yml",
        "spec: { inputs: { a: { type: number } } }\n---\nexec: { command: [echo, 'got ${{ inputs.a }}'] }\n",
    );
    let steps = "[{name: f, step: ./f, inputs: {a: text}}]";
    runner.ci(steps).code(1).says("mismatched types");
    let mut command = runner.command(&["ci"], steps);
    Ran::from(command.env("STEPWELL_LENIENT", "input-types").output().expect("it starts")).code(0).logs("got text");
    let mut command = runner.command(&["ci", "--lenient", "input-types"], steps);
    Ran::from(command.output().expect("it starts")).code(0).logs("got text");
    let mut command = runner.command(&["ci"], steps);
    Ran::from(command.env("STEPWELL_LENIENT", "nonsense").output().expect("it starts")).code(1).says("`input-types`");
}
