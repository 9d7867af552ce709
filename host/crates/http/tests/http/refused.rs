use http::Request;
use stepwell_http::{Client, Settings};

use crate::server::{Server, ok};
use crate::support::{Names, get, grant, none, send, session, settings, told};

#[track_caller]
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// What is told when `api.test` stands for these addresses.
#[track_caller]
fn stands_for(addresses: &[&str], expected: &str) {
    let client = Client::with_resolver(Settings::default(), Names::new(&[addresses])).unwrap();
    let session = client.session(vec![grant("api.test", 443)], Default::default());
    assert_eq!(runtime().block_on(told(&session, get("https://api.test/"))), expected);
}

#[test]
fn every_address_of_a_name_is_checked() {
    stands_for(&["169.254.169.254"], "`api.test` stands for 169.254.169.254, which is not public (metadata)");
    stands_for(&["1.1.1.1", "10.0.0.1"], "`api.test` stands for 10.0.0.1, which is not public (private)");
    stands_for(&["127.0.0.1"], "`api.test` stands for 127.0.0.1, which is not public (loopback)");
    stands_for(
        &["::ffff:169.254.169.254"],
        "`api.test` stands for ::ffff:169.254.169.254, which is not public (IPv4-mapped)",
    );
    stands_for(&["64:ff9b::a9fe:a9fe"], "`api.test` stands for 64:ff9b::a9fe:a9fe, which is not public (NAT64)");
    stands_for(&["fd00:ec2::254"], "`api.test` stands for fd00:ec2::254, which is not public (metadata)");
    stands_for(&[], "the name of the host cannot be resolved");
}

#[tokio::test]
async fn a_name_that_changes_its_mind() {
    let server = Server::secure(|_| ok("never"));
    let only_one = Settings { allowed: vec!["127.0.0.2".parse().unwrap()], ..settings() };
    // Public at first, this machine afterwards.
    let names = Names::new(&[&["127.0.0.2"], &["127.0.0.1"]]);
    let client = Client::with_resolver(only_one, names).unwrap();
    let session = client.session(vec![grant("api.test", server.port())], Default::default());
    let address = format!("https://api.test:{}/", server.port());
    assert_eq!(told(&session, get(&address)).await, "no connection can be made");
    assert_eq!(told(&session, get(&address)).await, "`api.test` stands for 127.0.0.1, which is not public (loopback)");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_granted_address_is_not_enough() {
    let server = Server::secure(|_| ok("never"));
    let client = Client::with_resolver(Settings::default(), Names::new(&[&[]])).unwrap();
    for (host, address, range) in [
        ("127.0.0.1", "127.0.0.1", "loopback"),
        ("::1", "[::1]", "loopback"),
        ("::ffff:127.0.0.1", "[::ffff:7f00:1]", "IPv4-mapped"),
    ] {
        let session = client.session(vec![grant(host, server.port())], Default::default());
        let told = told(&session, get(&format!("https://{address}:{}/", server.port()))).await;
        assert_eq!(told, format!("`{host}` stands for {host}, which is not public ({range})"));
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn plain_requests_elsewhere() {
    let client = Client::with_resolver(Settings::default(), Names::new(&[&["1.1.1.1"]])).unwrap();
    let session = client.session(vec![grant("api.test", 8080)], Default::default());
    let expected = "`http` is spoken at port 80 and with addresses that the operator allows by name; use `https`";
    assert_eq!(told(&session, get("http://api.test:8080/")).await, expected);
}

#[tokio::test]
async fn tricks_with_addresses() {
    let server = Server::secure(|_| ok("never"));
    let session = session(settings(), server.port());
    let port = server.port();
    for (address, expected) in [
        (format!("https://api.test:1@other.test:{port}/"), "the address names a user"),
        (format!("https://api.test:{port}/a/%2e%2e/b"), "the address has `.` or `..` in its path"),
        (format!("https://evil.test:{port}/"), "no grant names the host `evil.test`"),
        (format!("https://2130706433:{port}/"), "the address has no valid host"),
    ] {
        assert_eq!(told(&session, get(&address)).await, expected);
    }
    let request = Request::put(format!("https://api.test:{port}/")).body(none()).unwrap();
    assert_eq!(told(&session, request).await, "no grant for `api.test` names the method `PUT`");
    let request = get(&format!("https://api.test:{port}/"));
    let (mut parts, body) = request.into_parts();
    parts.headers.insert("host", "evil.test".parse().unwrap());
    let refused = send(&session, Request::from_parts(parts, body)).await.unwrap_err();
    assert_eq!(refused.to_string(), "the header `host` is not the step's to set");
    assert!(server.seen().is_empty());
}
