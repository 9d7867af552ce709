//! Versions as people write them, and ranges.

use std::fmt::{self, Display};

use semver::{Version, VersionReq};
use stepwell_sdk::Failure;

/// The largest part of a version that is exact as an output: 2^53.
const MAX_PART: u64 = 1 << 53;

/// A version with what stands before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    /// `v`, or nothing.
    pub(crate) prefix: &'static str,
    /// The version.
    pub(crate) version: Version,
}

impl Tag {
    /// Reads the version in an input.
    pub(crate) fn parse(input: &str, text: &str) -> Result<Self, Failure> {
        let (prefix, rest) = text.strip_prefix('v').map_or(("", text), |rest| ("v", rest));
        let failure = |cause: &dyn Display| {
            Failure::invalid_input(format!("input `{input}` is `{text:.80}`, no version"))
                .cause(cause)
                .hint("a version is `1.2.3`, with `-rc.1` for a pre-release and `+5` for a build")
        };
        let version = Version::parse(rest).map_err(|error| failure(&error))?;
        if [version.major, version.minor, version.patch].iter().any(|part| *part > MAX_PART) {
            return Err(failure(&"a part of it is beyond 2^53"));
        }
        Ok(Self { prefix, version })
    }
}

impl Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.prefix, self.version)
    }
}

/// Returns those of the texts that are versions, the smallest first.
pub(crate) fn sorted(texts: &[String]) -> Vec<Tag> {
    let mut tags: Vec<_> = texts.iter().filter_map(|text| Tag::parse("versions", text).ok()).collect();
    tags.sort_by(|one, other| one.version.cmp(&other.version));
    tags
}

/// Alternatives, of which one has to match.
pub(crate) struct Range(Vec<VersionReq>);

impl Range {
    /// Reads a range. The empty one matches every version.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let alternatives = text.split("||").map(|alternative| VersionReq::parse(alternative.trim()));
        alternatives.collect::<Result<_, _>>().map(Self).map_err(|error| {
            Failure::invalid_input(format!("input `range` is `{text:.80}`, no range"))
                .caused_by(&error)
                .hint("a range is `^1.2`, `~1.2.3`, `1.*` or `>=1.2, <2`, with commas between, and `||` for another")
        })
    }

    /// Returns whether a version is in the range. A pre-release is only where the range names one of the same version.
    pub(crate) fn matches(&self, version: &Version) -> bool {
        self.0.is_empty() || self.0.iter().any(|alternative| alternative.matches(version))
    }
}
