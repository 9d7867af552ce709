//! The host's side: the requests of one call, sent for its guest.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Empty};
use stepwell_http::{Patience, PlaceholderText, RequestBody, ResponseBody};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{AbortHandle, JoinSet};

use super::messages::{Asked, Length, RequestHead, ResponseHead, Told, fields, header_map};
use super::teller::{Said, Teller};
use super::window::Window;
use super::{MAX_HEAD_BYTES, MAX_OPEN, PART_BYTES, WINDOW_BYTES};
use crate::http::Gateway;
use crate::worker::wire::{Malformed, from_bytes};

/// A worker said of requests what none says.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::worker) struct Senseless;

/// The requests of one call. Dropping it ends them.
pub(in crate::worker) struct Requests {
    /// None where the step may send none.
    gateway: Option<Arc<dyn Gateway>>,
    teller: Teller,
    open: HashMap<u64, Open>,
    /// The number that the next request must have at least.
    next: u64,
    sending: JoinSet<()>,
}

/// A request that the worker has not closed.
struct Open {
    sending: AbortHandle,
    /// Where its body goes; none when that has ended.
    body: Option<UnboundedSender<Part>>,
    /// How much of its body may come.
    upload: Arc<Window>,
    /// How much of the body of the response may go.
    download: Arc<Window>,
}

/// What comes of the body of a request.
enum Part {
    Bytes(Bytes),
    Ended(HeaderMap),
    Broken,
}

impl Requests {
    /// Starts without any. Returns what is to be written to the worker as well, which ends with the requests.
    pub(in crate::worker) fn new(gateway: Option<Arc<dyn Gateway>>) -> (Self, UnboundedReceiver<Said>) {
        let (teller, said) = Teller::new();
        (Self { gateway, teller, open: HashMap::new(), next: 0, sending: JoinSet::new() }, said)
    }

    /// Does what a worker asks for. Never waits.
    ///
    /// # Errors
    /// No worker that is one asks for that.
    pub(in crate::worker) fn asked(&mut self, frame: &[u8]) -> Result<(), Senseless> {
        if frame.len() > MAX_HEAD_BYTES || self.teller.is_swamped() {
            return Err(Senseless);
        }
        match from_bytes(frame).map_err(senseless)? {
            Asked::Stands { text, secret, form } => {
                let text = PlaceholderText::parse(text).ok_or(Senseless)?;
                let gateway = self.gateway.as_ref().ok_or(Senseless)?;
                if gateway.placeholder(&secret, &form.0, text) { Ok(()) } else { Err(Senseless) }
            }
            Asked::Opened { id, head } => self.send(id, head),
            Asked::Part { id, bytes } => self.part(id, bytes),
            Asked::Ended { id, trailers } => {
                let trailers = header_map(trailers).map_err(senseless)?;
                self.end(id, Part::Ended(trailers))
            }
            Asked::Broken { id } => self.end(id, Part::Broken),
            Asked::Took { id, bytes } => {
                let Some(open) = self.find(id)? else { return Ok(()) };
                if open.download.give(bytes as usize) { Ok(()) } else { Err(Senseless) }
            }
            Asked::Closed { id } => {
                if let Some(open) = self.open.remove(&id) {
                    open.sending.abort();
                }
                Ok(())
            }
        }
    }

    /// Ends all requests and waits for that.
    pub(in crate::worker) async fn end_all(mut self) {
        self.sending.shutdown().await;
    }

    fn send(&mut self, id: u64, head: RequestHead) -> Result<(), Senseless> {
        let gateway = Arc::clone(self.gateway.as_ref().ok_or(Senseless)?);
        if id < self.next || self.open.len() == MAX_OPEN {
            return Err(Senseless);
        }
        self.next = id.checked_add(1).ok_or(Senseless)?;
        let (request, patience) = head.into_request().map_err(senseless)?;
        let (parts, length) = request.into_parts();
        let (upload, download) = (Arc::new(Window::closed()), Arc::new(Window::open()));
        let (body, sender) = match length.is_empty {
            true => (Empty::new().map_err(|never| match never {}).boxed_unsync(), None),
            false => {
                let (sender, come) = unbounded_channel();
                let (teller, upload) = (self.teller.clone(), Arc::clone(&upload));
                let body = Uploaded { id, come, length, bytes: 0, is_wanted: false, is_over: false, upload, teller };
                (body.boxed_unsync(), Some(sender))
            }
        };
        let request = Request::from_parts(parts, body);
        let one = send(gateway, id, request, patience, Arc::clone(&download), self.teller.clone());
        // Those that have ended need not be kept.
        while self.sending.try_join_next().is_some() {}
        let sending = self.sending.spawn(one);
        self.open.insert(id, Open { sending, body: sender, upload, download });
        Ok(())
    }

    fn part(&mut self, id: u64, bytes: Bytes) -> Result<(), Senseless> {
        let Some(open) = self.find(id)? else { return Ok(()) };
        let is_body = open.body.is_some() && !bytes.is_empty() && bytes.len() <= PART_BYTES;
        if !is_body || !open.upload.try_take(bytes.len()) {
            return Err(Senseless);
        }
        open.pass(Part::Bytes(bytes));
        Ok(())
    }

    fn end(&mut self, id: u64, part: Part) -> Result<(), Senseless> {
        let Some(open) = self.find(id)? else { return Ok(()) };
        if open.body.is_none() {
            return Err(Senseless);
        }
        open.pass(part);
        open.body = None;
        Ok(())
    }

    /// Returns an open request; none where it was closed, as something may have been under way.
    fn find(&mut self, id: u64) -> Result<Option<&mut Open>, Senseless> {
        if id < self.next { Ok(self.open.get_mut(&id)) } else { Err(Senseless) }
    }
}

impl Open {
    fn pass(&self, part: Part) {
        if let Some(body) = &self.body {
            // Whoever took the body may have no more use for it.
            let _ = body.send(part);
        }
    }
}

fn senseless(_: Malformed) -> Senseless {
    Senseless
}

async fn send(
    gateway: Arc<dyn Gateway>,
    id: u64,
    request: Request<RequestBody>,
    patience: Patience,
    download: Arc<Window>,
    teller: Teller,
) {
    let last = match gateway.send(request, patience).await {
        Ok(response) => {
            teller.tell(Told::Head { id, head: ResponseHead::of(&response) });
            pass_on(id, response.into_body(), &download, &teller).await
        }
        Err(error) => Told::Failed { id, error },
    };
    teller.tell(last);
}

/// Passes the body of a response on, and returns how it ends.
async fn pass_on(id: u64, mut body: ResponseBody, download: &Window, teller: &Teller) -> Told {
    loop {
        let frame = match body.frame().await {
            None => return Told::Ended { id, trailers: Vec::new() },
            Some(Err(error)) => return Told::Failed { id, error: error.into() },
            Some(Ok(frame)) => frame,
        };
        let mut data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => {
                let trailers = frame.trailers_ref().map(fields).unwrap_or_default();
                return Told::Ended { id, trailers };
            }
        };
        while !data.is_empty() {
            let bytes = download.take(data.len().min(PART_BYTES)).await;
            teller.tell_part(id, data.split_to(bytes)).await;
        }
    }
}

/// The body of a request on its way from a worker.
struct Uploaded {
    id: u64,
    come: UnboundedReceiver<Part>,
    length: Length,
    /// How much of it has come.
    bytes: u64,
    /// Nothing comes before it is wanted, so that requests that wait take no memory.
    is_wanted: bool,
    is_over: bool,
    upload: Arc<Window>,
    teller: Teller,
}

impl Uploaded {
    fn want(&self, bytes: usize) {
        // As much as was taken, or the whole window at the start.
        self.upload.give(bytes);
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.teller.tell(Told::Wants { id: self.id, bytes });
    }
}

impl Body for Uploaded {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        if !self.is_wanted {
            self.is_wanted = true;
            self.want(WINDOW_BYTES);
        }
        let part = ready!(self.come.poll_recv(context));
        self.is_over = !matches!(part, Some(Part::Bytes(_)));
        Poll::Ready(match part {
            Some(Part::Bytes(bytes)) => {
                self.bytes = self.bytes.saturating_add(bytes.len() as u64);
                self.want(bytes.len());
                Some(Ok(Frame::data(bytes)))
            }
            Some(Part::Ended(trailers)) => (!trailers.is_empty()).then(|| Ok(Frame::trailers(trailers))),
            // An end that nobody stated must not seem one.
            Some(Part::Broken) | None => Some(Err("the body broke off".into())),
        })
    }

    fn size_hint(&self) -> SizeHint {
        self.length.hint(self.bytes)
    }
}

impl Drop for Uploaded {
    fn drop(&mut self) {
        self.teller.tell(Told::Enough { id: self.id });
    }
}
