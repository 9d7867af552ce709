//! Values both ways.

use std::collections::BTreeMap;

use stepwell_run::{EventKind, FailureKind, LimitKind, Stream};
use stepwell_schema::Value;

use crate::support::Call;

#[tokio::test(flavor = "multi_thread")]
async fn every_type_goes_there_and_back() {
    let object = Value::Struct(BTreeMap::from([("k".to_owned(), Value::Array(vec![Value::Null]))]));
    let array = Value::Array(vec![Value::from(1.5), Value::from("ü"), object.clone()]);
    let ended = Call::of("echo")
        .input("text", "grüße\n\u{1f600}")
        .input("number", -0.25)
        .input("boolean", true)
        .input("array", array.clone())
        .input("object", object.clone())
        .secret("secret", "geheim")
        .run()
        .await;
    assert_eq!(ended.text("text"), "grüße\n\u{1f600}");
    assert_eq!(ended.output("number"), &Value::from(-0.25));
    assert_eq!(ended.output("boolean"), &Value::from(true));
    assert_eq!(ended.output("array"), &array);
    assert_eq!(ended.output("object"), &object);
    assert_eq!(ended.text("secret"), "geheim");
    assert_eq!(ended.masked, ["geheim"]);
    assert_eq!(ended.returned().exports, [("ECHO_TEXT".to_owned(), "grüße\n\u{1f600}".to_owned())]);
    assert_eq!(ended.stream(Stream::Out), "a line of standard output\n");
    assert_eq!(ended.stream(Stream::Error), "a line of standard error\n");
    assert_eq!(ended.count(|kind| matches!(kind, EventKind::GroupOpened { .. })), 1);
    assert_eq!(ended.count(|kind| matches!(kind, EventKind::GroupClosed)), 1);
    assert_eq!(ended.count(|kind| matches!(kind, EventKind::Progress { done: 1, total: Some(2), .. })), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_about_the_call() {
    let ended = Call::of("echo").input("text", "").run().await;
    let context = ended.output("context").to_json_text().unwrap();
    assert_eq!(
        context,
        r#"{"attempt":1,"cancelled":false,"deadline":true,"invocation":"invocation-1","step":"the_step"}"#
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_that_cannot_travel() {
    let call = || Call::of("echo").input("text", "");
    let ended = call().input("number", f64::NAN).run().await;
    ended.failed(FailureKind::InvalidInput, "input `number`: a number that is infinite or not a number");
    let ended = call().input("text", "a".repeat(2 << 20)).run().await;
    ended.limit_reached(LimitKind::Message, "limit of 1 MiB for the inputs of a step reached (2 MiB given)");
}

#[track_caller]
fn invalid(ended: &crate::support::Ended, cause: &str) {
    ended.failed(FailureKind::Internal, "the step handed over what is not valid");
    assert!(ended.failure().causes[0].contains(cause), "{:?}", ended.failure().causes);
}

#[tokio::test(flavor = "multi_thread")]
async fn completions_that_do_not_validate() {
    for (what, count, cause) in [
        ("nan", 0, "not a number"),
        ("infinity", 0, "infinite"),
        ("null", 0, "null"),
        ("nul", 0, "NUL"),
        ("bad-name", 0, "does not match"),
        ("deep-json", 40, "nested deeper than 32"),
        ("deep-json", 100_000, "nested deeper than 32"),
        ("bad-json", 0, "line 1"),
        ("duplicate-keys", 0, "occurs twice"),
        ("too-many", 1_000, "more than the limit of 256"),
        ("many-exports", 300, "more than the limit of 256"),
        ("huge-output", 300, "more than the limit of 256 KiB"),
        ("huge-export", 2_000, "more than the limit of 1 MiB"),
    ] {
        let ended = Call::attack(what).count(count).run().await;
        invalid(&ended, cause);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_take_too_much_of_the_host() {
    let ended = Call::attack("huge-output").count(6 << 10).run().await;
    ended.limit_reached(LimitKind::Message, "limit of 4 MiB for the values of one call reached");
}
