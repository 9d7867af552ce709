//! Commands of a pipeline, as the shells take them.

use std::sync::Arc;

use stepwell_run::Outcome;
use stepwell_schema::{Pipeline, PipelineWork, ScriptJob, Source};

use crate::support::Case;

fn script_job(text: &str) -> ScriptJob {
    let source = Source::new(".gitlab-ci.yml", text);
    let pipeline = Pipeline::load(Arc::clone(&source), &mut |_| Ok(Vec::new())).unwrap();
    match &pipeline.jobs()[0].work {
        PipelineWork::Script(script) => script.clone(),
        PipelineWork::Run(_) | PipelineWork::Nothing(_) => panic!("a script"),
    }
}

/// Runs commands of `script:` under each shell.
async fn check(commands: &str, expected: &str, code: i32) {
    let text = script_job(&format!("j:\n  script:\n{commands}")).main_script();
    for shell in ["bash", "sh"] {
        let ran = Case::command(&[shell, "-c", &text]).run().await;
        assert_eq!(ran.text(), expected, "{shell}: {text}");
        assert!(matches!(ran.outcome, Outcome::Exited { code: found } if found == code), "{shell}: {:?}", ran.outcome);
        assert_eq!(String::from_utf8_lossy(&ran.error), "", "{shell}: {text}");
    }
}

#[tokio::test]
async fn commands_are_shown_and_run_in_one_shell() {
    check("    - A=1\n    - echo $A\n", "$ A=1\n$ echo $A\n1\n", 0).await;
    check(
        "    - |\n      for i in 1 2; do\n        echo $i\n      done\n    - ' '\n    - echo a\n",
        "$ for i in 1 2; do # collapsed multi-line command\n1\n2\n\n$ echo a\na\n",
        0,
    )
    .await;
}

#[tokio::test]
async fn the_first_failure_ends_the_commands() {
    check("    - echo a\n    - (exit 7)\n    - echo b\n", "$ echo a\na\n$ (exit 7)\n", 7).await;
    check(
        "    - if false; then echo a; fi\n    - exit 0\n    - echo b\n",
        "$ if false; then echo a; fi\n$ exit 0\n",
        0,
    )
    .await;
}

#[tokio::test]
async fn what_is_shown_is_not_run() {
    check(
        "    - >-\n      : '$(echo out)' \"`echo out`\" %s \\n ';echo out;'\n    - \": '\\ttab' # '\"\n",
        "$ : '$(echo out)' \"`echo out`\" %s \\n ';echo out;'\n$ : '\ttab' # '\n",
        0,
    )
    .await;
}

#[tokio::test]
async fn a_pipe_fails_with_any_of_its_commands_under_bash() {
    let text = script_job("j: { script: [ \"false | true\", echo never ] }").main_script();
    let ran = Case::script(&text).run().await;
    assert_eq!(ran.text(), "$ false | true\n");
    assert!(matches!(ran.outcome, Outcome::Exited { code: 1 }));
}

#[tokio::test]
async fn commands_behind_have_a_shell_of_their_own() {
    let script = script_job("j: { script: A=1, after_script: 'echo \"<$A>\"' }");
    let ran = Case::script(&script.after_script().unwrap()).run().await;
    assert_eq!(ran.text(), "$ echo \"<$A>\"\n<>\n");
}
