//! The function `query`: asks JSON, YAML and TOML in the language jq.
//!
//! In go a program and values, from files, a text or the job; out come the results, as typed values and as text, or as a
//! file. The interpreter is jaq. Values are read one after the other, so that many cost no more than the largest, and
//! nothing that is nested too deeply reaches code that calls itself. The crate refuses to know the environment and the
//! time, and has no modules.

#![forbid(unsafe_code)]

mod depth;
mod format;
mod json;
mod program;
mod results;
mod source;
mod toml_text;
mod value;
mod yaml;

use stepwell_sdk::{Failure, Input, Level, Output, Step, serde_json, step};

use crate::program::Program;
use crate::results::{List, Results};
use crate::source::Source;

/// What is asked. `func.yml` describes each input.
#[derive(Input)]
pub struct Request {
    program: String,
    #[input(default = "")]
    source: String,
    #[input(default = [])]
    files: Vec<String>,
    #[input(default = "")]
    text: String,
    #[input(default = [])]
    values: Vec<serde_json::Value>,
    #[input(default = "")]
    format: String,
    #[input(default = {})]
    arguments: serde_json::Map<String, serde_json::Value>,
    #[input(default = false)]
    slurp: bool,
    #[input(default = true)]
    raw: bool,
    #[input(default = 0)]
    indent: u8,
    #[input(default = false)]
    check: bool,
    #[input(default = "")]
    destination: String,
    #[input(default = "")]
    name: String,
}

/// What came of it.
#[derive(Debug, Output)]
pub struct Response {
    /// The results in order; empty if they went into a file.
    results: List,
    /// The results as text, one a line; empty if they went into a file.
    text: String,
    /// How many results there are.
    count: u64,
    /// Path of the file, relative to the work dir; empty if none was written.
    file: String,
}

/// Asks JSON, YAML and TOML in the language jq.
///
/// # Errors
///
/// A failure that names the input, the place in the program, or file and line.
#[step]
pub fn run(request: Request, step: &mut Step) -> Result<Response, Failure> {
    let program = Program::compile(&request.program, &request.arguments)?;
    let source = Source::choose(&request)?;
    let mut results = Results::open(&request, step)?;
    let ran = answer(&request, &program, &source, step, &mut results);
    let response = results.finish(step, ran)?;
    if !response.file.is_empty() {
        step.log(Level::Info, &response.file, &[("results", &response.count)]);
    }
    Ok(response)
}

/// Runs the program on each value, or once on all of them.
fn answer(
    request: &Request,
    program: &Program,
    source: &Source<'_>,
    step: &Step,
    results: &mut Results,
) -> Result<(), Failure> {
    if request.slurp {
        let mut all = Vec::new();
        source.each(step, &mut |_, value| {
            all.push(value);
            Ok(())
        })?;
        program.run(step, "all values", all.into_iter().collect(), results)?;
    } else {
        source.each(step, &mut |place, value| program.run(step, place, value, results))?;
    }
    if request.check { results.check() } else { Ok(()) }
}

#[cfg(test)]
mod tests;
