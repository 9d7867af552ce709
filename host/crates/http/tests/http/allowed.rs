use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use stepwell_http::{Client, Settings};

use crate::server::{Server, ok};
use crate::support::{Names, full, get, grants, none, send, session, settings, text, told};

#[tokio::test]
async fn a_request_over_tls() {
    let server = Server::secure(|_| ok("hello"));
    let session = session(settings(), server.port());
    // The name is written otherwise; the server sees its normal form.
    let address = format!("https://API.test.:{}/a?b=c", server.port());
    let request = Request::post(address).header("x-a", "1").body(full("sent")).unwrap();
    assert_eq!(text(&session, request).await.unwrap(), "hello");
    let seen = &server.seen()[0];
    assert_eq!((seen.head[0].as_str(), seen.body.as_slice()), ("POST /a?b=c HTTP/1.1", &b"sent"[..]));
    assert_eq!(seen.header("host"), Some(&*format!("api.test:{}", server.port())));
    assert_eq!((seen.header("x-a"), seen.header("user-agent")), (Some("1"), None));
}

#[tokio::test]
async fn an_upload_is_streamed() {
    let server = Server::secure(|seen| ok(&seen.body.len().to_string()));
    let session = session(settings(), server.port());
    let (sender, parts) = tokio::sync::mpsc::channel(1);
    let stream = std::iter::repeat_n(Bytes::from(vec![b'x'; 1 << 20]), 20);
    let writer = tokio::spawn(async move {
        for part in stream {
            sender.send(part).await.unwrap();
        }
    });
    let request = Request::post(format!("https://api.test:{}/", server.port()));
    let request = request.body(Parts(parts).boxed_unsync()).unwrap();
    assert_eq!(text(&session, request).await.unwrap(), (20 << 20).to_string());
    writer.await.unwrap();
    assert_eq!(server.seen()[0].header("transfer-encoding"), Some("chunked"));
}

/// A channel as a body.
struct Parts(tokio::sync::mpsc::Receiver<Bytes>);

impl Body for Parts {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|part| part.map(|part| Ok(Frame::data(part))))
    }
}

#[tokio::test]
async fn a_redirection_is_a_response() {
    let target = Server::secure(|_| ok("never"));
    let location = format!("https://other.test:{}/", target.port());
    let server =
        Server::secure(move |_| format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"));
    let session = session(settings(), server.port());
    let response = send(&session, get(&format!("https://api.test:{}/", server.port()))).await.unwrap();
    assert_eq!(response.status(), 302);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    assert!(target.seen().is_empty());
    // What the guest does next is a request like any other.
    let refused = told(&session, get(&location)).await;
    assert_eq!(refused, format!("no grant for `other.test` names the port {}", target.port()));
}

#[tokio::test]
async fn a_name_is_asked_for_once() {
    let server = Server::secure(|_| ok("hello"));
    // Who asks a second time is led astray.
    let names = Names::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let client = Client::with_resolver(settings(), names.clone()).unwrap();
    let session = client.session(grants(server.port()), Default::default());
    let address = format!("https://api.test:{}/", server.port());
    assert_eq!(text(&session, get(&address)).await.unwrap(), "hello");
    assert_eq!(names.asked.load(Ordering::SeqCst), 1);
    // The next request asks anew and keeps no connection.
    assert_eq!(told(&session, get(&address)).await, "no connection can be made");
}

#[tokio::test]
async fn plain_requests_to_addresses_that_were_allowed_by_name() {
    let server = Server::plain(|_| ok("hello"));
    let session = session(settings(), server.port());
    let address = format!("http://127.0.0.1:{}/", server.port());
    assert_eq!(text(&session, get(&address)).await.unwrap(), "hello");
}

#[tokio::test]
async fn servers_that_nobody_vouches_for() {
    let server = Server::secure(|_| ok("hello"));
    let trusting_nobody = Settings { authorities: Vec::new(), ..settings() };
    let session = session(trusting_nobody, server.port());
    let told = told(&session, get(&format!("https://api.test:{}/", server.port()))).await;
    assert!(told.starts_with("the connection is not secure: invalid peer certificate"), "{told}");
}

#[tokio::test]
async fn a_proxy_is_asked_for_names() {
    // It plays both parts: it takes the tunnel and then speaks for the server behind it.
    let proxy = Server::start(false, |wire, seen| {
        let answer = if seen.head[0].starts_with("CONNECT") { "HTTP/1.1 403 Forbidden\r\n\r\n" } else { "" };
        let _ = wire.write_all(answer.as_bytes());
    });
    let with_proxy = Settings { proxy: Some(format!("http://127.0.0.1:{}", proxy.port())), ..Settings::default() };
    let names = Names::new(&[&["10.0.0.1"]]);
    let client = Client::with_resolver(with_proxy, names.clone()).unwrap();
    let session = client.session(grants(443), Default::default());
    assert_eq!(told(&session, get("https://api.test/")).await, "no connection can be made");
    assert_eq!(proxy.seen()[0].head[0], "CONNECT api.test:443 HTTP/1.1");
    // Addresses are checked here all the same.
    let refused = told(&session, get("https://127.0.0.1/")).await;
    assert_eq!(refused, "`127.0.0.1` stands for 127.0.0.1, which is not public (loopback)");
}

#[tokio::test]
async fn trailers_are_not_sent() {
    let server = Server::secure(|_| ok("hello"));
    let session = session(settings(), server.port());
    let mut trailers = HeaderMap::new();
    trailers.insert("x-a", "1".parse().unwrap());
    let (sender, parts) = tokio::sync::mpsc::channel(1);
    sender.send(Bytes::from("sent")).await.unwrap();
    drop(sender);
    let body = Parts(parts).with_trailers(std::future::ready(Some(Ok(trailers)))).boxed_unsync();
    let request = Request::post(format!("https://api.test:{}/", server.port())).body(body).unwrap();
    assert_eq!(told(&session, request).await, "trailers are not sent");
    let request = Request::post(format!("https://api.test:{}/", server.port())).body(none()).unwrap();
    assert_eq!(text(&session, request).await.unwrap(), "hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_connection_is_used_again() {
    // The server would take another request, and tells what came instead.
    let (told, telling) = std::sync::mpsc::channel();
    let server = Server::start(true, move |wire, _| {
        let sent = wire.write_all(ok("hello").as_bytes()).and_then(|()| wire.flush());
        let _ = told.send(sent.and_then(|()| wire.read(&mut [0])).unwrap_or(0));
    });
    let client = Client::with_resolver(settings(), Names::new(&[&["127.0.0.1"]])).unwrap();
    for client in [&client, &client, &client.for_another_tenant()] {
        let session = client.session(grants(server.port()), Default::default());
        let address = format!("https://api.test:{}/", server.port());
        assert_eq!(text(&session, get(&address)).await.unwrap(), "hello");
        assert_eq!(telling.recv(), Ok(0), "the connection was kept");
    }
}
