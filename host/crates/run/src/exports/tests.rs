//! What can be exported.

use super::*;

#[track_caller]
fn check(name: &str, value: Value, expected: Result<&str, &str>) {
    let exported = variables(vec![(name.to_owned(), value)]).map_err(|error| error.to_string());
    let expected = expected.map(|text| BTreeMap::from([(name.to_owned(), text.to_owned())])).map_err(str::to_owned);
    assert_eq!(exported, expected);
}

#[test]
fn values() {
    check("A", "".into(), Ok(""));
    check("A", 4.0.into(), Ok("4"));
    check("A", (-0.0).into(), Ok("0"));
    check("A", 1e21.into(), Ok("1000000000000000000000"));
    check("A", false.into(), Ok("false"));
    check("A", Value::Null, Err("key \"A\": cannot convert value type \"null\" to string"));
    check("A", f64::INFINITY.into(), Err("key \"A\": the number inf cannot be written as text or JSON"));
}

#[test]
fn names() {
    check("a b-ä", "x".into(), Ok("x"));
    check("", "x".into(), Err("key \"\": the name of a variable cannot be empty"));
    check("=", "x".into(), Err("key \"=\": the name of a variable cannot hold `=`"));
    check("A\0", "x".into(), Err("key \"A\\0\": the name of a variable cannot hold NUL"));
}

#[test]
fn the_last_of_a_name_counts() {
    let entries = vec![("A".to_owned(), Value::from("1")), ("A".to_owned(), Value::from("2"))];
    assert_eq!(variables(entries).unwrap()["A"], "2");
}
