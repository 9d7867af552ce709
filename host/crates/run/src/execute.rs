//! What executors are told and what they answer.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use stepwell_expr::Marked;
use stepwell_plan::Module;
use stepwell_policy::Grants;
use stepwell_schema::{Spec, Value};
use tokio_util::sync::CancellationToken;

use crate::log::EventSender;
use crate::step_path::StepPath;

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Runs invocations. Heavy crates implement it: one for native commands and scripts, one for WebAssembly.
pub trait Executor: Send + Sync {
    /// Runs one invocation to its end, whatever that end is. When [`Control::cancelled`] fires the executor ends the
    /// step, gently first, and answers [`Outcome::Cancelled`]; when it answers, nothing of the invocation runs any more
    /// but what a native command left in the background on purpose.
    fn execute<'a>(&'a self, invocation: &'a Invocation, control: &'a Control) -> BoxFuture<'a, Outcome>;

    /// Looks at a module, without running or compiling it, and compares what it says of itself with the function file.
    ///
    /// # Errors
    /// See [`ModuleRefused`].
    fn check_module(&self, module: &Module, spec: &Spec) -> Result<(), ModuleRefused>;
}

/// One try at one step, with everything evaluated and decided.
#[derive(Debug)]
pub struct Invocation {
    /// Which step.
    pub step: StepPath,
    /// Identifier, unique within the job.
    pub id: String,
    /// 1 for the first try.
    pub attempt: u32,
    /// The whole environment of the context; native commands see exactly this.
    pub environment: Arc<BTreeMap<String, String>>,
    /// The job's work dir, absolute.
    pub work_dir: PathBuf,
    /// What to run.
    pub action: Action,
}

/// What to run.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one for each running step, made once and never moved about")]
pub enum Action {
    /// A command, without a shell.
    Command {
        /// Program and arguments; at least the program.
        arguments: Vec<String>,
        /// Working directory, absolute.
        directory: PathBuf,
    },
    /// A script for the shell of section 6 of the contract, in the work dir.
    Script {
        /// The whole text.
        text: String,
    },
    /// A WebAssembly module.
    Wasm(WasmCall),
}

/// A call of a WebAssembly module.
#[derive(Debug)]
pub struct WasmCall {
    /// The module.
    pub module: Arc<Module>,
    /// Arguments for a command module.
    pub arguments: Vec<String>,
    /// All inputs of the function, defaults filled in, in the order of the function file.
    pub inputs: Vec<(String, Marked)>,
    /// The folder of the function file, shown read-only as `/step`; none for a built-in function.
    pub function_folder: Option<PathBuf>,
    /// What the step is given.
    pub grants: Grants,
    /// The secrets that the job passed to this step, by the names under which the function asks for them. Only what is
    /// granted too may be used.
    pub secrets: BTreeMap<String, SecretText>,
}

/// A secret in clear. Its debug form does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Arc<str>);

impl SecretText {
    /// Wraps a secret.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// Returns the secret. Whoever calls this keeps it out of messages, events and files.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText")
    }
}

/// What an executor may use while it runs an invocation.
#[derive(Clone, Debug)]
pub struct Control {
    /// Where log and notices go.
    pub events: EventSender,
    /// Fires when the job is cancelled.
    pub cancelled: CancellationToken,
    /// How long a step may take to end by itself after a cancellation.
    pub grace: Duration,
    /// Masks a text for the rest of the job.
    pub mask: MaskSink,
}

/// Takes texts that are to be masked for the rest of the job.
#[derive(Clone)]
pub struct MaskSink(pub Arc<dyn Fn(&str) + Send + Sync>);

impl fmt::Debug for MaskSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MaskSink")
    }
}

/// How an invocation ended.
#[derive(Debug)]
pub enum Outcome {
    /// A native command ended by itself.
    Exited {
        /// Its exit code; 0 is success.
        code: i32,
    },
    /// A native command was ended by a signal that was not ours.
    Signalled {
        /// The signal's number.
        signal: i32,
    },
    /// A native command could not be started. The text is in the words of section 4.8 of the contract, such as
    /// `exec: "PROGRAM": executable file not found in $PATH`.
    NotStarted {
        /// The text.
        message: String,
        /// What to do next.
        hint: Option<String>,
    },
    /// A WebAssembly step ended well. Not yet checked against the function file.
    Returned(Returned, Usage),
    /// A WebAssembly step ended badly.
    Failed(Failure, Usage),
    /// A limit ended it.
    LimitReached(LimitReached, Usage),
    /// It ended because the job was cancelled.
    Cancelled,
    /// The engine itself failed; nothing is known against the step.
    EngineError {
        /// What happened: a lower-case fragment.
        message: String,
    },
}

/// What a WebAssembly step hands over.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Returned {
    /// Outputs in the order in which they came; names may repeat and be unknown.
    pub outputs: Vec<(String, Value)>,
    /// Exports in order; of two with the same name the later one wins.
    pub exports: Vec<(String, String)>,
}

/// Why a step failed, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What sort of failure.
    pub kind: FailureKind,
    /// A lower-case fragment.
    pub message: String,
    /// The chain of causes, outermost first.
    pub causes: Vec<String>,
    /// What to do next.
    pub hint: Option<String>,
}

/// Sorts of failure; those of the step ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The inputs do not make sense together.
    InvalidInput,
    /// The work was tried and ended badly.
    Failed,
    /// Something the step depends on did not answer.
    Unavailable,
    /// A grant the step needs is missing.
    Denied,
    /// The step noticed the cancellation and stopped.
    Cancelled,
    /// A defect of the step itself.
    Internal,
}

/// A limit that ended a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitReached {
    /// Which.
    pub limit: LimitKind,
    /// For people, with figures: `memory limit of 256 MiB reached (peak 255.9 MiB)`.
    pub message: String,
}

/// The limits that can end a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitKind {
    /// Time on the wall. The step is timed out.
    Wall,
    /// Processor time. The step is timed out.
    Cpu,
    /// Linear memory or tables.
    Memory,
    /// The stack.
    Stack,
    /// Values between guest and host.
    Message,
}

/// What an invocation used, where measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Processor time.
    pub cpu: Option<Duration>,
    /// Largest linear memory, in bytes.
    pub peak_memory_bytes: Option<u64>,
}

/// Why a module is not run at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("module `{module}` is refused: {message}")]
pub struct ModuleRefused {
    /// The module's name.
    pub module: String,
    /// Why, with what was found and what was expected; may have several lines.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Whether what the module imports is not covered by what the function asks for: a denial rather than a bad file.
    pub denied: bool,
}
