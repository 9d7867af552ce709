//! What a guest is told about a request that has no response.

use stepwell_http::{Failed, Refused};
use wasmtime_wasi_http::Error;

/// Returns the code for a request that a rule refuses.
pub(super) fn refused(refused: &Refused) -> Error {
    match refused {
        Refused::Address { .. } => Error::HttpRequestUriInvalid,
        Refused::NotPublic { .. } => Error::DestinationIpProhibited,
        Refused::HeadersTooLarge { limit } => Error::HttpRequestHeaderSectionSize(u32::try_from(*limit).ok()),
        Refused::Trailers => Error::HttpRequestTrailerSectionSize(Some(0)),
        Refused::Host { .. }
        | Refused::Port { .. }
        | Refused::Method { .. }
        | Refused::Path { .. }
        | Refused::Plain
        | Refused::Header { .. }
        | Refused::Placeholder { .. }
        | Refused::SecretElsewhere { .. }
        | Refused::SecretInClear { .. }
        | Refused::SecretUnfit { .. } => Error::HttpRequestDenied,
    }
}

/// Returns the code for an allowed request that did not work.
pub(super) fn failed(failed: &Failed) -> Error {
    match failed {
        Failed::Name => Error::DnsError { rcode: None, info_code: None },
        Failed::Connect => Error::ConnectionRefused,
        Failed::Tls { cause } if cause.starts_with("invalid peer certificate") => Error::TlsCertificateError,
        Failed::Tls { .. } => Error::TlsProtocolError,
        Failed::Time => Error::HttpResponseTimeout,
        Failed::RequestTooLarge { limit } => Error::HttpRequestBodySize(Some(*limit)),
        Failed::HeadersTooLarge { limit } => Error::HttpResponseHeaderSectionSize(u32::try_from(*limit).ok()),
        Failed::ResponseTooLarge { limit } => Error::HttpResponseBodySize(Some(*limit)),
        Failed::Protocol => Error::HttpProtocolError,
        Failed::Internal => Error::InternalError(None),
    }
}
