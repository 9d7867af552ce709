//! A worker and nothing else, for the tests of this crate: the program that users start becomes one by itself.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    // Whoever started it was told why.
    if stepwell_sandbox::serve().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
