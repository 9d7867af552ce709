//! Requests through `wasi:http`. Only what is called here is imported, and only by modules that reach it.

use std::io::{self, Read};
use std::time::Duration;

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, HeaderError, IncomingBody, IncomingResponse, Method, OutgoingBody,
    OutgoingRequest, RequestOptions, Scheme,
};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

use super::{Body, Broken, Incoming, Outgoing, Sender};
use crate::wasm::Imports;
use crate::{Access, Failure};

/// How much of a file is read at once. The host takes up to 64 KiB in one call.
const PIECE_BYTES: usize = 64 << 10;

/// How long a piece of one read may be; the host gives up to 64 KiB in one call.
const MAX_READ_BYTES: u64 = 64 << 10;

impl Sender for Imports {
    fn send(&self, request: Outgoing) -> Result<Incoming, Broken> {
        let Outgoing { method, url, headers, body, timeout } = request;
        let outgoing = OutgoingRequest::new(fields(&headers)?);
        let scheme = if url.secure { Scheme::Https } else { Scheme::Http };
        set(outgoing.set_method(&method_of(method)), "the method is no token")?;
        set(outgoing.set_scheme(Some(&scheme)), "the scheme is not known")?;
        set(outgoing.set_authority(Some(&url.authority)), "host and port do not parse")?;
        set(outgoing.set_path_with_query(Some(&url.path)), "path and query do not parse")?;
        let sink = match body {
            Body::None => None,
            Body::Bytes(_) | Body::File(_, _) => Some(outgoing.body().map_err(|()| Broken::Failed("it has no body"))?),
        };
        let answer = outgoing_handler::handle(outgoing, options(timeout)).map_err(Broken::from)?;
        if let Some(sink) = sink {
            write(sink, body)?;
        }
        wait(&answer).map(incoming)
    }
}

fn fields(headers: &[(String, String)]) -> Result<Fields, Broken> {
    let fields = Fields::new();
    for (name, value) in headers {
        fields.append(name, value.as_bytes()).map_err(|error| match error {
            HeaderError::InvalidSyntax => Broken::Invalid("a header has a character that none may have"),
            HeaderError::Forbidden => Broken::Invalid("a header is not the step's to set"),
            HeaderError::Immutable => Broken::Failed("its headers cannot be set"),
        })?;
    }
    Ok(fields)
}

fn set(result: Result<(), ()>, problem: &'static str) -> Result<(), Broken> {
    result.map_err(|()| Broken::Invalid(problem))
}

fn method_of(method: String) -> Method {
    match method.as_str() {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        _ => Method::Other(method),
    }
}

/// Returns the options for a time until the head of the response. Connecting and waiting are counted one after the other.
fn options(timeout: Option<Duration>) -> Option<RequestOptions> {
    let nanoseconds = u64::try_from(timeout?.as_nanos()).unwrap_or(u64::MAX);
    let (connect, between) = (nanoseconds / 2, nanoseconds);
    let options = RequestOptions::new();
    // A host that cannot do it has a limit of its own.
    let _ = options.set_connect_timeout(Some(connect));
    let _ = options.set_first_byte_timeout(Some(nanoseconds - connect));
    let _ = options.set_between_bytes_timeout(Some(between));
    Some(options)
}

/// Writes the body. A host that refuses the request closes the stream, and says why in place of the response.
fn write(sink: OutgoingBody, body: Body) -> Result<(), Broken> {
    let stream = sink.write().map_err(|()| Broken::Failed("its body cannot be written"))?;
    match body {
        Body::None => {}
        Body::Bytes(bytes) => {
            let _ = write_all(&stream, &bytes);
        }
        Body::File(mut file, path) => {
            let mut piece = vec![0; PIECE_BYTES];
            loop {
                let length = match file.read(&mut piece) {
                    Ok(0) => break,
                    Ok(length) => length,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(Broken::Body(Failure::of_file(Access::Read, path, &error))),
                };
                if write_all(&stream, &piece[..length]).is_err() {
                    break;
                }
            }
        }
    }
    let _ = stream.blocking_flush();
    drop(stream);
    // A body that is too short is told in place of the response as well.
    let _ = OutgoingBody::finish(sink, None);
    Ok(())
}

fn write_all(stream: &OutputStream, mut bytes: &[u8]) -> Result<(), StreamError> {
    while !bytes.is_empty() {
        match usize::try_from(stream.check_write()?).unwrap_or(usize::MAX).min(bytes.len()) {
            0 => stream.subscribe().block(),
            length => {
                stream.write(&bytes[..length])?;
                bytes = &bytes[length..];
            }
        }
    }
    Ok(())
}

fn wait(answer: &FutureIncomingResponse) -> Result<IncomingResponse, Broken> {
    answer.subscribe().block();
    match answer.get() {
        Some(Ok(Ok(response))) => Ok(response),
        Some(Ok(Err(code))) => Err(code.into()),
        Some(Err(())) | None => Err(Broken::Failed("the host gave no response")),
    }
}

fn incoming(response: IncomingResponse) -> Incoming {
    let status = response.status();
    let headers = response.headers().entries().into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
    let headers = headers.collect();
    Incoming { status, headers, body: Box::new(Reader::new(response)) }
}

/// A body. Handles are dropped in the order of the fields: a child before its parent.
struct Reader {
    stream: Option<InputStream>,
    _body: Option<IncomingBody>,
    _response: IncomingResponse,
    /// What came with the last call and is not handed on yet.
    piece: Vec<u8>,
    at: usize,
}

impl Reader {
    fn new(response: IncomingResponse) -> Self {
        let body = response.consume().ok();
        let stream = body.as_ref().and_then(|body| body.stream().ok());
        Self { stream, _body: body, _response: response, piece: Vec::new(), at: 0 }
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.piece.len() && !buffer.is_empty() {
            let Some(stream) = &self.stream else { return Ok(0) };
            self.at = 0;
            self.piece = match stream.blocking_read(MAX_READ_BYTES) {
                Ok(piece) => piece,
                Err(StreamError::Closed) => {
                    self.stream = None;
                    Vec::new()
                }
                Err(StreamError::LastOperationFailed(error)) => {
                    let code = wasip2::http::types::http_error_code(&error);
                    return Err(code.map_or(Broken::Unavailable("the connection broke off"), Broken::from).into());
                }
            };
        }
        let length = buffer.len().min(self.piece.len() - self.at);
        buffer[..length].copy_from_slice(&self.piece[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}

impl From<ErrorCode> for Broken {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::HttpRequestDenied => Self::Denied,
            ErrorCode::DestinationIpProhibited => Self::NotPublic,
            ErrorCode::HttpRequestUriInvalid => Self::Invalid("the address is not valid"),
            ErrorCode::HttpRequestUriTooLong => Self::Invalid("the address is too long"),
            ErrorCode::HttpRequestMethodInvalid => Self::Invalid("the method is not valid"),
            ErrorCode::HttpRequestHeaderSectionSize(_) | ErrorCode::HttpRequestHeaderSize(_) => {
                Self::Invalid("its headers are too large")
            }
            ErrorCode::HttpRequestTrailerSectionSize(_) | ErrorCode::HttpRequestTrailerSize(_) => {
                Self::Invalid("it has trailers")
            }
            ErrorCode::HttpRequestLengthRequired => Self::Invalid("it must tell the length of its body"),
            ErrorCode::HttpRequestBodySize(_) => Self::Invalid("its body is too large, or not as long as it says"),
            ErrorCode::DnsTimeout | ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => {
                Self::Unavailable("the host is not known")
            }
            ErrorCode::DestinationUnavailable | ErrorCode::DestinationIpUnroutable => {
                Self::Unavailable("the host cannot be reached")
            }
            ErrorCode::ConnectionRefused => Self::Unavailable("the connection was refused"),
            ErrorCode::ConnectionTerminated => Self::Unavailable("the connection broke off"),
            ErrorCode::ConnectionTimeout
            | ErrorCode::ConnectionReadTimeout
            | ErrorCode::ConnectionWriteTimeout
            | ErrorCode::HttpResponseTimeout => Self::Unavailable("it took too long"),
            ErrorCode::ConnectionLimitReached => Self::Unavailable("too many connections are open"),
            ErrorCode::HttpResponseIncomplete => Self::Unavailable("the response is not whole"),
            ErrorCode::TlsProtocolError | ErrorCode::TlsAlertReceived(_) => Self::Failed("the encryption failed"),
            ErrorCode::TlsCertificateError => Self::Failed("the certificate of the host is not trusted"),
            ErrorCode::HttpResponseBodySize(limit) => Self::TooLarge(limit),
            ErrorCode::HttpResponseHeaderSectionSize(_)
            | ErrorCode::HttpResponseHeaderSize(_)
            | ErrorCode::HttpResponseTrailerSectionSize(_)
            | ErrorCode::HttpResponseTrailerSize(_) => Self::Failed("the headers of the response are too large"),
            ErrorCode::HttpResponseTransferCoding(_)
            | ErrorCode::HttpResponseContentCoding(_)
            | ErrorCode::HttpUpgradeFailed
            | ErrorCode::HttpProtocolError => Self::Failed("the host does not speak HTTP"),
            ErrorCode::LoopDetected => Self::Failed("the request goes round in circles"),
            ErrorCode::ConfigurationError | ErrorCode::InternalError(_) => Self::Failed("the engine cannot send it"),
        }
    }
}
