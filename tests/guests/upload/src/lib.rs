//! Uploads a file with a secret in a header and keeps the answer, with nothing but the SDK.

#![forbid(unsafe_code)]

use stepwell_sdk::prelude::*;

#[derive(Input)]
struct Request {
    url: String,
    /// What is sent.
    file: WorkPath,
    /// Where the answer goes.
    answer: WorkPath,
    /// Most bytes of it.
    #[input(default = 1_000_000)]
    limit: u32,
    /// Panics in place of sending.
    #[input(default = false)]
    panic: bool,
}

#[derive(Output)]
struct Response {
    status: u16,
    kind: Option<String>,
    bytes: u64,
}

/// Uploads a file.
#[step]
fn run(request: Request, step: &mut Step) -> Result<Response, Failure> {
    assert!(!request.panic, "told to\npanic");
    let token = step.secret("token")?;
    let response = step
        .http()
        .post(&request.url)
        .query("name", request.file.as_str())
        .header("authorization", token.bearer())
        .file(&request.file)
        .limit(request.limit.into())
        .send()?
        .require_success()?;
    let (status, kind) = (response.status(), response.header("content-type").map(str::to_owned));
    Ok(Response { status, kind, bytes: response.save(step, &request.answer)? })
}
