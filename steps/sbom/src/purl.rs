//! Package URLs, as the specification of purl has them for each type.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What a part of a package URL needs escaped.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// Where a component comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Cargo,
    Go,
    Npm,
    Python,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Cargo => "cargo",
            Self::Go => "golang",
            Self::Npm => "npm",
            Self::Python => "pypi",
        }
    }
}

/// Returns the package URL of a name and a version, which may be empty, with a place to get it from that is not the usual
/// registry, if there is one.
pub(crate) fn purl(kind: Kind, name: &str, version: &str, place: Option<&Place>) -> String {
    let name = match kind {
        Kind::Cargo | Kind::Npm => name.to_owned(),
        Kind::Go => name.to_lowercase(),
        Kind::Python => normal(name),
    };
    let name: Vec<_> = name.split('/').map(encoded).collect();
    let version = if version.is_empty() { String::new() } else { format!("@{}", encoded(version)) };
    let place = place.map(|place| format!("?{}={}", place.qualifier(), encoded(place.url()))).unwrap_or_default();
    format!("pkg:{}/{}{version}{place}", kind.name(), name.join("/"))
}

/// A place to get a component from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A repository, with its commit if it is known: `git+https://…@…`.
    Repository(String),
    /// A file to download.
    Download(String),
}

impl Place {
    fn qualifier(&self) -> &'static str {
        match self {
            Self::Repository(_) => "vcs_url",
            Self::Download(_) => "download_url",
        }
    }

    fn url(&self) -> &str {
        match self {
            Self::Repository(url) | Self::Download(url) => url,
        }
    }
}

/// Returns the name of a Python package as the index knows it.
pub(crate) fn normal(name: &str) -> String {
    let mut normal = String::new();
    for character in name.trim().chars() {
        match character {
            '-' | '_' | '.' if normal.ends_with('-') => {}
            '-' | '_' | '.' => normal.push('-'),
            other => normal.extend(other.to_lowercase()),
        }
    }
    normal
}

fn encoded(part: &str) -> String {
    utf8_percent_encode(part, PART).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_each_kind() {
        #[track_caller]
        fn check(kind: Kind, name: &str, version: &str, expected: &str) {
            assert_eq!(purl(kind, name, version, None), expected);
        }
        check(Kind::Cargo, "toml", "1.2.2+spec-1.1.0", "pkg:cargo/toml@1.2.2%2Bspec-1.1.0");
        check(Kind::Npm, "@babel/core", "7.0.0", "pkg:npm/%40babel/core@7.0.0");
        check(Kind::Python, "Zope.Interface__x", "", "pkg:pypi/zope-interface-x");
        check(Kind::Go, "github.com/BurntSushi/toml", "v1.4.0", "pkg:golang/github.com/burntsushi/toml@v1.4.0");
        let place = Place::Repository("git+https://example.com/a?b@c".to_owned());
        let expected = "pkg:cargo/a@1?vcs_url=git%2Bhttps:%2F%2Fexample.com%2Fa%3Fb%40c";
        assert_eq!(purl(Kind::Cargo, "a", "1", Some(&place)), expected);
    }
}
