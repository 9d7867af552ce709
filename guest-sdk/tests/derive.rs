//! What the derives make of an author's structs: conversions, problems, and the text of the section.

use std::collections::BTreeMap;

use serde::Deserialize;
use stepwell_sdk::fake::Fake;
use stepwell_sdk::{
    ABI, Failure, FailureKind, Input, Items, Json, Level, Output, Step, Value, expansion, serde_json, step,
};

#[derive(Debug, Deserialize, PartialEq)]
struct Target {
    os: String,
}

#[derive(Debug, Input, PartialEq)]
struct Request {
    /// Who is "greeted".
    who: String,
    #[input(default = 1)]
    times: u8,
    #[input(default = -2)]
    offset: i64,
    ratio: Option<f64>,
    #[input(default = true)]
    loud: bool,
    #[input(default = [])]
    tags: Vec<String>,
    #[input(default = {})]
    labels: BTreeMap<String, u32>,
    target: Option<Json<Target>>,
    #[input(sensitive, name = "API_token")]
    token: Option<String>,
}

#[derive(Output)]
struct Response {
    /// What was said.
    greeting: String,
    length: usize,
    #[output(sensitive)]
    token: Option<String>,
    tags: Vec<String>,
}

/// Greets somebody.
#[step]
fn run(request: Request, step: &mut Step) -> Result<Response, Failure> {
    step.log(Level::Info, "greeting", &[("times", &request.times)]);
    step.export("GREETED", &request.who);
    let greeting = format!("hello {}", request.who);
    Ok(Response { length: greeting.len(), greeting, token: request.token, tags: request.tags })
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn json(text: &str) -> Value {
    Value::Json(text.to_owned())
}

fn items(items: &[(&str, Value)]) -> Vec<(String, Value)> {
    items.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn request(given: &[(&str, Value)]) -> Result<Request, Failure> {
    Request::from_items(Items::new(items(given)))
}

#[test]
fn defaults_and_options() {
    let request = request(&[("who", text("you")), ("ratio", Value::Null)]).expect("all others have defaults");
    let expected = Request {
        who: "you".to_owned(),
        times: 1,
        offset: -2,
        ratio: None,
        loud: true,
        tags: Vec::new(),
        labels: BTreeMap::new(),
        target: None,
        token: None,
    };
    assert_eq!(request, expected);
}

#[test]
fn values_of_each_type() {
    let given = [
        ("who", text("you")),
        ("times", Value::Number(255.0)),
        ("offset", Value::Number(9_007_199_254_740_992.0)),
        ("ratio", Value::Number(0.5)),
        ("loud", Value::Boolean(false)),
        ("tags", json(r#"["a"]"#)),
        ("labels", json(r#"{"x":1}"#)),
        ("target", json(r#"{"os":"linux"}"#)),
        ("API_token", text("t")),
    ];
    let request = request(&given).expect("all fit");
    assert_eq!((request.times, request.offset, request.ratio), (255, 1 << 53, Some(0.5)));
    assert_eq!((request.tags.as_slice(), request.labels["x"]), (["a".to_owned()].as_slice(), 1));
    assert_eq!(request.target.expect("given").os, "linux");
}

#[test]
fn one_problem_names_its_input() {
    #[track_caller]
    fn check(name: &str, value: Value, expected: &str) {
        let failure = request(&[("who", text("you")), (name, value)]).expect_err("it does not fit");
        assert_eq!((failure.kind(), failure.message()), (FailureKind::InvalidInput, expected));
    }
    check("times", text("1"), "input `times` is a string where a number is expected");
    check("times", Value::Number(1.5), "input `times` is 1.5, not a whole number");
    check("times", Value::Number(256.0), "input `times` is 256, not between 0 and 255");
    check("times", Value::Number(-1.0), "input `times` is -1, not between 0 and 255");
    check("offset", Value::Number(1e300), "input `offset` is 1e300, beyond 2^53 and so not exact; pass it as a string");
    check("offset", Value::Number(f64::NAN), "input `offset` is NaN, not a whole number");
    check("loud", Value::Number(1.0), "input `loud` is a number where a boolean is expected");
    check("tags", json("{}"), "input `tags` is a struct where an array is expected");
    check(
        "tags",
        json("[1]"),
        "input `tags` does not fit: invalid type: integer `1`, expected a string at line 1 column 2",
    );
    check("labels", json("[]"), "input `labels` is an array where a struct is expected");
    check("target", json("{}"), "input `target` does not fit: missing field `os` at line 1 column 2");
    check("other", text("x"), "unknown input `other`");
}

#[test]
fn several_problems_are_all_named() {
    let failure = request(&[("times", text("1")), ("other", text("x"))]).expect_err("it does not fit");
    assert_eq!(failure.message(), "3 inputs are wrong");
    assert_eq!(
        failure.causes(),
        ["input `who` is missing", "input `times` is a string where a number is expected", "unknown input `other`"]
    );
    assert!(failure.hint_text().expect("it lists the known ones").starts_with("the step takes `who`, `times`"));
}

#[test]
fn a_run_from_end_to_end() {
    let fake = Fake::new("/nowhere");
    let (outputs, exports) = fake.run(items(&[("who", text("you"))]), run).expect("it greets");
    let expected = [("greeting", text("hello you")), ("length", Value::Number(9.0)), ("tags", json("[]"))];
    assert_eq!(outputs, items(&expected));
    assert_eq!(exports, [("GREETED".to_owned(), "you".to_owned())]);
    assert_eq!(fake.records()[0].fields, [("times".to_owned(), "1".to_owned())]);
}

#[test]
fn an_output_that_cannot_cross_is_a_defect() {
    #[derive(Output)]
    struct Wrong<T: stepwell_sdk::IntoValue> {
        value: T,
    }

    #[track_caller]
    fn check<T: stepwell_sdk::IntoValue>(value: T, expected: &str) {
        let failure = Wrong { value }.into_items().expect_err("it cannot cross");
        assert_eq!((failure.kind(), failure.message()), (FailureKind::Internal, expected));
    }
    check(f64::NAN, "output `value` is NaN, not a finite number");
    check(u64::MAX, "output `value` is 18446744073709551615, beyond 2^53 and so not exact; return it as a string");
    check("a\0b", "output `value` holds a NUL character");
    check(serde_json::json!([1]), "output `value` is written as [1], not as a struct");
}

#[test]
fn the_section_is_json_with_all_that_is_known() {
    const PARTS: [&[&str]; 5] =
        expansion::parts::<Request, Response>(&["{\"abi\":\"", ABI, "\",\"inputs\":{"], &["}}"]);
    const LENGTH: usize = expansion::length(&PARTS);
    let text: [u8; LENGTH] = expansion::join(&PARTS);
    let section: serde_json::Value = serde_json::from_slice(&text).expect("it is JSON");
    let expected = serde_json::json!({
        "abi": "stepwell:step@0.1.0",
        "inputs": {
            "who": {"type": "string", "description": "Who is \"greeted\"."},
            "times": {"type": "number", "default": 1},
            "offset": {"type": "number", "default": -2},
            "ratio": {"type": "number", "optional": true},
            "loud": {"type": "boolean", "default": true},
            "tags": {"type": "array", "default": []},
            "labels": {"type": "struct", "default": {}},
            "target": {"type": "struct", "optional": true},
            "API_token": {"type": "string", "optional": true, "sensitive": true},
        },
        "outputs": {
            "greeting": {"type": "string", "description": "What was said."},
            "length": {"type": "number"},
            "token": {"type": "string", "sensitive": true},
            "tags": {"type": "array"},
        },
    });
    assert_eq!(section, expected);
}

#[test]
fn a_step_without_inputs_and_outputs() {
    #[derive(Debug, Input)]
    struct Nothing {}

    #[derive(Output)]
    struct Done {}

    assert!(Nothing::from_items(Items::default()).is_ok());
    let failure = Nothing::from_items(Items::new(items(&[("a", text("x"))]))).expect_err("it takes none");
    assert_eq!((failure.message(), failure.hint_text()), ("unknown input `a`", Some("the step takes no inputs")));
    assert_eq!(Done {}.into_items().expect("there are none").into_vec(), []);
}
