//! Documents and surroundings that are wrong: the right exit code, a message that names file, step and remedy, the rest
//! of the job intact, nothing left behind.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::{Place, guest};

/// Runs a job file of the given text.
#[track_caller]
fn check_job(job: impl AsRef<[u8]>, code: i32, says: &[&str]) {
    let place = Place::new();
    place.write("job.yml", job);
    check(&place, code, says);
}

/// Runs a job with one step that calls a function file of the given text, with a small module beside it.
#[track_caller]
fn check_function(function: &str, code: i32, says: &[&str]) {
    check(&with_module(function, &fs::read(guest("minimal")).expect("the guest is there")), code, says);
}

/// Runs a job with one step that calls a WebAssembly function with the given bytes as its module.
#[track_caller]
fn check_module(module: &[u8], says: &[&str]) {
    let function = "spec:\n  inputs: { number: { type: number, default: 1 } }\n  outputs: { number: { type: number } }\n---\nwasm: { module: ./m.wasm }\n";
    check(&with_module(function, module), 3, says);
}

fn with_module(function: &str, module: &[u8]) -> Place {
    let place = Place::new();
    place.write("f/func.yml", function).write("f/m.wasm", module);
    place.write("job.yml", "run:\n  - { name: first, script: echo ran }\n  - { name: second, func: ./f }\n");
    place
}

#[track_caller]
fn check(place: &Place, code: i32, says: &[&str]) {
    let ran = place.run(["run", "job.yml"]);
    ran.code(code);
    says.iter().for_each(|part| {
        ran.says(part);
    });
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    assert_eq!(place.left_over(), Vec::<String>::new());
}

#[test]
fn malformed_yaml() {
    check_job("run: [", 3, &["job.yml:"]);
    check_job("run:\n\t- a", 3, &["job.yml:2"]);
    check_job("", 3, &["job.yml"]);
    check_job([0xff, 0xfe, 0x00, b'r'], 3, &["job.yml", "save it as UTF-8"]);
    check_job(
        "run:\n  - name: a\n    script: x\n    script: y\n",
        3,
        &["job.yml:3:5", "`script` is there twice", "lines 3 and 4"],
    );
}

#[test]
fn huge_yaml() {
    check_job(vec![b'a'; 5 << 20], 3, &["job.yml", "bytes", "into functions"]);
    check_job("[".repeat(100_000), 3, &["job.yml"]);
}

#[test]
fn alias_bomb() {
    let mut text = String::from("x0: &x0 [a, a, a, a, a, a, a, a, a, a]\n");
    for level in 1..12 {
        let above = format!("*x{}", level - 1);
        text += &format!("x{level}: &x{level} [{}]\n", [above.as_str(); 10].join(", "));
    }
    check_job(text, 3, &["job.yml"]);
}

#[test]
fn a_definition_of_two_kinds() {
    check_function(
        "{}\n---\nexec: { command: [ x ] }\nwasm: { module: ./m.wasm }\n",
        3,
        &["f/func.yml:", "exec", "wasm"],
    );
}

#[test]
fn a_module_that_is_missing() {
    check_function("{}\n---\nwasm: { module: ./other.wasm }\n", 3, &["other.wasm", "second"]);
}

#[test]
fn a_module_that_leads_out() {
    check_function("{}\n---\nwasm: { module: ../m.wasm }\n", 3, &["../m.wasm"]);
}

#[test]
fn a_module_that_is_text() {
    check_module(b"(component)", &["second", "text"]);
}

#[test]
fn a_module_that_is_truncated() {
    let whole = fs::read(guest("minimal")).expect("the guest is there");
    check_module(&whole[..whole.len() / 2], &["second"]);
    check_module(b"", &["second"]);
}

#[test]
fn a_module_that_is_native_code() {
    check_module(&fs::read("/bin/true").expect("a native program"), &["second", "ELF"]);
}

#[test]
fn a_module_of_one_gibibyte() {
    let place = with_module("{}\n---\nwasm: { module: ./m.wasm }\n", b"");
    let file = fs::File::options().write(true).open(place.work().join("f/m.wasm")).expect("the module is there");
    file.set_len(1 << 30).expect("a sparse file");
    check(&place, 3, &["m.wasm", "1073741824"]);
}

#[test]
fn a_module_without_the_export() {
    // The smallest component and the smallest core module: both valid, both without a way in.
    check_module(b"\0asm\x0d\0\x01\0", &["second", "run"]);
    check_module(b"\0asm\x01\0\0\0", &["second", "_start"]);
}

#[test]
fn outputs_that_are_wrong() {
    let function = "spec:\n  inputs: { number: { type: number, default: 1 } }\n  outputs: { number: { type: string } }\n---\nwasm: { module: ./m.wasm }\n";
    check_function(function, 3, &["number"]);
    for (line, says) in [
        (r#"{"name":"n","value":"text"}"#, "mismatched types"),
        (r#"{"name":"other","value":1}"#, "unexpected output"),
        ("", "missing output"),
        (r#"{"name":"n","value":"#, "line 1"),
    ] {
        let place = Place::new();
        place.write(
            "f/func.yml",
            format!("spec: {{ outputs: {{ n: {{ type: number }} }} }}\n---\nexec: {{ command: [ sh, -c, 'echo \"$1\" > \"$0\"', '${{{{ output_file }}}}', '{line}' ] }}\n"),
        );
        place.write("job.yml", "run:\n  - { name: only, func: ./f }\n");
        check(&place, 1, &["only", says]);
    }
}

#[test]
fn output_that_is_not_utf_8_reaches_the_log_unchanged() {
    let place = Place::new();
    place.write("job.yml", "run:\n  - { name: a, script: 'printf \"\\377\\376\\n\"' }\n");
    let output = place.command(["run", "job.yml"]).output().expect("the program starts");
    assert!(output.status.success());
    assert!(output.stdout.ends_with(b"\xff\xfe\n"), "{:?}", output.stdout);
}

#[test]
fn a_work_dir_that_is_missing() {
    let place = Place::new();
    place.write("job.yml", "run:\n  - { name: a, script: echo ran }\n");
    place.run(["run", "job.yml", "--workdir", "nowhere"]).code(7).says("nowhere");
}

#[test]
fn a_results_file_that_cannot_be_written_is_found_before_anything_runs() {
    let place = Place::new();
    place.write("job.yml", "run:\n  - { name: a, script: touch made }\n");
    place.run(["run", "job.yml", "--events", "no/such/folder/e"]).code(7).says("no/such/folder/e");
    assert!(!place.work().join("made").exists());
}

#[test]
fn a_scratch_folder_that_is_missing() {
    let place = Place::new();
    place.write("f/func.yml", "spec: { outputs: { n: { type: number } } }\n---\nexec: { command: [ sh, -c, 'echo x > \"$0\"', '${{ output_file }}' ] }\n");
    place.write("job.yml", "run:\n  - { name: only, func: ./f }\n");
    fs::remove_dir(place.tmp()).expect("the folder is empty");
    let ran = place.run(["run", "job.yml"]);
    ran.code(7).says("only").says("the folder for temporary files").says(&place.tmp().to_string_lossy());
    fs::create_dir(place.tmp()).expect("the folder was removed");
}

#[test]
fn an_empty_tmpdir_is_none() {
    let place = Place::new();
    place.write("f/func.yml", "{}\n---\nexec: { command: [ echo, '${{ output_file }}' ] }\n");
    place.write("job.yml", "run:\n  - { name: only, func: ./f }\n");
    let output = place.command(["run", "job.yml"]).env("TMPDIR", "").output().expect("the program starts");
    assert!(String::from_utf8_lossy(&output.stdout).contains("\n/tmp/stepwell-job-"), "{output:?}");
}

#[test]
fn a_folder_that_cannot_be_written() {
    let place = Place::new();
    // A file stands where the function wants a folder: true for every user, also for root.
    place.write("dist", "a file").write("in/a.txt", "text");
    place.write(
        "job.yml",
        "run:\n  - { name: pack, func: 'builtin://stepwell/archive', inputs: { source: in, destination: dist/a.tar.gz } }\n",
    );
    check(&place, 1, &["pack", "dist"]);
    assert_eq!(place.read("dist"), "a file");
}

#[test]
fn a_folder_to_read_that_is_missing() {
    let place = Place::new();
    place.attack("f", "read: [ nowhere ]");
    place.write("job.yml", "run:\n  - { name: only, func: ./f, inputs: { what: preopens } }\n");
    check(&place, 1, &["only", "nowhere", "optional"]);
    place.attack("f", "read: [ { path: nowhere, optional: true } ]");
    place.run(["run", "job.yml"]).code(0);
}

#[test]
fn a_full_disk() {
    // /dev/full answers every write as a full disk does.
    let place = Place::new();
    place.write("job.yml", "run:\n  - { name: a, script: 'echo x > /dev/full' }\n  - { name: b, script: echo ran }\n");
    check(&place, 1, &["step `a`"]);
    place.write("job.yml", "run:\n  - { name: a, script: 'touch made' }\n");
    place.run(["run", "job.yml", "--events", "/dev/full"]).code(7).says("/dev/full");
}

#[test]
fn a_command_that_does_not_exist() {
    let place = Place::new();
    place.write("f/func.yml", "{}\n---\nexec: { command: [ no-such-program ] }\n");
    place.write("job.yml", "run:\n  - { name: only, func: ./f }\n");
    check(&place, 1, &["only", "no-such-program", "not found"]);
}

#[test]
fn a_command_that_may_not_be_run() {
    let place = Place::new();
    place.write("f/func.yml", "{}\n---\nexec: { command: [ ./f/plain ] }\n").write("f/plain", "text");
    let plain = place.work().join("f/plain");
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o644)).expect("the file is ours");
    place.write("job.yml", "run:\n  - { name: only, func: ./f }\n");
    check(&place, 1, &["only", "./f/plain", "permission denied"]);
}

#[test]
fn a_program_that_panics_the_guest_leaves_the_host_alone() {
    let place = Place::new();
    place.attack("f", "");
    for what in ["panic", "abort"] {
        place.write("job.yml", format!("run:\n  - {{ name: only, func: ./f, inputs: {{ what: {what} }} }}\n"));
        check_failed(&place);
    }
}

#[track_caller]
fn check_failed(place: &Place) {
    place.run(["run", "job.yml"]).code(1).says("only");
    assert_eq!(place.left_over(), Vec::<String>::new());
}

#[test]
fn results_that_cannot_be_written_do_not_hide_how_the_job_ended() {
    let place = Place::new();
    // A folder stands where the file should come: true for every user, also for root.
    fs::create_dir_all(place.work().join("r.json/in")).expect("the work dir is there");
    place.write("job.yml", "run:\n  - { name: only, script: exit 3 }\n");
    place
        .run(["run", "job.yml", "--results", "r.json"])
        .code(1)
        .says("step `only` failed: exec: exit status 3")
        .says("cannot write results to `r.json`: ");
    place.write("job.yml", "run:\n  - { name: only, script: exit 0 }\n");
    place.run(["run", "job.yml", "--results", "r.json"]).code(7).says("cannot write results to `r.json`: ");
}
