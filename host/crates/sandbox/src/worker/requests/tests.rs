//! Both sides, with messages crossing over as bytes.

use std::future::pending;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use stepwell_http::{Failed, Form, MAX_PLACEHOLDERS, Patience, PlaceholderText, Refused, RequestBody, ResponseBody};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::messages::{RequestHead, SecretForm};
use super::served::Senseless;
use super::*;
use crate::http::{Gateway, Sending};
use crate::worker::wire::{from_bytes, to_bytes};

/// A client that answers as a function says.
struct Client<F> {
    answer: F,
    placeholders: Mutex<Vec<String>>,
}

impl<F: Fn(Request<RequestBody>) -> Sending + Send + Sync> Gateway for Client<F> {
    fn send(&self, request: Request<RequestBody>, _: Patience) -> Sending {
        (self.answer)(request)
    }

    fn placeholder(&self, secret: &str, _: &Form, text: PlaceholderText) -> bool {
        self.placeholders.lock().unwrap().push(format!("{secret}={text}"));
        true
    }
}

/// Both sides, and what carries messages between them.
struct Pair {
    guest: Arc<LaneGateway>,
    carrying: JoinHandle<()>,
}

impl Pair {
    fn new(answer: impl Fn(Request<RequestBody>) -> Sending + Send + Sync + 'static) -> Self {
        let (asked, asks) = unbounded_channel();
        let guest = Arc::new(LaneGateway::new(asked, ["token".to_owned()].into()));
        let client = Client { answer, placeholders: Mutex::default() };
        let (requests, said) = Requests::new(Some(Arc::new(client)));
        let carrying = tokio::spawn(carry(requests, asks, said, Arc::clone(&guest)));
        Self { guest, carrying }
    }

    fn send(&self, path: &str, body: RequestBody) -> Sending {
        let request = Request::post(format!("https://a.test{path}")).header("x", "1").body(body).unwrap();
        self.guest.send(request, Patience::default())
    }
}

async fn carry(
    mut requests: Requests,
    mut asks: UnboundedReceiver<Asked>,
    mut said: UnboundedReceiver<Said>,
    guest: Arc<LaneGateway>,
) {
    loop {
        tokio::select! {
            Some(asked) = asks.recv() => requests.asked(&to_bytes(&asked)).unwrap(),
            Some(said) = said.recv() => guest.told(from_bytes(&to_bytes(&said.told)).unwrap()),
            else => return,
        }
    }
}

/// Tells whoever waits when it is dropped.
struct Told(Option<oneshot::Sender<()>>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.take().map(|told| told.send(()));
    }
}

fn full(bytes: impl Into<Bytes>) -> RequestBody {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

fn empty() -> RequestBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// Parts of 10 000 bytes without end, each counted when it is asked for.
fn endless<E: Send + 'static>(counted: Arc<AtomicUsize>) -> http_body_util::combinators::UnsyncBoxBody<Bytes, E> {
    let parts = stream::repeat_with(move || {
        counted.fetch_add(10_000, Ordering::Relaxed);
        Ok(Frame::data(Bytes::from(vec![7; 10_000])))
    });
    StreamBody::new(parts).boxed_unsync()
}

fn answered(body: ResponseBody) -> Sending {
    Box::pin(async move { Ok(Response::new(body)) })
}

#[tokio::test]
async fn a_request_and_its_response_cross_over() {
    let pair = Pair::new(|request| {
        Box::pin(async move {
            assert_eq!(
                (request.method().as_str(), request.uri().path(), request.headers()["x"].as_bytes()),
                ("POST", "/a", &b"1"[..])
            );
            let collected = request.into_body().collect().await.unwrap();
            let trailers = collected.trailers().cloned();
            let parts = [Ok(Frame::data(collected.to_bytes())), Ok(Frame::trailers(trailers.unwrap_or_default()))];
            let mut response = Response::new(StreamBody::new(stream::iter(parts)).boxed_unsync());
            *response.status_mut() = http::StatusCode::IM_A_TEAPOT;
            response.headers_mut().append("y", "2".parse().unwrap());
            Ok(response)
        })
    });
    let sent: Bytes = (0..1_000_000).map(|number: usize| number as u8).collect();
    let mut trailers = HeaderMap::new();
    trailers.append("t", "3".parse().unwrap());
    let parts = [Ok(Frame::data(sent.clone())), Ok(Frame::trailers(trailers.clone()))];
    let response = pair.send("/a", StreamBody::new(stream::iter(parts)).boxed_unsync()).await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["y"].as_bytes()), (418, &b"2"[..]));
    let collected = response.into_body().collect().await.unwrap();
    assert_eq!(collected.trailers(), Some(&trailers));
    assert!(collected.to_bytes() == sent);
}

#[tokio::test]
async fn a_response_that_nobody_reads_holds_up_nothing() {
    let counted = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&counted);
    let pair = Pair::new(move |request| match request.uri().path() {
        "/endless" => answered(endless(Arc::clone(&counts))),
        _ => answered(Full::from("small").map_err(|never| match never {}).boxed_unsync()),
    });
    let mut unread = Vec::new();
    for _ in 0..MAX_OPEN - 1 {
        unread.push(pair.send("/endless", empty()).await.unwrap().into_body());
    }
    for _ in 0..100 {
        let small = pair.send("/small", empty()).await.unwrap().into_body().collect().await.unwrap();
        assert_eq!(small.to_bytes(), "small");
    }
    assert!(counted.load(Ordering::Relaxed) <= (MAX_OPEN - 1) * (WINDOW_BYTES + 2 * 10_000));
    let mut read = 0;
    while read < 3 * WINDOW_BYTES {
        read += unread[0].frame().await.unwrap().unwrap().data_ref().map_or(0, Bytes::len);
    }
}

#[tokio::test]
async fn an_upload_goes_as_far_as_it_is_wanted() {
    let (counted, (ask, asked)) = (Arc::new(AtomicUsize::new(0)), oneshot::channel::<()>());
    let asked = Mutex::new(Some(asked));
    let pair = Pair::new(move |request| {
        let asked = asked.lock().unwrap().take().unwrap();
        Box::pin(async move {
            asked.await.unwrap();
            let mut body = request.into_body();
            let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
            assert_eq!(first.len(), 10_000);
            Err(Failed::Protocol.into())
        })
    });
    let sending = tokio::spawn(pair.send("/", endless(Arc::clone(&counted))));
    // Everything that could happen has happened when others have had many turns.
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(counted.load(Ordering::Relaxed), 0);
    ask.send(()).unwrap();
    assert_eq!(sending.await.unwrap().unwrap_err(), Failed::Protocol.into());
    assert!(counted.load(Ordering::Relaxed) <= WINDOW_BYTES + 3 * 10_000);
}

#[tokio::test]
async fn whoever_drops_a_request_ends_it_on_the_other_side() {
    let (dropped, mut drops) = unbounded_channel();
    let pair = Pair::new(move |request| {
        let (told, tells) = oneshot::channel();
        dropped.send(tells).unwrap();
        let told = Told(Some(told));
        Box::pin(async move {
            if request.uri().path() == "/head" {
                pending::<()>().await;
            }
            let parts = stream::once(async move {
                let _told = told;
                pending().await
            });
            Ok(Response::new(StreamBody::new(parts).boxed_unsync()))
        })
    });
    let sending = tokio::spawn(pair.send("/head", empty()));
    let ended = drops.recv().await.unwrap();
    sending.abort();
    ended.await.unwrap();
    let response = pair.send("/body", empty()).await.unwrap();
    drop(response);
    drops.recv().await.unwrap().await.unwrap();
    // With the host's side everything ends.
    let _response = pair.send("/body", empty()).await.unwrap();
    pair.carrying.abort();
    drops.recv().await.unwrap().await.unwrap();
}

#[tokio::test]
async fn an_upload_that_breaks_off_does_not_seem_whole() {
    let pair = Pair::new(|request| {
        Box::pin(async move {
            assert!(request.into_body().collect().await.is_err());
            Err(Failed::Internal.into())
        })
    });
    let parts = [Ok(Frame::data(Bytes::from_static(b"a"))), Err("broken".into())];
    let told = pair.send("/", StreamBody::new(stream::iter(parts)).boxed_unsync()).await;
    assert_eq!(told.unwrap_err(), Failed::Internal.into());
}

#[tokio::test]
async fn refusals_and_failures_on_the_way_cross_over() {
    let pair = Pair::new(|request| match request.uri().path() {
        "/refused" => Box::pin(async { Err(Refused::Plain.into()) }),
        _ => answered(StreamBody::new(stream::once(async { Err(Failed::Time) })).boxed_unsync()),
    });
    assert_eq!(pair.send("/refused", full("never read")).await.unwrap_err(), Refused::Plain.into());
    let response = pair.send("/late", empty()).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap_err(), Failed::Time);
}

#[tokio::test]
async fn placeholders_are_made_here_and_known_there() {
    let client = Arc::new(Client { answer: |_| -> Sending { unreachable!() }, placeholders: Mutex::default() });
    let (mut requests, _said) = Requests::new(Some(Arc::clone(&client) as Arc<dyn Gateway>));
    let (asked, mut asks) = unbounded_channel();
    let guest = LaneGateway::new(asked, ["token".to_owned()].into());
    let text = || PlaceholderText::random().unwrap();
    assert!(!guest.placeholder("other", &Form::Raw, text()));
    assert!(!guest.placeholder("token", &Form::Basic { user: "a:b".to_owned() }, text()));
    let one = text();
    assert!(guest.placeholder("token", &Form::Bearer, one.clone()));
    requests.asked(&to_bytes(&asks.recv().await.unwrap())).unwrap();
    assert_eq!(*client.placeholders.lock().unwrap(), [format!("token={one}")]);
    let more = (0..MAX_PLACEHOLDERS).filter(|_| guest.placeholder("token", &Form::Raw, text())).count();
    assert_eq!(more, MAX_PLACEHOLDERS - 1);
}

fn opened(id: u64, body: RequestBody) -> Asked {
    let request = Request::post("https://a.test/").body(body).unwrap();
    Asked::Opened { id, head: RequestHead::of(&request, Patience::default()) }
}

fn part(id: u64, bytes: usize) -> Asked {
    Asked::Part { id, bytes: vec![0; bytes].into() }
}

/// Says these to a host whose client answers nothing, and returns what it makes of the last.
fn last(asked: &[Asked]) -> Result<(), Senseless> {
    let client = Client { answer: |_| -> Sending { Box::pin(pending()) }, placeholders: Mutex::default() };
    let (mut requests, _said) = Requests::new(Some(Arc::new(client)));
    let (last, before) = asked.split_last().unwrap();
    before.iter().for_each(|asked| requests.asked(&to_bytes(asked)).unwrap());
    requests.asked(&to_bytes(last))
}

#[tokio::test]
async fn what_no_worker_asks() {
    let form = || SecretForm(Form::Raw);
    let cases = [
        vec![opened(1, full("a")), opened(1, full("a"))],
        vec![opened(u64::MAX, full("a"))],
        vec![part(0, 1)],
        vec![Asked::Took { id: 0, bytes: 1 }],
        // Nobody wants it yet.
        vec![opened(0, full("a")), part(0, 1)],
        vec![opened(0, full("a")), Asked::Took { id: 0, bytes: 1 }],
        vec![opened(0, empty()), Asked::Ended { id: 0, trailers: Vec::new() }],
        vec![opened(0, full("a")), Asked::Broken { id: 0 }, Asked::Broken { id: 0 }],
        vec![opened(0, full("a")), Asked::Ended { id: 0, trailers: vec![("a b".to_owned(), Bytes::new())] }],
        vec![Asked::Stands { text: "text".to_owned(), secret: "token".to_owned(), form: form() }],
        (0..=MAX_OPEN as u64).map(|id| opened(id, empty())).collect(),
        vec![Asked::Stands { text: "x".repeat(MAX_HEAD_BYTES), secret: String::new(), form: form() }],
    ];
    for case in &cases {
        assert_eq!(last(case), Err(Senseless), "{:?}", case.last());
    }
    let (mut without, _said) = Requests::new(None);
    assert_eq!(without.asked(&to_bytes(&opened(0, empty()))), Err(Senseless));
    assert_eq!(without.asked(&[9]), Err(Senseless));
}

#[tokio::test]
async fn what_comes_too_late_is_nobodys() {
    for late in [part(0, 1), Asked::Took { id: 0, bytes: 1 }, Asked::Broken { id: 0 }, Asked::Closed { id: 0 }] {
        assert_eq!(last(&[opened(0, full("a")), Asked::Closed { id: 0 }, late]), Ok(()));
    }
}

#[tokio::test]
async fn a_worker_that_does_not_read_is_found_out() {
    let client = Client { answer: |_| -> Sending { Box::pin(pending()) }, placeholders: Mutex::default() };
    let (mut requests, _said) = Requests::new(Some(Arc::new(client)));
    let mut ask = |asked: Asked| requests.asked(&to_bytes(&asked));
    let mut id = 0;
    while ask(opened(id, full("a"))).is_ok() {
        ask(Asked::Closed { id }).unwrap_or_default();
        // The end of its body is told in a turn of its own.
        tokio::task::yield_now().await;
        id += 1;
        assert!(id <= 2 * MAX_QUEUE as u64, "it may go on for ever");
    }
}
