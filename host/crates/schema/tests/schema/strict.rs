//! What only Stepwell understands.

use stepwell_schema::strict::{beyond_gitlab, job_beyond_gitlab};
use stepwell_schema::{Function, Job, Problems, Source};

fn lines(problems: &Problems) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn check_function(text: &str, expected: &[&str]) {
    let function = Function::parse(Source::new("func.yml", text)).expect("the file is valid");
    assert_eq!(lines(&beyond_gitlab(&function)), expected, "{text}");
}

#[track_caller]
fn check_job(text: &str, expected: &[&str]) {
    let job = Job::parse(Source::new("job.yml", text)).expect("the job is valid");
    assert_eq!(lines(&job_beyond_gitlab(&job)), expected, "{text}");
}

#[test]
fn functions() {
    check_function("spec: { inputs: { a: { type: string } } }\n---\nexec: { command: [x] }\n", &[]);
    check_function(
        "spec: { needs: { read: [src] } }\n---\nwasm: { module: ./a.wasm }\n",
        &[
            "func.yml:1:16: `needs` is understood by Stepwell only",
            "func.yml:3:17: the definition kind `wasm` is understood by Stepwell only",
        ],
    );
    check_function(
        "spec:\n---\nsteps: [{ name: a, step: builtin://stepwell/archive }]\n",
        &[
            "func.yml:3:26: the built-in function `stepwell/archive` is understood by Stepwell only",
            "func.yml:3:1: `steps` is the old name of `run`",
        ],
    );
}

#[test]
fn jobs() {
    check_job("run: [{ name: a, script: x }, { name: b, step: builtin://script, inputs: { script: x } }]", &[]);
    check_job(
        "env: { A: b }\nrun: [{ name: a, script: x }]",
        &["job.yml:1:8: `env` beside `run` is understood by Stepwell only"],
    );
    check_job(
        "run: [{ name: a, step: 'file:///srv/a@v1' }, { script: x }]",
        &[
            "job.yml:1:24: a git reference with `file://` is understood by Stepwell only",
            "job.yml:1:46: this step has no `name`",
        ],
    );
    check_job(
        "run: [{ name: a, step: { git: { url: h/p, rev: 'v${{ vars.V }}' } } }]",
        &["job.yml:1:24: an expression in another member of `git` than `url` is understood by Stepwell only"],
    );
}
