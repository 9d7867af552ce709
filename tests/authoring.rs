//! The tools of authors, as somebody uses them who has never seen the engine: from an empty folder to a tested function,
//! and what is said where something is wrong.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Place, Ran, guest, workspace_root};

/// An empty folder in which the tools of the machine are found. What they make is kept between runs.
struct Author {
    folder: TempDir,
    /// Held until the end: only one test run at a time builds there.
    _lock: File,
}

impl Author {
    fn new() -> Self {
        fs::create_dir_all(built()).expect("the folder can be made");
        let lock = File::create(built().join("lock")).expect("a lock file can be made");
        lock.lock().expect("the lock can be waited for");
        Self { folder: TempDir::new().expect("a temporary folder"), _lock: lock }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Calls the program as somebody would who stands in a folder.
    fn run(&self, folder: &str, line: &str) -> Ran {
        #[expect(clippy::disallowed_methods, reason = "the program under test is started from outside")]
        let mut command = Command::new(env!("CARGO_BIN_EXE_stepwell-under-test"));
        command
            .args(line.split(' '))
            .current_dir(self.path(folder))
            .env("CARGO_NET_OFFLINE", "true")
            .env("CARGO_TARGET_DIR", built())
            .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env_remove("RUSTC_WORKSPACE_WRAPPER");
        Ran::from(command.output().expect("the program starts"))
    }

    /// Builds, or says by name what was not tried.
    #[track_caller]
    fn builds(&self, folder: &str, line: &str, language: &str) -> bool {
        let ran = self.run(folder, line);
        if ran.code == Some(7) {
            ran.says("cannot start").says("install");
            eprintln!("NOT RUN: the tools of {language} are not on this machine");
            return false;
        }
        ran.code(0).logs("sha256:");
        true
    }
}

/// Where cargo keeps what it makes for these tests.
fn built() -> PathBuf {
    workspace_root().join("target/authoring")
}

/// Everything that a new user does, in their order. JavaScript is left out: its tools would be fetched from a registry.
fn check_new_user(language: &str) {
    let author = Author::new();
    author.run("", &format!("new greet --lang {language}")).code(0).logs("cd greet && stepwell build");
    if language == "rust" {
        // The versions of the project, which are on this machine.
        fs::copy(workspace_root().join("Cargo.lock"), author.path("greet/Cargo.lock")).expect("it can be copied");
    }
    if !author.builds("greet", "build", language) {
        return;
    }
    author.run("greet", "test").code(0).logs("2 passed, 0 failed");
    let called = author.run("greet", "call . --input name=Ada");
    let outputs: Value = serde_json::from_str(&called.code(0).stdout).expect("the outputs are JSON");
    assert_eq!(outputs, json!({ "text": "Hello, Ada!" }));
    called.says("greeting Ada");
    author.run("greet", "check func.yml tests/cases.yml").code(0);
    author.run("greet", "inspect . --format json").code(0).logs("\"description\": \"Greets somebody.\"");
    author.run("greet", "docs .").code(0).logs("greet\n=====").logs("who is greeted");
}

#[test]
fn a_new_function_in_rust() {
    check_new_user("rust");
}

#[test]
fn a_new_function_in_go() {
    check_new_user("go");
}

#[test]
fn a_new_function_in_c() {
    check_new_user("c");
}

#[test]
fn a_new_function_in_zig() {
    check_new_user("zig");
}

#[test]
fn a_new_function_in_python() {
    check_new_user("python");
}

#[test]
fn a_function_file_that_disagrees_and_code_that_does_not_compile() {
    let author = Author::new();
    let sdk = workspace_root().join("guest-sdk");
    author.run("", &format!("new greet --lang rust --sdk {}", sdk.display())).code(0);
    assert!(!author.path("greet/sdk").exists(), "the SDK was copied although it was named");
    fs::copy(workspace_root().join("Cargo.lock"), author.path("greet/Cargo.lock")).expect("it can be copied");
    let replace = |path: &str, from: &str, to: &str| {
        let text = fs::read_to_string(author.path(path)).expect("the file is there");
        fs::write(author.path(path), text.replace(from, to)).expect("the file can be written");
    };
    replace("greet/func.yml", "text:", "words:");
    author.run("", "build greet").code(3).says("output `words` is in the function file but not in the module");
    replace("greet/src/lib.rs", "Ok(", "Oh(");
    author.run("", "build greet").code(1).says("`cargo` could not build the function");
}

/// The examples of `stepwell build --help`, with the folder that those of `stepwell new --help` make.
#[test]
fn the_examples_of_build_work() {
    let author = Author::new();
    author.run("", "new functions/hello --lang go").code(0);
    let help = author.run("", "build --help");
    let lines: Vec<&str> = help.stdout.lines().filter_map(|line| line.trim().strip_prefix("stepwell ")).collect();
    assert!(lines.len() >= 2, "{lines:?}");
    for line in lines {
        author.builds("", line, "Go");
    }
}

#[test]
fn nothing_is_overwritten() {
    let place = Place::new();
    place.write("greet/func.yml", "mine");
    place.run(["new", "greet", "--lang", "go"]).code(2).says("`greet` is not empty");
    assert_eq!(place.read("greet/func.yml"), "mine");
    place.run(["new", "Greet", "--lang", "go"]).code(2).says("cannot be the name of a function");
    place.run(["new", "other", "--lang", "go", "--sdk", "."]).code(2).says("needs no SDK");
    place.run(["new", "other", "--lang", "rust", "--sdk", "."]).code(2).says("not the folder of the SDK");
    assert!(!place.work().join("other").exists(), "something was made for a wrong command line");
}

#[test]
fn missing_tools_are_one_message_with_the_line_that_installs_them() {
    let place = Place::new();
    for (language, install) in [
        ("rust", "rustup.rs"),
        ("go", "go.dev"),
        ("c", "apt-get install clang-19"),
        ("zig", "pip install ziglang"),
        ("python", "pip install componentize-py"),
        ("js", "apt-get install nodejs npm"),
    ] {
        place.run(["new", language, "--lang", language]).code(0);
        let mut command = place.command(["build", language]);
        let ran = Ran::from(command.env("PATH", place.tmp()).output().expect("the program starts"));
        ran.code(7).says(install);
        assert!(ran.stderr.lines().count() <= 2, "{}", ran.stderr);
    }
}

#[test]
fn projects_that_are_not_recognised() {
    let place = Place::new();
    place.run(["build", "nowhere"]).code(7).says("nowhere");
    place.run(["build"]).code(2).says("has no function file");
    place.write("native/func.yml", "{}\n---\nexec: { command: [ 'true' ] }\n");
    place.run(["build", "native"]).code(3).says("the function has no module to build");
    place.write("f/func.yml", "{}\n---\nwasm: { module: ./f.wasm }\n");
    place.run(["build", "f"]).code(2).says("no language is recognised").says("Go: `go.mod`");
    place.write("f/go.mod", "").write("f/main.c", "");
    place.run(["build", "f"]).code(2).says("files of Go and C").says("--lang");
}

/// A function whose module is the guest `attack`, with a table of cases.
fn attack(cases: &str) -> Place {
    let place = Place::new();
    place.attack("f", "read: [ src ]\n    write: [ dist ]").write("f/tests/cases.yml", cases);
    place
}

#[test]
fn cases_are_run_in_the_sandbox() {
    let place = attack(
        "cases:\n\
         - name: reads what it asks for\n  inputs: { what: read-path, path: src/a.txt }\n  files: { src/a.txt: hello }\n  \
           expect: { outputs: { content: hello, number: 0 } }\n\
         - name: nothing else\n  inputs: { what: read-path, path: other/a.txt }\n  \
           files: { src/x: '', other/a.txt: secret }\n  expect: { failure: other/a.txt }\n\
         - name: writes\n  inputs: { what: write-path, path: dist/a.txt }\n  files: { src/x: '' }\n  \
           expect: { files: { dist/a.txt: written by the guest, dist/b.txt: ~ } }\n\
         - name: narrowed by the job\n  inputs: { what: none }\n  allow: { read: [ src ] }\n  files: { src/x: '' }\n  \
           expect: { denied: write dist }\n\
         - name: a panic\n  inputs: { what: panic }\n  files: { src/x: '' }\n  expect: { failure: '', log: [ panicked ] }\n",
    );
    let ran = place.run(["test", "f", "--junit", "report.xml"]);
    ran.code(0).logs("5 passed, 0 failed").logs("cold").logs("warm").logs("reads what it asks for");
    let report = place.read("report.xml");
    assert!(report.contains(r#"<testsuite name="f" tests="5" failures="0">"#), "{report}");
    assert_eq!(place.left_over(), Vec::<String>::new(), "work dirs are left");
}

#[test]
fn differences_are_shown_with_their_places_and_can_be_written() {
    let table = "# about <it>\ncases:\n\
         - name: reads & tells   # a comment\n  inputs: { what: read-path, path: src/a.txt }\n  files: { src/a.txt: hello }\n  \
           expect:\n    outputs:\n      content: other\n      number: 0\n\
         - name: writes\n  inputs: { what: write-path, path: dist/a.txt }\n  files: { src/x: '' }\n  \
           expect:\n    files:\n      dist/a.txt: |\n        other\n    # the end\n";
    let place = attack(table);
    let ran = place.run(["test", "f", "--junit", "report.xml"]);
    ran.code(1).logs("0 passed, 2 failed").says("output `content` is \"hello\"").says("f/tests/cases.yml:8:16");
    ran.says("file `dist/a.txt` is \"written by the guest\"");
    let report = place.read("report.xml");
    assert!(report.contains("name=\"reads &amp; tells\"") && report.contains("failures=\"2\""), "{report}");

    place.run(["test", "f", "--update"]).code(0).logs("2 expectations rewritten in f/tests/cases.yml");
    let updated = place.read("f/tests/cases.yml");
    assert!(updated.contains("{ content: \"hello\", number: 0 }"), "{updated}");
    assert!(updated.contains("# about <it>") && updated.contains("# a comment"), "{updated}");
    place.run(["test", "f"]).code(0).logs("2 passed, 0 failed");
}

#[test]
fn an_update_does_not_change_how_a_case_ends() {
    let table = "cases: [ { name: a, inputs: { what: fail }, files: { src/x: '' }, expect: { outputs: {} } } ]\n";
    let place = attack(table);
    place.run(["test", "f", "--update"]).code(1).says("it failed");
    assert_eq!(place.read("f/tests/cases.yml"), table);
}

#[test]
fn policies_of_cases() {
    let place = attack(
        "cases:\n- name: by a file\n  inputs: { what: none }\n  files: { src/x: '' }\n  policy: tests/nothing.cedar\n  \
         expect: { denied: read src }\n",
    );
    place.write("f/tests/nothing.cedar", "permit (principal, action == Action::\"run\", resource);\n");
    place.run(["test", "f"]).code(0);
    place.write("f/tests/nothing.cedar", "permit (");
    place.run(["test", "f"]).code(3).says("nothing.cedar");
}

#[test]
fn mistakes_in_tables_are_shown_all_at_once() {
    let place = attack("cases:\n- name: a\n  expects: {}\n- name: a\n");
    place.run(["test", "f"]).code(3).says("did you mean `expect`?").says("there are two cases `a`").says("2 problems");
    place.run(["check", "f/tests/cases.yml"]).code(3).says("2 problems");
    fs::remove_dir_all(place.work().join("f/tests")).expect("the folder is there");
    place.run(["test", "f"]).code(2).says("has no table of cases");
}

#[test]
fn modules_are_inspected_without_being_run() {
    let place = Place::new();
    let inspect = |path: &Path| place.run(["inspect".as_ref(), path.as_os_str()]);
    inspect(&guest("attack"))
        .code(0)
        .logs("typed")
        .logs("stepwell:step@0.1.0")
        .logs("Misbehaves.")
        .logs("wasi:io/poll");
    inspect(&guest("command")).code(0).logs("command, preview 2");
    place.write("text.wasm", "hello");
    place.run(["inspect", "text.wasm"]).code(3).says("it is a text file");
    place.run(["inspect", "./nowhere"]).code(3);
    place.run(["inspect", "nowhere"]).code(3).says("write `./FOLDER`");
    place.attack("f", "read: [ src ]");
    for subject in ["./f", "f/func.yml"] {
        let ran = place.run(["inspect", subject, "--format", "json"]);
        let found: Value = serde_json::from_str(&ran.code(0).stdout).expect("it is JSON");
        assert_eq!(found["version"], json!(1));
        assert_eq!(found["needs"], json!([{ "kind": "read", "path": "src", "optional": false }]));
        assert_eq!(found["inputs"][1]["default"], json!(""));
        assert_eq!(found["module"]["abi"], json!("stepwell:step@0.1.0"));
        assert_eq!(found["module"]["bytes"], json!(fs::metadata(guest("attack")).expect("it is there").len()));
    }
}

#[test]
fn every_shipped_function_has_a_description_and_a_page() {
    let place = Place::new();
    let listed = place.run(["functions", "--format", "json"]);
    let listed: Value = serde_json::from_str(&listed.code(0).stdout).expect("it is JSON");
    let functions = listed["functions"].as_array().expect("a list");
    assert!(functions.len() >= 3);
    let table = place.run(["functions"]);
    for function in functions {
        let reference = function["reference"].as_str().expect("a text");
        assert!(function["description"].as_str().is_some_and(|text| !text.is_empty()), "{reference}");
        table.code(0).logs(reference);
        let name = reference.rsplit('/').next().expect("there is a word");
        let page = place.run(["docs", reference]);
        page.code(0).logs(&format!("{name}\n")).logs("\ninputs\n").logs("\noutputs\n");
        assert_eq!(place.run(["docs", name]).stdout, page.stdout);
    }
    place.run(["docs", "builtin://stepwell/nothing"]).code(3).says("did you mean");
    place.run(["docs", "builtin://script"]).code(2).says("has no page");
}
