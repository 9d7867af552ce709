//! The door between a guest and the client. A guest may run in another process than the client; then something that
//! speaks over a socket stands in this door.

use std::pin::Pin;

use http::{Request, Response};

use crate::body::{RequestBody, ResponseBody};
use crate::credential::{Form, Placeholder};
use crate::error::SendError;
use crate::session::Patience;

/// A response on its way. Dropping it ends the request.
pub type Sending = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, SendError>> + Send>>;

/// Sends the requests of one call of a step.
pub trait Gateway: Send + Sync {
    /// Sends a request, whose address has scheme and host.
    fn send(&self, request: Request<RequestBody>, patience: Patience) -> Sending;

    /// Makes a placeholder for a secret; none where headers may not carry it, or the step has made too many.
    fn placeholder(&self, secret: &str, form: &Form) -> Option<Placeholder>;
}
