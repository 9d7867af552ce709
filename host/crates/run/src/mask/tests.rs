//! Which texts of a sensitive value are masked.

use std::sync::{Arc, Mutex};

use super::*;

#[track_caller]
fn check(marked: &Marked, expected: &[&str]) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    Masks(MaskSink(Arc::new(move |text| sink.lock().unwrap().push(text.to_owned())))).value(marked);
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[test]
fn texts_of_eight_bytes_and_more() {
    check(&Marked::sensitive("1234567"), &[]);
    check(&Marked::sensitive("12345678"), &["12345678"]);
    check(&Marked::plain("12345678"), &[]);
    check(&Marked::sensitive(123_456_789.0), &["123456789"]);
    check(&Marked::sensitive(true), &[]);
    check(&Marked::sensitive(f64::NAN), &[]);
    check(&Marked::sensitive(Value::Null), &[]);
}

#[test]
fn parts_at_any_depth_and_the_whole() {
    let value =
        Value::Struct([("username".to_owned(), Value::Array(vec!["long-enough".into(), "short".into()]))].into());
    check(
        &Marked::sensitive(value),
        &["long-enough", "[\"long-enough\",\"short\"]", "{\"username\":[\"long-enough\",\"short\"]}"],
    );
}
