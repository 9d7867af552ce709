//! Structs and enums of the author's own, sensitive values and paths, as inputs and outputs.

use stepwell_sdk::fake::Fake;
use stepwell_sdk::prelude::*;
use stepwell_sdk::{FailureKind, FromValue, IntoValue, expansion, serde_json};

#[derive(Clone, Copy, Debug, PartialEq, Value)]
enum Format {
    #[value(name = "tar.gz")]
    TarGz,
    PlainZip,
}

#[derive(Debug, PartialEq, Value)]
struct Target {
    os: String,
    #[value(default)]
    features: Vec<String>,
    #[value(name = "format")]
    packed: Option<Format>,
    path: WorkPath,
}

#[derive(Debug, PartialEq, Value)]
enum Place {
    Folder { path: WorkPath },
    Registry(Target),
}

#[derive(Debug, Input, PartialEq)]
struct Request {
    #[input(default = "tar.gz")]
    format: Format,
    target: Target,
    places: Vec<Place>,
    place: Option<Place>,
    password: Sensitive<String>,
    folder: WorkPath,
    #[input(default = "")]
    destination: Option<WorkPath>,
}

#[derive(Output)]
struct Response {
    format: Format,
    target: Target,
    place: Place,
    folder: WorkPath,
    password: Sensitive<String>,
}

/// Takes everything and gives it back.
#[step(needs(
    read("${{ inputs.folder }}", reason = "reads \"it\""),
    read("${{ inputs.target.path }}"),
    write("${{ inputs.destination }}", bytes = "16MiB", files = 10, optional),
    env("CI_COMMIT_SHA"),
    http("api.example.com", port = 8443, methods = [GET, POST], paths = ["/v1/*"], reason = "asks"),
    http("${{ inputs.target.os }}.example.com"),
    secret("token", header, host = "api.example.com", optional),
    secret("key", reveal, reason = "signs"),
    clock(none),
    random(seeded),
    limits(memory = 1024, cpu = "5m", wall = "1h 30m", log = "1MiB"),
))]
fn run(request: Request, _step: &mut Step) -> Result<Response, Failure> {
    let place = request.place.ok_or_else(|| Failure::failed("no place"))?;
    let Request { format, target, folder, password, .. } = request;
    Ok(Response { format, target, place, folder, password })
}

fn inputs() -> Vec<(&'static str, Value)> {
    let json = |json: serde_json::Value| Value::from(json);
    vec![
        ("target", json(serde_json::json!({"os": "linux", "path": "a", "format": "plain_zip"}))),
        ("places", json(serde_json::json!([{"folder": {"path": "./b/"}}]))),
        ("place", json(serde_json::json!({"registry": {"os": "x", "path": "c", "features": ["f"]}}))),
        ("password", "hunter2".into()),
        ("folder", "./dist".into()),
        ("destination", "".into()),
    ]
}

#[test]
fn there_and_back() {
    let (outputs, _) = Fake::new("/nowhere").run(inputs(), run).expect("it is all right");
    let expected = [
        ("format", Value::from("tar.gz")),
        ("target", Value::Json(r#"{"os":"linux","features":[],"format":"plain_zip","path":"a"}"#.to_owned())),
        ("place", Value::Json(r#"{"registry":{"os":"x","features":["f"],"format":null,"path":"c"}}"#.to_owned())),
        ("folder", Value::from("dist")),
        ("password", Value::from("hunter2")),
    ];
    assert_eq!(outputs, expected.map(|(name, value)| (name.to_owned(), value)));
}

#[test]
fn each_problem_names_its_input() {
    #[track_caller]
    fn check(name: &'static str, value: impl Into<Value>, expected: &str) {
        let mut inputs = inputs();
        inputs.retain(|(found, _)| *found != name);
        let inputs = inputs.into_iter().chain([(name, value.into())]).map(|(name, value)| (name.to_owned(), value));
        let failure = Fake::new("/nowhere").run(inputs, run).expect_err("it does not fit");
        assert_eq!((failure.kind(), failure.message()), (FailureKind::InvalidInput, expected));
    }
    check("format", "rar", "input `format` is `rar`, not `tar.gz` or `plain_zip`");
    check("format", true, "input `format` is a boolean where a string is expected");
    check("folder", "../x", "input `folder` is `../x`, not a path in the work dir");
    check("folder", "", "input `folder` is empty where a path is expected");
    check("destination", "/x", "input `destination` is `/x`, not a path in the work dir");
    check(
        "target",
        serde_json::json!({"os": "linux", "path": "a", "fromat": "x"}),
        "input `target` does not fit: unknown field `fromat`, expected one of `os`, `features`, `format`, `path` at \
         line 1 column 9",
    );
    check(
        "places",
        serde_json::json!([{"folder": {"path": "/a"}}]),
        "input `places` does not fit: a path is `/a`, not a path in the work dir at line 1 column 24",
    );
}

#[test]
fn declared_types() {
    assert_eq!((<Format as FromValue>::TYPE, <Format as IntoValue>::TYPE), ("string", "string"));
    assert_eq!((<Target as FromValue>::TYPE, <Place as IntoValue>::TYPE), ("struct", "struct"));
    assert_eq!(<Option<WorkPath> as FromValue>::TYPE, "string");
}

#[test]
fn the_section_knows_what_is_sensitive() {
    const PARTS: [&[&str]; 5] = expansion::parts::<Request, Response>(&["{\"inputs\":{"], &["}}"]);
    const LENGTH: usize = expansion::length(&PARTS);
    let section: serde_json::Value = serde_json::from_slice(&expansion::join::<LENGTH>(&PARTS)).expect("it is JSON");
    assert_eq!(section["inputs"]["password"], serde_json::json!({"type": "string", "sensitive": true}));
    assert_eq!(section["outputs"]["password"], serde_json::json!({"type": "string", "sensitive": true}));
    let destination = serde_json::json!({"type": "string", "optional": true, "default": ""});
    assert_eq!(section["inputs"]["destination"], destination);
    assert_eq!(section["inputs"]["place"], serde_json::json!({"type": "struct", "optional": true}));
}
