//! Jobs straight from `.gitlab-ci.yml`.

use std::path::Path;
use std::process::Command;

use crate::support::Place;

/// A project in a git repository whose pipeline has a list of steps and a job of commands.
fn project() -> Place {
    let place = Place::new();
    place
        .write(
            ".gitlab-ci.yml",
            "include: ci/templates.yml
stages: [build, verify]
variables:
  TARGET: release
  OUT: $CI_PROJECT_DIR/out/$TARGET
  RAW: { value: $TARGET, expand: false }
build:
  stage: build
  extends: .base
  image: alpine
  run:
    - name: show
      func: ./steps/show
      inputs: { text: '${{ vars.OUT }} ${{ vars.RAW }} ${{ vars.CI_COMMIT_BRANCH }} ${{ vars.CI_COMMIT_TITLE }}' }
unit:
  stage: verify
  before_script: [STATE=kept]
  script: [\"echo $STATE $TARGET '${{ x }}'\", test $TARGET = release, echo reached]
  after_script: [echo after $STATE, exit 9]
",
        )
        .write("ci/templates.yml", ".base: { variables: { TARGET: debug } }\n")
        .write(
            "steps/show/func.yml",
            "spec: { inputs: { text: { type: string } } }\n---\nexec: { command: [echo, '${{ inputs.text }}'] }\n",
        );
    commit_all(&place.work(), "the first\n\nwith a body\n");
    place
}

/// Makes a repository of a folder, with one commit on `main`; no configuration of the machine is read.
fn commit_all(folder: &Path, message: &str) {
    for arguments in [
        &["init", "--quiet", "--initial-branch", "main"][..],
        &["add", "--all"],
        &["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "commit", "--quiet", "--message", message],
    ] {
        #[expect(clippy::disallowed_methods, reason = "a repository is made with git itself")]
        let mut git = Command::new("git");
        git.args(arguments).current_dir(folder).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        assert!(git.status().expect("git starts").success(), "{arguments:?}");
    }
}

#[test]
fn a_list_of_steps_sees_variables_of_pipeline_and_repository() {
    let place = project();
    let ran = place.run(["run", ".gitlab-ci.yml", "--job", "build"]);
    let work = place.work().canonicalize().expect("the folder is there");
    ran.code(0).logs(&format!("{}/out/debug $TARGET main the first\n", work.display()));
    ran.says("not honoured in a run of `build` alone: `image`");
    place.run(["run", ".gitlab-ci.yml", "--job", "build", "--var", "OUT=$RAW"]).code(0).logs("$RAW $TARGET main");
}

#[test]
fn commands_share_a_shell_and_what_runs_afterwards_changes_nothing() {
    let place = project();
    let ran = place.run(["run", ".gitlab-ci.yml", "--job", "unit"]);
    ran.code(0).logs("$ STATE=kept\n").logs("kept release ${{ x }}\n").logs("\nreached\n").logs("\nafter\n");
    let ran = place.run(["run", ".gitlab-ci.yml", "--job", "unit", "--var", "TARGET=other"]);
    ran.code(1).logs("\nafter\n").says("step `script` failed: exec: exit status 1");
    assert!(!ran.stdout.contains("\nreached\n"), "{}", ran.stdout);
}

#[test]
fn jobs_are_listed_in_the_order_of_their_stages() {
    let place = project();
    let ran = place.run(["list", ".gitlab-ci.yml"]);
    let lines: Vec<Vec<&str>> = ran.code(0).stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[1..], [vec!["build", "build", "1", "step"], vec!["unit", "verify", "6", "commands"]]);
    let json: serde_json::Value =
        serde_json::from_str(&place.run(["list", "--json", ".gitlab-ci.yml"]).stdout).expect("JSON");
    assert_eq!(json["jobs"][0]["not_honoured"], serde_json::json!(["image"]));
}

#[test]
fn a_job_must_be_named_and_there() {
    let place = project();
    place.run(["run", ".gitlab-ci.yml"]).code(2).says("add `--job NAME`");
    place.run(["run", ".gitlab-ci.yml", "--job", "biuld"]).code(3).says("did you mean `build`?");
}

#[test]
fn plan_and_check_take_a_pipeline_too() {
    let place = project();
    place.run(["plan", ".gitlab-ci.yml", "--job", "build"]).code(0).logs("./steps/show");
    place.run(["check", ".gitlab-ci.yml"]).code(0);
    place.write("ci/templates.yml", ".base: { run: [{ name: x, func: ./nowhere }] }\n");
    place.run(["check", "."]).code(0);
    place.write("steps/show/func.yml", "spec:\n---\n{}\n");
    place.run(["check", ".gitlab-ci.yml"]).code(3).says("steps/show/func.yml");
}

#[test]
fn an_include_stays_in_the_project() {
    let place = project();
    place.write(".gitlab-ci.yml", "include: ../../outside.yml\nj: { script: x }\n");
    place.run(["list", ".gitlab-ci.yml"]).code(3).says("it leads out of the project");
    place.write(".gitlab-ci.yml", "include: ci/**/*.yml\nj: { extends: .base, script: echo $TARGET }\n");
    place.run(["run", ".gitlab-ci.yml", "--job", "j"]).code(0).logs("\ndebug\n");
}

#[test]
fn strict_refuses_what_only_stepwell_understands() {
    let place = project();
    place.run(["check", "--strict", "gitlab", ".gitlab-ci.yml"]).code(0);
    place.write(
        "steps/show/func.yml",
        "spec:\n  inputs: { text: { type: string } }\n  needs: { read: [src] }\n---\nexec: { command: [x] }\n",
    );
    let ran = place.run(["check", "--strict", "gitlab", ".gitlab-ci.yml"]);
    ran.code(3).says("`needs` is understood by Stepwell only").says("steps/show/func.yml:3:10");
    place.run(["check", ".gitlab-ci.yml"]).code(0);
    place.attack("steps/show", "read: [src]");
    place.write(".gitlab-ci.yml", "build: { run: [{ name: show, func: ./steps/show, inputs: { what: read } }] }\n");
    place.run(["check", ".gitlab-ci.yml"]).code(0);
    let ran = place.run(["check", "--strict", "gitlab", ".gitlab-ci.yml"]);
    ran.code(3).says("the definition kind `wasm` is understood by Stepwell only");
}
