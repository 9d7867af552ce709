//! A WASI command without SDK, for both previews: the command form of the step ABI, by hand.
//!
//! It appends one output per channel it was given and one export, then ends as its first argument after the step's name
//! says: a number is the exit code, `trap` traps, `no-outputs` writes nothing, anything else is success.

#![forbid(unsafe_code)]

use std::env;
use std::error::Error;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::process;

use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().collect();
    let end = arguments.get(1).map_or("", String::as_str);
    println!("a line of standard output");
    eprintln!("a line of standard error");
    if end != "no-outputs" {
        write_outputs(&arguments)?;
    }
    match (end, end.parse()) {
        (_, Ok(code)) => process::exit(code),
        ("trap", _) => process::abort(),
        _ => Ok(()),
    }
}

fn write_outputs(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let mut input = String::new();
    io::stdin().read_to_string(&mut input)?;
    let outputs = env::var("STEPWELL_OUTPUT_FILE")?;
    append(&outputs, "input", serde_json::from_str(&input)?)?;
    append(&outputs, "arguments", json!(arguments))?;
    append(&outputs, "environment", env::vars().map(|(name, value)| (name, json!(value))).collect())?;
    append(&env::var("STEPWELL_EXPORT_FILE")?, "COMMAND_RAN", json!("yes"))
}

fn append(file: &str, name: &str, value: Value) -> Result<(), Box<dyn Error>> {
    let mut file = OpenOptions::new().append(true).open(file)?;
    Ok(writeln!(file, "{}", json!({ "name": name, "value": value }))?)
}
