//! From YAML to typed values: the table of section 2.7 of the contract, row by row, and the budgets.

use stepwell_schema::{Node, Source, Value, code};

use crate::support::{node, summary};

#[track_caller]
fn check(text: &str, expected: &str) {
    let value = node(text).unwrap_or_else(|problems| panic!("{text}: {problems}")).to_value();
    let written = match &value {
        Value::Number(number) if !number.is_finite() => number.to_string(),
        _ => value.to_json_text().expect("finite"),
    };
    assert_eq!(written, expected, "{text}");
}

#[track_caller]
fn refuse(text: &str, expected: &str) {
    let problems = node(text).expect_err(text);
    assert_eq!(summary(&problems), [expected], "{text}");
}

#[test]
fn booleans() {
    for text in ["true", "True", "TRUE"] {
        check(text, "true");
    }
    for text in ["false", "False", "FALSE"] {
        check(text, "false");
    }
    for text in ["yes", "no", "on", "off", "y", "n"] {
        check(text, &format!("\"{text}\""));
    }
}

#[test]
fn nulls() {
    for text in ["~", "null", "Null", "NULL", "", "---\n", "# nothing\n"] {
        check(text, "null");
    }
    check("[, ]".replace(", ", "~").as_str(), "[null]");
    check("a:\nb: ~\n", r#"{"a":null,"b":null}"#);
}

#[test]
fn numbers() {
    for (text, expected) in [
        ("12", "12"),
        ("-4", "-4"),
        ("+5", "5"),
        ("1_000", "1000"),
        ("0x1F", "31"),
        ("0b101", "5"),
        ("0o17", "15"),
        ("017", "15"),
        ("08", "8"),
        ("56.77", "56.77"),
        ("1e3", "1000"),
        (".5", "0.5"),
        ("6.", "6"),
        ("-0", "0"),
        (".inf", "inf"),
        ("-.inf", "-inf"),
        (".nan", "NaN"),
        ("9007199254740993", "9007199254740992"),
        ("123456789012345678901", "123456789012345680000"),
    ] {
        check(text, expected);
    }
}

#[test]
fn texts() {
    for text in ["1e400", "0x", "2024-02-18", "2024-02-18T15:04:05Z", "1:30", "a b"] {
        check(text, &format!("\"{text}\""));
    }
    check("'12'", "\"12\"");
    check("\"true\"", "\"true\"");
    check("|\n  12\n", "\"12\\n\"");
    check(">-\n  a\n  b\n", "\"a b\"");
}

#[test]
fn tags() {
    check("!!str 12", "\"12\"");
    check("! 12", "\"12\"");
    check("!!binary aGk=", "\"hi\"");
    check("!!int '12'", "12");
    check("!!float 1", "1");
    check("!!bool true", "true");
    check("!!null ~", "null");
    check("!!seq [1]", "[1]");
    check("!!map {a: 1}", r#"{"a":1}"#);
    refuse("!thing 12", "error unknown-tag 1 12: the tag `!thing` has no meaning here [has this tag]");
    refuse("!!set {a: ~}", "error unknown-tag 1 {: the tag `!!set` has no meaning here [has this tag]");
    refuse("!!int x", "error invalid-tagged-value 1 x: `x` is no value for the tag `!!int` [does not fit its tag]");
    refuse(
        "!!binary /w==",
        "error invalid-tagged-value 1 /w==: the value of `!!binary` must be base64 of a UTF-8 text [not base64 of a text]",
    );
}

#[test]
fn collections() {
    check("[1, a, [true]]", r#"[1,"a",[true]]"#);
    check("b: 1\na: {c: 2}\n", r#"{"a":{"c":2},"b":1}"#);
    check(r#"{"a": [1, "2"]}"#, r#"{"a":[1,"2"]}"#);
}

#[test]
fn keys_are_texts() {
    check("yes: 1", r#"{"yes":1}"#);
    check("'1': x", r#"{"1":x}"#.replace('x', "\"x\"").as_str());
    refuse("1: x", "error key-not-text 1 1: a key must be a text, not a number [this is a number]");
    refuse("true: y", "error key-not-text 1 true: a key must be a text, not a boolean [this is a boolean]");
    refuse("~: y", "error key-not-text 1 ~: a key must be a text, not nothing [this is nothing]");
    refuse("? [a]\n: y", "error key-not-text 1 [: a key must be a text, not a list [this is a list]");
}

#[test]
fn duplicate_keys_name_both_lines() {
    let problems = node("a: 1\nb: 2\na: 3\n").expect_err("a is there twice");
    assert_eq!(summary(&problems), ["error duplicate-key 3 a: key `a` is there twice, in lines 1 and 3 [here again]"]);
    let first = &problems.0[0].labels[1];
    assert_eq!((first.place.span.start, first.text.as_str()), (0, "here first"));
}

#[test]
fn anchors_aliases_and_merge_keys() {
    check("[&a 1, *a]", "[1,1]");
    check("- &a {x: 1}\n- <<: *a\n  y: 2\n", r#"[{"x":1},{"x":1,"y":2}]"#);
    check("- &a {x: 1}\n- x: 3\n  <<: *a\n", r#"[{"x":1},{"x":3}]"#);
    check("- &a {x: 1}\n- <<: *a\n  x: 3\n", r#"[{"x":1},{"x":3}]"#);
    check("- &a {x: 1}\n- &b {x: 2, y: 2}\n- <<: [*a, *b]\n", r#"[{"x":1},{"x":2,"y":2},{"x":1,"y":2}]"#);
    check("'<<': 1", r#"{"<<":1}"#);
    refuse("<<: 1", "error invalid-merge 1 1: `<<` merges mappings, not a number [this is a number]");
    refuse(
        "&a [*a]",
        "error recursive-alias 1 *a: a value holds itself through an alias [this alias stands inside its own anchor]",
    );
    refuse(
        "*a",
        "error yaml-syntax 1 *: this is not YAML: while parsing node, found unknown anchor [reading stopped here]",
    );
}

#[test]
fn aliases_keep_the_place_of_their_value() {
    let node = node("[&a one, *a]").expect("valid");
    let stepwell_schema::NodeKind::Array(items) = node.kind else { panic!("a list") };
    assert_eq!(items[0].span, items[1].span);
}

#[track_caller]
fn over_budget(text: &str, message: &str) {
    let problems = node(text).expect_err(message);
    assert_eq!(problems.0[0].code, code::DOCUMENT_TOO_LARGE);
    assert_eq!(problems.0[0].message, message);
}

#[test]
fn budgets() {
    let mut bomb = "- &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let alias = format!("*a{}, ", level - 1).repeat(9);
        bomb.push_str(&format!("- &a{level} [{alias}]\n"));
    }
    over_budget(&bomb, "the text has too many values");
    let long = format!("- &a {}\n{}", "x".repeat(1 << 20), "- *a\n".repeat(17));
    over_budget(&long, "the texts of the document are too long");
    over_budget(&format!("{}{}", "[".repeat(65), "]".repeat(65)), "the text is nested too deeply");
    over_budget(&"[".repeat(1000), "the text is nested too deeply");
    let nested = |inner: &str| format!("{}{inner}{}", "[".repeat(40), "]".repeat(40));
    over_budget(&format!("- &a {}\n- {}\n", nested("1"), nested("*a")), "the text is nested too deeply");
    let large = "x".repeat(stepwell_schema::yaml::MAX_DOCUMENT_BYTES + 1);
    over_budget(&large, "the text has 4194305 bytes");
    assert!(node(&format!("{}{}", "[".repeat(64), "]".repeat(64))).is_ok());
}

#[test]
fn many_problems_are_cut() {
    let text: String = (0..5000).map(|index| format!("{index}: x\n")).collect();
    let problems = node(&text).expect_err("keys are numbers");
    assert_eq!(problems.0.len(), 101);
    assert_eq!(problems.0[100].code, code::TOO_MANY_PROBLEMS);
    let problems = node(&"a: 1\n".repeat(5000)).expect_err("one key");
    assert_eq!(problems.0[100].code, code::TOO_MANY_PROBLEMS);
}

#[test]
fn malformed_text_has_a_place() {
    refuse(
        "a: b: c",
        "error yaml-syntax 1 :: this is not YAML: mapping values are not allowed in this context [reading stopped here]",
    );
    refuse("a: 1\nb: \"x\n", "error yaml-syntax 2 \": this is not YAML: unclosed quote [reading stopped here]");
    refuse(
        "--- 1\n--- 2\n",
        "error wrong-documents 2 ---: there is more than one value [a second document begins here]",
    );
    let problem = Source::from_bytes("x.yml", b"a: \xff".to_vec()).expect_err("not UTF-8");
    assert_eq!((problem.code, problem.labels[0].place.span.start), (code::INVALID_UTF8, 3));
}

#[test]
fn spans_are_bytes() {
    let text = "é: ü\nlist:\n  - ä\n\n# end\n";
    let source = Source::new("x.yml", text);
    let stepwell_schema::NodeKind::Struct(members) = Node::parse(source).expect("valid").kind else {
        panic!("mapping")
    };
    let slice = |span: stepwell_schema::Span| &text[span.start..span.end];
    assert_eq!((slice(members[0].0.span), slice(members[0].1.span)), ("é", "ü"));
    assert_eq!(slice(members[1].1.span), "- ä");
}

#[test]
fn scalars_of_the_command_line() {
    for (text, expected) in [
        ("12", Value::Number(12.0)),
        ("true", Value::Boolean(true)),
        ("", Value::Null),
        ("2024-02-18", Value::from("2024-02-18")),
        ("[1]", Value::from("[1]")),
    ] {
        assert_eq!(Value::from_yaml_scalar(text), expected, "{text}");
    }
}

#[test]
fn numbers_as_text() {
    use stepwell_schema::value::{number_to_plain_text, number_to_text};
    for (number, text, plain) in [
        (42.0, "42", "42"),
        (-0.0, "0", "0"),
        (0.1, "0.1", "0.1"),
        (1e20, "100000000000000000000", "100000000000000000000"),
        (1e21, "1e+21", "1000000000000000000000"),
        (1e-6, "0.000001", "0.000001"),
        (1e-7, "1e-7", "0.0000001"),
        (123_456_789_012_345_678_901.0, "123456789012345680000", "123456789012345680000"),
    ] {
        assert_eq!(number_to_text(number).as_deref(), Ok(text));
        assert_eq!(number_to_plain_text(number).as_deref(), Ok(plain));
    }
    assert!(number_to_text(f64::INFINITY).is_err());
    assert!(number_to_plain_text(f64::NAN).is_err());
}

#[test]
fn values_as_text() {
    let value = node("{number: 3, color: yellow, none: ~, list: [true, 'a<b']}").expect("valid").to_value();
    let text = r#"{"color":"yellow","list":[true,"a<b"],"none":null,"number":3}"#;
    assert_eq!(value.to_text().as_deref(), Ok(text));
    assert_eq!(Value::Null.to_text().as_deref(), Ok("<null>"));
    assert!(node("[.inf]").expect("valid").to_value().to_text().is_err());
}

#[test]
fn types_are_exact() {
    use stepwell_schema::ValueType;
    assert!(Value::from("12").conforms(ValueType::String));
    assert!(!Value::Number(12.0).conforms(ValueType::String));
    assert!(ValueType::ALL.iter().all(|declared| !Value::Null.conforms(*declared)));
}
