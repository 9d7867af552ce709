//! `spec.needs`: what a function asks for. Nothing else is given.

use std::time::Duration;

use crate::source::{Span, Spanned};

/// Everything a function asks for. The default asks for nothing beyond the base set of the step ABI.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Needs {
    /// Paths to read.
    pub read: Vec<PathNeed>,
    /// Paths to read and write.
    pub write: Vec<WriteNeed>,
    /// Environment variables to see, by name.
    pub env: Vec<Spanned<String>>,
    /// Outgoing requests.
    pub http: Vec<HttpNeed>,
    /// Secrets by handle.
    pub secrets: Vec<SecretNeed>,
    /// The clock.
    pub clock: Clock,
    /// Random numbers.
    pub random: Random,
    /// Limits that differ from the defaults.
    pub limits: LimitNeeds,
    /// Where the whole mapping stands; none if the file has no `needs`.
    pub span: Option<Span>,
}

/// A path in the job's work dir that a function wants to read.
#[derive(Clone, Debug, PartialEq)]
pub struct PathNeed {
    /// The path as written; may hold expressions over the function's inputs.
    pub path: Spanned<String>,
    /// Why, in the author's words.
    pub reason: Option<String>,
    /// Whether the function works without it.
    pub optional: bool,
}

/// A path that a function wants to write.
#[derive(Clone, Debug, PartialEq)]
pub struct WriteNeed {
    /// The path as for reading.
    pub path: PathNeed,
    /// Most bytes by which the content may grow; none means the engine's default.
    pub bytes: Option<u64>,
    /// Most new files, folders and links; none means the engine's default.
    pub files: Option<u64>,
}

/// Outgoing requests that a function wants to make.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpNeed {
    /// Host name or address.
    pub host: Spanned<String>,
    /// Port; none means 443.
    pub port: Option<u16>,
    /// Methods in upper case; empty means GET and HEAD.
    pub methods: Vec<String>,
    /// Path patterns; empty means all.
    pub paths: Vec<String>,
    /// Why, in the author's words.
    pub reason: Option<String>,
    /// Whether the function works without it.
    pub optional: bool,
}

/// A secret that a function wants to use.
#[derive(Clone, Debug, PartialEq)]
pub struct SecretNeed {
    /// Its name.
    pub name: Spanned<String>,
    /// How it is used.
    pub usage: SecretUse,
    /// Why, in the author's words.
    pub reason: Option<String>,
    /// Whether the function works without it.
    pub optional: bool,
}

/// How a function uses a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretUse {
    /// The host puts it into a request header; the guest never holds it.
    Header {
        /// The only host it may go to.
        host: String,
    },
    /// The guest may read it.
    Reveal,
}

/// Which clock a function sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    /// Reading the clock always gives zero.
    None,
    /// The clock stands still at the start of the step.
    Frozen,
    /// Rounded down to 1 ms.
    #[default]
    Coarse,
    /// As precise as the machine's.
    Real,
}

/// Which random numbers a function sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Random {
    /// Zeros.
    None,
    /// The same numbers each time for the same job and step.
    Seeded,
    /// From a secure source.
    #[default]
    Secure,
}

/// Limits that a function asks for; none means the engine's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitNeeds {
    /// Linear memory, in bytes.
    pub memory: Option<u64>,
    /// Processor time.
    pub cpu: Option<Duration>,
    /// Time on the wall.
    pub wall: Option<Duration>,
    /// Log, in bytes.
    pub log: Option<u64>,
}
