//! The two requests of the smart HTTP protocol, and what can go wrong with them.

use std::error::Error as _;
use std::io;

use base64::Engine as _;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Client, NoProxy, Proxy, RequestBuilder, Response, StatusCode, Url, redirect};
use stepwell_plan::FetchError;

use super::address::{Credentials, RemoteAddress};
use super::excerpt::excerpt;
use super::failure::Failure;
use super::session::Git;
use super::settings::Proxies;
use super::watch::Watch;

/// Some servers answer in the smart protocol only to programs whose name begins with `git/`.
const USER_AGENT: &str = concat!("git/2.0 (stepwell ", env!("CARGO_PKG_VERSION"), ")");

/// Most redirections in a row. Servers use one or two, for `.git` at the end and for a project that has moved.
const MAX_REDIRECTS: usize = 5;

/// What the first request asks for, behind the address of the repository.
const LIST_PATH: &str = "/info/refs";
const LIST_QUERY: &str = "service=git-upload-pack";
const UPLOAD_PATH: &str = "/git-upload-pack";

const LIST_TYPE: &str = "application/x-git-upload-pack-advertisement";
const UPLOAD_REQUEST_TYPE: &str = "application/x-git-upload-pack-request";
const UPLOAD_TYPE: &str = "application/x-git-upload-pack-result";

/// A repository on a server, as it is talked to.
pub(crate) struct Http<'w> {
    client: Client,
    pub(crate) watch: &'w Watch,
}

/// Where requests for a repository go: its address, or where that was redirected to.
#[derive(Clone)]
pub(crate) struct Endpoint {
    url: Url,
    /// Only for the server that they were given for.
    authorization: Option<HeaderValue>,
}

impl<'w> Http<'w> {
    pub(crate) fn new(git: &Git, watch: &'w Watch) -> Result<Self, FetchError> {
        let tls = git.client_config()?;
        let mut client = Client::builder()
            .user_agent(USER_AGENT)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .tls_backend_preconfigured(tls);
        for proxy in proxies(&git.settings.proxies)? {
            client = client.proxy(proxy);
        }
        let client = client.build().map_err(|error| FetchError::Tls(deepest(&error)))?;
        Ok(Self { client, watch })
    }

    /// Asks for the names of the repository. Redirections are followed here and nowhere else.
    pub(crate) async fn list(&self, endpoint: &mut Endpoint) -> Result<Response, Failure> {
        for _ in 0..=MAX_REDIRECTS {
            let mut url = endpoint.url.clone();
            url.set_path(&format!("{}{LIST_PATH}", endpoint.url.path()));
            url.set_query(Some(LIST_QUERY));
            let request = self.client.get(url.clone()).header(ACCEPT, LIST_TYPE);
            let response = self.send(request, endpoint).await?;
            if !is_redirect(response.status()) {
                return checked(response, LIST_TYPE, endpoint);
            }
            endpoint.redirect(&url, response.headers())?;
        }
        Err(FetchError::Redirect("there are too many in a row").into())
    }

    /// Asks for objects.
    pub(crate) async fn upload(&self, endpoint: &Endpoint, body: Vec<u8>) -> Result<Response, Failure> {
        let mut url = endpoint.url.clone();
        url.set_path(&format!("{}{UPLOAD_PATH}", endpoint.url.path()));
        let request = self.client.post(url).header(ACCEPT, UPLOAD_TYPE).header(CONTENT_TYPE, UPLOAD_REQUEST_TYPE);
        let response = self.send(request.body(body), endpoint).await?;
        if is_redirect(response.status()) {
            return Err(FetchError::Redirect("it comes in the middle of a fetch").into());
        }
        checked(response, UPLOAD_TYPE, endpoint)
    }

    async fn send(&self, request: RequestBuilder, endpoint: &Endpoint) -> Result<Response, Failure> {
        let request = match &endpoint.authorization {
            Some(authorization) => request.header(AUTHORIZATION, authorization.clone()),
            None => request,
        };
        Ok(self.watch.wait(request.send()).await?.map_err(|error| classify(&error))?)
    }
}

impl Endpoint {
    pub(crate) fn new(address: &RemoteAddress) -> Self {
        Self { url: address.url.clone(), authorization: address.credentials.as_ref().and_then(authorization) }
    }

    fn redirect(&mut self, from: &Url, headers: &HeaderMap) -> Result<(), FetchError> {
        let location = headers.get(LOCATION).and_then(|location| location.to_str().ok());
        let target = location.and_then(|location| from.join(location).ok());
        let mut target = target.ok_or(FetchError::Redirect("it names no valid address"))?;
        match (from.scheme(), target.scheme()) {
            (_, "https") | ("http", "http") => {}
            ("https", "http") => return Err(FetchError::Redirect("it leads from `https` to `http`")),
            _ => return Err(FetchError::Redirect("it leads to another scheme than `https` and `http`")),
        }
        let path = target.path().strip_suffix(LIST_PATH).map(str::to_owned);
        let path = path.filter(|_| target.query() == Some(LIST_QUERY));
        let path = path.ok_or(FetchError::Redirect("it leads to something else than a git repository"))?;
        target.set_path(&path);
        target.set_query(None);
        target.set_fragment(None);
        // Credentials that a server writes into an address are not ours to use.
        if target.set_username("").and_then(|()| target.set_password(None)).is_err() {
            return Err(FetchError::Redirect("it names no valid address"));
        }
        if !is_same_server(&self.url, &target) {
            self.authorization = None;
        }
        self.url = target;
        Ok(())
    }
}

fn is_same_server(one: &Url, other: &Url) -> bool {
    (one.scheme(), one.host_str(), one.port_or_known_default())
        == (other.scheme(), other.host_str(), other.port_or_known_default())
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn authorization(credentials: &Credentials) -> Option<HeaderValue> {
    let text = [credentials.user.as_slice(), b":", credentials.password.as_slice()].concat();
    let text = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text));
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn proxies(proxies: &Proxies) -> Result<Vec<Proxy>, FetchError> {
    let Proxies { http, https, all, none } = proxies;
    let none = none.as_deref().unwrap_or_default();
    // The client's own reading of `*` leaves out hosts that are written as numbers.
    if none.split(',').any(|host| host.trim() == "*") {
        return Ok(Vec::new());
    }
    let none = NoProxy::from_string(none);
    let given = |text: &Option<String>| text.as_deref().filter(|text| !text.is_empty()).map(with_scheme);
    let made = [given(http).map(Proxy::http), given(https).map(Proxy::https), given(all).map(Proxy::all)];
    made.into_iter()
        .flatten()
        // The error quotes the address, which may hold credentials.
        .map(|proxy| proxy.map_err(|_| FetchError::InvalidAddress("that of the proxy cannot be read".to_owned())))
        .map(|proxy| proxy.map(|proxy| proxy.no_proxy(none.clone())))
        .collect()
}

/// `proxy:3128` is what many write.
fn with_scheme(proxy: &str) -> String {
    if proxy.contains("://") { proxy.to_owned() } else { format!("http://{proxy}") }
}

fn checked(response: Response, expected: &str, endpoint: &Endpoint) -> Result<Response, Failure> {
    let credentials_sent = endpoint.authorization.is_some();
    let error = match response.status().as_u16() {
        200 => {
            let actual = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            let actual = actual.unwrap_or("none").split(';').next().unwrap_or_default().trim();
            if actual.eq_ignore_ascii_case(expected) {
                return Ok(response);
            }
            FetchError::Protocol(format!("its content type is `{}`", excerpt(actual)))
        }
        401 => FetchError::Unauthorized { credentials_sent },
        403 => FetchError::Forbidden { credentials_sent },
        404 | 410 => FetchError::NoSuchRepository { credentials_sent },
        407 => FetchError::ProxyUnauthorized,
        status => FetchError::Status(status),
    };
    Err(error.into())
}

/// Tells the kind of an error of the client. Its own text names the address, and is not used.
pub(crate) fn classify(error: &reqwest::Error) -> FetchError {
    let text = deepest(error);
    if has_tls_cause(error) {
        FetchError::Tls(text)
    } else if text.contains("proxy authorization required") {
        FetchError::ProxyUnauthorized
    } else if error.is_connect() {
        FetchError::Unreachable(text)
    } else if text.contains("invalid HTTP") {
        FetchError::Protocol(text)
    } else {
        FetchError::BrokenOff(text)
    }
}

fn has_tls_cause(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(current) = cause {
        // An I/O error is not the source of what it wraps, but stands for it.
        let mut inner = current;
        while let Some(wrapped) = inner.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            inner = wrapped;
        }
        if inner.is::<rustls::Error>() {
            return true;
        }
        cause = current.source();
    }
    false
}

/// Returns the text of the innermost cause: what happened, without what it happened to.
fn deepest(error: &reqwest::Error) -> String {
    let Some(mut cause) = error.source() else { return "the request cannot be sent".to_owned() };
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    excerpt(&cause.to_string())
}
