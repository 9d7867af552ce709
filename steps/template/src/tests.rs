use std::fs;

use stepwell_sdk::FailureKind;
use stepwell_sdk::fake::Fake;

use super::*;

fn path(path: &str) -> Option<WorkPath> {
    Some(path.parse().expect("it lies in the work dir"))
}

fn request(template: &str, values: serde_json::Value) -> Request {
    let serde_json::Value::Object(values) = values else { panic!("values are an object") };
    Request {
        template: template.to_owned(),
        template_file: String::new(),
        source: None,
        values,
        destination: None,
        name: String::new(),
    }
}

fn fill(template: &str, values: serde_json::Value) -> Result<String, Failure> {
    run(request(template, values), &mut Fake::new("/nowhere").step()).map(|response| response.text)
}

#[test]
fn values_in_text() {
    #[track_caller]
    fn check(template: &str, values: serde_json::Value, expected: &str) {
        assert_eq!(fill(template, values).expect("it fills"), expected);
    }
    check("", serde_json::json!({}), "");
    check("Hello {{ who }}, {{ n + 1 }} times\n", serde_json::json!({"who": "Ada", "n": 2}), "Hello Ada, 3 times\n");
    check(
        "{% for x in l %}{{ loop.index }}{{ x.a }};{% endfor %}",
        serde_json::json!({"l": [{"a": "y"}, {"a": "z"}]}),
        "1y;2z;",
    );
    check("{{ a | default('none') }}", serde_json::json!({}), "none");
    check("<{{ a }}>", serde_json::json!({"a": "&<\""}), "<&<\">");
    check("{{ v | tojson }}", serde_json::json!({"v": {"b": [1, 2.5], "a": null}}), r#"{"a": null, "b": [1, 2.5]}"#);
    check("{% if on %}yes{% else %}no{% endif %}", serde_json::json!({"on": false}), "no");
}

#[test]
fn a_mistake_names_its_line() {
    #[track_caller]
    fn check(template: &str, expected: &str) {
        let failure = fill(template, serde_json::json!({"a": 1})).expect_err("it has a mistake");
        assert_eq!((failure.kind(), failure.message()), (FailureKind::Failed, expected));
    }
    check("one\n{{ a", "template, line 2: syntax error: unexpected end of input, expected end of variable block");
    check("one\ntwo\n{{ b }}", "template, line 3: undefined value: `b` is undefined");
    check("{% for x in a %}", "template, line 1: syntax error: unexpected end of input, expected end of block");
    check("{{ a | nothing }}", "template, line 1: unknown filter: filter nothing is unknown");
    check("\n{% include 'x' %}", "template, line 2: template not found: tried to include non-existing template 'x'");
}

#[test]
fn files_in_and_out() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let fake = Fake::new(folder.path());
    fake.step().write("notes/NOTES.md.j2", "{% include 'part' %} {{ v }}\n").expect("written");
    fake.step().write("notes/part", "version").expect("written");
    let request = Request {
        template_file: "NOTES.md.j2".to_owned(),
        source: path("notes"),
        destination: path("dist"),
        ..request("", serde_json::json!({"v": "1.0"}))
    };
    let response = run(request, &mut fake.step()).expect("it fills");
    assert_eq!((response.file.as_str(), response.text.as_str()), ("dist/NOTES.md", "version 1.0\n"));
    assert_eq!(fs::read_to_string(folder.path().join("dist/NOTES.md")).expect("it is there"), "version 1.0\n");
}

#[test]
fn an_include_stays_in_the_source() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let fake = Fake::new(folder.path());
    fake.step().write("secret", "x").expect("written");
    let request = Request { source: path("notes"), ..request("{% include '../secret' %}", serde_json::json!({})) };
    let failure = run(request, &mut fake.step()).expect_err("it is refused");
    assert!(failure.to_string().contains("`../secret` is no path in the source"), "{failure}");
}

#[test]
fn inputs_that_make_no_sense() {
    #[track_caller]
    fn check(change: impl FnOnce(&mut Request), expected: &str) {
        let mut request = request("", serde_json::json!({}));
        change(&mut request);
        let failure = run(request, &mut Fake::new("/nowhere").step()).expect_err("it makes no sense");
        assert_eq!((failure.kind(), failure.message()), (FailureKind::InvalidInput, expected));
    }
    check(|it| it.template_file = "x".to_owned(), "input `source` is missing: the folder of `x`");
    check(|it| it.name = "x".to_owned(), "input `name` is given, but no `destination` to put the file into");
    check(|it| it.destination = path("x"), "input `name` is missing: the name of the file to write");
    check(
        |it| (it.destination, it.name) = (path("d"), "../x".to_owned()),
        "input `name` is `../x`, no path in the destination",
    );
    check(
        |it| (it.template, it.template_file) = ("x".to_owned(), "x".to_owned()),
        "inputs `template` and `template_file` are both given",
    );
    check(
        |it| (it.template_file, it.source) = ("../x".to_owned(), path("s")),
        "input `template_file` is `../x`, no path in the source",
    );
}
