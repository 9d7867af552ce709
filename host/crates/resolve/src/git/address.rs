//! Addresses of repositories, with credentials apart from everything that is shown or kept.

use std::fmt;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use percent_encoding::percent_decode_str;
use reqwest::Url;
use stepwell_plan::FetchError;

/// The address of a repository. Neither `Debug` nor `Display` shows credentials.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// A server.
    Remote(RemoteAddress),
    /// A folder of this machine, absolute.
    Local(PathBuf),
}

/// The address of a repository on a server.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RemoteAddress {
    /// Scheme, host, port and path; no credentials, no query, no slash at the end.
    pub(crate) url: Url,
    /// User name and password.
    pub(crate) credentials: Option<Credentials>,
}

/// User name and password, percent-decoded.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) user: Vec<u8>,
    pub(crate) password: Vec<u8>,
}

impl Address {
    /// Reads the address of a reference after its expressions were evaluated; `https://` is put in front where there is
    /// no scheme.
    pub(crate) fn parse(text: &str) -> Result<Self, FetchError> {
        let text = text.trim();
        if text.contains(|character: char| character.is_control() || character.is_whitespace()) {
            return Err(invalid("it holds white space"));
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
        match scheme.to_ascii_lowercase().as_str() {
            "file" => local(rest).map(Self::Local),
            scheme @ ("https" | "http") if !is_like_ssh(rest) => remote(scheme, rest).map(Self::Remote),
            "https" | "http" => Err(FetchError::UnsupportedScheme { scheme: "ssh".to_owned() }),
            scheme => Err(FetchError::UnsupportedScheme { scheme: shown_scheme(scheme) }),
        }
    }
}

impl RemoteAddress {
    /// Returns the parts that tell repositories apart, credentials included: for a keyed hash and nothing else.
    pub(crate) fn secret_parts(&self) -> [Vec<u8>; 6] {
        let port = self.url.port_or_known_default().unwrap_or_default().to_string();
        let (user, password) = self
            .credentials
            .as_ref()
            .map_or((Vec::new(), Vec::new()), |credentials| (credentials.user.clone(), credentials.password.clone()));
        let host = self.url.host_str().unwrap_or_default();
        [self.url.scheme().into(), host.into(), port.into(), self.url.path().into(), user, password]
    }
}

/// `user@host:group/project`, the way in which ssh addresses are written without scheme.
fn is_like_ssh(rest: &str) -> bool {
    let authority = rest.split('/').next().unwrap_or(rest);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    !host.starts_with('[')
        && host.split_once(':').is_some_and(|(_, port)| port.starts_with(|first: char| !first.is_ascii_digit()))
}

fn remote(scheme: &str, rest: &str) -> Result<RemoteAddress, FetchError> {
    // Only kinds of mistake are in these texts, nothing of the address.
    let mut url = Url::parse(&format!("{scheme}://{rest}")).map_err(|error| invalid(error.to_string()))?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid("it has a query or a fragment"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(invalid("it names no host"));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    if path.is_empty() {
        return Err(invalid("it names no repository"));
    }
    let credentials = (!url.username().is_empty() || url.password().is_some()).then(|| Credentials {
        user: percent_decode_str(url.username()).collect(),
        password: percent_decode_str(url.password().unwrap_or_default()).collect(),
    });
    url.set_path(&path);
    let cleared = url.set_username("").and_then(|()| url.set_password(None));
    cleared.map_err(|()| invalid("it names no host"))?;
    Ok(RemoteAddress { url, credentials })
}

fn local(rest: &str) -> Result<PathBuf, FetchError> {
    let path = rest.strip_prefix("localhost").filter(|path| path.starts_with('/')).unwrap_or(rest);
    if !path.starts_with('/') {
        return Err(invalid("a `file` address has an absolute path behind `file://`"));
    }
    let path: Vec<u8> = percent_decode_str(path).collect();
    if path.contains(&0) {
        return Err(invalid("its path holds a NUL"));
    }
    Ok(normal(Path::new(&std::ffi::OsString::from_vec(path))))
}

/// Drops `.` and `..` by the text alone, as for any other path of a reference.
fn normal(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::from("/"), |mut normal, part| {
        match part {
            Component::Normal(name) => normal.push(name),
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
        normal
    })
}

/// A scheme may be anything that stands before `://`, even a mistyped password.
fn shown_scheme(scheme: &str) -> String {
    let is_scheme = scheme.len() <= 20
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    if is_scheme { scheme.to_owned() } else { "…".to_owned() }
}

fn invalid(why: impl Into<String>) -> FetchError {
    FetchError::InvalidAddress(why.into())
}

impl fmt::Display for Address {
    /// Writes the address without credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote(remote) => remote.fmt(f),
            Self::Local(folder) => write!(f, "file://{}", folder.display()),
        }
    }
}

impl fmt::Display for RemoteAddress {
    /// Writes the address without credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

impl fmt::Debug for RemoteAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteAddress({self})")
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials([MASKED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, shown: &str, credentials: Option<(&str, &str)>) {
        let address = Address::parse(text).unwrap();
        assert_eq!(address.to_string(), shown);
        let actual = match &address {
            Address::Remote(remote) => remote.credentials.clone(),
            Address::Local(_) => None,
        };
        let expected = credentials.map(|(user, password)| Credentials { user: user.into(), password: password.into() });
        assert_eq!(actual, expected, "{text}");
        assert!(!format!("{address:?}").contains("secret"), "{address:?}");
    }

    #[track_caller]
    fn check_error(text: &str, expected: &str) {
        assert_eq!(Address::parse(text).unwrap_err().to_string(), expected, "{text}");
    }

    #[test]
    fn addresses() {
        check("https://host/group/project.git", "https://host/group/project.git", None);
        check("host/group/project", "https://host/group/project", None);
        check("HTTP://Host:8080/a/b/", "http://host:8080/a/b", None);
        check("https://host:443/a", "https://host/a", None);
        check("localhost:3000/a", "https://localhost:3000/a", None);
        check("https://[::1]:3000/a", "https://[::1]:3000/a", None);
        check("file:///a/../b%20c", "file:///b c", None);
        check("file://localhost/a", "file:///a", None);
    }

    #[test]
    fn credentials_are_taken_out() {
        check("https://user:secret@host/a", "https://host/a", Some(("user", "secret")));
        check("user:se%40cret@host/a", "https://host/a", Some(("user", "se@cret")));
        check("http://user:secret@at@host/a", "http://host/a", Some(("user", "secret@at")));
        check("https://secret@host/a", "https://host/a", Some(("secret", "")));
    }

    #[test]
    fn addresses_that_cannot_be_used() {
        let expected = "expected `https`, `http` or `file`";
        for text in ["ssh://git@host/a", "git@host:group/a", "https://git@host:group/a"] {
            check_error(text, &format!("the scheme `ssh` is not supported: {expected}"));
        }
        check_error("git://host/a", &format!("the scheme `git` is not supported: {expected}"));
        check_error("user:se/cret://host/a", &format!("the scheme `…` is not supported: {expected}"));
        check_error("https://host", "the address is not valid: it names no repository");
        check_error("https:///", "the address is not valid: empty host");
        check_error("https://host:99999/a", "the address is not valid: invalid port number");
        check_error("https://host/a?b", "the address is not valid: it has a query or a fragment");
        check_error("https://host/a b", "the address is not valid: it holds white space");
        check_error(
            "file://host/a",
            "the address is not valid: a `file` address has an absolute path behind `file://`",
        );
    }
}
