//! How a guest ended, in our words.

use std::time::Duration;

use stepwell_policy::Limits;
use stepwell_run::{Failure, FailureKind, LimitKind, LimitReached, Outcome};
use wasmtime::component::ResourceTableError;
use wasmtime::{Error, PoolConcurrencyLimitError, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::limits::{MAX_CALL_BYTES, MAX_HANDLES, Meter};
use crate::log_sink::{LogSink, cut_with_mark};
use crate::size::{bytes_text, time_text};

/// Longest failure message, in bytes. From the step ABI, section 5.
pub(crate) const MAX_MESSAGE_BYTES: usize = 16 << 10;
/// Most causes of a failure. From the step ABI, section 5.
pub(crate) const MAX_CAUSES: usize = 32;
/// Longest name of a guest's function that is shown, in bytes.
const MAX_FRAME_BYTES: usize = 200;

/// A preview 1 program ended with an exit code that none can have. Its display is for the log alone.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("exit code {0} is out of range")]
pub(crate) struct ExitOutOfRange(pub(crate) u32);

/// A guest handed the host more than the values of one call may take. Its display is for the log alone.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the values of a call are too large")]
pub(crate) struct CallTooLarge;

/// What is known about a call that ended.
pub(crate) struct Circumstances<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) meter: &'a Meter,
    pub(crate) log: &'a LogSink,
}

impl Circumstances<'_> {
    /// Returns the outcome of a call that took too long.
    pub(crate) fn wall_time_over(&self) -> Outcome {
        self.limit(LimitKind::Wall, timed("time", self.limits.wall))
    }

    /// Returns the outcome of a call that ended with an error of the guest: a trap, or an exit that is none of
    /// success's. In the order of the step ABI, section 5.
    pub(crate) fn broken(&self, error: &Error) -> Outcome {
        let trap = error.downcast_ref::<Trap>();
        if error.is::<PoolConcurrencyLimitError>() {
            return Outcome::EngineError { message: "too many large modules run at the same time".to_owned() };
        }
        if self.meter.cpu_is_spent() {
            return self.limit(LimitKind::Cpu, timed("processor time", self.limits.cpu));
        }
        // A program that noticed the refusal and exited was not ended by it.
        let exited = error.is::<I32Exit>() || error.is::<ExitOutOfRange>();
        if self.meter.growth_was_refused() && !exited {
            return self.limit(LimitKind::Memory, self.memory_text());
        }
        if is_call_too_large(error) {
            let limit = bytes_text(MAX_CALL_BYTES as u64);
            return self.limit(LimitKind::Message, format!("limit of {limit} for the values of one call reached"));
        }
        if trap == Some(&Trap::StackOverflow) {
            return self.limit(LimitKind::Stack, "stack limit of 512 KiB reached".to_owned());
        }
        let message = if let Some(exit) = error.downcast_ref::<I32Exit>() {
            format!("the step exited with code {} instead of returning", exit.0)
        } else if let Some(ExitOutOfRange(_)) = error.downcast_ref() {
            "exit code out of range".to_owned()
        } else if let Some(ResourceTableError::Full) = error.downcast_ref() {
            format!("more than {MAX_HANDLES} files, streams and other handles are open")
        } else if let Some(trap) = trap {
            format!("trapped: {}", trap_class(*trap))
        } else {
            format!("trapped: {}", cut_with_mark(error.root_cause().to_string(), MAX_MESSAGE_BYTES))
        };
        self.failed(Failure { kind: FailureKind::Internal, message, causes: self.causes(error), hint: None })
    }

    /// Returns the outcome of a step that failed.
    pub(crate) fn failed(&self, failure: Failure) -> Outcome {
        Outcome::Failed(failure, self.meter.usage())
    }

    /// Returns the outcome of a step that a limit ended.
    pub(crate) fn limit(&self, limit: LimitKind, message: String) -> Outcome {
        Outcome::LimitReached(LimitReached { limit, message }, self.meter.usage())
    }

    fn memory_text(&self) -> String {
        let (limit, peak) = (bytes_text(self.limits.memory), bytes_text(self.meter.peak_bytes()));
        format!("memory limit of {limit} reached (peak {peak})")
    }

    /// Returns the last line of standard error and the guest's own frames, the innermost first.
    fn causes(&self, error: &Error) -> Vec<String> {
        let line = self.log.last_error_line().map(|line| format!("last line of standard error: {line}"));
        let frames = error.downcast_ref::<WasmBacktrace>().map(WasmBacktrace::frames).unwrap_or_default();
        let names = frames.iter().map(|frame| match frame.func_name() {
            Some(name) => format!("in `{}`", frame_name(name)),
            None => format!("in function {}", frame.func_index()),
        });
        line.into_iter().chain(names).take(MAX_CAUSES).collect()
    }
}

fn timed(what: &str, limit: Duration) -> String {
    format!("{what} limit of {} reached", time_text(limit))
}

fn frame_name(name: &str) -> String {
    let name = format!("{:#}", rustc_demangle::demangle(name));
    let name: String = name.chars().flat_map(char::escape_debug).collect();
    cut_with_mark(name, MAX_FRAME_BYTES)
}

/// wasmtime's error for this has no public type; its text is all there is.
fn is_call_too_large(error: &Error) -> bool {
    error.is::<CallTooLarge>()
        || error.chain().any(|cause| cause.to_string().contains("fuel allocated for hostcalls has been exhausted"))
}

fn trap_class(trap: Trap) -> String {
    let text = trap.to_string();
    match trap {
        Trap::UnreachableCodeReached => "`unreachable` executed".to_owned(),
        _ => text.strip_prefix("wasm trap: ").unwrap_or(&text).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_classes() {
        assert_eq!(trap_class(Trap::UnreachableCodeReached), "`unreachable` executed");
        assert_eq!(trap_class(Trap::MemoryOutOfBounds), "out of bounds memory access");
    }

    #[test]
    fn frame_names() {
        assert_eq!(frame_name("_ZN4core9panicking9panic_fmt17h0123456789abcdefE"), "core::panicking::panic_fmt");
        assert_eq!(frame_name("main"), "main");
        assert_eq!(frame_name("a\u{1b}[0m"), "a\\u{1b}[0m");
        assert!(frame_name(&"x".repeat(10_000)).len() < 250);
    }
}
