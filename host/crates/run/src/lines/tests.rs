//! Every row of the table of section 5.7 of the contract, and files that are none.

use proptest::prelude::*;

use super::*;

/// Compares names and values, written as JSON with `;` between entries, or the error.
#[track_caller]
fn check(text: impl AsRef<[u8]>, expected: Result<&str, &str>) {
    let shown = |entries: Vec<(String, Value)>| {
        let entries: Vec<String> =
            entries.iter().map(|(name, value)| format!("{name}={}", value.to_json_text().unwrap())).collect();
        entries.join(";")
    };
    let parsed = parse(text.as_ref()).map(shown).map_err(|error| error.to_string());
    assert_eq!(parsed, expected.map(str::to_owned).map_err(str::to_owned));
}

fn at(line: usize, what: &str) -> String {
    format!("failed to unmarshal JSON at line {line}: {what}")
}

#[test]
fn lines_that_are_read() {
    check("", Ok(""));
    check("\n\n", Ok(""));
    check(" \t \n", Ok(""));
    check("{\"name\":\"a\",\"value\":1}", Ok("a=1"));
    check("{\"name\":\"a\",\"value\":1}\n", Ok("a=1"));
    check("{\"name\":\"a\",\"value\":1}\r\n{\"name\":\"b\",\"value\":2}\r\n", Ok("a=1;b=2"));
    check(" { \"name\" : \"a\" , \"value\" : [ 1 , null ] } ", Ok("a=[1,null]"));
    check("{\"value\":true,\"other\":{},\"name\":\"a\"}", Ok("a=true"));
    check("{\"name\":\"a\",\"value\":1}\n{\"name\":\"a\",\"value\":2}", Ok("a=1;a=2"));
    check("{\"name\":\" a \",\"value\":\" ${{ x }} \"}", Ok(" a =\" ${{ x }} \""));
    check("{\"name\":\"a\",\"value\":{\"b\":null}}", Ok("a={\"b\":null}"));
    check("{\"name\":\"a\",\"value\":9007199254740993}", Ok("a=9007199254740992"));
    check("{\"name\":\"a\",\"value\":1,\"value\":2}", Ok("a=2"));
    check("{\"name\":\"a\",\"value\":\"\\u00e4\\u0000\"}", Ok("a=\"ä\\u0000\""));
}

#[test]
fn a_line_may_be_quoted() {
    let quoted = |text: &str| parse(text.as_bytes()).map_err(|error| error.quoting(text.as_bytes()));
    assert_eq!(quoted("\nx y\r\nz"), Err(at(2, "expected value at column 1") + ", line: x y"));
    let long = "x".repeat(MAX_QUOTED_BYTES + 1);
    assert!(quoted(&long).is_err_and(|message| message.ends_with(&format!(": {}", &long[1..]))));
}

#[test]
fn lines_that_are_refused() {
    check("{\"name\":\"a\",\"value\":1}\n\nx", Err(&at(3, "expected value at column 1")));
    check("{\"name\":\"a\",\"value\":1} x", Err(&at(1, "trailing characters at column 24")));
    check("{\"name\":\"a\",\"value\":1}{}", Err(&at(1, "trailing characters at column 23")));
    check("\u{feff}{\"name\":\"a\",\"value\":1}", Err(&at(1, "expected value at column 1")));
    check("{\"name\":\"a\",\"value\":1e400}", Err(&at(1, "number out of range at column 25")));
    check("{\"name\":1,\"value\":1}", Err(&at(1, "\"name\" field must be string")));
    check("{\"value\":1}", Err(&at(1, "\"name\" field is missing")));
    check("{\"Name\":\"a\",\"value\":1}", Err(&at(1, "\"name\" field is missing")));
    check("{\"name\":null,\"value\":1}", Err(&at(1, "\"name\" field value is null")));
    check("{\"name\":\"\",\"value\":1}", Err(&at(1, "\"name\" field value is empty")));
    check("{\"name\":\"a\"}", Err(&at(1, "\"value\" field is missing")));
    check("{\"name\":\"value\"}", Err(&at(1, "\"value\" field is missing")));
    check("{\"name\":\"a\",\"value\":null}", Err(&at(1, "\"value\" field value is null")));
    for other in ["1", "null", "[]", "\"a\""] {
        check(other, Err(&at(1, "expected an object with \"name\" and \"value\"")));
    }
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    assert!(matches!(
        parse(b"{\"name\":\"a\",\"value\":\"\xff\"}"),
        Err(LineError { line: 1, kind: LineErrorKind::Syntax(_) })
    ));
}

#[test]
fn the_longest_line_is_read_and_a_longer_one_is_an_error() {
    let frame = "{\"name\":\"a\",\"value\":\"\"}".len();
    let line = |length: usize| format!("{{\"name\":\"a\",\"value\":\"{}\"}}\r\n", "x".repeat(length - frame));
    assert_eq!(parse(line(MAX_LINE_BYTES).as_bytes()).map(|entries| entries.len()), Ok(1));
    assert_eq!(parse(line(MAX_LINE_BYTES + 1).as_bytes()), Err(LineError { line: 1, kind: LineErrorKind::TooLong }));
}

#[test]
fn files_that_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("file"), "x").unwrap();
    assert_eq!(read(&path("file")).unwrap(), b"x");

    assert!(matches!(read(&path("nothing")), Err(ReadError::Open { .. })));
    std::os::unix::fs::symlink(path("file"), path("link")).unwrap();
    assert!(matches!(read(&path("link")), Err(ReadError::Open { .. })));
    std::fs::create_dir(path("folder")).unwrap();
    assert!(matches!(read(&path("folder")), Err(ReadError::NotAFile { .. })));
    rustix::fs::mknodat(
        rustix::fs::CWD,
        path("fifo"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    assert!(matches!(read(&path("fifo")), Err(ReadError::NotAFile { .. })), "without waiting for a writer");

    let large = File::create(path("large")).unwrap();
    large.set_len(MAX_FILE_BYTES + 1).unwrap();
    assert!(matches!(read(&path("large")), Err(ReadError::TooLarge { .. })));
}

proptest! {
    #[test]
    fn any_bytes_are_parsed_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn what_is_written_is_read(entries in proptest::collection::vec((".+", ".*"), 0..8)) {
        let lines: Vec<String> = entries
            .iter()
            .map(|(name, value)| serde_json::json!({ "name": name, "value": value }).to_string())
            .collect();
        let expected: Vec<(String, Value)> =
            entries.into_iter().map(|(name, value)| (name, Value::from(value))).collect();
        prop_assert_eq!(parse(lines.join("\n").as_bytes()), Ok(expected));
    }
}
