//! What the operator decides about outgoing requests.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use stepwell_policy::Network;

/// What the operator decides about outgoing requests of all steps of a tenant. **Trust:** the operator's alone; nothing
/// here comes from a job or from the environment. The debug output leaves the proxy out, whose address may hold
/// credentials. Defaults:
///
/// | setting | default | why |
/// | --- | --- | --- |
/// | `allowed` | none | only public addresses |
/// | `authorities` | those of the machine, else Mozilla's | |
/// | `proxy` | none | |
/// | `request_bytes` | 256 MiB | |
/// | `response_bytes` | 16 MiB | |
/// | `header_bytes` | 16 KiB | what most servers take; for the request and for the response |
/// | `time` | 30 s | from the request to the last byte of the response, waiting for a place included |
/// | `per_step` | 16 | requests at once, until the last byte of the response; more wait |
/// | `per_tenant` | 64 | likewise for all steps together |
#[derive(Clone)]
pub struct Settings {
    /// Addresses that are not public and may be reached all the same, where a grant names a host that stands for them.
    pub allowed: Vec<Network>,
    /// PEM files with the certificate authorities that are trusted, and no others.
    pub authorities: Vec<PathBuf>,
    /// A proxy, as address with the scheme `http` or `https`. It resolves names, so that only addresses which the guest
    /// writes as such are checked. Secrets go through it over `https` only.
    pub proxy: Option<String>,
    /// Most bytes of the body of a request.
    pub request_bytes: u64,
    /// Most bytes of the body of a response.
    pub response_bytes: u64,
    /// Most bytes of names and values of headers, four for each line included.
    pub header_bytes: usize,
    /// Most time of one request.
    pub time: Duration,
    /// Most requests of one step at once; at least one.
    pub per_step: usize,
    /// Most requests of one tenant at once; at least one.
    pub per_tenant: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allowed: Vec::new(),
            authorities: Vec::new(),
            proxy: None,
            request_bytes: 256 << 20,
            response_bytes: 16 << 20,
            header_bytes: 16 << 10,
            time: Duration::from_secs(30),
            per_step: 16,
            per_tenant: 64,
        }
    }
}

impl Settings {
    /// Tells whether an address that is not public was allowed by name.
    pub(crate) fn allows(&self, address: IpAddr) -> bool {
        self.allowed.iter().any(|network| network.contains(address))
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("allowed", &self.allowed)
            .field("authorities", &self.authorities)
            .field("proxy", &self.proxy.as_ref().map(|_| "[MASKED]"))
            .field("request_bytes", &self.request_bytes)
            .field("response_bytes", &self.response_bytes)
            .field("header_bytes", &self.header_bytes)
            .field("time", &self.time)
            .field("per_step", &self.per_step)
            .field("per_tenant", &self.per_tenant)
            .finish()
    }
}
