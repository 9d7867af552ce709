//! What the steps of one tenant share.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use reqwest::{Proxy, Url, redirect, retry};
use stepwell_policy::{HttpGrant, host_name};
use tokio::sync::Semaphore;

use crate::credential::Credential;
use crate::destination::Destination;
use crate::error::Failed;
use crate::pinned::Pinned;
use crate::resolver::{Resolver, SystemResolver};
use crate::session::Session;
use crate::settings::Settings;
use crate::trust::Trust;

/// Most headers of a response.
const MAX_HEADERS: usize = 100;

/// What the steps of one tenant share: settings, trust and the number of requests at once. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) resolver: Arc<dyn Resolver>,
    pub(crate) places: Arc<Semaphore>,
    proxy: Option<Url>,
    trust: Arc<Trust>,
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The file with certificate authorities cannot be used.
    #[error("the certificate authorities in `{}` cannot be used: {cause}", file.display())]
    Authorities {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// The proxy is no address with the scheme `http` or `https`. It is not quoted, for it may hold credentials.
    #[error("the address of the proxy cannot be read")]
    Proxy,
    /// TLS does not start.
    #[error("secure connections cannot be made: {0}")]
    Tls(String),
}

impl Client {
    /// Makes a client that asks the resolver of the machine.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn new(settings: Settings) -> Result<Self, ClientError> {
        Self::with_resolver(settings, Arc::new(SystemResolver))
    }

    /// Makes a client that asks another resolver.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn with_resolver(settings: Settings, resolver: Arc<dyn Resolver>) -> Result<Self, ClientError> {
        let proxy = settings.proxy.as_deref().map(|text| proxy(text).ok_or(ClientError::Proxy)).transpose()?;
        let trust = Arc::new(Trust::in_authorities(&settings.authorities)?);
        let places = Arc::new(Semaphore::new(settings.per_tenant.clamp(1, Semaphore::MAX_PERMITS)));
        Ok(Self { inner: Arc::new(Inner { settings, resolver, places, proxy, trust }) })
    }

    /// Makes a client for another tenant: with the same settings, and places of its own.
    #[must_use]
    pub fn for_another_tenant(&self) -> Self {
        let Inner { settings, resolver, proxy, trust, places: _ } = &*self.inner;
        let places = Arc::new(Semaphore::new(settings.per_tenant.clamp(1, Semaphore::MAX_PERMITS)));
        let (settings, resolver, proxy) = (settings.clone(), Arc::clone(resolver), proxy.clone());
        let trust = Arc::clone(trust);
        Self { inner: Arc::new(Inner { settings, resolver, places, proxy, trust }) }
    }

    /// Starts the requests of one call of a step. `credentials` are by the names of the secrets.
    pub fn session(&self, grants: Vec<HttpGrant>, credentials: BTreeMap<String, Credential>) -> Session {
        Session::new(Arc::clone(&self.inner), grants, credentials)
    }
}

impl Inner {
    /// Tells whether the addresses of a destination are not ours to find.
    pub(crate) fn is_proxied(&self) -> bool {
        self.proxy.is_some()
    }

    /// Makes what sends one request: to the given addresses and nowhere else, or to the proxy.
    pub(crate) async fn connector(
        &self,
        destination: &Destination,
        addresses: Vec<IpAddr>,
    ) -> Result<reqwest::Client, Failed> {
        let builder = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .no_proxy()
            .http1_max_headers(MAX_HEADERS)
            // Nothing of one request is left for the next.
            .pool_max_idle_per_host(0)
            .tls_backend_preconfigured(self.trust.config().clone());
        let builder = match &self.proxy {
            None => builder.dns_resolver(Arc::new(Pinned { host: destination.host.clone(), addresses })),
            Some(proxy) => {
                let host = proxy.host_str().unwrap_or_default().to_owned();
                let addresses = self.resolver.resolve(&host).await.map_err(|_| Failed::Name)?;
                let proxy = Proxy::all(proxy.clone()).map_err(|_| Failed::Internal)?;
                builder.proxy(proxy).dns_resolver(Arc::new(Pinned { host, addresses }))
            }
        };
        builder.build().map_err(|_| Failed::Internal)
    }
}

fn proxy(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_http = matches!(url.scheme(), "http" | "https");
    (is_http && host_name(url.host_str()?).is_ok()).then_some(url)
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}
