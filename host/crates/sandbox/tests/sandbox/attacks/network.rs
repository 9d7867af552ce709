//! Cases 51 to 62: network and secrets.

use std::net::TcpListener;

use stepwell_policy::{HttpGrant, SecretGrant};
use stepwell_run::{FailureKind, SecretText};
use stepwell_schema::Value;

use super::driver::{Attack, Case, Class, TYPED, case, elsewhere, outgoing, typed, words};
use crate::support::{Call, Ended};

/// Whether workers send requests. One that does not refuses a step with such a grant before it starts.
const WORKERS_SEND_REQUESTS: bool = true;
/// How a request is refused that is never sent. An answer of the resolver is none of them: nobody was asked.
const NOT_SENT: [&str; 4] =
    ["HttpRequestDenied", "HttpRequestUriInvalid", "HttpProtocolError", "DestinationIpProhibited"];
const HIDDEN: &str = "s3cr3t-of-the-job";

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(51, "sockets without a grant", sockets()),
        case(52, "granted host, other port, scheme or method", beside_the_grant()).besides(
            "without TLS at a granted port is decided by the address: in the tests of the client",
            &["host/crates/http/tests/http/refused.rs::plain_requests_elsewhere"],
        ),
        case(53, "odd spellings of hosts", spellings()),
        case(54, "absolute paths and line feeds in headers", heads()).besides(
            "what reaches the wire is in the tests of the client",
            &["host/crates/http/tests/http/refused.rs::tricks_with_addresses"],
        ),
        case(55, "names that come to mean private addresses", private_addresses()).besides(
            "resolvers that lie are in the tests of the client",
            &[
                "host/crates/http/tests/http/refused.rs::every_address_of_a_name_is_checked",
                "host/crates/http/tests/http/refused.rs::a_name_that_changes_its_mind",
            ],
        ),
        elsewhere(
            56,
            "redirect to what is not granted",
            "needs a server: nobody follows, in the tests of the client",
            &[
                "host/crates/http/tests/http/allowed.rs::a_redirection_is_a_response",
                "host/crates/http/tests/http/secrets.rs::a_redirection_does_not_take_it_along",
            ],
        ),
        elsewhere(
            57,
            "connections of another tenant",
            "needs a server: none is used twice, in the tests of the client",
            &["host/crates/http/tests/http/allowed.rs::no_connection_is_used_again"],
        ),
        case(58, "secret that is not granted", secrets()),
        elsewhere(
            59,
            "secret printed in disguise",
            "masking stands behind the events of a step: in its tests",
            &[
                "host/crates/report/src/mask.rs::encoded_forms_are_masked",
                "host/crates/report/src/masked.rs::no_text_of_any_event_shows_a_secret",
                "tests/http.rs::only_the_server_sees_a_secret",
            ],
        ),
        case(60, "exports that would change later steps", exports()).besides(
            "names that a command exports are the sequence's, in its tests",
            &["host/crates/run/src/exports/tests.rs::names"],
        ),
        case(61, "environment of the host", environment()),
        case(62, "another step's secret", [another_steps_secret()]).besides(
            "a placeholder of another step is in the tests of the client",
            &["host/crates/http/tests/http/secrets.rs::a_placeholder_is_of_one_step"],
        ),
    ]
}

fn granted(mut call: Call) -> Call {
    let grant = |host: &str| HttpGrant {
        host: host.to_owned(),
        port: 443,
        methods: vec!["GET".to_owned()],
        paths: vec!["/open/*".to_owned()],
    };
    call.grants.http.push(grant("granted.test"));
    call
}

/// A request that is refused before anybody is asked for an address.
fn not_sent(inputs: &[(&'static str, &str)]) -> Attack {
    outgoing(inputs).with(granted).check(|ended| {
        let failure = ended.failure();
        let unserved = !WORKERS_SEND_REQUESTS && failure.kind == FailureKind::Unavailable;
        let refused = failure.message.starts_with("the interface refuses")
            || failure.causes.iter().any(|cause| NOT_SENT.contains(&cause.as_str()));
        assert!(unserved || refused, "{failure:?}");
    })
}

fn beside_the_grant() -> Vec<Attack> {
    let there = ("authority", "granted.test");
    let open = ("path", "/open/a");
    vec![
        not_sent(&[("authority", "granted.test:444"), open]),
        not_sent(&[there, open, ("scheme", "http")]),
        not_sent(&[there, open, ("scheme", "file")]),
        not_sent(&[there, open, ("method", "POST")]),
        not_sent(&[there, open, ("method", "CONNECT")]),
        not_sent(&[there, open, ("method", "get")]),
        not_sent(&[there, ("path", "/")]),
        not_sent(&[there, ("path", "/opened")]),
        not_sent(&[("authority", "other.test"), open]),
        not_sent(&[("authority", "sub.granted.test"), open]),
    ]
}

fn spellings() -> Vec<Attack> {
    [
        "user@granted.test",
        "granted.test@evil.test",
        "evil.test#@granted.test",
        "granted.test.evil.test",
        "granted.test\\.evil.test",
        "granted.test%2eevil.test",
        "granted.test:443:80",
        "[granted.test]",
        "gr\u{430}nted.test",
        "granted.test\u{3002}evil.test",
        "0x7f000001",
        "2130706433",
        "127.1",
        "[::ffff:127.0.0.1]",
        "localhost",
    ]
    .map(|authority| not_sent(&[("authority", authority), ("path", "/open/a")]))
    .into()
}

fn heads() -> Vec<Attack> {
    let there = ("authority", "granted.test");
    let mut attacks: Vec<_> =
        ["http://evil.test/", "/open/../b", "/open/%2e%2e/b", "/open/a\r\nx: b", "/open/%2fa", "open"]
            .map(|path| not_sent(&[there, ("path", path)]))
            .into();
    attacks.extend(
        [("x-a", "a\r\nx: b"), ("x-a", "a\nb"), ("x a", "b"), ("host", "evil.test"), ("transfer-encoding", "chunked")]
            .map(|(name, value)| not_sent(&[there, ("path", "/open/a"), ("header", name), ("value", value)])),
    );
    attacks
}

/// Somebody listens, so that what is not refused gets through.
fn private_addresses() -> Vec<Attack> {
    let listener = Box::leak(Box::new(TcpListener::bind("127.0.0.1:0").unwrap()));
    let port = listener.local_addr().unwrap().port();
    ["localhost", "127.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "::1"]
        .map(|host| {
            let authority = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
            not_sent(&[("authority", &authority)]).with(move |mut call| {
                let methods = vec!["GET".to_owned()];
                call.grants.http.push(HttpGrant { host: host.to_owned(), port, methods, paths: Vec::new() });
                call
            })
        })
        .into()
}

/// A secret of the job that is opened by its name, granted in one way or not at all.
fn opened(name: &str, grant: Option<SecretGrant>, cause: &'static str) -> Attack {
    outgoing(&[("secret", name), ("form", "reveal")])
        .with(move |mut call| {
            call.secrets.insert("token".to_owned(), SecretText::new(HIDDEN));
            call.grants.secrets.extend(grant.clone());
            call
        })
        .check(move |ended| {
            // A worker does not know what the job has besides: of a secret that it may not hand out it has not heard.
            let causes = &ended.failure().causes;
            assert!(causes == &[cause] || causes == &["unknown"], "{causes:?}");
            assert!(!format!("{:?} {:?}", ended.outcome, ended.events).contains(HIDDEN));
        })
}

fn secrets() -> Vec<Attack> {
    let header_only = SecretGrant { name: "token".to_owned(), host: Some("granted.test".to_owned()) };
    vec![opened("token", None, "not-granted"), opened("token", Some(header_only), "header-only")]
}

fn another_steps_secret() -> Attack {
    opened("theirs", None, "unknown")
}

/// Somebody listens, so that what is not refused gets through.
fn sockets() -> Vec<Attack> {
    let listener = Box::leak(Box::new(TcpListener::bind("127.0.0.1:0").unwrap()));
    let address = listener.local_addr().unwrap();
    let mut attacks: Vec<_> = [
        format!("connect {address}"),
        format!("connect [::ffff:127.0.0.1]:{}", address.port()),
        "listen 127.0.0.1:0".to_owned(),
        "listen 0.0.0.0:0".to_owned(),
        "datagram 127.0.0.1:0 127.0.0.1:9".to_owned(),
        "lookup localhost:80".to_owned(),
    ]
    .map(|text| words(text).ends_as(&[Class::NotPermitted, Class::Refused]))
    .into();
    attacks.extend(super::modules::accepts());
    attacks
}

fn exports() -> Vec<Attack> {
    vec![
        typed("export", "NOT A NAME", 0).is(Class::Internal),
        typed("export", "A=B", 0).is(Class::Internal),
        typed("export", "", 0).is(Class::Internal),
        typed("many-exports", "", 10_000).is(Class::Internal),
        typed("huge-export", "", 2_000).is(Class::Internal),
    ]
}

fn environment() -> Vec<Attack> {
    let nothing_of_ours = |ended: &Ended| {
        let said = ended.stream(stepwell_run::Stream::Out);
        for line in said.lines() {
            let name = line.split('=').next().unwrap();
            assert!(name.starts_with("STEPWELL_") || name == "PWD", "{line}");
        }
        assert!(!said.contains(env!("CARGO_MANIFEST_DIR")), "{said}");
    };
    vec![
        words("variables").is(Class::Harmless).check(nothing_of_ours),
        words("variables").is(Class::Harmless).with(|call| call.variable("HIDDEN", "x")).check(nothing_of_ours),
        words("arguments").on(TYPED).is(Class::Harmless).check(nothing_of_ours),
        typed("environment", "", 0).is(Class::Harmless).check(|ended| {
            assert_eq!(ended.output("content"), &Value::from(""));
        }),
        words("read /proc/cpuinfo").is(Class::Refused),
        words("read /etc/hostname").is(Class::Refused),
    ]
}
