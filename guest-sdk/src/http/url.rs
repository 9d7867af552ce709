//! Addresses of requests: taken apart, not looked up.

use std::fmt::{self, Display};

use crate::Failure;

/// An address of `http` or `https`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) secure: bool,
    /// Host and port as written.
    pub(crate) authority: String,
    /// Path and query; begins with a slash.
    pub(crate) path: String,
}

impl Url {
    /// Takes an address apart. What a host would refuse in any case is refused here, with the reason.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let invalid =
            |problem: &str| Err(Failure::invalid_input(format!("`{}` is no address: {problem}", shown(text))));
        let (secure, rest) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            Some(_) | None => return invalid("it does not begin with `https://`"),
        };
        if rest.chars().any(|character| character.is_whitespace() || character.is_control() || !character.is_ascii()) {
            return invalid("it has a character that must be escaped; `query` does it");
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.is_empty() {
            return invalid("it names no host");
        }
        if authority.contains('@') {
            return invalid("a user does not belong into it; use a secret and a header");
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { secure, authority: authority.to_owned(), path })
    }

    /// Adds a parameter to the query, escaped.
    pub(crate) fn query(&mut self, name: &str, value: &str) {
        self.path.push(if self.path.contains('?') { '&' } else { '?' });
        escape(name, &mut self.path);
        self.path.push('=');
        escape(value, &mut self.path);
    }

    /// Returns the host without the port, as needs name it.
    pub(crate) fn host(&self) -> &str {
        let end = match self.authority.rfind(']') {
            Some(bracket) => bracket + 1,
            None => self.authority.find(':').unwrap_or(self.authority.len()),
        };
        self.authority[..end].trim_start_matches('[').trim_end_matches(']')
    }

    /// Returns the port as written; none where it is the scheme's own.
    pub(crate) fn port(&self) -> Option<&str> {
        let rest = self.authority.rsplit(']').next().unwrap_or_default();
        rest.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.is_empty())
    }

    /// Returns the path without the query.
    pub(crate) fn plain_path(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }
}

/// Without the query, which may hold what nobody should read.
impl Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority, self.plain_path())
    }
}

/// Returns an address as far as it may be shown: without query and user, and not too much of it.
fn shown(text: &str) -> String {
    let plain = text.split(['?', '#']).next().unwrap_or_default();
    plain.rsplit('@').next().unwrap_or_default().chars().take(200).collect()
}

/// Appends a text with everything escaped but what is plain in any part of an address.
fn escape(text: &str, to: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            to.push(char::from(byte));
        } else {
            to.push('%');
            to.push(char::from(DIGITS[usize::from(byte >> 4)]));
            to.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        #[track_caller]
        fn check(text: &str, expected: (bool, &str, Option<&str>, &str)) {
            let url = Url::parse(text).expect("it is an address");
            assert_eq!((url.secure, url.host(), url.port(), url.path.as_str()), expected, "{text}");
        }
        check("https://a.example", (true, "a.example", None, "/"));
        check("HTTP://a.example:8080/x/y?q=1#top", (false, "a.example", Some("8080"), "/x/y?q=1"));
        check("https://a.example?q", (true, "a.example", None, "/?q"));
        check("https://[2001:db8::1]:8443/", (true, "2001:db8::1", Some("8443"), "/"));
        check("https://[2001:db8::1]/", (true, "2001:db8::1", None, "/"));
    }

    #[test]
    fn what_is_no_address() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(Url::parse(text).expect_err("it is none").message(), expected);
        }
        check("a.example", "`a.example` is no address: it does not begin with `https://`");
        check("ftp://a", "`ftp://a` is no address: it does not begin with `https://`");
        check("https:///x", "`https:///x` is no address: it names no host");
        check("https://u:p@a/x", "`a/x` is no address: a user does not belong into it; use a secret and a header");
        let escaped = "it has a character that must be escaped; `query` does it";
        check("https://a/x y?secret", &format!("`https://a/x y` is no address: {escaped}"));
        check("https://ä/", &format!("`https://ä/` is no address: {escaped}"));
    }

    #[test]
    fn queries_are_escaped_and_not_shown() {
        let mut url = Url::parse("https://a/x").expect("it is an address");
        url.query("name", "a b&ä/");
        url.query("n", "1");
        assert_eq!(url.path, "/x?name=a%20b%26%C3%A4%2F&n=1");
        assert_eq!(url.to_string(), "https://a/x");
    }
}
