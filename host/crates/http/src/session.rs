//! The requests of one call of a step.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use stepwell_policy::HttpGrant;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::address::special_range;
use crate::body::{Bounds, Download, Places, RequestBody, ResponseBody, Upload, Verdict};
use crate::client::Inner;
use crate::credential::{Credential, Form, Placeholder, PlaceholderText, Placeholders};
use crate::destination::{Destination, PLAIN_PORT};
use crate::error::{Failed, Refused, SendError};
use crate::header;

/// Longest text about a certificate that is told, in characters.
const MAX_TLS_TEXT: usize = 200;

/// The requests of one call of a step. Placeholders are dropped with it. Cheap to clone.
#[derive(Clone)]
pub struct Session {
    inner: Arc<Requests>,
}

/// How long a guest is willing to wait; the settings bound it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Patience {
    /// For the head of the response, connecting included.
    pub head: Option<Duration>,
    /// Between two parts of the body of the response.
    pub between: Option<Duration>,
}

struct Requests {
    client: Arc<Inner>,
    grants: Vec<HttpGrant>,
    credentials: BTreeMap<String, Credential>,
    placeholders: Mutex<Placeholders>,
    places: Arc<Semaphore>,
}

/// Addresses to which a request may go.
struct Reachable {
    /// None where a proxy finds them.
    addresses: Vec<IpAddr>,
    /// All were allowed by name, and there is at least one.
    allowed_by_name: bool,
    /// All are this machine.
    is_loopback: bool,
}

impl Session {
    pub(crate) fn new(client: Arc<Inner>, grants: Vec<HttpGrant>, credentials: BTreeMap<String, Credential>) -> Self {
        let places = Arc::new(Semaphore::new(client.settings.per_step.clamp(1, Semaphore::MAX_PERMITS)));
        Self { inner: Arc::new(Requests { client, grants, credentials, placeholders: Mutex::default(), places }) }
    }

    /// Sends a request, whose address has scheme and host. A redirection is a response like any other: following it is
    /// a new request, with a new decision. The response takes its place until its body is dropped.
    ///
    /// # Errors
    /// Says which rule refuses the request, or what went wrong with an allowed one.
    pub async fn send(
        &self,
        request: Request<RequestBody>,
        patience: Patience,
    ) -> Result<Response<ResponseBody>, SendError> {
        let inner = &self.inner;
        let destination = inner.check(&request)?;
        let now = Instant::now();
        // A time beyond what the clock can tell is no bound.
        let after = |time: Duration| now.checked_add(time);
        let deadline = after(inner.client.settings.time).unwrap_or(now + Duration::from_secs(86_400));
        let head_end = patience.head.and_then(after).map_or(deadline, |end| end.min(deadline));
        let settings = &inner.client.settings;
        let bounds = Bounds {
            bytes: settings.response_bytes,
            trailer_bytes: settings.header_bytes,
            deadline,
            between: patience.between,
        };
        timeout_at(head_end, inner.exchange(&destination, request, bounds)).await.map_err(|_| Failed::Time)?
    }

    /// Has a text stand for a secret from now on; none where headers may not carry it, the step has made too many, or the
    /// text stands for a secret already.
    pub fn placeholder(&self, secret: &str, form: &Form, text: PlaceholderText) -> Option<Placeholder> {
        let credential = self.inner.credentials.get(secret)?;
        self.inner.placeholders.lock().unwrap_or_else(PoisonError::into_inner).make(secret, credential, form, text)
    }
}

impl Requests {
    /// Checks everything that can be checked without asking anyone.
    fn check(&self, request: &Request<RequestBody>) -> Result<Destination, Refused> {
        let destination = Destination::parse(request.uri())?;
        destination.check(request.method(), &self.grants)?;
        header::check(request.headers(), self.client.settings.header_bytes)?;
        let placeholders = self.placeholders.lock().unwrap_or_else(PoisonError::into_inner);
        for value in request.headers().values() {
            if let Some(injection) = placeholders.find(value)?
                && !injection.hosts.contains(&destination.host)
            {
                let (secret, host) = (injection.secret.to_owned(), destination.host);
                return Err(Refused::SecretElsewhere { secret, host });
            }
        }
        Ok(destination)
    }

    async fn exchange(
        &self,
        destination: &Destination,
        request: Request<RequestBody>,
        bounds: Bounds,
    ) -> Result<Response<ResponseBody>, SendError> {
        let places = self.places().await?;
        let reachable = self.reach(destination).await?;
        if !destination.is_secure && destination.port != PLAIN_PORT && !reachable.allowed_by_name {
            return Err(Refused::Plain.into());
        }
        let may_carry = destination.is_secure || (reachable.allowed_by_name && reachable.is_loopback);
        let (parts, body) = request.into_parts();
        let headers = self.inject(parts.headers, may_carry)?;
        let connector = self.client.connector(destination, reachable.addresses).await?;
        let verdict = Verdict::default();
        let limit = self.client.settings.request_bytes;
        if body.size_hint().lower() > limit {
            return Err(Failed::RequestTooLarge { limit }.into());
        }
        let upload = Upload::new(body, limit, Arc::clone(&verdict));
        let mut sent = reqwest::Request::new(parts.method, destination.url.clone());
        *sent.headers_mut() = headers;
        *sent.body_mut() = Some(reqwest::Body::wrap(upload));
        let response = connector.execute(sent).await.map_err(|error| explain(&error, &verdict))?;
        self.receive(response, bounds, verdict, places)
    }

    async fn places(&self) -> Result<Places, Failed> {
        // Neither is ever closed.
        let own = Arc::clone(&self.places).acquire_owned().await.map_err(|_| Failed::Internal)?;
        let shared = Arc::clone(&self.client.places).acquire_owned().await.map_err(|_| Failed::Internal)?;
        Ok((own, shared))
    }

    /// Finds every address of a host and checks it. A host that is an address is checked behind a proxy too.
    async fn reach(&self, destination: &Destination) -> Result<Reachable, SendError> {
        let addresses = match destination.literal {
            Some(literal) => vec![literal],
            None if self.client.is_proxied() => Vec::new(),
            None => {
                let found = self.client.resolver.resolve(&destination.host).await.map_err(|_| Failed::Name)?;
                if found.is_empty() {
                    return Err(Failed::Name.into());
                }
                found
            }
        };
        let allows = |address: &IpAddr| self.client.settings.allows(*address);
        let special = |address: &IpAddr| special_range(*address).filter(|_| !allows(address));
        let refused = addresses.iter().find_map(|address| Some((*address, special(address)?)));
        if let Some((address, range)) = refused {
            return Err(Refused::NotPublic { host: destination.host.clone(), address, range: range.into() }.into());
        }
        Ok(Reachable {
            allowed_by_name: !addresses.is_empty() && addresses.iter().all(allows),
            is_loopback: addresses.iter().all(IpAddr::is_loopback),
            addresses,
        })
    }

    /// Puts secrets in the place of placeholders.
    fn inject(&self, headers: HeaderMap, may_carry: bool) -> Result<HeaderMap, Refused> {
        let placeholders = self.placeholders.lock().unwrap_or_else(PoisonError::into_inner);
        let mut injected = headers;
        for value in injected.values_mut() {
            if let Some(injection) = placeholders.find(value)? {
                if !may_carry {
                    return Err(Refused::SecretInClear { secret: injection.secret.to_owned() });
                }
                *value = injection.value()?;
            }
        }
        Ok(injected)
    }

    fn receive(
        &self,
        response: reqwest::Response,
        bounds: Bounds,
        verdict: Verdict,
        places: Places,
    ) -> Result<Response<ResponseBody>, SendError> {
        let settings = &self.client.settings;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(Failed::Protocol.into());
        }
        if header::wire_bytes(response.headers()) > settings.header_bytes {
            return Err(Failed::HeadersTooLarge { limit: settings.header_bytes }.into());
        }
        let response = Response::<reqwest::Body>::from(response);
        if response.body().size_hint().lower() > bounds.bytes {
            return Err(Failed::ResponseTooLarge { limit: bounds.bytes }.into());
        }
        let (mut parts, body) = response.into_parts();
        // What the client notes about the connection is not the guest's.
        parts.extensions.clear();
        Ok(Response::from_parts(parts, Download::new(body, bounds, verdict, places).boxed_unsync()))
    }
}

/// Tells what went wrong. The client's own text names the address, and is not used.
fn explain(error: &reqwest::Error, verdict: &OnceLock<SendError>) -> SendError {
    if let Some(verdict) = verdict.get() {
        return verdict.clone();
    }
    match tls_cause(error) {
        Some(cause) => Failed::Tls { cause: cause.to_string().chars().take(MAX_TLS_TEXT).collect() }.into(),
        None if error.is_connect() => Failed::Connect.into(),
        None => Failed::Protocol.into(),
    }
}

fn tls_cause(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut cause = error.source();
    while let Some(current) = cause {
        // An I/O error is not the source of what it wraps, but stands for it.
        let mut inner = current;
        while let Some(wrapped) = inner.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            inner = wrapped;
        }
        if let Some(found) = inner.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        cause = current.source();
    }
    None
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("grants", &self.inner.grants).finish_non_exhaustive()
    }
}
