//! The worker's side: stands where the client would, and asks the host.

use std::collections::{BTreeSet, HashMap};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use stepwell_http::{Failed, Form, MAX_PLACEHOLDERS, Patience, PlaceholderText, RequestBody, ResponseBody, SendError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;

use super::messages::{Asked, RequestHead, ResponseHead, SecretForm, Told, fields, header_map};
use super::window::Window;
use super::{MAX_OPEN, PART_BYTES};
use crate::http::{Gateway, Sending};

/// Sends the requests of one call by asking the host.
pub(in crate::worker) struct LaneGateway {
    shared: Arc<Shared>,
    /// The names of the secrets that headers may carry. Their texts are not here.
    secrets: BTreeSet<String>,
    placeholders: AtomicUsize,
}

struct Shared {
    /// Never full: requests are bounded, and of a body no more goes in than its window has room for.
    asked: UnboundedSender<Asked>,
    open: Mutex<Opened>,
    places: Arc<Semaphore>,
}

#[derive(Default)]
struct Opened {
    next: u64,
    by_id: HashMap<u64, Waiting>,
}

/// What is known of a request where answers arrive.
struct Waiting {
    answers: UnboundedSender<Answer>,
    upload: Arc<Window>,
    uploading: Option<AbortHandle>,
}

enum Answer {
    Head(ResponseHead),
    Part(Bytes),
    Ended(HeaderMap),
    Failed(SendError),
}

/// A request of which the host knows. Dropping it ends it there too.
struct OpenRequest {
    id: u64,
    shared: Arc<Shared>,
    answers: UnboundedReceiver<Answer>,
    // Free when the host was told.
    _place: OwnedSemaphorePermit,
}

impl LaneGateway {
    pub(in crate::worker) fn new(asked: UnboundedSender<Asked>, secrets: BTreeSet<String>) -> Self {
        let places = Arc::new(Semaphore::new(MAX_OPEN));
        let shared = Arc::new(Shared { asked, open: Mutex::default(), places });
        Self { shared, secrets, placeholders: AtomicUsize::new(0) }
    }

    /// Takes what the host says. Never waits.
    pub(in crate::worker) fn told(&self, told: Told) {
        let (id, answer) = match told {
            Told::Wants { id, bytes } => {
                if let Some(waiting) = self.shared.opened().by_id.get(&id) {
                    waiting.upload.give(bytes as usize);
                }
                return;
            }
            Told::Enough { id } => {
                let mut opened = self.shared.opened();
                let uploading = opened.by_id.get_mut(&id).and_then(|waiting| waiting.uploading.take());
                drop(opened);
                uploading.iter().for_each(AbortHandle::abort);
                return;
            }
            Told::Head { id, head } => (id, Answer::Head(head)),
            Told::Part { id, bytes } => (id, Answer::Part(bytes)),
            Told::Ended { id, trailers } => (id, header_map(trailers).map_or(broken(), Answer::Ended)),
            Told::Failed { id, error } => (id, Answer::Failed(error)),
        };
        // What was on its way to a request that is no more is nobody's.
        if let Some(waiting) = self.shared.opened().by_id.get(&id) {
            let _ = waiting.answers.send(answer);
        }
    }
}

impl Gateway for LaneGateway {
    fn send(&self, request: Request<RequestBody>, patience: Patience) -> Sending {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let places = Arc::clone(&shared.places);
            // It is never closed.
            let place = places.acquire_owned().await.map_err(|_| Failed::Internal)?;
            shared.open(request, patience, place).response().await
        })
    }

    fn placeholder(&self, secret: &str, form: &Form, text: PlaceholderText) -> bool {
        // The host keeps to the same rules, and ends a worker that does not.
        let is_fine = self.secrets.contains(secret)
            && form.is_possible()
            && self.placeholders.fetch_add(1, Ordering::Relaxed) < MAX_PLACEHOLDERS;
        if is_fine {
            let form = SecretForm(form.clone());
            let _ = self.shared.asked.send(Asked::Stands { text: text.to_string(), secret: secret.to_owned(), form });
        }
        is_fine
    }
}

impl Shared {
    fn open(
        self: Arc<Self>,
        request: Request<RequestBody>,
        patience: Patience,
        place: OwnedSemaphorePermit,
    ) -> OpenRequest {
        let head = RequestHead::of(&request, patience);
        let body = request.into_body();
        let (answers, receiver) = unbounded_channel();
        let upload = Arc::new(Window::closed());
        let mut opened = self.opened();
        let id = opened.next;
        opened.next += 1;
        // Under the lock, so that numbers go out in order. Whoever reads it may be gone, which ends the call as well.
        let _ = self.asked.send(Asked::Opened { id, head });
        let uploading = (!body.is_end_stream())
            .then(|| tokio::spawn(upload_body(id, body, Arc::clone(&upload), self.asked.clone())).abort_handle());
        opened.by_id.insert(id, Waiting { answers, upload, uploading });
        drop(opened);
        OpenRequest { id, shared: self, answers: receiver, _place: place }
    }

    fn opened(&self) -> MutexGuard<'_, Opened> {
        // Nothing that is done under the lock leaves it half done.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenRequest {
    async fn response(mut self) -> Result<Response<ResponseBody>, SendError> {
        match self.answers.recv().await {
            Some(Answer::Head(head)) => {
                let body = Downloaded { request: self, is_over: false };
                Ok(head.into_response(body.boxed_unsync()).map_err(|_| Failed::Internal)?)
            }
            Some(Answer::Failed(error)) => Err(error),
            Some(Answer::Part(_) | Answer::Ended(_)) | None => Err(Failed::Internal.into()),
        }
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let waiting = self.shared.opened().by_id.remove(&self.id);
        waiting.and_then(|waiting| waiting.uploading).iter().for_each(AbortHandle::abort);
        let _ = self.shared.asked.send(Asked::Closed { id: self.id });
    }
}

fn broken() -> Answer {
    Answer::Failed(Failed::Internal.into())
}

/// Sends the body of a request, as far as the host wants it.
async fn upload_body(id: u64, mut body: RequestBody, upload: Arc<Window>, asked: UnboundedSender<Asked>) {
    let last = loop {
        upload.ready().await;
        let frame = match body.frame().await {
            None => break Asked::Ended { id, trailers: Vec::new() },
            Some(Err(_)) => break Asked::Broken { id },
            Some(Ok(frame)) => frame,
        };
        let mut data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => {
                break Asked::Ended { id, trailers: frame.trailers_ref().map(fields).unwrap_or_default() };
            }
        };
        while !data.is_empty() {
            let bytes = upload.take(data.len().min(PART_BYTES)).await;
            let _ = asked.send(Asked::Part { id, bytes: data.split_to(bytes) });
        }
    };
    let _ = asked.send(last);
}

/// The body of a response on its way to the guest.
struct Downloaded {
    request: OpenRequest,
    is_over: bool,
}

impl Body for Downloaded {
    type Data = Bytes;
    type Error = Failed;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failed>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let answer = ready!(self.request.answers.poll_recv(context));
        self.is_over = !matches!(answer, Some(Answer::Part(_)));
        Poll::Ready(match answer {
            Some(Answer::Part(part)) => {
                let bytes = u32::try_from(part.len()).unwrap_or(u32::MAX);
                let _ = self.request.shared.asked.send(Asked::Took { id: self.request.id, bytes });
                Some(Ok(Frame::data(part)))
            }
            Some(Answer::Ended(trailers)) => (!trailers.is_empty()).then(|| Ok(Frame::trailers(trailers))),
            Some(Answer::Failed(SendError::Failed(failed))) => Some(Err(failed)),
            // A refusal comes before any part of a response, and the host says how each body ends.
            Some(Answer::Failed(SendError::Refused(_)) | Answer::Head(_)) | None => Some(Err(Failed::Internal)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.is_over
    }
}
