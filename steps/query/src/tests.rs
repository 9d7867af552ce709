use std::fs;

use stepwell_sdk::FailureKind;
use stepwell_sdk::fake::Fake;
use tempfile::TempDir;

use super::*;

fn request(program: &str) -> Request {
    Request {
        program: program.to_owned(),
        source: String::new(),
        files: Vec::new(),
        text: String::new(),
        values: Vec::new(),
        format: String::new(),
        arguments: serde_json::Map::new(),
        slurp: false,
        raw: true,
        indent: 0,
        check: false,
        destination: String::new(),
        name: String::new(),
    }
}

/// Returns a request that asks files in the folder `in`.
fn of_files(program: &str, files: &[&str]) -> Request {
    let files = files.iter().map(|file| (*file).to_owned()).collect();
    Request { source: "in".to_owned(), files, ..request(program) }
}

fn of_text(program: &str, format: &str, text: &str) -> Request {
    Request { text: text.to_owned(), format: format.to_owned(), ..request(program) }
}

fn work_dir(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let step = Fake::new(folder.path()).step();
    for (path, text) in files {
        step.write(path, text).expect("written");
    }
    folder
}

fn call(folder: &TempDir, request: Request) -> Result<Response, Failure> {
    run(request, &mut Fake::new(folder.path()).step())
}

#[track_caller]
fn check(request: Request, results: &str, text: &str) {
    let response = call(&work_dir(&[]), request).expect("it answers");
    assert_eq!((response.results.0.as_str(), response.text.as_str()), (results, text));
}

#[track_caller]
fn refused(request: Request, kind: FailureKind, expected: &str) {
    let failure = call(&work_dir(&[("in/a.json", "{\"a\":\n x}"), ("in/b", "")]), request).expect_err("it fails");
    assert_eq!((failure.kind(), failure.to_string().as_str()), (kind, expected));
}

#[test]
fn results_are_typed() {
    check(of_text(".a", "", r#"{"a": {"b": [1, 2.50, null]}}"#), r#"[{"b":[1,2.50,null]}]"#, r#"{"b":[1,2.50,null]}"#);
    check(of_text(".[]", "", r#"["x\ny", true, "z"] "#), r#"["x\ny",true,"z"]"#, "x\ny\ntrue\nz");
    check(Request { raw: false, ..of_text(".[]", "", r#"["x"]"#) }, r#"["x"]"#, r#""x""#);
    check(Request { indent: 2, ..of_text(".", "", r#"{"a":[1]}"#) }, r#"[{"a":[1]}]"#, "{\n  \"a\": [\n    1\n  ]\n}");
    check(of_text("empty", "", "1"), "[]", "");
    check(request("[range(3)] | add"), "[3]", "3");
    check(of_text(".", "", "12345678901234567890123"), "[12345678901234567890123]", "12345678901234567890123");
}

#[test]
fn values_from_the_job() {
    let values = vec![serde_json::json!({"n": 1}), serde_json::json!(["x"]), serde_json::json!("t")];
    check(
        Request { values: values.clone(), ..request("type") },
        r#"["object","array","string"]"#,
        "object\narray\nstring",
    );
    check(Request { values, slurp: true, ..request("length") }, "[3]", "3");
    let serde_json::Value::Object(arguments) = serde_json::json!({"who": "Ada", "n": {"x": [1]}}) else {
        unreachable!()
    };
    check(Request { arguments, ..request(r#""\($who) \($n.x[0])""#) }, r#"["Ada 1"]"#, "Ada 1");
}

#[test]
fn formats() {
    check(of_text(".a.b", "yaml", "a:\n  b: [1, x] # c\n"), r#"[[1,"x"]]"#, r#"[1,"x"]"#);
    check(of_text(".", "yaml", "a\n---\nb\n"), r#"["a","b"]"#, "a\nb");
    let toml = "z = 1\n[t.u]\nd = 2020-01-01\nf = 1.5\nl = [true, \"x\"]\n";
    check(
        of_text(".", "toml", toml),
        r#"[{"z":1,"t":{"u":{"d":"2020-01-01","f":1.5,"l":[true,"x"]}}}]"#,
        r#"{"z":1,"t":{"u":{"d":"2020-01-01","f":1.5,"l":[true,"x"]}}}"#,
    );
    check(of_text("tonumber", "lines", "1\r\n2\n3"), "[1,2,3]", "1\n2\n3");
    check(of_text(".a", "jsonl", "{\"a\":1}\n\n{\"a\":2}"), "[1,2]", "1\n2");
    check(of_text(".a", "json", "{\"a\":1}{\"a\":2}"), "[1,2]", "1\n2");
}

#[test]
fn files_in_and_out() {
    let folder =
        work_dir(&[("in/a.json", r#"{"v": 1}"#), ("in/sub/b.yml", "v: 2"), ("in/c.ndjson", "{\"v\":3}\n{\"v\":4}\n")]);
    let files = ["a.json", "sub/b.yml", "c.ndjson"];
    let response = call(&folder, of_files(".v", &files)).expect("it answers");
    assert_eq!((response.results.0.as_str(), response.count), ("[1,2,3,4]", 4));
    let request = Request {
        destination: "dist".to_owned(),
        name: "v.json".to_owned(),
        slurp: true,
        indent: 1,
        ..of_files("{v: map(.v)}", &files[..2])
    };
    let response = call(&folder, request).expect("it answers");
    assert_eq!((response.file.as_str(), response.count, response.text.as_str()), ("dist/v.json", 1, ""));
    let written = fs::read_to_string(folder.path().join("dist/v.json")).expect("it is there");
    assert_eq!(written, "{\n \"v\": [\n  1,\n  2\n ]\n}\n");
}

#[test]
fn a_file_is_whole_or_not_there() {
    let folder = work_dir(&[("in/a.json", "1 2 x"), ("dist/out", "before")]);
    let request = Request { destination: "dist".to_owned(), name: "out".to_owned(), ..of_files(".", &["a.json"]) };
    call(&folder, request).expect_err("it fails");
    assert_eq!(fs::read_to_string(folder.path().join("dist/out")).expect("it is there"), "before");
    assert_eq!(fs::read_dir(folder.path().join("dist")).expect("a folder").count(), 1);
}

#[test]
fn a_check_of_the_last_result() {
    let checked = |text: &str| Request { check: true, ..of_text(".[]", "", text) };
    check(checked("[false, 0]"), "[false,0]", "false\n0");
    refused(
        checked("[1, null]"),
        FailureKind::Failed,
        "the last result is false or null, and `check` asks that it is not",
    );
    refused(checked("[]"), FailureKind::Failed, "there is no result, and `check` asks for one");
}

#[test]
fn mistakes_in_a_program() {
    #[track_caller]
    fn mistake(program: &str, expected: &str) {
        refused(request(program), FailureKind::InvalidInput, expected);
    }
    mistake(".a |\n  [.b", "input `program`, line 2: expected closing bracket, found the end");
    mistake("if . then 1", "input `program`, line 1: expected else or end, found the end");
    mistake(". |\n\nnope(1)", "input `program`, line 3: there is no filter `nope/1`");
    mistake(
        "$a + $b",
        "input `program` has 2 mistakes: line 1: there is no variable `$a`: line 1: there is no variable `$b`",
    );
    mistake("import \"x\" as x; .", "input `program`, line 1: `x`: module loading not supported");
    mistake(&"[(".repeat(50_000), "input `program` has 100000 bytes; at most 65536 are read");
    mistake(&"[(".repeat(300), "input `program`, line 1: this is nested too deeply: at most 256 levels are read");
}

#[test]
fn programs_that_fail() {
    let failed = FailureKind::Failed;
    refused(of_text(".a", "", "1\n[1]"), failed, "the program failed on input `text`: cannot index 1 with \"a\"");
    refused(request("error(\"no\")"), failed, "the program failed on null: no");
    refused(request("halt_error(3)"), failed, "the program failed on null: it was halted with exit code 3");
    refused(request("1, nan"), failed, "result 2 holds NaN, which JSON cannot say");
    refused(request("1e999"), failed, "result 1 holds 1e999, which JSON cannot say");
    refused(
        request("{(1|tostring): 1} | {a: tobytes?} , {\"b\": (\"x\"|tobytes)}"),
        failed,
        "result 1 holds bytes, which JSON cannot say",
    );
    let failure =
        call(&work_dir(&[]), of_text(".a", "", &format!("[\"{}\"]", "x".repeat(10_000)))).expect_err("it fails");
    assert!(failure.to_string().len() < 400, "{failure}");
}

#[test]
fn texts_that_cannot_be_read() {
    let failed = FailureKind::Failed;
    refused(of_files(".", &["a.json"]), failed, "`in/a.json`, line 2: this is not JSON: value expected");
    refused(
        of_text(".", "jsonl", "1\n2\n{"),
        failed,
        "input `text`, line 3: this is not JSON: value or end of sequence expected",
    );
    refused(
        of_text(".", "toml", "a = 1\nb ="),
        failed,
        "input `text`, line 2: this is not TOML: string values must be quoted, expected literal string",
    );
    refused(of_text(".", "yaml", "a: 1\nb: ]"), failed, "input `text`, line 2: this is not YAML: misplaced bracket");
}

#[test]
fn what_is_nested_too_deeply() {
    let deep = |open: &str, close: &str| format!("\n{}{}", open.repeat(100_000), close.repeat(100_000));
    let failed = FailureKind::Failed;
    let levels = "at most 256 levels are read";
    refused(
        of_text(".", "json", &deep("[", "]")),
        failed,
        &format!("input `text`, line 2: this is nested too deeply: {levels}"),
    );
    refused(
        of_text(".", "json", &deep("{\"a\":", "1}")),
        failed,
        &format!("input `text`, line 2: this is nested too deeply: {levels}"),
    );
    refused(
        of_text(".", "jsonl", &deep("[", "]")),
        failed,
        &format!("input `text`, line 2: this is nested too deeply: {levels}"),
    );
    for (format, text) in
        [("yaml", deep("[", "]")), ("yaml", deep("- ", "1")), ("toml", format!("a = {}", deep("[", "]").trim()))]
    {
        let failure = call(&work_dir(&[]), of_text(".", format, &text)).expect_err("it is too deep");
        assert!(failure.to_string().starts_with("input `text`, line"), "{failure:.200}");
    }
    let values = vec![serde_json::Value::String(deep("[", "]"))];
    refused(
        Request { values, ..request("fromjson") },
        failed,
        "the program failed on input `values`, value 1: cannot parse JSON that is nested deeper than 256 levels",
    );
    refused(request("reduce range(100) as $i (null; [.])"), failed, "result 1 is nested deeper than 31 levels");
    refused(request("reduce range(100000) as $i (null; [.])"), failed, "result 1 is nested deeper than 31 levels");
    check(of_text("[..] | length", "", &format!("{}{}", "[".repeat(256), "]".repeat(256))), "[256]", "256");
}

#[test]
fn results_that_are_too_many() {
    let failure = call(&work_dir(&[]), request("repeat(1)")).expect_err("they are too many");
    assert_eq!(failure.message(), "131072 results have more than 262144 bytes, which is all that an output takes");
    assert!(failure.hint_text().is_some_and(|hint| hint.contains("destination")));
    refused(request(r#""a\u0000""#), FailureKind::Failed, "result 1 holds a NUL character, which an output cannot");
}

#[test]
fn inputs_that_make_no_sense() {
    let invalid = FailureKind::InvalidInput;
    refused(of_files(".", &["../a.json"]), invalid, "input `files` has `../a.json`, no path in the source");
    refused(of_files(".", &["b"]), invalid, "the ending of `in/b` says no format");
    refused(
        Request { source: String::new(), ..of_files(".", &["a.json"]) },
        invalid,
        "input `source` is missing: the folder of `a.json`",
    );
    refused(of_text(".", "xml", "1"), invalid, "input `format` is `xml`");
    refused(
        Request { text: "1".to_owned(), ..of_files(".", &["a.json"]) },
        invalid,
        "more than one of the inputs `files`, `text` and `values` is given",
    );
    refused(
        Request { name: "x".to_owned(), ..request(".") },
        invalid,
        "input `name` is given, but no `destination` to put the file into",
    );
    refused(
        Request { destination: "d".to_owned(), ..request(".") },
        invalid,
        "input `name` is missing: the name of the file to write",
    );
    refused(
        Request { destination: "d".to_owned(), name: "../x".to_owned(), ..request(".") },
        invalid,
        "input `name` is `../x`, no path in the destination",
    );
    refused(Request { indent: 40, ..request(".") }, invalid, "input `indent` is 40; at most 16");
    refused(
        of_files(".", &["none.json"]),
        FailureKind::Failed,
        "cannot read `in/none.json`: No such file or directory (os error 2)",
    );
}
