use std::fs;

use stepwell_sdk::FailureKind;
use stepwell_sdk::fake::Fake;

use super::*;

fn request(file: &str, delete: &[&str], merge: serde_json::Value, set: serde_json::Value) -> Request {
    let (serde_json::Value::Object(merge), serde_json::Value::Object(set)) = (merge, set) else { panic!("objects") };
    Request {
        root: "in".to_owned(),
        file: file.to_owned(),
        format: String::new(),
        delete: delete.iter().map(|path| (*path).to_owned()).collect(),
        merge,
        set,
    }
}

fn set(file: &str, set: serde_json::Value) -> Request {
    request(file, &[], serde_json::json!({}), set)
}

/// Edits a file of the given text; returns what came of it, and the text then.
fn call(text: &str, request: Request) -> (Result<Response, Failure>, String) {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let fake = Fake::new(folder.path());
    let path = path::join("in", &request.file);
    fake.step().write(&path, text).expect("written");
    let result = run(request, &mut fake.step());
    assert_eq!(fs::read_dir(folder.path().join("in")).expect("a folder").count(), 1, "something is left");
    (result, fs::read_to_string(folder.path().join(path)).expect("it is there"))
}

#[track_caller]
fn check(text: &str, request: Request, expected: &str) {
    let (result, after) = call(text, request);
    let response = result.expect("it edits");
    assert_eq!(after, expected);
    assert_eq!((response.changed, response.edits > 0), (text != expected, text != expected));
}

#[track_caller]
fn refused(text: &str, request: Request, kind: FailureKind, expected: &str) {
    let (result, after) = call(text, request);
    let failure = result.expect_err("it fails");
    assert_eq!((failure.kind(), failure.to_string().as_str()), (kind, expected));
    assert_eq!(after, text);
}

const JSON: &str = "{\n    // the name\n    \"name\": \"a\",  // here\n    \"list\": [1, 2, 3],\n    \"inner\": { \"x\": 1, \"y\": null }\n}\n";
const YAML: &str =
    "# top\nname: a  # here\nlist:\n  - 1\n  # two\n  - 2\ninner: {x: 1, y: null}\nimage:\n  tag: \"1.0\" # pinned\n";
const TOML: &str =
    "# top\nname = \"a\" # here\nlist = [1, 2, 3] # three\n\n[inner] # table\nx = 1\n\n[[bin]]\nname = \"b\" # first\n";

#[test]
fn json_keeps_its_looks() {
    check(
        JSON,
        set("a.json", serde_json::json!({"name": "b", "list[1]": 5, "inner.x": {"z": true}})),
        &JSON
            .replace("\"a\"", "\"b\"")
            .replace("[1, 2, 3]", "[1, 5, 3]")
            .replace("\"x\": 1", "\"x\": {\n            \"z\": true\n        }"),
    );
    check(JSON, set("a.json", serde_json::json!({"name": "a", "list": [1, 2, 3]})), JSON);
    check(
        JSON,
        request("a.json", &["inner", "list[0]", "none.x", "list[9]"], serde_json::json!({}), serde_json::json!({})),
        "{\n    // the name\n    \"name\": \"a\",  // here\n    \"list\": [ 2, 3]\n}\n",
    );
    check(
        JSON,
        request("a.json", &[], serde_json::json!({"inner": {"y": null, "x": 2}}), serde_json::json!({"list[3]": 4})),
        &JSON.replace("{ \"x\": 1, \"y\": null }", "{ \"x\": 2 }").replace("3]", "3, 4]"),
    );
    check("[]", set("a.json", serde_json::json!({"[0]": 1})), "[1]");
    check(
        "{\r\n  \"a\": 1\r\n}\r\n",
        set("a.json", serde_json::json!({"b": 2})),
        "{\r\n  \"a\": 1,\r\n  \"b\": 2\r\n}\r\n",
    );
}

#[test]
fn yaml_keeps_its_looks() {
    check(
        YAML,
        set("a.yml", serde_json::json!({"name": "b", "list[1]": 5, "image.tag": "2.0"})),
        &YAML.replace("name: a ", "name: b ").replace("- 2", "- 5").replace("1.0", "2.0"),
    );
    check(YAML, set("a.yml", serde_json::json!({"name": "a", "inner": {"x": 1, "y": null}})), YAML);
    check(
        YAML,
        set("a.yml", serde_json::json!({"list[2]": 3, "new": {"k": "true"}})),
        &format!("{}new:\n  k: 'true'\n", YAML.replace("  - 2\n", "  - 2\n  - 3\n")),
    );
    check(
        "a: 1\nb: 2 # two\nc: 3\n",
        request("a.yml", &["a"], serde_json::json!({"c": null}), serde_json::json!({})),
        "b: 2 # two\n",
    );
    check("a.b: 1\n'1': x\n", set("a.yml", serde_json::json!({"\"a.b\"": 2, "1": "y"})), "a.b: 2\n'1': y\n");
}

#[test]
fn toml_keeps_its_looks() {
    check(
        TOML,
        set("a.toml", serde_json::json!({"name": "b", "list[1]": 5, "bin[0].name": "c"})),
        &TOML.replace("\"a\"", "\"b\"").replace("2,", "5,").replace("\"b\" # first", "\"c\" # first"),
    );
    check(TOML, set("a.toml", serde_json::json!({"name": "a"})), TOML);
    check(
        TOML,
        request("a.toml", &["inner.x"], serde_json::json!({"inner": {"y": 2.5}}), serde_json::json!({"list[3]": 4})),
        &TOML.replace("3]", "3, 4]").replace("x = 1", "y = 2.5"),
    );
    check("a = 1\n", set("a.toml", serde_json::json!({"t.u": {"v": "x"}})), "a = 1\n\n[t]\n\n[t.u]\nv = \"x\"\n");
}

#[test]
fn places_that_cannot_be_set() {
    let failed = FailureKind::Failed;
    refused(
        JSON,
        set("a.json", serde_json::json!({"name.x": 1})),
        failed,
        "cannot set `name.x`: `name` is a text, not a struct",
    );
    refused(
        JSON,
        set("a.json", serde_json::json!({"inner[0]": 1})),
        failed,
        "cannot set `inner[0]`: `inner` is a struct, not an array",
    );
    refused(
        JSON,
        set("a.json", serde_json::json!({"list[7]": 1})),
        failed,
        "cannot set `list[7]`: `list` has 3 items, counted from 0",
    );
    refused(
        TOML,
        set("a.toml", serde_json::json!({"name": null})),
        failed,
        "cannot set `name` in `in/a.toml`: TOML has no null",
    );
    refused(
        "[1]",
        request("a.json", &[], serde_json::json!({"a": 1}), serde_json::json!({})),
        FailureKind::InvalidInput,
        "input `merge` is given, but the file holds an array",
    );
}

#[test]
fn files_that_cannot_be_read() {
    let failed = FailureKind::Failed;
    refused(
        "{\n\"a\": ]",
        set("a.json", serde_json::json!({"a": 1})),
        failed,
        "`in/a.json`, line 2: this is not JSON: Unexpected close bracket",
    );
    refused(
        "a: 1\nb: ]",
        set("a.yml", serde_json::json!({"a": 1})),
        failed,
        "`in/a.yml`, line 2: this is not YAML that can be read: misplaced bracket",
    );
    refused(
        "a: 1\na: 2\n",
        set("a.yml", serde_json::json!({"a": 1})),
        failed,
        "`in/a.yml`, line 2: the key `a` is there twice",
    );
    refused(
        "a: 1\n---\nb: 2\n",
        set("a.yml", serde_json::json!({"a": 2})),
        failed,
        "`in/a.yml`, line 2: a second document begins",
    );
    refused(
        "a = 1\nb =",
        set("a.toml", serde_json::json!({"a": 2})),
        failed,
        "`in/a.toml`, line 2: this is not TOML: string values must be quoted, expected literal string",
    );
    refused("", set("a.yml", serde_json::json!({"a": 2})), failed, "`in/a.yml` holds no value");
    let twice = "{\"a\": 1, \"a\": 2}";
    let (result, after) = call(twice, set("a.json", serde_json::json!({"a": 3})));
    assert!(result.is_err(), "{after}");
    assert_eq!(after, twice);
}

#[test]
fn files_that_are_nested_too_deeply() {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000));
    for (file, text) in [
        ("a.json", deep("[", "]")),
        ("a.json", deep("{\"a\":", "}")),
        ("a.yml", deep("[", "]")),
        ("a.yml", deep("- ", "")),
        ("a.toml", format!("a = {}", deep("[", "]"))),
    ] {
        let (result, after) = call(&text, set(file, serde_json::json!({"b": 1})));
        let failure = result.expect_err("it is too deep");
        assert!(failure.message().starts_with(&format!("`in/{file}`, line 1: ")), "{failure:.200}");
        assert!(after == text);
    }
}

#[test]
fn aliases_without_end() {
    let laughs: String = (1..40).map(|n| format!("a{n}: &a{n} [*a{}, *a{}]\n", n - 1, n - 1)).collect();
    refused(
        &format!("a0: &a0 x\n{laughs}"),
        set("a.yml", serde_json::json!({"b": 1})),
        FailureKind::Failed,
        "`in/a.yml` holds more than 2000000 values",
    );
    refused(
        "a: &x [*x]\n",
        set("a.yml", serde_json::json!({"b": 1})),
        FailureKind::Failed,
        "`in/a.yml`, line 1: a value holds itself through an alias",
    );
}

#[test]
fn inputs_that_make_no_sense() {
    let invalid = FailureKind::InvalidInput;
    refused("1", set("a.json", serde_json::json!({"a..b": 1})), invalid, "input `set` has `a..b`, no path of a value");
    refused(
        "1",
        request("a.json", &["["], serde_json::json!({}), serde_json::json!({})),
        invalid,
        "input `delete` has `[`, no path of a value",
    );
    refused("1", set("a.txt", serde_json::json!({"a": 1})), invalid, "the ending of `in/a.txt` says no format");
    refused(
        "1",
        Request { format: "xml".to_owned(), ..set("a", serde_json::json!({"a": 1})) },
        invalid,
        "input `format` is `xml`",
    );
    let folder = tempfile::tempdir().expect("a folder for the test");
    let fake = Fake::new(folder.path());
    let failure = run(set("../a.json", serde_json::json!({})), &mut fake.step()).expect_err("it leads out");
    assert_eq!(failure.message(), "input `file` is `../a.json`, no path in the root");
    let failure = run(set("none.json", serde_json::json!({})), &mut fake.step()).expect_err("it is missing");
    assert_eq!(failure.message(), "cannot read `in/none.json`");
}
