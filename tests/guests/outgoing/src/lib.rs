//! One request through the bare interface, and then everything that this guest can reach.

use stepwell_sdk::expansion::bindings::stepwell::step::secrets::{self, Denied, HeaderForm};
use stepwell_sdk::{Failure, Input, Output, Step, step};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{ErrorCode, Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme};
use wasip2::io::streams::StreamError;

/// Most bytes that one write to a stream may have.
const PIECE: usize = 4_096;

#[derive(Input)]
struct Request {
    /// `http` or `https`.
    #[input(default = "https")]
    scheme: String,
    /// Host and port; empty: no request.
    #[input(default = "")]
    authority: String,
    #[input(default = "/")]
    path: String,
    #[input(default = "GET")]
    method: String,
    /// A secret to open.
    #[input(default = "")]
    secret: String,
    /// `raw`, `bearer`, `reveal` or the user for `basic`.
    #[input(default = "bearer")]
    form: String,
    /// A header and its value, in which `{}` stands for the placeholder. The path knows it too.
    #[input(default = "authorization")]
    header: String,
    #[input(default = "{}")]
    value: String,
    #[input(default = "")]
    body: String,
    /// Writes all memory into `/work/dump`.
    #[input(default = false)]
    dump: bool,
}

#[derive(Output)]
struct Response {
    status: f64,
    content: String,
}

/// Sends a request.
#[step]
fn run(request: Request, _step: &mut Step) -> Result<Response, Failure> {
    let placeholder = if request.secret.is_empty() { String::new() } else { open(&request)? };
    println!("placeholder {placeholder}");
    std::env::vars().for_each(|(name, value)| println!("variable {name}={value}"));
    let response = if request.authority.is_empty() {
        Response { status: 0.0, content: placeholder }
    } else {
        send(&request, &placeholder)?
    };
    println!("answer {}", response.content);
    if request.dump {
        dump()?;
    }
    Ok(response)
}

fn open(request: &Request) -> Result<String, Failure> {
    let denied = |denied: Denied| Failure::failed("the secret is denied").cause(denied.name());
    let secret = secrets::open(&request.secret).map_err(denied)?;
    Ok(match request.form.as_str() {
        "raw" => secret.header_value(&HeaderForm::Raw),
        "bearer" => secret.header_value(&HeaderForm::Bearer),
        "reveal" => secret.reveal().map_err(denied)?,
        user => secret.header_value(&HeaderForm::Basic(user.to_owned())),
    })
}

fn send(request: &Request, placeholder: &str) -> Result<Response, Failure> {
    let wrong = |what: &str| Failure::failed(format!("the interface refuses the {what}"));
    let headers = Fields::new();
    if !placeholder.is_empty() || request.value != "{}" {
        let value = request.value.replace("{}", placeholder);
        headers.append(&request.header, value.as_bytes()).map_err(|_| wrong("header"))?;
    }
    let outgoing = OutgoingRequest::new(headers);
    let scheme = match request.scheme.as_str() {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    };
    let method = match request.method.as_str() {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "CONNECT" => Method::Connect,
        other => Method::Other(other.to_owned()),
    };
    outgoing.set_scheme(Some(&scheme)).map_err(|()| wrong("scheme"))?;
    outgoing.set_method(&method).map_err(|()| wrong("method"))?;
    outgoing.set_authority(Some(&request.authority)).map_err(|()| wrong("authority"))?;
    outgoing.set_path_with_query(Some(&request.path.replace("{}", placeholder))).map_err(|()| wrong("path"))?;
    let body = (!request.body.is_empty()).then(|| outgoing.body()).transpose().map_err(|()| wrong("body"))?;
    let future = outgoing_handler::handle(outgoing, None).map_err(refused)?;
    if let Some(body) = body {
        write(body, request.body.as_bytes())?;
    }
    future.subscribe().block();
    let response = future.get().and_then(Result::ok).ok_or_else(|| wrong("response"))?.map_err(refused)?;
    Ok(Response { status: f64::from(response.status()), content: read(&response)? })
}

fn write(body: OutgoingBody, bytes: &[u8]) -> Result<(), Failure> {
    let stream = body.write().map_err(|()| Failure::failed("the body has no stream"))?;
    for piece in bytes.chunks(PIECE) {
        // Who refuses the request closes the stream too, and tells why in the response.
        if stream.blocking_write_and_flush(piece).is_err() {
            break;
        }
    }
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
    Ok(())
}

fn read(response: &IncomingResponse) -> Result<String, Failure> {
    let body = response.consume().map_err(|()| Failure::failed("the response has no body"))?;
    let stream = body.stream().map_err(|()| Failure::failed("the response has no stream"))?;
    let mut content = Vec::new();
    loop {
        match stream.blocking_read(1 << 16) {
            Ok(bytes) => content.extend(bytes),
            Err(StreamError::Closed) => return Ok(String::from_utf8_lossy(&content).into_owned()),
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(match wasip2::http::types::http_error_code(&error) {
                    Some(code) => refused(code),
                    None => Failure::failed("the body broke off").cause(error.to_debug_string()),
                });
            }
        }
    }
}

fn refused(code: ErrorCode) -> Failure {
    let text = format!("{code:?}");
    let name = text.split(['(', ' ']).next().unwrap_or_default();
    Failure::failed("the request is refused").cause(name.trim_start_matches("ErrorCode::"))
}

fn dump() -> Result<(), Failure> {
    let pages = std::arch::wasm32::memory_size::<0>();
    // Page by page, for a copy of everything would be a part of everything. The first page starts at address nought,
    // where no slice may.
    let mut file = std::fs::File::create("/work/dump")?;
    for page in 0..pages {
        let start = if page == 0 { 1 } else { page << 16 };
        // SAFETY: the bytes lie within the memory and are only copied; no reference to them is held meanwhile but those
        // of callers, who do not write.
        let bytes = unsafe { std::slice::from_raw_parts(start as *const u8, ((page + 1) << 16) - start) };
        std::io::Write::write_all(&mut file, bytes)?;
    }
    Ok(())
}
