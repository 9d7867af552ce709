//! Headers that a guest may set, and how large they may be.

use http::header::{self, HeaderMap, HeaderName};

use crate::error::Refused;

/// Bytes of a line beside name and value: colon, space and line end.
const LINE_BYTES: usize = 4;

/// Headers that say how a message is carried rather than what it says, beside those beginning with `proxy-`. The host
/// sets them where they are needed.
const FORBIDDEN: [HeaderName; 9] = [
    header::CONNECTION,
    header::EXPECT,
    header::HOST,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("http2-settings"),
];

/// Tells whether a header is not a guest's to set.
pub fn is_forbidden_header(name: &HeaderName) -> bool {
    FORBIDDEN.contains(name) || name.as_str().starts_with("proxy-")
}

/// Returns how many bytes headers take on the wire.
pub(crate) fn wire_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + LINE_BYTES).sum()
}

/// Checks names and sizes.
///
/// # Errors
/// A header is forbidden, all together are too large, or the length of the body is given twice or is no number.
pub(crate) fn check(headers: &HeaderMap, limit: usize) -> Result<(), Refused> {
    let refused = |name: &HeaderName| Err(Refused::Header { name: name.as_str().to_owned() });
    if let Some(name) = headers.keys().find(|name| is_forbidden_header(name)) {
        return refused(name);
    }
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let is_number = |value: &header::HeaderValue| !value.is_empty() && value.as_bytes().iter().all(u8::is_ascii_digit);
    if lengths.next().is_some_and(|length| !is_number(length)) || lengths.next().is_some() {
        return refused(&header::CONTENT_LENGTH);
    }
    if wire_bytes(headers) > limit { Err(Refused::HeadersTooLarge { limit }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[track_caller]
    fn told(lines: &[(&str, &str)], expected: Result<(), &str>) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        let told = check(&headers, 100).map_err(|refused| refused.to_string());
        assert_eq!(told.as_ref().map_err(String::as_str).copied(), expected);
    }

    #[test]
    fn what_may_be_set() {
        told(&[("accept", "a"), ("Authorization", "b"), ("cookie", "c"), ("content-length", "5")], Ok(()));
        told(&[("Host", "a")], Err("the header `host` is not the step's to set"));
        told(&[("Proxy-Authorization", "a")], Err("the header `proxy-authorization` is not the step's to set"));
        for name in ["connection", "transfer-encoding", "te", "trailer", "upgrade", "keep-alive", "expect"] {
            told(&[(name, "a")], Err(&format!("the header `{name}` is not the step's to set")));
        }
    }

    #[test]
    fn lengths_that_can_be_read_in_two_ways() {
        let refused = Err("the header `content-length` is not the step's to set");
        told(&[("content-length", "5"), ("content-length", "5")], refused);
        told(&[("content-length", "+5")], refused);
        told(&[("content-length", "5, 5")], refused);
        told(&[("content-length", "")], refused);
    }

    #[test]
    fn sizes() {
        told(&[("a", &"x".repeat(95))], Ok(()));
        told(&[("a", &"x".repeat(96))], Err("the headers have more than 100 bytes"));
    }
}
