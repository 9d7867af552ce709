use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, LazyLock, Mutex};

use stepwell_policy::{Access, HttpGrant, SecretGrant};
use stepwell_run::{FailureKind, SecretText, Stream};
use stepwell_sandbox::{HttpClient, HttpSettings, Sandbox};
use tempfile::TempDir;

use crate::support::{Call, Ended};

const SECRET: &str = "s3cr3t-of-the-job";

/// A server on this machine and a sandbox that may reach it.
struct Bench {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
    sandbox: Sandbox,
    _scratch: TempDir,
}

static BENCH: LazyLock<Bench> = LazyLock::new(|| {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let authorities = scratch.path().join("authorities.pem");
    std::fs::write(&authorities, certified.cert.pem()).unwrap();
    let (port, heads) = serve(&certified);
    let settings = HttpSettings {
        allowed: vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()],
        authorities: vec![authorities],
        response_bytes: 10_000,
        ..HttpSettings::default()
    };
    let client = HttpClient::new(settings).unwrap();
    let sandbox = Sandbox::builder(scratch.path()).instances(8).http(client).build().unwrap();
    Bench { port, heads, sandbox, _scratch: scratch }
});

/// Answers with the number of bytes it was sent, or with more than it may where the path says so.
fn serve(certified: &rcgen::CertifiedKey<rcgen::KeyPair>) -> (u16, Arc<Mutex<Vec<String>>>) {
    let key = rustls_pki_types::PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key.into())
        .unwrap();
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
    let (port, heads) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(Vec::new())));
    let all = Arc::clone(&heads);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut wire = rustls::StreamOwned::new(connection, stream);
            let mut reader = BufReader::new(&mut wire);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).is_ok_and(|read| read > 0) {}
            let mut sent = 0;
            while head.contains("transfer-encoding: chunked") {
                let mut line = String::new();
                let Ok(1..) = reader.read_line(&mut line) else { break };
                let length = usize::from_str_radix(line.trim(), 16).unwrap();
                reader.read_exact(&mut vec![0; length + 2]).unwrap();
                sent += length;
                if length == 0 {
                    break;
                }
            }
            let body = if head.contains("/huge") { "x".repeat(20_000) } else { format!("{sent} bytes") };
            all.lock().unwrap().push(head);
            let _ = write!(wire, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            let _ = wire.flush();
        }
    });
    (port, heads)
}

fn call(what: &str) -> Call {
    let mut call = Call::of("outgoing").input("authority", format!("localhost:{}", BENCH.port)).input("path", what);
    let methods = ["GET", "POST"].map(str::to_owned).into();
    call.grants.http.push(HttpGrant { host: "localhost".to_owned(), port: BENCH.port, methods, paths: Vec::new() });
    call
}

fn with_secret(mut call: Call, host: Option<&str>) -> Call {
    call.secrets.insert("token".to_owned(), SecretText::new(SECRET));
    call.grants.secrets.push(SecretGrant { name: "token".to_owned(), host: host.map(str::to_owned) });
    call.input("secret", "token")
}

async fn run(call: Call) -> Ended {
    call.run_in(&BENCH.sandbox).await
}

/// Returns the head of the request with this path, as the server saw it.
fn seen(path: &str) -> Option<String> {
    BENCH.heads.lock().unwrap().iter().find(|head| head.contains(&format!(" {path} "))).cloned()
}

#[track_caller]
fn refused(ended: &Ended, code: &str, denial: &str) {
    assert_eq!(ended.failure().causes, [code], "{:?}", ended.failure());
    let denied = ended.denied();
    assert_eq!(denied.len(), usize::from(!denial.is_empty()), "{denied:?}");
    assert!(denied.iter().all(|denied| denied.contains(denial)), "{denied:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_uploads() {
    let ended = run(call("/upload").input("method", "POST").input("body", "x".repeat(300_000))).await;
    assert_eq!(ended.text("content"), "300000 bytes");
    assert!(ended.denied().is_empty());
    assert!(seen("/upload").unwrap().contains(&format!("host: localhost:{}\r\n", BENCH.port)));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_server_sees_a_secret() {
    let call = with_secret(call("/secret"), Some("localhost")).input("dump", true).input("method", "POST");
    let mut call = call.input("body", "x").grant(".", Access::Write);
    call.grants.roots[0].bytes = 64 << 20;
    let ended = run(call).await;
    assert_eq!(ended.text("content"), "1 bytes");
    assert!(seen("/secret").unwrap().contains(&format!("authorization: Bearer {SECRET}\r\n")));
    let dump = std::fs::read(ended.work.path().join("dump")).unwrap();
    let shown = format!("{:?}", ended.events);
    let log = ended.stream(Stream::Out);
    assert!(!contains(&dump, SECRET) && !log.contains(SECRET) && !shown.contains(SECRET));
    // The placeholder is there, so that the places looked at are the right ones; and it is masked.
    let placeholder = log.lines().find_map(|line| line.strip_prefix("placeholder ")).unwrap();
    assert!(placeholder.starts_with("stepwell-secret:") && contains(&dump, placeholder));
    assert!(ended.masked.iter().any(|text| text == placeholder));
    assert_eq!(ended.masked.first().map(String::as_str), Some(SECRET));
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_basic_secret_is_masked_as_it_is_carried() {
    let ended = run(with_secret(call("/basic"), Some("localhost")).input("form", "ann")).await;
    assert_eq!(ended.text("content"), "0 bytes");
    let head = seen("/basic").unwrap();
    let carried = head.lines().find_map(|line| line.strip_prefix("authorization: Basic ")).unwrap();
    assert!(ended.masked.iter().any(|text| text == carried));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_placeholder_elsewhere_is_refused() {
    let ended = run(with_secret(call("/part"), Some("localhost")).input("value", "token {}")).await;
    refused(&ended, "HttpRequestDenied", "a placeholder of a secret stands in a part of a header");
    let ended = run(with_secret(call("/path{}"), Some("localhost"))).await;
    refused(&ended, "HttpRequestDenied", "a placeholder of a secret stands in the path");
    let ended = run(with_secret(call("/other"), Some("other.test"))).await;
    refused(&ended, "HttpRequestDenied", "the secret `token` is not for `localhost`");
    assert!(seen("/part").or(seen("/other")).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_granted_is_refused() {
    let ended = run(call("/").input("authority", "evil.test")).await;
    refused(&ended, "HttpRequestDenied", "http GET https://evil.test/: no grant names the host `evil.test`");
    let ended = run(call("/").input("method", "DELETE")).await;
    refused(&ended, "HttpRequestDenied", "no grant for `localhost` names the method `DELETE`");
    let ended = run(call("/").input("authority", format!("localhost:1@localhost:{}", BENCH.port))).await;
    refused(&ended, "HttpRequestUriInvalid", "the address names a user");
    let mut without = call("/none");
    without.grants.http.clear();
    refused(&run(without).await, "HttpRequestDenied", "/none");
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_are_not_public_are_refused() {
    for (host, authority) in [("169.254.169.254", "169.254.169.254"), ("::ffff:127.0.0.1", "[::ffff:7f00:1]")] {
        let mut call = call("/").input("authority", authority);
        let methods = vec!["GET".to_owned()];
        call.grants.http.push(HttpGrant { host: host.to_owned(), port: 443, methods, paths: Vec::new() });
        refused(&run(call).await, "DestinationIpProhibited", "which is not public");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_interface_refuses_what_is_the_hosts() {
    for (input, value, what) in [
        ("header", "host", "header"),
        ("header", "proxy-authorization", "header"),
        ("value", "a\r\nx: b", "header"),
        ("path", "http://evil.test/", "path"),
    ] {
        let ended = run(call("/").input("value", "x").input(input, value)).await;
        ended.failed(FailureKind::Failed, &format!("the interface refuses the {what}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_responses_end_early() {
    refused(&run(call("/huge")).await, "HttpResponseBodySize", "");
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_opened_as_granted() {
    let secret_only = |call: Call| call.input("authority", "").input("form", "reveal");
    let ended = run(secret_only(with_secret(call("/"), None))).await;
    assert_eq!(ended.text("content"), SECRET);
    let ended = run(secret_only(with_secret(call("/"), Some("localhost")))).await;
    refused(&ended, "header-only", "secret token: reveal");
    let mut not_granted = secret_only(with_secret(call("/"), None));
    not_granted.grants.secrets.clear();
    let ended = run(not_granted).await;
    refused(&ended, "not-granted", "secret token");
    assert!(ended.masked.is_empty());
    refused(&run(secret_only(call("/").input("secret", "none"))).await, "unknown", "secret none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_only_headers_may_carry_needs_requests() {
    let mut call = with_secret(call("/"), Some("localhost")).input("authority", "");
    call.grants.http.clear();
    let ended = run(call).await;
    assert_eq!(ended.denied(), ["secret token: header"]);
}
