//! Where a request goes, and whether a grant covers it.

use std::net::IpAddr;

use http::{Method, Uri};
use reqwest::Url;
use stepwell_policy::{HttpGrant, host_name};

use crate::credential::has_placeholder;
use crate::error::Refused;
use crate::path::{RequestPath, decode};

/// The port at which `http` is spoken without the operator allowing the address by name.
pub(crate) const PLAIN_PORT: u16 = 80;

/// Where a request goes.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    /// In the form of [`host_name`].
    pub(crate) host: String,
    /// The host, if it is an address.
    pub(crate) literal: Option<IpAddr>,
    pub(crate) port: u16,
    pub(crate) is_secure: bool,
    /// What the client is given: made of the parts above, and compared with them.
    pub(crate) url: Url,
    path: RequestPath,
    path_text: String,
}

impl Destination {
    /// Reads the address of a request.
    ///
    /// # Errors
    /// It names a user, another scheme than `http` and `https`, no valid host or port, or a path that readers
    /// understand in different ways; or a placeholder stands in it.
    pub(crate) fn parse(uri: &Uri) -> Result<Self, Refused> {
        let refuse = |problem: &'static str| Refused::Address { problem: problem.into() };
        let is_secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) | None => return Err(refuse("has another scheme than `https` and `http`")),
        };
        let authority = uri.authority().ok_or(refuse("has no host"))?;
        if authority.as_str().contains('@') {
            return Err(refuse("names a user"));
        }
        let host = host_name(authority.host()).map_err(|_| refuse("has no valid host"))?;
        let has_port = authority.as_str().len() > authority.host().len();
        let port = match (has_port, authority.port_u16()) {
            (_, Some(0)) | (true, None) => return Err(refuse("has no valid port")),
            (_, Some(port)) => port,
            (false, None) if is_secure => 443,
            (false, None) => PLAIN_PORT,
        };
        let path_text = uri.path().to_owned();
        for (text, place) in [(uri.path(), "the path"), (uri.query().unwrap_or_default(), "the query")] {
            let decoded = decode(text.as_bytes()).unwrap_or_default();
            if has_placeholder(text.as_bytes()) || has_placeholder(&decoded) {
                return Err(Refused::Placeholder { place: place.into() });
            }
        }
        let path = RequestPath::parse(&path_text).map_err(refuse)?;
        let literal = host.parse::<IpAddr>().ok();
        let url = url(is_secure, &host, literal, port, uri).ok_or(refuse("cannot be read in one way only"))?;
        if RequestPath::parse(url.path()).as_ref() != Ok(&path) {
            return Err(refuse("cannot be read in one way only"));
        }
        Ok(Self { host, literal, port, is_secure, url, path, path_text })
    }

    /// Compares it with what was granted.
    ///
    /// # Errors
    /// Says which part of it no grant has, as far as a grant has the parts before it.
    pub(crate) fn check(&self, method: &Method, grants: &[HttpGrant]) -> Result<(), Refused> {
        let host = || self.host.clone();
        let grants: Vec<_> = grants.iter().filter(|grant| grant.host == self.host).collect();
        if grants.is_empty() {
            return Err(Refused::Host { host: host() });
        }
        let grants: Vec<_> = grants.into_iter().filter(|grant| grant.port == self.port).collect();
        if grants.is_empty() {
            return Err(Refused::Port { host: host(), port: self.port });
        }
        let is_tunnel = matches!(*method, Method::CONNECT | Method::TRACE);
        let names = |grant: &HttpGrant| !is_tunnel && grant.methods.iter().any(|name| name == method.as_str());
        let grants: Vec<_> = grants.into_iter().filter(|grant| names(grant)).collect();
        if grants.is_empty() {
            return Err(Refused::Method { host: host(), method: method.as_str().to_owned() });
        }
        let covers = |pattern: &String| self.path.is_covered_by(pattern);
        if grants.iter().any(|grant| grant.paths.is_empty() || grant.paths.iter().any(covers)) {
            return Ok(());
        }
        Err(Refused::Path { host: host(), path: self.path_text.clone() })
    }
}

/// Makes the address for the client; none where the client reads another host or port in it.
fn url(is_secure: bool, host: &str, literal: Option<IpAddr>, port: u16, uri: &Uri) -> Option<Url> {
    let scheme = if is_secure { "https" } else { "http" };
    let bracketed = match literal {
        Some(IpAddr::V6(address)) => format!("[{address}]"),
        Some(IpAddr::V4(_)) | None => host.to_owned(),
    };
    let rest = uri.path_and_query().map_or("/", |rest| rest.as_str());
    let url = Url::parse(&format!("{scheme}://{bracketed}:{port}{rest}")).ok()?;
    // An address of version 6 has several spellings.
    let same_host = match literal {
        Some(literal) => url.host_str()?.trim_matches(['[', ']']).parse() == Ok(literal),
        None => url.host_str()? == host,
    };
    (same_host && url.port_or_known_default()? == port && url.username().is_empty()).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(host: &str, port: u16, methods: &[&str], paths: &[&str]) -> HttpGrant {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        HttpGrant { host: host.to_owned(), port, methods: texts(methods), paths: texts(paths) }
    }

    fn told(method: &str, uri: &str) -> Result<String, String> {
        let grants = [
            grant("api.test", 443, &["GET", "TRACE", "CONNECT"], &["/v1/*"]),
            grant("api.test", 443, &["POST"], &["/up"]),
            grant("any.test", 8443, &["GET"], &[]),
            grant("::1", 443, &["GET"], &[]),
        ];
        let uri: Uri = uri.parse().map_err(|_| "unreadable".to_owned())?;
        let destination = Destination::parse(&uri).map_err(|refused| refused.to_string())?;
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        destination.check(&method, &grants).map_err(|refused| refused.to_string())?;
        Ok(destination.url.to_string())
    }

    #[track_caller]
    fn goes(method: &str, uri: &str, to: &str) {
        assert_eq!(told(method, uri).as_deref(), Ok(to));
    }

    #[track_caller]
    fn refused(method: &str, uri: &str, why: &str) {
        assert_eq!(told(method, uri).as_ref().map_err(String::as_str).err(), Some(why), "{uri}");
    }

    #[test]
    fn granted() {
        goes("GET", "https://api.test/v1/a?q=1", "https://api.test/v1/a?q=1");
        goes("GET", "https://API.Test.:443/v1/a", "https://api.test/v1/a");
        goes("POST", "https://api.test/up", "https://api.test/up");
        goes("GET", "https://any.test:8443/a%2Fb", "https://any.test:8443/a%2Fb");
        goes("GET", "https://any.test:8443", "https://any.test:8443/");
        goes("GET", "https://[0:0::1]/", "https://[::1]/");
    }

    #[test]
    fn not_granted() {
        refused("GET", "https://evil.test/v1/a", "no grant names the host `evil.test`");
        refused("GET", "https://api.test.evil.test/v1/a", "no grant names the host `api.test.evil.test`");
        refused("GET", "https://sub.api.test/v1/a", "no grant names the host `sub.api.test`");
        refused("GET", "https://api.test:8443/v1/a", "no grant for `api.test` names the port 8443");
        refused("GET", "http://api.test/v1/a", "no grant for `api.test` names the port 80");
        refused("PUT", "https://api.test/v1/a", "no grant for `api.test` names the method `PUT`");
        refused("get", "https://api.test/v1/a", "no grant for `api.test` names the method `get`");
        refused("GET", "https://api.test/up", "no grant for `api.test` covers the path `/up`");
        refused("POST", "https://api.test/v1/a", "no grant for `api.test` covers the path `/v1/a`");
        refused("GET", "https://api.test/v1/a%2fb", "no grant for `api.test` covers the path `/v1/a%2fb`");
        refused("GET", "https://[::ffff:0:1]/", "no grant names the host `::ffff:0.0.0.1`");
    }

    #[test]
    fn tunnels_are_never_granted() {
        refused("TRACE", "https://api.test/v1/a", "no grant for `api.test` names the method `TRACE`");
        refused("CONNECT", "https://api.test/v1/a", "no grant for `api.test` names the method `CONNECT`");
    }

    #[test]
    fn addresses_that_cannot_be() {
        refused("GET", "https://api.test:1@evil.test/v1/a", "the address names a user");
        refused("GET", "https://user@api.test/v1/a", "the address names a user");
        refused("GET", "ftp://api.test/v1/a", "the address has another scheme than `https` and `http`");
        refused("GET", "/v1/a", "the address has another scheme than `https` and `http`");
        refused("GET", "https://0x7f.1/v1/a", "the address has no valid host");
        refused("GET", "https://2130706433/v1/a", "the address has no valid host");
        refused("GET", "https://api.test:0/v1/a", "the address has no valid port");
        refused("GET", "https://api.test:99999/v1/a", "the address has no valid port");
        refused("GET", "https://api.test:/v1/a", "the address has no valid port");
        refused("GET", "https://api.test/v1/../up", "the address has `.` or `..` in its path");
        refused("GET", "https://api.test/v1/%2e%2e/up", "the address has `.` or `..` in its path");
        refused("GET", "https://api.test/v1/%0d%0a", "the address has a control character or backslash in its path");
    }

    #[test]
    fn placeholders_in_addresses() {
        refused("GET", "https://api.test/v1/stepwell-secret:00", "a placeholder of a secret stands in the path");
        refused("GET", "https://api.test/v1/stepwell%2dsecret%3A00", "a placeholder of a secret stands in the path");
        refused("GET", "https://api.test/v1/a?t=stepwell-secret:00", "a placeholder of a secret stands in the query");
        refused("GET", "https://api.test/v1/a?t=STEPWELL-secret%3a0", "a placeholder of a secret stands in the query");
    }
}
