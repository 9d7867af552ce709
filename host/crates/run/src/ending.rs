//! From what an executor answers to how the step ended.

use crate::execute::{Failure, FailureKind, LimitKind, LimitReached, Outcome, Returned, Usage};
use crate::failure::Failed;
use crate::result::JobErrorKind;
use crate::signal::signal_name;
use crate::status::Change;
use crate::stop::Stop;

/// Exit code in results of a command that has none: not started, or ended by a signal.
const NO_EXIT_CODE: i32 = -1;

/// Returns the exit code that results show.
pub(crate) fn exit_code(outcome: &Outcome) -> i32 {
    match outcome {
        Outcome::Exited { code } => *code,
        Outcome::Signalled { .. }
        | Outcome::NotStarted { .. }
        | Outcome::Returned(..)
        | Outcome::Failed(..)
        | Outcome::LimitReached(..)
        | Outcome::Cancelled
        | Outcome::EngineError { .. } => NO_EXIT_CODE,
    }
}

/// Tells how a command or script ended.
pub(crate) fn command_end(outcome: Outcome, stop: &Stop) -> Result<(), Failed> {
    let failed = match outcome {
        Outcome::Exited { code: 0 } => return Ok(()),
        Outcome::Exited { code } => Failed::step(format!("exit status {code}")),
        Outcome::Signalled { signal } => Failed::step(format!("signal: {}", signal_name(signal))),
        Outcome::NotStarted { message, hint } => Failed::step(message).hint(hint),
        Outcome::EngineError { message } => Failed::engine(message),
        Outcome::Cancelled => stop.failed_or(ended_without_reason),
        Outcome::Returned(..) | Outcome::Failed(..) | Outcome::LimitReached(..) => not_an_end("command"),
    };
    Err(failed.within("exec"))
}

/// Tells how a module ended.
pub(crate) fn module_end(outcome: Outcome, stop: &Stop) -> Result<(Returned, Usage), Failed> {
    let failed = match outcome {
        Outcome::Returned(returned, usage) => return Ok((returned, usage)),
        // The step is cancelled only if the job is; else it is a failure like others.
        Outcome::Failed(failure, usage) if failure.kind == FailureKind::Cancelled => {
            stop.failed_or(|| failure_end(failure)).usage(usage)
        }
        Outcome::Failed(failure, usage) => failure_end(failure).usage(usage),
        Outcome::LimitReached(limit, usage) => limit_end(limit).usage(usage),
        Outcome::EngineError { message } => Failed::engine(message),
        Outcome::Cancelled => stop.failed_or(ended_without_reason),
        Outcome::NotStarted { message, hint } => Failed::engine(message).hint(hint),
        Outcome::Exited { .. } | Outcome::Signalled { .. } => not_an_end("module"),
    };
    Err(failed.within("wasm"))
}

fn failure_end(failure: Failure) -> Failed {
    let Failure { kind, message, causes, hint } = failure;
    // Whoever cuts an exit status out of the message looks for it at the end.
    let message = if message.starts_with("exit status ") {
        causes.into_iter().chain([message]).collect::<Vec<_>>().join(": ")
    } else {
        [message].into_iter().chain(causes).collect::<Vec<_>>().join(": ")
    };
    let message = match kind {
        FailureKind::Internal => format!("internal: {message}"),
        FailureKind::InvalidInput
        | FailureKind::Failed
        | FailureKind::Unavailable
        | FailureKind::Denied
        | FailureKind::Cancelled => message,
    };
    Failed::step(message).hint(hint)
}

fn limit_end(limit: LimitReached) -> Failed {
    match limit.limit {
        // Told by hand, since only failures get the link of the chain.
        LimitKind::Wall | LimitKind::Cpu => {
            Failed::new(JobErrorKind::TimedOut, format!("wasm: {}", limit.message)).changing(Change::TimeOut)
        }
        LimitKind::Memory | LimitKind::Stack | LimitKind::Message => Failed::step(limit.message),
    }
}

fn ended_without_reason() -> Failed {
    Failed::engine("the executor ended it as cancelled, although nobody cancelled the job")
}

fn not_an_end(what: &str) -> Failed {
    Failed::engine(format!("the executor gave an answer that is none for a {what}"))
}
