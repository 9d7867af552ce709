//! Gives back what it is given, as outputs of the same names and types.

#![forbid(unsafe_code)]

use stepwell_sdk::{Failure, Input, Level, Output, Step, serde_json, step};

#[derive(Input)]
struct Request {
    /// A text.
    text: String,
    number: Option<f64>,
    boolean: Option<bool>,
    array: Option<Vec<serde_json::Value>>,
    object: Option<serde_json::Map<String, serde_json::Value>>,
    #[input(sensitive)]
    secret: Option<String>,
}

#[derive(Output)]
struct Response {
    /// The same text.
    text: String,
    number: Option<f64>,
    boolean: Option<bool>,
    array: Option<Vec<serde_json::Value>>,
    object: Option<serde_json::Map<String, serde_json::Value>>,
    #[output(sensitive)]
    secret: Option<String>,
    /// Name, invocation and attempt of the step, and whether it was cancelled or has a deadline.
    context: serde_json::Value,
}

/// Gives back its inputs.
#[step]
fn run(request: Request, step: &mut Step) -> Result<Response, Failure> {
    let group = step.group("echo");
    step.log(Level::Info, "echoing", &[("text", &request.text)]);
    step.progress(1, Some(2), "half");
    drop(group);
    println!("a line of standard output");
    eprintln!("a line of standard error");
    step.export("ECHO_TEXT", request.text.clone());
    if let Some(secret) = &request.secret {
        step.mask(secret);
        step.info(format!("the secret is {secret}"));
    }
    Ok(Response {
        context: context(step),
        text: request.text,
        number: request.number,
        boolean: request.boolean,
        array: request.array,
        object: request.object,
        secret: request.secret,
    })
}

fn context(step: &Step) -> serde_json::Value {
    let info = step.context();
    serde_json::json!({
        "step": info.step,
        "invocation": info.invocation,
        "attempt": info.attempt,
        "cancelled": step.cancelled(),
        "deadline": step.remaining().is_some(),
    })
}
