//! What a step is given: the sum of its allowed requests over the defaults.

use std::time::Duration;

use serde::Serialize;
use stepwell_schema::{Clock, Random};

use crate::work_path::WorkPath;

/// Everything a WebAssembly step is given. The default gives nothing beyond the base set of the step ABI, under the
/// default limits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grants {
    /// Folders of the work dir, sorted by path, at most one entry a path. None is read-only inside one that is writable,
    /// none read-only inside one that is read-only too. A writable one may lie inside any other; each counts its own
    /// growth.
    pub roots: Vec<Root>,
    /// Names of environment variables, sorted, unique.
    pub env: Vec<String>,
    /// The clock.
    pub clock: Clock,
    /// Random numbers.
    pub random: Random,
    /// Limits.
    pub limits: Limits,
    /// Outgoing requests, sorted by host and port; of two for the same destination each holds by itself.
    pub http: Vec<HttpGrant>,
    /// Secrets, sorted by name, each use once.
    pub secrets: Vec<SecretGrant>,
    /// Names under which what was granted is known to the guest (`read:src`, `env:CI`), sorted, unique. A path stands
    /// there as asked and in its normal form.
    pub capabilities: Vec<String>,
}

/// A folder of the work dir that a step may use.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Root {
    /// The folder.
    pub path: WorkPath,
    /// What may be done in it.
    pub access: Access,
    /// Most bytes of growth; only with write access.
    pub bytes: u64,
    /// Most new files, folders and links; only with write access.
    pub files: u64,
    /// Whether every request for it was optional: the step then runs without the folder where it is missing.
    pub optional: bool,
}

/// A destination of requests.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct HttpGrant {
    /// A host name in small letters without a dot at its end, or an address; never with a port.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Methods in upper case; at least one.
    pub methods: Vec<String>,
    /// Patterns of paths, in which `*` stands for any text; empty means every path.
    pub paths: Vec<String>,
}

/// A secret that a step may use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct SecretGrant {
    /// Its name, as the function asks for it.
    pub name: String,
    /// The only host whose request headers may carry it, in the form of [`HttpGrant::host`]; none means that the guest
    /// may read it.
    pub host: Option<String>,
}

/// What may be done in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Read.
    Read,
    /// Read, create, change and remove.
    Write,
}

/// The limits of one step. Defaults are those of the step ABI, section 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// All linear memories together, in bytes.
    pub memory: u64,
    /// Processor time.
    pub cpu: Duration,
    /// Time on the wall.
    pub wall: Duration,
    /// Log in bytes, standard output and error included.
    pub log: u64,
}

impl Limits {
    /// Growth of one writable folder where none is asked for: 64 MiB.
    pub const DEFAULT_WRITE_BYTES: u64 = 64 << 20;
    /// New files in one writable folder where none is asked for.
    pub const DEFAULT_WRITE_FILES: u64 = 2_000;
}

impl Default for Limits {
    /// Returns 256 MiB of memory, 20 s of processor, 120 s of wall time, 4 MiB of log.
    fn default() -> Self {
        Self { memory: 256 << 20, cpu: Duration::from_secs(20), wall: Duration::from_secs(120), log: 4 << 20 }
    }
}
