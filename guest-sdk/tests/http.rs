//! Requests through the builder, answered by the fake host.

use std::io::Read;
use std::time::Duration;

use stepwell_sdk::fake::{Fake, Reply};
use stepwell_sdk::{Failure, FailureKind, Step, Value, serde_json};

const URL: &str = "https://api.example.com/v1/files";

fn fake() -> Fake {
    Step::fake().secret("token", "s3cr3t", "api.example.com").reply("GET", URL, Reply::new(200).body("content"))
}

#[track_caller]
fn check(result: Result<impl std::fmt::Debug, Failure>, kind: FailureKind, message: &str) -> Failure {
    let failure = result.expect_err("it fails");
    assert_eq!((failure.kind(), failure.message()), (kind, message));
    failure
}

#[test]
fn a_response_in_all_its_forms() {
    let json = Reply::new(201).header("ETag", "\"x\"").body(r#"{"id":7}"#);
    let fake = fake().reply("POST", URL, json);
    let step = fake.step();
    let body = serde_json::json!({"name": "a"});
    let response = step.http().post(URL).json(&body).timeout(Duration::from_secs(1)).send().expect("it is answered");
    assert_eq!((response.status(), response.is_success(), response.header("etag")), (201, true, Some("\"x\"")));
    assert_eq!(response.headers().collect::<Vec<_>>(), [("etag", &b"\"x\""[..])]);
    assert_eq!(response.json::<serde_json::Value>().expect("it is JSON")["id"], 7);
    let get = || step.http().get(URL).send().expect("it is answered");
    assert_eq!(get().text().expect("it is text"), "content");
    assert_eq!(get().bytes().expect("it is whole"), b"content");
    assert_eq!(get().save(&step, "dist/x").expect("it is saved"), 7);
    assert_eq!(step.read_to_string("dist/x").expect("it is there"), "content");
    let mut part = [0; 3];
    get().read_exact(&mut part).expect("it streams");
    assert_eq!(&part, b"con");
    let seen = &fake.requests()[0];
    assert_eq!((seen.method.as_str(), seen.url.as_str(), seen.body.as_slice()), ("POST", URL, &br#"{"name":"a"}"#[..]));
    assert_eq!((seen.header("content-type"), seen.header("Content-Length")), (Some("application/json"), Some("12")));
}

#[test]
fn secrets_only_go_where_they_may() {
    let elsewhere = "https://elsewhere.example/";
    let fake = fake().reply("GET", elsewhere, Reply::new(200)).reply("GET", "http://api.example.com/", Reply::new(200));
    let step = fake.step();
    let token = step.secret("token").expect("it was passed");
    let send = |url: &str, value: String| step.http().get(url).header("authorization", value).send();
    assert!(send(URL, token.bearer()).is_ok());
    assert!(send(URL, token.basic("ann").expect("a user")).is_ok());
    assert!(send(URL, token.raw()).is_ok());
    let seen: Vec<_> = fake.requests().iter().map(|seen| seen.header("authorization").map(str::to_owned)).collect();
    let expected = ["Bearer s3cr3t", "Basic YW5uOnMzY3IzdA==", "s3cr3t"].map(|value| Some(value.to_owned()));
    assert_eq!(seen, expected);
    let denied = FailureKind::Denied;
    let failure = check(send(elsewhere, token.bearer()), denied, "no grant for `GET https://elsewhere.example/`");
    assert!(failure.hint_text().is_some_and(|hint| hint.contains("to the host that its need names")), "{failure:?}");
    let message = format!("no grant for `GET {URL}`");
    check(send(URL, format!("Bearer {}", token.raw())), denied, &message);
    check(send(&format!("{URL}?{}", token.raw()), String::new()), denied, &message);
    check(send("http://api.example.com/", token.raw()), denied, "no grant for `GET http://api.example.com/`");
    assert_eq!(fake.requests().len(), 3);
}

#[test]
fn a_refusal_names_the_need_to_add() {
    let step = Step::fake().step();
    let sent = step.http().put("https://api.example.com:8443/v1/x?token=q").body("x").send();
    let failure = check(sent, FailureKind::Denied, "no grant for `PUT https://api.example.com:8443/v1/x`");
    let hint = "add `{ host: api.example.com, port: 8443, methods: [PUT] }` under `spec.needs.http` of the function \
                file; whoever runs the engine decides";
    assert_eq!(failure.hint_text(), Some(hint));
}

#[test]
fn a_response_is_no_larger_than_its_limit() {
    let step = fake().step();
    let send = |limit| step.http().get(URL).limit(limit).send().expect("it is answered");
    assert_eq!(send(7).text().expect("it just fits"), "content");
    let failure = check(send(6).text(), FailureKind::Failed, &format!("the response to `GET {URL}` is too large"));
    assert_eq!(failure.causes(), ["the limit is 6 bytes"]);
    assert!(send(0).save(&step, "x").is_err());
}

#[test]
fn what_is_no_success() {
    #[track_caller]
    fn told(reply: Reply, kind: FailureKind, status: u16, causes: &[&str]) {
        let step = Step::fake().reply("GET", URL, reply).step();
        let sent = step.http().get(URL).send().expect("it is answered").require_success();
        let failure = check(sent, kind, &format!("`GET {URL}` was answered with status {status}"));
        assert_eq!(failure.causes(), causes);
    }
    told(Reply::new(404).body(" no such file\n"), FailureKind::Failed, 404, &["no such file"]);
    told(Reply::new(429), FailureKind::Unavailable, 429, &[]);
    told(Reply::new(503).body("later"), FailureKind::Unavailable, 503, &["later"]);
    told(Reply::new(302).header("location", "/x"), FailureKind::Failed, 302, &[]);
    let step = Step::fake().reply("GET", URL, Reply::unreachable()).step();
    let failure = check(step.http().get(URL).send(), FailureKind::Unavailable, &format!("no answer to `GET {URL}`"));
    assert_eq!(failure.causes(), ["the connection was refused"]);
}

#[test]
fn answers_in_order_the_last_one_again() {
    let reply = |status| Reply::new(status);
    let step = Step::fake().reply("GET", URL, reply(503)).reply("get", URL, reply(200)).step();
    let status = || step.http().get(URL).send().expect("it is answered").status();
    assert_eq!([status(), status(), status()], [503, 200, 200]);
}

#[test]
fn what_is_no_request() {
    let step = fake().step();
    let http = || step.http();
    let invalid = FailureKind::InvalidInput;
    let address = "`api.example.com` is no address: it does not begin with `https://`";
    check(http().get("api.example.com").query("a", "b").send(), invalid, address);
    check(http().request("CONNECT", URL).send(), invalid, "`CONNECT` is no method of a request");
    check(http().request("GE T", URL).send(), invalid, "`GE T` is no method of a request");
    let message = "the header `host` is not the step's to set";
    check(http().get(URL).header("Host", "x").header("te", "y").send(), invalid, message);
    let message = "the header `x` has a control character in its value";
    check(http().get(URL).header("x", "a\r\nb: c").send(), invalid, message);
    check(http().put(URL).file("nothing").send(), FailureKind::Failed, "cannot read `nothing`");
    let message = format!("the response to `GET {URL}` does not fit");
    check(http().get(URL).send().expect("answered").json::<Vec<u8>>(), FailureKind::Failed, &message);
}

#[test]
fn values_from_plain_ones() {
    assert_eq!(Value::from("a"), Value::Text("a".to_owned()));
    assert_eq!(Value::from(serde_json::json!([1])), Value::Json("[1]".to_owned()));
    assert_eq!((Value::from(2), Value::from(true)), (Value::Number(2.0), Value::Boolean(true)));
}
