use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use http::Request;
use http_body_util::BodyExt as _;
use stepwell_http::{Patience, Settings};

use crate::server::{Server, ok};
use crate::support::{full, get, send, session, settings, text, told};

/// Short, for servers that never end.
const SHORT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn large_bodies() {
    let server = Server::secure(|seen| match seen.head[0].as_str() {
        "GET /said HTTP/1.1" => ok(&"x".repeat(1_001)),
        "GET /fits HTTP/1.1" => ok(&"x".repeat(1_000)),
        // Ends with the connection.
        _ => format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(5_000)),
    });
    let session = session(Settings { response_bytes: 1_000, ..settings() }, server.port());
    let address = |path: &str| format!("https://api.test:{}/{path}", server.port());
    assert_eq!(text(&session, get(&address("fits"))).await.unwrap().len(), 1_000);
    for path in ["said", "unsaid"] {
        assert_eq!(told(&session, get(&address(path))).await, "the body of the response has more than 1000 bytes");
    }
}

#[tokio::test]
async fn large_uploads() {
    let server = Server::secure(|_| ok("hello"));
    let session = session(Settings { request_bytes: 1_000, ..settings() }, server.port());
    let post = |bytes: usize| {
        Request::post(format!("https://api.test:{}/", server.port())).body(full(vec![b'x'; bytes])).unwrap()
    };
    assert_eq!(text(&session, post(1_000)).await.unwrap(), "hello");
    assert_eq!(told(&session, post(1_001)).await, "the body of the request has more than 1000 bytes");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn large_headers() {
    let server =
        Server::secure(|_| format!("HTTP/1.1 200 OK\r\nx-a: {}\r\ncontent-length: 0\r\n\r\n", "x".repeat(20_000)));
    let session = session(settings(), server.port());
    let address = format!("https://api.test:{}/", server.port());
    assert_eq!(told(&session, get(&address)).await, "the headers of the response have more than 16384 bytes");
    let request = Request::get(&address).header("x-a", "x".repeat(20_000)).body(crate::support::none()).unwrap();
    assert_eq!(told(&session, request).await, "the headers have more than 16384 bytes");
    let many = Server::secure(|_| format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(200)));
    let session = crate::support::session(settings(), many.port());
    assert_eq!(told(&session, get(&format!("https://api.test:{}/", many.port()))).await, "the exchange broke off");
}

/// A server that sends one byte after the other and never ends.
fn dripping(head: &'static str) -> Server {
    Server::start(true, move |wire, _| {
        let _ = wire.write_all(head.as_bytes());
        while wire.write_all(b"x").and_then(|()| wire.flush()).is_ok() {
            std::thread::park_timeout(Duration::from_millis(10));
        }
    })
}

#[tokio::test]
async fn slow_servers() {
    let body = dripping("HTTP/1.1 200 OK\r\n\r\n");
    let head = dripping("HTTP/1.1 200 OK\r\nx-a: ");
    for server in [body, head] {
        let session = session(Settings { time: SHORT, ..settings() }, server.port());
        let address = format!("https://api.test:{}/", server.port());
        assert_eq!(told(&session, get(&address)).await, "the request took longer than it may");
    }
}

#[tokio::test]
async fn impatient_guests() {
    let server = Server::start(true, |wire, seen| {
        if seen.head[0].contains("/body") {
            let _ = wire.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n");
            let _ = wire.flush();
        }
        loop {
            std::thread::park();
        }
    });
    let session = session(settings(), server.port());
    let address = |path: &str| get(&format!("https://api.test:{}/{path}", server.port()));
    let head = Patience { head: Some(SHORT), between: None };
    assert_eq!(
        session.send(address("head"), head).await.unwrap_err().to_string(),
        "the request took longer than it may"
    );
    let between = Patience { head: None, between: Some(SHORT) };
    let body = session.send(address("body"), between).await.unwrap().into_body();
    assert_eq!(body.collect().await.unwrap_err().to_string(), "the request took longer than it may");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_many_at_once() {
    const AT_ONCE: usize = 4;
    // Answers only when as many as may be are there, so that the test ends only if they are.
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (barrier, highest) = (Barrier::new(AT_ONCE), Arc::clone(&most));
    let server = Server::secure(move |_| {
        highest.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        barrier.wait();
        now.fetch_sub(1, Ordering::SeqCst);
        ok("hello")
    });
    for bounded in [Settings { per_step: AT_ONCE, ..settings() }, Settings { per_tenant: AT_ONCE, ..settings() }] {
        let session = session(bounded, server.port());
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..4 * AT_ONCE {
            let (session, address) = (session.clone(), format!("https://api.test:{}/", server.port()));
            all.spawn(async move { text(&session, get(&address)).await.unwrap() });
        }
        assert!(all.join_all().await.iter().all(|body| body == "hello"));
    }
    assert_eq!(most.load(Ordering::SeqCst), AT_ONCE);
}

#[tokio::test]
async fn a_response_keeps_its_place_until_it_is_dropped() {
    let server = Server::secure(|_| ok("hello"));
    let session = session(Settings { per_step: 1, time: Duration::from_secs(2), ..settings() }, server.port());
    let address = format!("https://api.test:{}/", server.port());
    let held = send(&session, get(&address)).await.unwrap();
    assert_eq!(told(&session, get(&address)).await, "the request took longer than it may");
    drop(held);
    assert_eq!(text(&session, get(&address)).await.unwrap(), "hello");
}
