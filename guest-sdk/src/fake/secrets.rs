//! Secrets of the fake host, and the placeholders that stand for them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::secret::{Denied, HeaderForm};

/// What a placeholder begins with. From the step ABI, section 2.4.
const PREFIX: &str = "stepwell-secret:";

/// The secrets passed to a step, and the placeholders it asked for.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    passed: Vec<Passed>,
    placeholders: Vec<Placeholder>,
}

#[derive(Debug)]
struct Passed {
    name: String,
    text: String,
    /// Where it may go in a header; none if the step may read it.
    host: Option<String>,
}

#[derive(Debug)]
#[cfg_attr(not(feature = "http"), expect(dead_code, reason = "only requests put secrets in their place"))]
struct Placeholder {
    text: String,
    secret: String,
    value: String,
}

impl Secrets {
    pub(super) fn add(&mut self, name: String, text: String, host: Option<String>) {
        self.passed.push(Passed { name, text, host });
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.passed.iter().any(|passed| passed.name == name)
    }

    pub(super) fn reveal(&self, name: &str) -> Result<String, Denied> {
        let open = self.passed.iter().find(|passed| passed.name == name && passed.host.is_none());
        open.map(|passed| passed.text.clone()).ok_or(Denied::HeaderOnly)
    }

    /// Makes a placeholder; each is another. They are counted and not random: a test gives the same each time.
    pub(super) fn placeholder(&mut self, name: &str, form: HeaderForm<'_>) -> String {
        let secret = self.passed.iter().find(|passed| passed.name == name).map_or("", |passed| passed.text.as_str());
        let value = match form {
            HeaderForm::Raw => secret.to_owned(),
            HeaderForm::Bearer => format!("Bearer {secret}"),
            HeaderForm::Basic(user) => format!("Basic {}", STANDARD.encode(format!("{user}:{secret}"))),
        };
        let text = format!("{PREFIX}{:032x}", self.placeholders.len() + 1);
        self.placeholders.push(Placeholder { text: text.clone(), secret: name.to_owned(), value });
        text
    }

    /// Returns what a header carries to a host: the value, with the secret in place of a placeholder; none if the real
    /// host would refuse the request.
    #[cfg(feature = "http")]
    pub(super) fn carried(&self, value: &str, secure_host: Option<&str>) -> Option<String> {
        if !has_placeholder(value) {
            return Some(value.to_owned());
        }
        let found = self.placeholders.iter().find(|placeholder| placeholder.text == value)?;
        let may_go = |passed: &Passed| {
            passed.name == found.secret
                && passed.host.as_deref().zip(secure_host).is_some_and(|(one, other)| one.eq_ignore_ascii_case(other))
        };
        self.passed.iter().any(may_go).then(|| found.value.clone())
    }
}

/// Returns whether a text holds something like a placeholder.
#[cfg(feature = "http")]
pub(super) fn has_placeholder(text: &str) -> bool {
    text.contains(PREFIX)
}
