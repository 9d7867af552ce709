//! Bodies with bounds.

use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};

use crate::error::{Failed, Refused, SendError};
use crate::header::wire_bytes;

/// The body of a request.
pub type RequestBody = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;
/// The body of a response. It holds the place of its request until it is dropped.
pub type ResponseBody = UnsyncBoxBody<Bytes, Failed>;

/// Why the host ended an upload, known to whoever waits for the response.
pub(crate) type Verdict = Arc<OnceLock<SendError>>;

/// A body on its way out, which ends with an error at its bound and at trailers.
pub(crate) struct Upload {
    /// Bodies of guests are not shared between threads, but the client asks for one that could be. Never contended.
    body: Mutex<RequestBody>,
    limit: u64,
    sent: u64,
    verdict: Verdict,
}

impl Upload {
    pub(crate) fn new(body: RequestBody, limit: u64, verdict: Verdict) -> Self {
        Self { body: Mutex::new(body), limit, sent: 0, verdict }
    }

    fn check(&mut self, frame: &Frame<Bytes>) -> Result<(), SendError> {
        if frame.trailers_ref().is_some_and(|trailers| !trailers.is_empty()) {
            return Err(Refused::Trailers.into());
        }
        self.sent = self.sent.saturating_add(frame.data_ref().map_or(0, |data| data.len() as u64));
        if self.sent > self.limit { Err(Failed::RequestTooLarge { limit: self.limit }.into()) } else { Ok(()) }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let body = self.body.get_mut().unwrap_or_else(PoisonError::into_inner);
        let frame = std::task::ready!(Pin::new(body).poll_frame(context));
        Poll::Ready(match frame {
            Some(Ok(frame)) => Some(self.check(&frame).map(|()| frame).map_err(|error| {
                let _ = self.verdict.set(error.clone());
                error.into()
            })),
            other => other,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.lock().unwrap_or_else(PoisonError::into_inner).is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.lock().unwrap_or_else(PoisonError::into_inner).size_hint()
    }
}

/// Bounds of a body on its way in.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) bytes: u64,
    pub(crate) trailer_bytes: usize,
    pub(crate) deadline: Instant,
    /// Most time between two parts.
    pub(crate) between: Option<Duration>,
}

/// The places that a request holds: one of its step and one of its tenant.
pub(crate) type Places = (OwnedSemaphorePermit, OwnedSemaphorePermit);

/// A body on its way in, which ends with an error at any of its bounds.
pub(crate) struct Download {
    body: reqwest::Body,
    bounds: Bounds,
    left: u64,
    /// The end of time, or of patience if that comes sooner.
    timer: Pin<Box<Sleep>>,
    verdict: Verdict,
    ended: bool,
    _places: Places,
}

impl Download {
    pub(crate) fn new(body: reqwest::Body, bounds: Bounds, verdict: Verdict, places: Places) -> Self {
        let timer = Box::pin(tokio::time::sleep_until(bounds.next_end()));
        Self { body, bounds, left: bounds.bytes, timer, verdict, ended: false, _places: places }
    }

    fn take(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, Failed> {
        if frame.trailers_ref().is_some_and(|trailers| wire_bytes(trailers) > self.bounds.trailer_bytes) {
            return Err(Failed::HeadersTooLarge { limit: self.bounds.trailer_bytes });
        }
        let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
        let too_large = Failed::ResponseTooLarge { limit: self.bounds.bytes };
        self.left = self.left.checked_sub(bytes).ok_or(too_large)?;
        Ok(frame)
    }
}

impl Bounds {
    fn next_end(&self) -> Instant {
        let patience = self.between.and_then(|between| Instant::now().checked_add(between));
        patience.map_or(self.deadline, |end| end.min(self.deadline))
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = Failed;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failed>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if self.timer.as_mut().poll(context).is_ready() {
            self.ended = true;
            return Poll::Ready(Some(Err(Failed::Time)));
        }
        let Some(frame) = std::task::ready!(Pin::new(&mut self.body).poll_frame(context)) else {
            self.ended = true;
            return Poll::Ready(None);
        };
        let taken = match frame {
            Ok(frame) => self.take(frame),
            Err(_) => Err(match self.verdict.get() {
                Some(SendError::Failed(failed)) => failed.clone(),
                Some(SendError::Refused(_)) | None => Failed::Protocol,
            }),
        };
        match taken {
            Ok(_) if self.bounds.between.is_some() => {
                let end = self.bounds.next_end();
                self.timer.as_mut().reset(end);
            }
            Ok(_) => {}
            Err(_) => self.ended = true,
        }
        Poll::Ready(Some(taken))
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
