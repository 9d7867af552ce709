//! Programs that cannot be started.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use stepwell_run::Outcome;

use crate::support::Case;

/// Runs and compares the message; the hint must hold `hint`, which is empty where there is none.
async fn check(case: Case, message: &str, hint: &str) {
    match case.run().await.outcome {
        Outcome::NotStarted { message: found, hint: told } => {
            assert_eq!(found, message);
            let told = told.unwrap_or_default();
            assert!(if hint.is_empty() { told.is_empty() } else { told.contains(hint) }, "{told}");
        }
        other => panic!("{message}: {other:?}"),
    }
}

fn write(folder: &Path, name: &str, text: &str, mode: u32) {
    fs::write(folder.join(name), text).unwrap();
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn a_program_that_is_nowhere_in_the_path() {
    let message = r#"exec: "stepwell-none": executable file not found in $PATH"#;
    check(Case::command(&["stepwell-none"]), message, "the step's PATH is `/usr/bin:/bin`").await;
    check(Case::command(&["stepwell-none"]).environment(&[]), message, "has no PATH").await;
    check(Case::command(&["sh"]).environment(&[]), &message.replace("stepwell-none", "sh"), "has no PATH").await;
    check(Case::command(&[""]), r#"exec: "": executable file not found in $PATH"#, "PATH").await;
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "stepwell-none", "#!/bin/sh\n", 0o644);
    let path = folder.path().to_str().unwrap();
    check(Case::command(&["stepwell-none"]).environment(&[("PATH", path)]), message, "chmod +x").await;
}

#[tokio::test]
async fn a_working_directory_that_cannot_be_entered() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let message = format!("chdir {}: no such file or directory", missing.display());
    check(Case::command(&["true"]).directory(&missing), &message, "create the directory").await;
    check(Case::script("true").directory(&missing), &message, "create the directory").await;
    write(folder.path(), "file", "", 0o644);
    let file = folder.path().join("file");
    let message = format!("chdir {}: not a directory", file.display());
    check(Case::command(&["true"]).directory(&file), &message, "not a file").await;
}

#[tokio::test]
async fn a_file_that_is_no_program() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    write(place, "plain", "#!/bin/sh\n", 0o644);
    write(place, "nothing", "echo hello\n", 0o755);
    write(place, "strange", "#!/no/such/shell -e\n", 0o755);
    write(place, "windows", "#!/bin/sh\r\necho hello\r\n", 0o755);
    write(place, "by-plain", &format!("#!{}/plain\n", place.display()), 0o755);
    symlink("gone", place.join("dangling")).unwrap();
    let case = |program: &str| Case::command(&[program]).directory(place);

    check(case("./missing"), r#"exec: "./missing": no such file or directory"#, "looked for from").await;
    check(case("/missing"), r#"exec: "/missing": no such file or directory"#, "correct the path").await;
    check(case("./dangling"), r#"exec: "./dangling": no such file or directory"#, "looked for from").await;
    check(case("./plain/x"), r#"exec: "./plain/x": no such file or directory"#, "looked for from").await;
    check(case("./plain"), r#"exec: "./plain": permission denied"#, "chmod +x ./plain").await;
    check(case("./"), r#"exec: "./": is a directory"#, "inside").await;
    check(case("./nothing"), r#"exec: "./nothing": exec format error"#, "#!/bin/sh").await;
    check(
        case("./strange"),
        r#"exec: "./strange": bad interpreter "/no/such/shell": no such file or directory"#,
        "asks for `/no/such/shell`",
    )
    .await;
    check(
        case("./windows"),
        r#"exec: "./windows": bad interpreter "/bin/sh\r": no such file or directory"#,
        "carriage return",
    )
    .await;
    let message = format!(r#"exec: "./by-plain": bad interpreter "{}/plain": permission denied"#, place.display());
    check(case("./by-plain"), &message, "asks for").await;
}

#[tokio::test]
async fn a_program_whose_loader_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let shell = fs::read("/bin/sh").unwrap();
    // The loader's path stands in the program's interpreter segment: made one that is nowhere.
    let at = shell.windows(5).position(|bytes| bytes == b"/lib/" || bytes == b"/lib6").unwrap();
    let changed = [&shell[..at], b"/nil", &shell[at + 4..]].concat();
    fs::write(folder.path().join("sh"), changed).unwrap();
    fs::set_permissions(folder.path().join("sh"), fs::Permissions::from_mode(0o755)).unwrap();
    let message = r#"exec: "./sh": the loader of this program is missing"#;
    check(Case::command(&["./sh"]).directory(folder.path()), message, "static build").await;
}

#[tokio::test]
async fn texts_that_are_too_long() {
    let longest = "x".repeat(131_071);
    let outcome = Case::command(&["true", &longest]).run().await.outcome;
    assert!(matches!(outcome, Outcome::Exited { code: 0 }), "{outcome:?}");

    let message = r#"exec: "true": argument list too long"#;
    let too_long = "x".repeat(131_072);
    check(
        Case::command(&["true", &too_long]),
        message,
        "an argument has 131072 bytes, and the kernel takes at most 131071",
    )
    .await;
    let variables = [("PATH", "/usr/bin:/bin"), ("BIG", &too_long[..])];
    check(Case::command(&["true"]).environment(&variables), message, "variable `BIG` has 131076 bytes").await;
    let many = [&["true"][..], &vec![&longest[..]; 60]].concat();
    check(Case::command(&many), message, "together").await;

    match Case::script(&format!("true {too_long}")).run().await.outcome {
        Outcome::NotStarted { message, hint } => {
            assert!(message.ends_with("sh\": argument list too long"), "{message}");
            let hint = hint.unwrap();
            assert!(hint.starts_with("the script has 131077 bytes") && hint.contains("into a file"), "{hint}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn texts_with_nul() {
    match Case::script("a\0b").run().await.outcome {
        Outcome::NotStarted { message, .. } => assert!(message.ends_with("sh\": the script contains NUL"), "{message}"),
        other => panic!("{other:?}"),
    }
    let path = ("PATH", "/usr/bin:/bin");
    check(Case::command(&["true", "a\0b"]), r#"exec: "true": an argument contains NUL"#, "NUL").await;
    check(
        Case::command(&["true"]).environment(&[path, ("A", "\0")]),
        r#"exec: "true": environment variable "A" contains NUL"#,
        "NUL",
    )
    .await;
}
