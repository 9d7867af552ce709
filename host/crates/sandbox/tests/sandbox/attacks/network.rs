//! Cases 51 to 62: network and secrets.

use stepwell_schema::Value;

use super::driver::{Case, Class, TYPED, case, elsewhere, typed, words};

const REQUESTS: &str =
    "requests: the tests of the HTTP client and of granted hosts run it against servers of their own";
const SECRETS: &str = "needs a granted secret: the tests of secrets and of masking run it";

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(51, "sockets without a grant", sockets()),
        elsewhere(52, "granted host, other port, scheme or method", REQUESTS),
        elsewhere(53, "odd spellings of hosts", REQUESTS),
        elsewhere(54, "absolute paths and line feeds in headers", REQUESTS),
        elsewhere(55, "names that come to mean private addresses", REQUESTS),
        elsewhere(56, "redirect to what is not granted", REQUESTS),
        elsewhere(57, "connections of another tenant", REQUESTS),
        elsewhere(58, "secret that is not granted", SECRETS),
        elsewhere(59, "secret printed in disguise", SECRETS),
        case(60, "exports that would change later steps", exports())
            .besides("names that a command exports are checked by the sequence of steps, and whether PATH may be is the policy's: in their tests"),
        case(61, "environment of the host", environment()),
        elsewhere(62, "another step's secret", SECRETS),
    ]
}

/// Somebody listens, so that what is not refused gets through.
fn sockets() -> Vec<super::driver::Attack> {
    let listener = Box::leak(Box::new(std::net::TcpListener::bind("127.0.0.1:0").unwrap()));
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

fn exports() -> Vec<super::driver::Attack> {
    vec![
        typed("export", "NOT A NAME", 0).is(Class::Internal),
        typed("export", "A=B", 0).is(Class::Internal),
        typed("export", "", 0).is(Class::Internal),
        typed("many-exports", "", 10_000).is(Class::Internal),
        typed("huge-export", "", 2_000).is(Class::Internal),
    ]
}

fn environment() -> Vec<super::driver::Attack> {
    let nothing_of_ours = |ended: &crate::support::Ended| {
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
