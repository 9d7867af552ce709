//! Sessions, resolvers and requests.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty, Full};
use stepwell_http::{
    Client, Credential, Patience, RequestBody, Resolver, Resolving, ResponseBody, SendError, Session, Settings,
};
use stepwell_policy::HttpGrant;

use crate::server::authority;

/// Answers each question with the next of its lists; the last one stays.
pub(crate) struct Names {
    answers: Mutex<Vec<Vec<IpAddr>>>,
    pub(crate) asked: AtomicUsize,
}

impl Names {
    pub(crate) fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parsed = |list: &&[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
        let mut answers: Vec<_> = answers.iter().map(parsed).collect();
        answers.reverse();
        Arc::new(Self { answers: Mutex::new(answers), asked: AtomicUsize::new(0) })
    }
}

impl Resolver for Names {
    fn resolve<'a>(&'a self, _: &'a str) -> Resolving<'a> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop().unwrap() } else { answers[0].clone() };
        Box::pin(async move { Ok(answer) })
    }
}

/// Settings that allow this machine and trust the servers of the tests.
pub(crate) fn settings() -> Settings {
    Settings { allowed: vec!["127.0.0.0/8".parse().unwrap()], authorities: vec![authority()], ..Settings::default() }
}

pub(crate) fn grant(host: &str, port: u16) -> HttpGrant {
    let methods = ["GET", "POST"].map(str::to_owned).into();
    HttpGrant { host: host.to_owned(), port, methods, paths: Vec::new() }
}

/// A session for which `api.test` and `other.test` stand for this machine.
pub(crate) fn session(settings: Settings, port: u16) -> Session {
    let client = Client::with_resolver(settings, Names::new(&[&["127.0.0.1"]])).unwrap();
    client.session(grants(port), credentials())
}

pub(crate) fn grants(port: u16) -> Vec<HttpGrant> {
    vec![grant("api.test", port), grant("other.test", port), grant("127.0.0.1", port)]
}

/// The secret `token`, for `api.test`.
pub(crate) fn credentials() -> BTreeMap<String, Credential> {
    let token = Credential { hosts: vec!["api.test".to_owned()], secret: "s3cr3t".into() };
    BTreeMap::from([("token".to_owned(), token)])
}

pub(crate) fn get(uri: &str) -> Request<RequestBody> {
    Request::get(uri).body(none()).unwrap()
}

pub(crate) fn none() -> RequestBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

pub(crate) fn full(bytes: impl Into<Bytes>) -> RequestBody {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

pub(crate) async fn send(
    session: &Session,
    request: Request<RequestBody>,
) -> Result<Response<ResponseBody>, SendError> {
    session.send(request, Patience::default()).await
}

/// Sends and reads to the end.
pub(crate) async fn text(session: &Session, request: Request<RequestBody>) -> Result<String, SendError> {
    let body = send(session, request).await?.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8(body.to_vec()).unwrap())
}

/// Sends and returns what was told instead of a response.
pub(crate) async fn told(session: &Session, request: Request<RequestBody>) -> String {
    match text(session, request).await {
        Ok(text) => panic!("it got through: {text}"),
        Err(error) => error.to_string(),
    }
}
