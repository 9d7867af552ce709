//! What a step asks of the host, as one trait: the WebAssembly imports behind one implementation, a fake behind the other.
//!
//! Which of the two it is is known when a step is compiled. Calls are direct, so a module imports no more of the host's
//! interfaces than its code reaches.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::secret::{Denied, HeaderForm};
use crate::{Access, Failure};

/// The host of this target.
#[cfg(target_family = "wasm")]
pub(crate) type Handle = crate::wasm::Imports;
/// The host of this target.
#[cfg(not(target_family = "wasm"))]
pub(crate) type Handle = crate::fake::Fake;

/// A secret that this target's host has opened.
pub(crate) type Held = <Handle as Host>::Held;

/// Facts about this call of the step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// Name of the step in its list.
    pub step: String,
    /// Identifier of this invocation, unique within the job.
    pub invocation: String,
    /// 1 for the first try.
    pub attempt: u32,
}

/// How much a log record matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Each small move.
    Trace,
    /// For whoever looks for a defect.
    Debug,
    /// For whoever reads the log.
    Info,
    /// Odd, but the step goes on.
    Warn,
    /// Why the step will fail.
    Error,
}

/// The host as a step sees it. The methods are those of the interface, under the same names.
pub(crate) trait Host {
    /// A secret that was opened.
    type Held;

    fn info(&self) -> Info;
    fn granted(&self, capability: &str) -> bool;
    fn cancelled(&self) -> bool;
    fn remaining(&self) -> Option<Duration>;
    fn emit(&self, level: Level, message: &str, fields: &[(String, String)]);
    fn open_group(&self, title: &str);
    fn close_group(&self);
    fn progress(&self, done: u64, total: Option<u64>, label: &str);
    fn mask(&self, text: &str);

    fn open(&self, secret: &str) -> Result<Self::Held, Denied>;
    fn reveal(&self, secret: &Self::Held) -> Result<String, Denied>;
    fn header_value(&self, secret: &Self::Held, form: HeaderForm<'_>) -> String;

    /// Returns the path to hand to the file system for a path as a job's author writes it.
    ///
    /// # Errors
    ///
    /// A failure of kind denied, when no grant can cover the path.
    fn locate(&self, path: &Path, access: Access) -> Result<PathBuf, Failure>;
}
