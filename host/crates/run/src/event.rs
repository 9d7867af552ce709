//! What happened in a job, in order.

use std::time::{Duration, SystemTime};

use stepwell_policy::Decision;
use stepwell_schema::{Digest, Place};

use crate::execute::Usage;
use crate::status::Status;
use crate::step_path::StepPath;

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// Counts from 0 within the job, without gaps.
    pub sequence: u64,
    /// When it happened.
    pub time: SystemTime,
    /// Which step it happened to; the empty path is the job.
    pub step: StepPath,
    /// What happened.
    pub kind: EventKind,
}

/// The kinds of event.
#[derive(Clone, Debug)]
pub enum EventKind {
    /// The status changed. Each step starts as pending without an event.
    Transition {
        /// Before.
        from: Status,
        /// After.
        to: Status,
        /// Why, for people: a lower-case fragment; none where the change speaks for itself.
        reason: Option<String>,
        /// What to do next, where something can be done.
        hint: Option<String>,
        /// Since the step started; zero for one that just started or never did.
        elapsed: Duration,
        /// What it used, where that was measured.
        usage: Option<Usage>,
    },
    /// What a step is going to do is known: its function is loaded, its inputs are evaluated and its needs are decided.
    /// Comes once a step, before it starts.
    Prepared(StepFacts),
    /// Something that a running step does without a need for it was decided: a program that it starts, or variables for
    /// later steps.
    Decided(Vec<Decision>),
    /// Bytes that a step wrote, in order for each stream; not cut at lines.
    Log {
        /// Which stream.
        stream: Stream,
        /// The bytes; any bytes.
        bytes: Vec<u8>,
    },
    /// A structured log record of a typed step.
    Record {
        /// How much it matters.
        level: Level,
        /// The text; may hold line feeds; other control characters are escaped.
        message: String,
        /// Facts beside it, in order.
        fields: Vec<(String, String)>,
    },
    /// A foldable group of log lines starts.
    GroupOpened {
        /// Its title.
        title: String,
    },
    /// The innermost group ends.
    GroupClosed,
    /// How far a step is.
    Progress {
        /// Units done.
        done: u64,
        /// Units in all, if known.
        total: Option<u64>,
        /// What is being done.
        label: String,
    },
    /// Something odd that does not stop the job.
    Warning {
        /// The text: a lower-case fragment.
        message: String,
        /// Where, if it is about a document.
        place: Option<Place>,
    },
    /// The engine does something that takes a while on the step's behalf, such as compiling a module.
    Busy {
        /// What: a lower-case fragment such as `compiling ./archive.wasm`.
        what: String,
    },
    /// What [`EventKind::Busy`] said is over.
    BusyOver,
    /// A running step asked for something that it was not given.
    Denied {
        /// The capability, such as `read`.
        capability: String,
        /// What was asked for, such as a path.
        asked: String,
    },
}

/// What a step is going to do.
#[derive(Clone, Debug)]
pub struct StepFacts {
    /// `exec`, `script`, `sequence` or `wasm`.
    pub kind: &'static str,
    /// The reference in canonical form; empty for a script.
    pub reference: String,
    /// The digest of the function file; none for a script.
    pub function: Option<Digest>,
    /// The digest of the module; only for `wasm`.
    pub module: Option<Digest>,
    /// What was decided: first that the step may run at all, then what it asked for, in the order of the function file.
    pub decisions: Vec<Decision>,
}

/// Standard output or standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Error,
}

/// How much a log record matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// For whoever debugs the step's code.
    Trace,
    /// For whoever debugs the job.
    Debug,
    /// For everybody.
    Info,
    /// Something odd.
    Warn,
    /// Something wrong.
    Error,
}

impl Level {
    /// Returns the level of a word in small letters, such as `warn`.
    pub fn named(word: &str) -> Option<Self> {
        Some(match word {
            "trace" => Self::Trace,
            "debug" => Self::Debug,
            "info" => Self::Info,
            "warn" => Self::Warn,
            "error" => Self::Error,
            _ => return None,
        })
    }
}
