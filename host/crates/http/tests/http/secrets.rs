use http::Request;
use stepwell_http::{Form, PlaceholderText, Session, Settings};

use crate::server::{Server, ok};
use crate::support::{full, get, none, session, settings, text, told};

fn placeholder(session: &Session) -> String {
    let text = PlaceholderText::random().unwrap();
    session.placeholder("token", &Form::Bearer, text).unwrap().text.to_string()
}

async fn with_header(session: &Session, address: &str, value: &str) -> String {
    let request = Request::get(address).header("authorization", value).body(none()).unwrap();
    told(session, request).await
}

#[tokio::test]
async fn the_server_sees_the_secret() {
    let server = Server::secure(|_| ok("hello"));
    let session = session(settings(), server.port());
    let request = Request::post(format!("https://api.test:{}/", server.port()))
        .header("authorization", placeholder(&session))
        .body(full("body"))
        .unwrap();
    assert_eq!(text(&session, request).await.unwrap(), "hello");
    assert_eq!(server.seen()[0].header("authorization"), Some("Bearer s3cr3t"));
}

#[tokio::test]
async fn nobody_else_sees_it() {
    let server = Server::secure(|_| ok("never"));
    let session = session(settings(), server.port());
    let (token, port) = (placeholder(&session), server.port());
    let api = format!("https://api.test:{port}");
    let elsewhere = with_header(&session, &format!("https://other.test:{port}/"), &token).await;
    assert_eq!(elsewhere, "the secret `token` is not for `other.test`");
    let part = "a placeholder of a secret stands in a part of a header, or is not one of this step";
    assert_eq!(with_header(&session, &api, &format!("Bearer {token}")).await, part);
    assert_eq!(with_header(&session, &api, "stepwell-secret:00").await, part);
    assert_eq!(told(&session, get(&format!("{api}/{token}"))).await, "a placeholder of a secret stands in the path");
    assert_eq!(
        told(&session, get(&format!("{api}/?t={token}"))).await,
        "a placeholder of a secret stands in the query"
    );
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_placeholder_is_of_one_step() {
    let server = Server::secure(|_| ok("never"));
    let (one, other) = (session(settings(), server.port()), session(settings(), server.port()));
    let told = with_header(&other, &format!("https://api.test:{}/", server.port()), &placeholder(&one)).await;
    assert_eq!(told, "a placeholder of a secret stands in a part of a header, or is not one of this step");
    assert_eq!(one.placeholder("other", &Form::Raw, PlaceholderText::random().unwrap()), None);
}

#[tokio::test]
async fn a_redirection_does_not_take_it_along() {
    let target = Server::secure(|_| ok("never"));
    let location = format!("https://other.test:{}/", target.port());
    let server =
        Server::secure(move |_| format!("HTTP/1.1 307 Temporary\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"));
    let session = session(settings(), server.port());
    let request = Request::get(format!("https://api.test:{}/", server.port()))
        .header("authorization", placeholder(&session))
        .body(none())
        .unwrap();
    assert_eq!(text(&session, request).await.unwrap(), "");
    assert_eq!((server.seen().len(), target.seen().len()), (1, 0));
}

#[tokio::test]
async fn without_tls_only_on_this_machine() {
    let server = Server::plain(|_| ok("hello"));
    let session = session(settings(), server.port());
    let request = Request::get(format!("http://api.test:{}/", server.port()))
        .header("authorization", placeholder(&session))
        .body(none())
        .unwrap();
    assert_eq!(text(&session, request).await.unwrap(), "hello");
    // Through a proxy nobody knows where it goes.
    let proxy = Settings { proxy: Some(format!("http://127.0.0.1:{}", server.port())), ..settings() };
    let session = crate::support::session(proxy, 80);
    let told = with_header(&session, "http://api.test/", &placeholder(&session)).await;
    assert_eq!(told, "the secret `token` is sent over `https` only");
    assert_eq!(server.seen().len(), 1);
}
