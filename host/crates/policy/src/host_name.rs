//! Names of hosts in one form, so that a policy, a grant and a request mean the same.

use std::net::{IpAddr, Ipv6Addr};

/// Longest name of a host, in bytes; RFC 1035, section 2.3.4.
const MAX_HOST_BYTES: usize = 253;

/// Why a text is no host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no name of a host and no address")]
pub struct InvalidHost(pub String);

/// Returns a host in normal form: a name in small letters without the dot at its end, or an address in its shortest
/// writing, of version 6 without brackets.
///
/// # Errors
/// The text is neither. A name consists of letters, digits, `-`, `_` and dots; one whose last part is a number would be
/// read as an address by some and as a name by others, so it is neither, and so is what holds a port, a user or a zone.
pub fn host_name(text: &str) -> Result<String, InvalidHost> {
    let invalid = || InvalidHost(text.to_owned());
    let bare = text.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    if let Some(inner) = bare {
        return inner.parse::<Ipv6Addr>().map(|address| address.to_string()).map_err(|_| invalid());
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let last = name.rsplit('.').next().unwrap_or_default();
    let looks_like_number = last.starts_with(|first: char| first.is_ascii_digit())
        && (last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x"));
    let valid = name.len() <= MAX_HOST_BYTES && name.split('.').all(is_label) && !looks_like_number;
    if valid { Ok(name) } else { Err(invalid()) }
}

fn is_label(label: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=63).contains(&label.len()) && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_for_each_host() {
        for (text, normal) in [
            ("API.Example.com.", "api.example.com"),
            ("localhost", "localhost"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]", "::1"),
            ("0:0:0:0:0:ffff:7f00:1", "::ffff:127.0.0.1"),
        ] {
            assert_eq!(host_name(text).as_deref(), Ok(normal), "{text}");
        }
    }

    #[test]
    fn what_is_no_host() {
        let long = "a".repeat(64);
        for text in [
            "",
            ".",
            "a..b",
            "a:80",
            "u@a",
            "[::1",
            "fe80::1%eth0",
            "127.1",
            "0x7f.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "a/b",
            "b\u{fc}cher.example",
            "-a",
            "a b",
            "a\n",
            long.as_str(),
        ] {
            assert!(host_name(text).is_err(), "{text}");
        }
    }
}
