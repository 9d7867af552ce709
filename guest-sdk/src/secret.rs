//! Secrets by handle: a step says where one goes, and mostly never holds it.

use std::fmt::{self, Debug};

use crate::host::{Handle, Held, Host};
use crate::{Failure, FailureKind, Sensitive, Step};

/// Longest user of [`Secret::basic`] that the host takes, in bytes.
const MAX_USER_BYTES: usize = 1 << 10;

/// Why the host keeps a secret to itself. The cases are those of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    Unknown,
    #[cfg_attr(not(any(target_family = "wasm", test)), expect(dead_code, reason = "the fake grants what it passes"))]
    NotGranted,
    HeaderOnly,
}

/// The form in which a header carries a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderForm<'a> {
    Raw,
    Bearer,
    Basic(&'a str),
}

/// A secret that was opened with [`Step::secret`].
///
/// [`bearer`](Self::bearer), [`basic`](Self::basic) and [`raw`](Self::raw) return a placeholder: random text that stands
/// for the secret as the whole value of one header, in requests over `https` to the host that the function's need names.
/// Anywhere else the request is refused. They are for functions with a need `secrets` of `use: header` and a need `http`;
/// where no request was granted at all, the host ends a step that asks for a placeholder.
pub struct Secret {
    host: Handle,
    name: String,
    held: Held,
}

impl Step {
    /// Opens a secret by the name it has in the function's needs. The job says which of its secrets that is.
    ///
    /// ```
    /// # use stepwell_sdk::{Failure, Step};
    /// # let mut step = Step::fake().secret("token", "s3cr3t", "api.example.com").step();
    /// # (|| -> Result<(), Failure> {
    /// let token = step.secret("token")?;
    /// assert!(token.bearer().starts_with("stepwell-secret:"));
    /// # Ok(()) })().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// A failure of kind denied that names the need to add, if the step was not given the secret.
    pub fn secret(&self, name: impl Into<String>) -> Result<Secret, Failure> {
        let name = name.into();
        match self.host.open(&name) {
            Ok(held) => Ok(Secret { host: self.host.clone(), name, held }),
            Err(denied) => Err(denied.of(&name)),
        }
    }
}

impl Secret {
    /// Returns the name under which it was opened.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns a placeholder for the secret as it is.
    pub fn raw(&self) -> String {
        self.host.header_value(&self.held, HeaderForm::Raw)
    }

    /// Returns a placeholder for `Bearer SECRET`.
    pub fn bearer(&self) -> String {
        self.host.header_value(&self.held, HeaderForm::Bearer)
    }

    /// Returns a placeholder for `Basic base64(USER:SECRET)`.
    ///
    /// # Errors
    ///
    /// A failure of kind invalid-input, for a user that has a colon or more than 1 KiB.
    pub fn basic(&self, user: &str) -> Result<String, Failure> {
        if user.contains(':') || user.len() > MAX_USER_BYTES {
            return Err(Failure::invalid_input(format!("`{user:.40}` is no user: it has a colon or is too long")));
        }
        Ok(self.host.header_value(&self.held, HeaderForm::Basic(user)))
    }

    /// Returns the secret in clear. Needs `use: reveal`.
    ///
    /// # Errors
    ///
    /// A failure of kind denied, if the secret is for headers only.
    pub fn reveal(&self) -> Result<Sensitive<String>, Failure> {
        self.host.reveal(&self.held).map(Sensitive::from).map_err(|denied| denied.of(&self.name))
    }
}

impl Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Denied {
    fn of(self, name: &str) -> Failure {
        let (message, hint) = match self {
            Self::Unknown => (
                format!("no secret `{name}` was passed to the step"),
                format!(
                    "name it under `secrets` of the step in the job, and `{{ name: {name}, use: header, host: HOST }}` \
                     under `spec.needs.secrets` of the function file"
                ),
            ),
            Self::NotGranted => (
                format!("no grant to use the secret `{name}`"),
                format!(
                    "add `{{ name: {name}, use: header, host: HOST }}` under `spec.needs.secrets` of the function file"
                ),
            ),
            Self::HeaderOnly => (
                format!("no grant to read the secret `{name}`, only to put it into a header"),
                format!(
                    "add `{{ name: {name}, use: reveal }}` under `spec.needs.secrets` of the function file, or send it \
                     with `bearer`, `basic` or `raw`"
                ),
            ),
        };
        Failure::new(FailureKind::Denied, message).hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    fn step() -> Step {
        Fake::new("/nowhere").secret("token", "s3cr3t", "api.example.com").revealed("key", "k3y").step()
    }

    #[test]
    fn what_is_denied_names_the_need() {
        #[track_caller]
        fn check(failure: Failure, message: &str, hint: &str) {
            assert_eq!((failure.kind(), failure.message()), (FailureKind::Denied, message));
            assert!(failure.hint_text().expect("it has a hint").contains(hint), "{failure:?}");
        }
        let other = step().secret("other").expect_err("it was not passed");
        check(other, "no secret `other` was passed to the step", "name: other");
        let token = step().secret("token").and_then(|token| token.reveal()).expect_err("it is for headers");
        check(token, "no grant to read the secret `token`, only to put it into a header", "use: reveal");
        check(Denied::NotGranted.of("t"), "no grant to use the secret `t`", "name: t");
    }

    #[test]
    fn a_revealed_secret_is_not_shown() {
        let key = step().secret("key").and_then(|key| key.reveal()).expect("it is granted");
        assert_eq!((key.expose().as_str(), format!("{key:?}").as_str()), ("k3y", "***"));
    }

    #[test]
    fn users_that_cannot_be() {
        let token = step().secret("token").expect("it is granted");
        assert!(token.basic("ann").is_ok());
        assert_eq!(token.basic("a:b").expect_err("it has a colon").kind(), FailureKind::InvalidInput);
        assert!(token.basic(&"u".repeat(2_000)).is_err());
    }
}
