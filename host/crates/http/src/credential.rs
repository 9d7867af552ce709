//! Secrets that only headers carry, and the placeholders that stand for them.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use http::HeaderValue;

use crate::error::Refused;

/// What every placeholder begins with.
pub const PLACEHOLDER_PREFIX: &str = "stepwell-secret:";
/// Random bytes of a placeholder, half its digits.
const RANDOM_BYTES: usize = 16;
/// Most placeholders of one step. One does for all requests.
pub const MAX_PLACEHOLDERS: usize = 256;
/// Longest name of a user, in bytes.
const MAX_USER_BYTES: usize = 1 << 10;

/// A secret that request headers to some hosts may carry. Its debug form does not show it.
#[derive(Clone)]
pub struct Credential {
    /// The hosts, in the form of [`stepwell_policy::host_name`].
    pub hosts: Vec<String>,
    /// The secret.
    pub secret: Arc<str>,
}

/// In which form a header carries a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// The secret as it is.
    Raw,
    /// `Bearer SECRET`.
    Bearer,
    /// `Basic base64(USER:SECRET)`.
    Basic {
        /// The user, at most 1 KiB.
        user: String,
    },
}

/// What a placeholder looks like: [`PLACEHOLDER_PREFIX`] and 32 small hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlaceholderText(String);

/// A placeholder, with what is to be masked now that it exists.
#[derive(Clone, PartialEq, Eq)]
pub struct Placeholder {
    /// What stands for the secret.
    pub text: PlaceholderText,
    /// The secret as the header carries it, without the word before it: a server may echo it.
    pub carried: String,
}

/// The placeholders of one step, with what each stands for.
#[derive(Default)]
pub(crate) struct Placeholders {
    by_text: BTreeMap<PlaceholderText, StandsFor>,
}

struct StandsFor {
    secret: String,
    hosts: Vec<String>,
    value: String,
}

/// A placeholder found in a header.
pub(crate) struct Injection<'a> {
    pub(crate) secret: &'a str,
    pub(crate) hosts: &'a [String],
    value: &'a str,
}

impl Form {
    /// Tells whether headers can have it: the user is neither too long nor has a colon.
    pub fn is_possible(&self) -> bool {
        match self {
            Self::Raw | Self::Bearer => true,
            Self::Basic { user } => user.len() <= MAX_USER_BYTES && !user.contains(':'),
        }
    }
}

impl PlaceholderText {
    /// Makes one that nobody can guess. None only where the machine has no source of random numbers.
    pub fn random() -> Option<Self> {
        use std::fmt::Write as _;

        let mut bytes = [0; RANDOM_BYTES];
        getrandom::fill(&mut bytes).ok()?;
        let mut text = PLACEHOLDER_PREFIX.to_owned();
        bytes.iter().try_for_each(|byte| write!(text, "{byte:02x}")).ok()?;
        Some(Self(text))
    }

    /// Takes a text that another process made. None where it does not look like one.
    pub fn parse(text: String) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let digits = text.strip_prefix(PLACEHOLDER_PREFIX)?;
        (digits.len() == 2 * RANDOM_BYTES && digits.bytes().all(is_digit)).then_some(Self(text))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for PlaceholderText {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PlaceholderText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Placeholders {
    /// Makes a placeholder of a text; none where the step has made too many, the text is one already, or the form is
    /// impossible.
    pub(crate) fn make(
        &mut self,
        name: &str,
        credential: &Credential,
        form: &Form,
        text: PlaceholderText,
    ) -> Option<Placeholder> {
        if !form.is_possible() || self.by_text.len() == MAX_PLACEHOLDERS || self.by_text.contains_key(&text) {
            return None;
        }
        let secret = &*credential.secret;
        let (word, carried) = match form {
            Form::Raw => ("", secret.to_owned()),
            Form::Bearer => ("Bearer ", secret.to_owned()),
            Form::Basic { user } => {
                ("Basic ", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{secret}")))
            }
        };
        let value = format!("{word}{carried}");
        let stands_for = StandsFor { secret: name.to_owned(), hosts: credential.hosts.clone(), value };
        self.by_text.insert(text.clone(), stands_for);
        Some(Placeholder { text, carried })
    }

    /// Looks for a placeholder in a value of a header.
    ///
    /// # Errors
    /// There is something like a placeholder that is not the whole value, or is none of this step.
    pub(crate) fn find(&self, value: &HeaderValue) -> Result<Option<Injection<'_>>, Refused> {
        if !has_placeholder(value.as_bytes()) {
            return Ok(None);
        }
        let found = value.to_str().ok().and_then(|text| self.by_text.get(text));
        let found =
            found.ok_or(Refused::Placeholder { place: "a part of a header, or is not one of this step".into() })?;
        Ok(Some(Injection { secret: &found.secret, hosts: &found.hosts, value: &found.value }))
    }
}

impl Injection<'_> {
    /// Returns the value that the server sees.
    ///
    /// # Errors
    /// No header can carry it.
    pub(crate) fn value(&self) -> Result<HeaderValue, Refused> {
        let unfit = |_| Refused::SecretUnfit { secret: self.secret.to_owned() };
        let mut value = HeaderValue::from_bytes(self.value.as_bytes()).map_err(unfit)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// Tells whether a text has what placeholders begin with, in letters of any size.
pub(crate) fn has_placeholder(text: &[u8]) -> bool {
    text.windows(PLACEHOLDER_PREFIX.len()).any(|part| part.eq_ignore_ascii_case(PLACEHOLDER_PREFIX.as_bytes()))
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

impl fmt::Debug for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Placeholder")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential() -> Credential {
        Credential { hosts: vec!["api.test".to_owned()], secret: "s3cr3t".into() }
    }

    fn make(placeholders: &mut Placeholders, form: &Form) -> Option<Placeholder> {
        placeholders.make("token", &credential(), form, PlaceholderText::random().unwrap())
    }

    fn carried(form: Form) -> String {
        let mut placeholders = Placeholders::default();
        let made = make(&mut placeholders, &form).unwrap();
        let value = HeaderValue::from_str(made.text.as_str()).unwrap();
        let injected = placeholders.find(&value).unwrap().unwrap().value().unwrap();
        assert!(injected.is_sensitive());
        injected.to_str().unwrap().to_owned()
    }

    #[test]
    fn forms() {
        assert_eq!(carried(Form::Raw), "s3cr3t");
        assert_eq!(carried(Form::Bearer), "Bearer s3cr3t");
        assert_eq!(carried(Form::Basic { user: "ann".to_owned() }), "Basic YW5uOnMzY3IzdA==");
    }

    #[test]
    fn placeholders_are_of_one_form_and_never_the_same() {
        let mut placeholders = Placeholders::default();
        let mut make = || make(&mut placeholders, &Form::Raw);
        let one = make().unwrap().text.to_string();
        let digits = one.strip_prefix(PLACEHOLDER_PREFIX).unwrap();
        assert!(digits.len() == 32 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{one}");
        assert_ne!(one, make().unwrap().text.as_str());
        assert_eq!(std::iter::from_fn(make).count(), MAX_PLACEHOLDERS - 2);
    }

    #[test]
    fn texts_that_are_no_placeholders() {
        let digits = "0123456789abcdef".repeat(2);
        let is_one = |text: String| PlaceholderText::parse(text).is_some();
        assert!(is_one(format!("{PLACEHOLDER_PREFIX}{digits}")));
        for text in ["", PLACEHOLDER_PREFIX, &digits, &format!("{PLACEHOLDER_PREFIX}{}", digits.to_uppercase())] {
            assert!(!is_one(text.to_owned()), "{text}");
        }
        assert!(!is_one(format!("{PLACEHOLDER_PREFIX}{digits}0")));
    }

    #[test]
    fn a_text_stands_for_one_secret() {
        let mut placeholders = Placeholders::default();
        let text = PlaceholderText::random().unwrap();
        assert!(placeholders.make("token", &credential(), &Form::Raw, text.clone()).is_some());
        assert_eq!(placeholders.make("token", &credential(), &Form::Bearer, text), None);
    }

    #[test]
    fn users_that_cannot_be() {
        let mut placeholders = Placeholders::default();
        let mut make = |user: &str| make(&mut placeholders, &Form::Basic { user: user.to_owned() });
        assert_eq!(make("a:b"), None);
        assert_eq!(make(&"u".repeat(1 << 11)), None);
    }

    #[test]
    fn only_whole_values_are_placeholders() {
        let mut placeholders = Placeholders::default();
        let text = make(&mut placeholders, &Form::Raw).unwrap().text.to_string();
        let find = |value: &str| placeholders.find(&HeaderValue::from_str(value).unwrap()).map(|found| found.is_some());
        assert_eq!(find(&text), Ok(true));
        assert_eq!(find("stepwell"), Ok(false));
        for value in [
            format!("Bearer {text}"),
            format!("{text} "),
            text.to_ascii_uppercase(),
            format!("{PLACEHOLDER_PREFIX}{}", "0".repeat(32)),
            format!("{text}{text}"),
        ] {
            assert!(find(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn nothing_shows_a_secret() {
        let mut placeholders = Placeholders::default();
        let made = make(&mut placeholders, &Form::Raw).unwrap();
        assert!(!format!("{:?} {made:?}", credential()).contains("s3cr3t"));
    }

    #[test]
    fn secrets_that_no_header_can_carry() {
        let mut placeholders = Placeholders::default();
        let credential = Credential { hosts: vec!["api.test".to_owned()], secret: "a\r\nx: b".into() };
        let random = PlaceholderText::random().unwrap();
        let text = placeholders.make("token", &credential, &Form::Raw, random).unwrap().text;
        let value = HeaderValue::from_str(text.as_str()).unwrap();
        let refused = placeholders.find(&value).unwrap().unwrap().value().unwrap_err();
        assert_eq!(refused, Refused::SecretUnfit { secret: "token".to_owned() });
    }
}
