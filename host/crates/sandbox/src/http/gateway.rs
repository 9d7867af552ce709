//! The door between a guest and the client. For a guest in a worker, something that speaks over a socket stands in it.

use std::pin::Pin;
use std::sync::Arc;

use http::{Request, Response};
use stepwell_http::{Form, Patience, PlaceholderText, RequestBody, ResponseBody, SendError, Session};

use crate::log_sink::LogSink;

/// The capability under which refused requests are noted.
pub(super) const CAPABILITY: &str = "http";

/// A response on its way. Dropping it ends the request.
pub(crate) type Sending = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, SendError>> + Send>>;

/// Sends the requests of one call of a step.
pub(crate) trait Gateway: Send + Sync {
    /// Sends a request, whose address has scheme and host.
    fn send(&self, request: Request<RequestBody>, patience: Patience) -> Sending;

    /// Has a text stand for a secret from now on, and whatever shows the secret masked. False where headers may not carry
    /// it in this form, the step has made too many, or the text stands for a secret already.
    fn placeholder(&self, secret: &str, form: &Form, text: PlaceholderText) -> bool;
}

/// The client's side of the door, which is always in the process that holds the secrets: notes what is refused.
pub(crate) struct Door {
    session: Session,
    log: Arc<LogSink>,
}

impl Door {
    pub(crate) fn new(session: Session, log: Arc<LogSink>) -> Self {
        Self { session, log }
    }
}

impl Gateway for Door {
    fn send(&self, request: Request<RequestBody>, patience: Patience) -> Sending {
        let (session, log) = (self.session.clone(), Arc::clone(&self.log));
        Box::pin(async move {
            let asked = asked(&request);
            let sent = session.send(request, patience).await;
            if let Err(SendError::Refused(refused)) = &sent {
                log.denied(CAPABILITY, &format!("{asked}: {refused}"));
            }
            sent
        })
    }

    fn placeholder(&self, secret: &str, form: &Form, text: PlaceholderText) -> bool {
        let Some(made) = self.session.placeholder(secret, form, text) else { return false };
        self.log.mask_own(made.text.as_str());
        self.log.mask_own(&made.carried);
        true
    }
}

/// What is noted about a refused request: its method and address, without a query, which may hold what nobody should
/// read, and without a user for the same reason.
pub(super) fn asked<B>(request: &Request<B>) -> String {
    let uri = request.uri();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{} {}://{host}{}", request.method(), uri.scheme_str().unwrap_or_default(), uri.path())
}
