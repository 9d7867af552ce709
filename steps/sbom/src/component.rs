//! Components of all lock files, each once.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::hexadecimal;

/// How a component is used. Of several uses the strongest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// For development and tests alone.
    Excluded,
    /// Where it can be had.
    Optional,
    /// Always.
    Required,
}

impl Scope {
    /// Returns the word of the format.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Excluded => "excluded",
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }
}

/// A digest: the algorithm as the format names it, and lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hash {
    pub(crate) algorithm: &'static str,
    pub(crate) digits: String,
}

impl Hash {
    /// Returns the digest of a name of an algorithm and digits, in hexadecimal; none for what the format does not know.
    pub(crate) fn of_digits(algorithm: &str, digits: &str) -> Option<Self> {
        let (algorithm, length) = match algorithm.to_ascii_lowercase().as_str() {
            "md5" => ("MD5", 32),
            "sha1" => ("SHA-1", 40),
            "sha256" => ("SHA-256", 64),
            "sha384" => ("SHA-384", 96),
            "sha512" => ("SHA-512", 128),
            _ => return None,
        };
        let digits = digits.trim().to_ascii_lowercase();
        let fits = digits.len() == length && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        fits.then_some(Self { algorithm, digits })
    }

    /// Returns the digest of `sha256:DIGITS`.
    pub(crate) fn of_pair(text: &str) -> Option<Self> {
        let (algorithm, digits) = text.split_once(':')?;
        Self::of_digits(algorithm, digits)
    }

    /// Returns the digests of `sha512-BASE64 sha1-BASE64`, as subresource integrity has them.
    pub(crate) fn of_integrity(text: &str) -> Vec<Self> {
        let hash = |word: &str| {
            let (algorithm, digest) = word.split_once('-')?;
            let digest = digest.split('?').next().unwrap_or_default();
            Self::of_digits(algorithm, &hexadecimal(&STANDARD.decode(digest).ok()?))
        };
        text.split_whitespace().filter_map(hash).collect()
    }
}

/// A component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Component {
    pub(crate) name: String,
    /// Empty where the lock file does not pin one.
    pub(crate) version: String,
    pub(crate) scope: Scope,
    /// Digests of the one file that it comes as.
    pub(crate) hashes: BTreeSet<Hash>,
    /// The files that it can come as, by URL or name, with the digests of each.
    pub(crate) files: BTreeMap<String, BTreeSet<Hash>>,
}

impl Component {
    /// Returns a component without digests.
    pub(crate) fn new(name: &str, version: &str, scope: Scope) -> Self {
        let (name, version) = (name.to_owned(), version.to_owned());
        Self { name, version, scope, hashes: BTreeSet::new(), files: BTreeMap::new() }
    }
}

/// Components by package URL, and what depends on what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Components {
    all: BTreeMap<String, Component>,
    dependencies: BTreeMap<String, BTreeSet<String>>,
    /// What the subject itself depends on.
    direct: BTreeSet<String>,
}

impl Components {
    /// Adds a component, or what is new about one that is there.
    pub(crate) fn add(&mut self, purl: &str, component: Component) {
        let known = self.all.entry(purl.to_owned()).or_insert_with(|| component.clone());
        known.scope = known.scope.max(component.scope);
        known.hashes.extend(component.hashes);
        known.files.extend(component.files);
    }

    /// Says that one component needs another. Both are there, or will be.
    pub(crate) fn depend(&mut self, purl: &str, on: &str) {
        if purl != on {
            self.dependencies.entry(purl.to_owned()).or_default().insert(on.to_owned());
        }
    }

    /// Says that the subject needs a component.
    pub(crate) fn depend_directly(&mut self, purl: &str) {
        self.direct.insert(purl.to_owned());
    }

    /// Returns how many there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Iterates over package URLs and components, sorted.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Component)> {
        self.all.iter().map(|(purl, component)| (purl.as_str(), component))
    }

    /// Returns what a component needs, sorted, of what is there.
    pub(crate) fn needs(&self, purl: &str) -> Vec<&str> {
        let needs = self.dependencies.get(purl).into_iter().flatten();
        needs.filter(|on| self.all.contains_key(*on)).map(String::as_str).collect()
    }

    /// Returns what the subject needs itself, sorted.
    pub(crate) fn direct(&self) -> Vec<&str> {
        self.direct.iter().filter(|on| self.all.contains_key(*on)).map(String::as_str).collect()
    }
}
