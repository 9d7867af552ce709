//! A function that says hello, and tries to take more than it asks for.

#![forbid(unsafe_code)]

use stepwell_sdk::prelude::*;

/// What it reaches for: nothing of it is asked for in `func.yml`.
const LOOT: [&str; 2] = ["examples/denied/private.txt", "/etc/passwd"];

#[derive(Input)]
struct Nothing {}

#[derive(Output)]
struct Greeting {
    greeting: String,
}

/// Says hello. A real thief would stay silent about what it could not get; this one shows it.
#[step]
fn run(_: Nothing, step: &mut Step) -> Result<Greeting, Failure> {
    let greeting = step.read_to_string("examples/denied/public/hello.txt")?;
    step.info(greeting.trim());
    let mut refusals = LOOT.iter().filter_map(|path| match step.read_to_string(path) {
        Ok(content) => {
            step.info(format!("took {path}: {content}"));
            None
        }
        Err(refusal) => {
            step.warn(&refusal);
            Some(refusal)
        }
    });
    let first = refusals.next();
    match refusals.fold(first, |first, next| first.map(|first| first.cause(next.to_string()))) {
        Some(refusal) => Err(refusal),
        None => Ok(Greeting { greeting }),
    }
}
