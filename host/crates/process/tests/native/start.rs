//! What a process is started with, and how its end is told.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use stepwell_run::Outcome;

use crate::support::Case;

#[track_caller]
fn check_exit(outcome: &Outcome, expected: i32) {
    assert!(matches!(outcome, Outcome::Exited { code } if *code == expected), "{outcome:?}");
}

#[tokio::test]
async fn the_environment_is_exactly_that_of_the_invocation() {
    for variables in [&[][..], &[("B", "2"), ("A", "1 = ü\nx"), ("EMPTY", "")]] {
        let ran = Case::command(&["/usr/bin/env", "-0"]).environment(variables).run().await;
        check_exit(&ran.outcome, 0);
        let mut expected: Vec<_> = variables.iter().map(|(name, value)| format!("{name}={value}\0")).collect();
        expected.sort();
        assert_eq!(ran.text(), expected.concat());
    }
}

#[tokio::test]
async fn the_working_directory_is_the_one_given() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().canonicalize().unwrap();
    let expected = format!("{}\n", place.display());
    assert_eq!(Case::command(&["pwd", "-P"]).directory(&place).run().await.text(), expected);
    assert_eq!(Case::script("pwd -P").directory(&place).run().await.text(), expected);
}

#[tokio::test]
async fn standard_input_is_empty() {
    check_exit(&Case::command(&["cat"]).run().await.outcome, 0);
    let ran = Case::script("read line; echo $?; readlink /proc/self/fd/0").run().await;
    assert_eq!(ran.text(), "1\n/dev/null\n");
}

#[tokio::test]
async fn the_process_leads_a_group_of_its_own() {
    let ran =
        Case::command(&["sh", "-c", "read pid name state parent group rest < /proc/$$/stat; echo $((pid - group))"]);
    assert_eq!(ran.run().await.text(), "0\n");
}

#[tokio::test]
async fn no_signal_is_blocked_and_sigpipe_is_not_ignored() {
    let ran = Case::command(&["sed", "-n", "s/^Sig\\(Blk\\|Ign\\):.//p", "/proc/self/status"]).run().await;
    let text = ran.text();
    let masks: Vec<_> = text.lines().map(|mask| u64::from_str_radix(mask, 16).unwrap()).collect();
    let [blocked, ignored] = masks[..] else { panic!("{text}") };
    assert_eq!(blocked, 0);
    assert_eq!(ignored & (1 << (13 - 1)), 0);
}

#[tokio::test]
async fn arguments_are_passed_as_they_are() {
    let ran = Case::command(&["printf", "[%s]", "a b", "", "*", "$HOME", "ü", "-x"]).run().await;
    assert_eq!(ran.text(), "[a b][][*][$HOME][ü][-x]");
}

#[tokio::test]
async fn exit_codes_are_told() {
    for code in [0, 1, 2, 3, 77, 126, 127, 255] {
        check_exit(&Case::command(&["sh", "-c", &format!("exit {code}")]).run().await.outcome, code);
        check_exit(&Case::script(&format!("exit {code}")).run().await.outcome, code);
    }
}

#[tokio::test]
async fn signals_of_others_are_told() {
    // None that a shell ignores for what it starts in the background: whoever runs the tests may be started so.
    for (name, number) in [("TERM", 15), ("KILL", 9), ("SEGV", 11), ("USR1", 10)] {
        let outcome = Case::command(&["sh", "-c", &format!("kill -{name} $$")]).run().await.outcome;
        assert!(matches!(outcome, Outcome::Signalled { signal } if signal == number), "{name}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_command_is_looked_up_in_the_path_of_the_step() {
    let folder = tempfile::tempdir().unwrap();
    let tool = folder.path().join("stepwell-test-tool");
    fs::write(&tool, "#!/bin/sh\necho \"$0\"\n").unwrap();
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    let place = folder.path().to_str().unwrap();
    let whole = format!("{}\n", tool.display());

    let ran = Case::command(&["stepwell-test-tool"]).environment(&[("PATH", place)]).run().await;
    assert_eq!(ran.text(), whole);
    let ran = Case::command(&["./stepwell-test-tool"]).directory(folder.path()).run().await;
    assert_eq!(ran.text(), "./stepwell-test-tool\n");
    let ran = Case::command(&[tool.to_str().unwrap()]).environment(&[]).run().await;
    assert_eq!(ran.text(), whole);
}

#[tokio::test]
async fn a_program_sees_its_name_as_written() {
    let ran = Case::command(&["sh", "-c", "tr '\\0' ' ' < /proc/$$/cmdline"]).run().await;
    assert!(ran.text().starts_with("sh -c "), "{}", ran.text());
}

#[tokio::test]
async fn a_script_is_one_argument_of_the_shell() {
    let ran = Case::script("echo \"$0 $#\"; false; echo 'a\n  b'").environment(&[]).run().await;
    let text = ran.text();
    let (name, rest) = text.split_once(' ').unwrap();
    assert!(["/usr/local/bin/bash", "/usr/bin/bash", "/bin/bash", "/usr/bin/sh", "/bin/sh"].contains(&name), "{name}");
    assert_eq!(rest, "0\na\n  b\n");
    check_exit(&ran.outcome, 0);
}

#[tokio::test]
async fn the_result_of_a_script_is_that_of_its_last_command() {
    for (text, code) in [("false; true", 0), ("false | true", 0), ("true; false", 1), ("", 0), ("# nothing", 0)] {
        check_exit(&Case::script(text).run().await.outcome, code);
    }
}
