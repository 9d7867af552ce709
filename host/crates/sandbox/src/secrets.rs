//! `stepwell:step/secrets`: secrets by handle.

use std::collections::BTreeMap;
use std::sync::Arc;

use stepwell_http::{Credential, Form, PlaceholderText};
use stepwell_run::{MaskSink, SecretText, WasmCall};
use wasmtime::component::Resource;

use crate::bindings::stepwell::step::secrets::{Denied, HeaderForm, Host, HostSecret};
use crate::http::Gateway;
use crate::state::{Preview2, State};

/// The capability under which refused uses are noted.
const CAPABILITY: &str = "secret";

/// A secret that was opened.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Secret {
    name: String,
}

/// The secrets of one call, by name.
pub(crate) struct Secrets {
    by_name: BTreeMap<String, Held>,
    /// Makes placeholders; none where there are no requests that could carry one.
    gateway: Option<Arc<dyn Gateway>>,
}

/// A secret that the job passed, with what the step may do with it.
struct Held {
    /// Empty in a worker unless the guest may read it.
    text: SecretText,
    /// The guest may read it.
    is_open: bool,
    /// Headers may carry it.
    is_for_headers: bool,
}

/// Returns the secrets that request headers of a call may carry.
pub(crate) fn credentials(call: &WasmCall) -> BTreeMap<String, Credential> {
    let mut credentials: BTreeMap<String, Credential> = BTreeMap::new();
    for grant in &call.grants.secrets {
        if let (Some(host), Some(text)) = (&grant.host, call.secrets.get(&grant.name)) {
            let new = || Credential { hosts: Vec::new(), secret: text.reveal().into() };
            credentials.entry(grant.name.clone()).or_insert_with(new).hosts.push(host.clone());
        }
    }
    credentials
}

/// Masks every secret that the guest of a call may use.
pub(crate) fn mask(call: &WasmCall, mask: &MaskSink) {
    let is_granted = |name: &str| call.grants.secrets.iter().any(|grant| grant.name == name);
    call.secrets.iter().filter(|(name, _)| is_granted(name)).for_each(|(_, text)| (mask.0)(text.reveal()));
}

impl Secrets {
    pub(crate) fn new(call: &WasmCall, gateway: Option<Arc<dyn Gateway>>) -> Self {
        let held = |(name, text): (&String, &SecretText)| {
            let grants = || call.grants.secrets.iter().filter(|grant| grant.name == *name);
            let is_open = grants().any(|grant| grant.host.is_none());
            let is_for_headers = grants().any(|grant| grant.host.is_some());
            (name.clone(), Held { text: text.clone(), is_open, is_for_headers })
        };
        Self { by_name: call.secrets.iter().map(held).collect(), gateway }
    }

    fn open(&self, name: &str) -> Result<(), Denied> {
        let held = self.by_name.get(name).ok_or(Denied::Unknown)?;
        if held.is_granted() { Ok(()) } else { Err(Denied::NotGranted) }
    }

    fn reveal(&self, name: &str) -> Result<String, Denied> {
        let held = self.by_name.get(name).ok_or(Denied::Unknown)?;
        if held.is_open { Ok(held.text.reveal().to_owned()) } else { Err(Denied::HeaderOnly) }
    }
}

impl Held {
    fn is_granted(&self) -> bool {
        self.is_open || self.is_for_headers
    }
}

impl Host for State<Preview2> {
    fn open(&mut self, name: String) -> wasmtime::Result<Result<Resource<Secret>, Denied>> {
        if let Err(denied) = self.secrets.open(&name) {
            self.log.denied(CAPABILITY, &name);
            return Ok(Err(denied));
        }
        Ok(Ok(self.wasi.table.push(Secret { name })?))
    }
}

impl HostSecret for State<Preview2> {
    fn reveal(&mut self, secret: Resource<Secret>) -> wasmtime::Result<Result<String, Denied>> {
        let name = &self.wasi.table.get(&secret)?.name;
        let revealed = self.secrets.reveal(name);
        if revealed.is_err() {
            self.log.denied(CAPABILITY, &format!("{name}: reveal"));
        }
        Ok(revealed)
    }

    /// # Errors
    /// The guest ends where it makes too many placeholders, names an impossible user, or has no grant for requests at
    /// all: nothing could take the placeholder.
    fn header_value(&mut self, secret: Resource<Secret>, form: HeaderForm) -> wasmtime::Result<String> {
        let name = &self.wasi.table.get(&secret)?.name;
        let form = match form {
            HeaderForm::Raw => Form::Raw,
            HeaderForm::Bearer => Form::Bearer,
            HeaderForm::Basic(user) => Form::Basic { user },
        };
        let stands = |text: &PlaceholderText| {
            self.secrets.gateway.as_ref().is_some_and(|gateway| gateway.placeholder(name, &form, text.clone()))
        };
        let Some(text) = PlaceholderText::random().filter(stands) else {
            self.log.denied(CAPABILITY, &format!("{name}: header"));
            return Err(wasmtime::Error::msg("no request of this step can carry the secret in this form"));
        };
        Ok(text.to_string())
    }

    fn drop(&mut self, secret: Resource<Secret>) -> wasmtime::Result<()> {
        self.wasi.table.delete(secret)?;
        Ok(())
    }
}
