//! The smallest typed step: one scalar in, one scalar out. What is measured is the way there and back.

#![forbid(unsafe_code)]

use stepwell_sdk::{Failure, Input, Output, Step, step};

#[derive(Input)]
struct Request {
    number: f64,
}

#[derive(Output)]
struct Response {
    number: f64,
}

/// Adds one.
#[step]
fn run(request: Request, _step: &mut Step) -> Result<Response, Failure> {
    Ok(Response { number: request.number + 1.0 })
}
