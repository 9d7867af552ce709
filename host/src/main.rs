//! The program `stepwell`: arguments, call, exit code.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    stepwell::cli::main(std::env::args_os())
}
