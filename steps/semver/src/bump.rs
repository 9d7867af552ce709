//! The next version.

use semver::{BuildMetadata, Prerelease, Version};
use stepwell_sdk::Failure;

/// What is raised. Later ones raise more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Bump {
    /// Nothing.
    None,
    /// A pre-release becomes the release.
    Release,
    /// The number of the pre-release.
    Prerelease,
    /// The third part.
    Patch,
    /// The second part.
    Minor,
    /// The first part.
    Major,
}

impl Bump {
    /// Returns what a name asks for.
    pub(crate) fn parse(name: &str) -> Result<Self, Failure> {
        match name {
            "major" => Ok(Self::Major),
            "minor" => Ok(Self::Minor),
            "patch" => Ok(Self::Patch),
            "prerelease" => Ok(Self::Prerelease),
            "release" => Ok(Self::Release),
            "none" => Ok(Self::None),
            other => Err(Failure::invalid_input(format!("input `bump` is `{other}`"))
                .hint("it is `major`, `minor`, `patch`, `prerelease`, `release`, `none` or `auto`")),
        }
    }

    /// Returns its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Release => "release",
            Self::Prerelease => "prerelease",
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
        }
    }

    /// Returns the version that follows. A pre-release of the version that is asked for is raised to it, or, with the
    /// same word, to the next pre-release.
    ///
    /// # Errors
    ///
    /// A failure of kind invalid-input, where a word is none or the next version would not be greater.
    pub(crate) fn next(self, version: &Version, word: &str, build: &str) -> Result<Version, Failure> {
        let build = BuildMetadata::new(build)
            .map_err(|error| Failure::invalid_input(format!("input `build` is `{build:.80}`")).caused_by(&error))?;
        if self == Self::None {
            return Ok(Version { build, ..version.clone() });
        }
        let word = match (self, word) {
            (Self::Prerelease, "") => word_of(version)?,
            (Self::Release, word) if !word.is_empty() => {
                return Err(Failure::invalid_input("input `prerelease` is given, but `bump` is `release`"));
            }
            (_, word) => word,
        };
        let core = self.core(version)?;
        let pre = if word.is_empty() { Prerelease::EMPTY } else { prerelease(version, &core, word)? };
        let next = Version { pre, build, ..core };
        if next.cmp_precedence(version).is_gt() {
            return Ok(next);
        }
        Err(Failure::invalid_input(format!("`{next}` would follow `{version}`, and is not greater")))
    }

    /// Returns the three parts of the next version.
    fn core(self, version: &Version) -> Result<Version, Failure> {
        let Version { major, minor, patch, .. } = *version;
        let raised = |part: u64| {
            part.checked_add(1).ok_or_else(|| Failure::invalid_input(format!("`{version}` cannot be raised")))
        };
        let pre = !version.pre.is_empty();
        Ok(match self {
            Self::Major if pre && minor == 0 && patch == 0 => Version::new(major, 0, 0),
            Self::Major => Version::new(raised(major)?, 0, 0),
            Self::Minor if pre && patch == 0 => Version::new(major, minor, 0),
            Self::Minor => Version::new(major, raised(minor)?, 0),
            Self::Patch | Self::Prerelease if !pre => Version::new(major, minor, raised(patch)?),
            Self::None | Self::Release | Self::Patch | Self::Prerelease => Version::new(major, minor, patch),
        })
    }
}

/// Returns the word of a pre-release: `rc` of `1.0.0-rc.1`.
fn word_of(version: &Version) -> Result<&str, Failure> {
    match version.pre.split('.').next() {
        Some(word) if !word.is_empty() => Ok(word),
        _ => {
            Err(Failure::invalid_input("input `prerelease` is missing: the word of the pre-release")
                .hint("such as `rc`"))
        }
    }
}

/// Returns the next pre-release of a word: the first, or the one that follows that of the version.
fn prerelease(version: &Version, core: &Version, word: &str) -> Result<Prerelease, Failure> {
    let same = (version.major, version.minor, version.patch) == (core.major, core.minor, core.patch);
    let number = version.pre.strip_prefix(word).and_then(|rest| rest.strip_prefix('.')?.parse::<u64>().ok());
    let number = number.filter(|_| same).map_or(Some(1), |number| number.checked_add(1));
    let number = number.ok_or_else(|| Failure::invalid_input(format!("`{version}` cannot be raised")))?;
    Prerelease::new(&format!("{word}.{number}"))
        .map_err(|error| Failure::invalid_input(format!("input `prerelease` is `{word:.80}`")).caused_by(&error))
}
