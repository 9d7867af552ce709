//! Who acts: the job, and the function that asks.

use std::hash::{Hash, Hasher};

/// The job that a decision is made for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// Whom the job runs for.
    pub tenant: String,
    /// The name of its document.
    pub source: String,
}

/// What policies know of a function. Whoever wrote the job or the function controls all of it but the digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionFacts {
    /// The reference in canonical form.
    pub name: String,
    /// `file`, `built-in`, `git` or `oci`.
    pub protocol: &'static str,
    /// The host that it was fetched from, with the port if one is written; empty where nothing was fetched.
    pub host: String,
    /// The repository on that host; the reference where nothing was fetched.
    pub path: String,
    /// The digest of the function file, as `sha256:…`.
    pub digest: String,
    /// Whether the reference itself says which content it leads to, or nothing is fetched.
    pub pinned: bool,
    /// `exec`, `sequence` or `wasm`.
    pub kind: &'static str,
    /// The digest of its WebAssembly module, as `sha256:…`.
    pub module: Option<String>,
}

impl Hash for FunctionFacts {
    /// Hashes the digest and the name alone, which tell functions apart: answers are looked up once a need of every step.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
        self.name.hash(state);
    }
}

impl Subject {
    /// The tenant of a job where nobody said whom it runs for.
    pub const DEFAULT_TENANT: &'static str = "local";

    /// Makes the subject of a job of the default tenant.
    pub fn of_source(source: impl Into<String>) -> Self {
        Self { tenant: Self::DEFAULT_TENANT.to_owned(), source: source.into() }
    }
}
