//! The hooks of `wasi:http`: what a request may look like, and who sends it.

use std::sync::Arc;

use http::uri::Scheme;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use stepwell_http::{Patience, SendError, is_forbidden_header};
use wasmtime_wasi_http::{Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks};

use super::errors;
use super::gateway::{CAPABILITY, Gateway, asked};
use crate::log_sink::LogSink;

/// Most bytes of one write into the body of a request. With this a guest holds little memory of the host.
const BODY_CHUNK_BYTES: usize = 64 << 10;

type Driving = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Result<(Response<WasiBody>, Driving), Error>;

/// Sends through a gateway, and refuses everything where there is none.
pub(super) struct Hooks {
    gateway: Option<Arc<dyn Gateway>>,
    log: Arc<LogSink>,
}

impl Hooks {
    pub(super) fn new(gateway: Option<Arc<dyn Gateway>>, log: Arc<LogSink>) -> Self {
        Self { gateway, log }
    }
}

impl WasiHttpHooks for Hooks {
    /// Serves headers and trailers alike.
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(is_forbidden_header)
    }

    fn is_supported_scheme(&mut self, scheme: &Scheme) -> bool {
        *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS
    }

    /// The client makes it from the address that it checked.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Driving,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let (gateway, log) = (self.gateway.clone(), Arc::clone(&self.log));
        Box::new(send(gateway, log, request, patience(options.unwrap_or_default())))
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK_BYTES
    }
}

async fn send(
    gateway: Option<Arc<dyn Gateway>>,
    log: Arc<LogSink>,
    request: Request<WasiBody>,
    patience: Patience,
) -> Sent {
    let Some(gateway) = gateway else {
        log.denied(CAPABILITY, &asked(&request));
        return Err(Error::HttpRequestDenied);
    };
    let request = request.map(|body| body.map_err(Box::<dyn std::error::Error + Send + Sync>::from).boxed_unsync());
    match gateway.send(request, patience).await {
        Ok(response) => {
            let response = response.map(|body| body.map_err(|failed| errors::failed(&failed)).boxed_unsync());
            let driving: Driving = Box::new(async { Ok(()) });
            Ok((response, driving))
        }
        Err(SendError::Refused(refused)) => Err(errors::refused(&refused)),
        Err(SendError::Failed(failed)) => Err(errors::failed(&failed)),
    }
}

fn patience(options: RequestOptions) -> Patience {
    let head = match (options.connect_timeout, options.first_byte_timeout) {
        (Some(connect), Some(first_byte)) => Some(connect.saturating_add(first_byte)),
        // What has no bound of its own is bounded by the settings.
        (Some(_), None) | (None, Some(_)) | (None, None) => None,
    };
    Patience { head, between: options.between_bytes_timeout }
}
