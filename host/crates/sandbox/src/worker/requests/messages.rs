//! What host and worker say to each other about requests. Each request of a call has a number, which counts up.

use std::time::Duration;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body::{Body as _, SizeHint};
use stepwell_http::{Form, Patience, RequestBody, SendError};

use crate::worker::wire::{Malformed, Reader, Wire, wire_struct, wire_variants};

/// What a worker says. **Trust:** none; it may say anything.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::worker) enum Asked {
    /// A text is to stand for a secret.
    Stands { text: String, secret: String, form: SecretForm },
    /// A request is to be sent.
    Opened { id: u64, head: RequestHead },
    /// A part of its body.
    Part { id: u64, bytes: Bytes },
    /// The end of its body.
    Ended { id: u64, trailers: Fields },
    /// Its body has no end.
    Broken { id: u64 },
    /// So many bytes of the response were taken by the guest.
    Took { id: u64, bytes: u32 },
    /// The guest has no more use for it. Nothing is said of it afterwards that matters.
    Closed { id: u64 },
}

/// What the host says.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::worker) enum Told {
    /// So many more bytes of the body of the request are wanted.
    Wants { id: u64, bytes: u32 },
    /// No more of the body of the request is wanted.
    Enough { id: u64 },
    /// The head of the response.
    Head { id: u64, head: ResponseHead },
    /// A part of its body.
    Part { id: u64, bytes: Bytes },
    /// The end of its body.
    Ended { id: u64, trailers: Fields },
    /// There is no response, or its body has no end.
    Failed { id: u64, error: SendError },
}

/// Headers or trailers, in order.
pub(in crate::worker) type Fields = Vec<(String, Bytes)>;

/// A request but for its body.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::worker) struct RequestHead {
    method: String,
    scheme: Option<String>,
    authority: Option<String>,
    path: Option<String>,
    headers: Fields,
    head_patience: Option<Duration>,
    between_patience: Option<Duration>,
    /// Whether there is nothing in its body.
    is_empty: bool,
    /// What is known of the length of its body.
    least_bytes: u64,
    most_bytes: Option<u64>,
}

/// A response but for its body.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::worker) struct ResponseHead {
    status: u16,
    headers: Fields,
}

/// What is known of a body before it comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Length {
    pub(super) is_empty: bool,
    pub(super) least_bytes: u64,
    pub(super) most_bytes: Option<u64>,
}

/// A [`Form`] as it is written.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::worker) struct SecretForm(pub(super) Form);

impl RequestHead {
    pub(super) fn of(request: &Request<RequestBody>, patience: Patience) -> Self {
        let (uri, hint) = (request.uri(), request.body().size_hint());
        Self {
            method: request.method().as_str().to_owned(),
            scheme: uri.scheme_str().map(str::to_owned),
            authority: uri.authority().map(|authority| authority.as_str().to_owned()),
            path: uri.path_and_query().map(|path| path.as_str().to_owned()),
            headers: fields(request.headers()),
            head_patience: patience.head,
            between_patience: patience.between,
            is_empty: request.body().is_end_stream(),
            least_bytes: hint.lower(),
            most_bytes: hint.upper(),
        }
    }

    /// Makes the request again, without its body. The parts of the address stay apart, as together they could be read
    /// in another way.
    pub(super) fn into_request(self) -> Result<(Request<Length>, Patience), Malformed> {
        let mut parts = http::uri::Parts::default();
        parts.scheme = self.scheme.map(|text| Scheme::try_from(&*text)).transpose().map_err(|_| Malformed)?;
        parts.authority = self.authority.map(Authority::try_from).transpose().map_err(|_| Malformed)?;
        parts.path_and_query = self.path.map(PathAndQuery::try_from).transpose().map_err(|_| Malformed)?;
        if self.most_bytes.is_some_and(|most| most < self.least_bytes) {
            return Err(Malformed);
        }
        let length = Length { is_empty: self.is_empty, least_bytes: self.least_bytes, most_bytes: self.most_bytes };
        let mut request = Request::new(length);
        *request.method_mut() = Method::from_bytes(self.method.as_bytes()).map_err(|_| Malformed)?;
        *request.uri_mut() = Uri::from_parts(parts).map_err(|_| Malformed)?;
        *request.headers_mut() = header_map(self.headers)?;
        Ok((request, Patience { head: self.head_patience, between: self.between_patience }))
    }
}

impl ResponseHead {
    pub(super) fn of<B>(response: &Response<B>) -> Self {
        Self { status: response.status().as_u16(), headers: fields(response.headers()) }
    }

    pub(super) fn into_response<B>(self, body: B) -> Result<Response<B>, Malformed> {
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status).map_err(|_| Malformed)?;
        *response.headers_mut() = header_map(self.headers)?;
        Ok(response)
    }
}

impl Length {
    /// Returns the hint when some bytes have come.
    pub(super) fn hint(&self, come: u64) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(self.least_bytes.saturating_sub(come));
        if let Some(most) = self.most_bytes {
            hint.set_upper(most.saturating_sub(come));
        }
        hint
    }
}

/// Returns headers as they are written.
pub(super) fn fields(headers: &HeaderMap) -> Fields {
    let field = |(name, value): (&HeaderName, &HeaderValue)| {
        (name.as_str().to_owned(), Bytes::copy_from_slice(value.as_bytes()))
    };
    headers.iter().map(field).collect()
}

/// Returns headers that were written.
pub(super) fn header_map(fields: Fields) -> Result<HeaderMap, Malformed> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Malformed)?;
        let value = HeaderValue::from_maybe_shared(value).map_err(|_| Malformed)?;
        headers.try_append(name, value).map_err(|_| Malformed)?;
    }
    Ok(headers)
}

wire_variants!(Asked {
    Stands { text, secret, form } = 0,
    Opened { id, head } = 1,
    Part { id, bytes } = 2,
    Ended { id, trailers } = 3,
    Broken { id } = 4,
    Took { id, bytes } = 5,
    Closed { id } = 6,
});
wire_variants!(Told {
    Wants { id, bytes } = 0,
    Enough { id } = 1,
    Head { id, head } = 2,
    Part { id, bytes } = 3,
    Ended { id, trailers } = 4,
    Failed { id, error } = 5,
});
wire_struct!(RequestHead {
    method,
    scheme,
    authority,
    path,
    headers,
    head_patience,
    between_patience,
    is_empty,
    least_bytes,
    most_bytes,
});
wire_struct!(ResponseHead { status, headers });

impl Wire for SecretForm {
    fn put(&self, to: &mut Vec<u8>) {
        match &self.0 {
            Form::Raw => to.push(0),
            Form::Bearer => to.push(1),
            Form::Basic { user } => {
                to.push(2);
                user.put(to);
            }
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self(match u8::take(from)? {
            0 => Form::Raw,
            1 => Form::Bearer,
            2 => Form::Basic { user: Wire::take(from)? },
            _ => return Err(Malformed),
        }))
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full};
    use proptest::prelude::*;

    use super::*;
    use crate::worker::wire::{from_bytes, to_bytes};

    fn full(text: &'static str) -> RequestBody {
        Full::from(text).map_err(|never| match never {}).boxed_unsync()
    }

    fn head(change: impl FnOnce(&mut RequestHead)) -> RequestHead {
        let request = Request::post("https://a.test:1/b?c").header("x", "1").header("x", "\u{e9}").body(full("body"));
        let mut head = RequestHead::of(&request.unwrap(), Patience::default());
        change(&mut head);
        head
    }

    #[test]
    fn requests_come_back_as_they_were() {
        let head: RequestHead = from_bytes(&to_bytes(&head(|_| {}))).unwrap();
        let (request, patience) = head.into_request().unwrap();
        assert_eq!((request.method().as_str(), request.uri().to_string()), ("POST", "https://a.test:1/b?c".to_owned()));
        let values: Vec<&[u8]> = request.headers().get_all("x").iter().map(HeaderValue::as_bytes).collect();
        assert_eq!(values, [b"1", "\u{e9}".as_bytes()]);
        assert_eq!((request.body().hint(1).exact(), request.body().is_empty), (Some(3), false));
        assert_eq!(patience, Patience::default());
    }

    #[test]
    fn what_is_no_request() {
        let changes: [fn(&mut RequestHead); 8] = [
            |head| head.method = "GET /".to_owned(),
            |head| head.scheme = Some("ht tp".to_owned()),
            |head| head.scheme = None,
            |head| head.authority = Some("a b".to_owned()),
            |head| head.path = Some("/\r\n".to_owned()),
            |head| head.headers = vec![("a b".to_owned(), Bytes::new())],
            |head| head.headers = vec![("a".to_owned(), Bytes::from_static(b"b\r\nc: d"))],
            |head| (head.least_bytes, head.most_bytes) = (2, Some(1)),
        ];
        for (index, change) in changes.into_iter().enumerate() {
            assert!(head(change).into_request().is_err(), "{index}");
        }
        assert!(ResponseHead { status: 7, headers: Vec::new() }.into_response(()).is_err());
    }

    #[test]
    fn messages_come_back_as_they_were() {
        let trailers = || vec![("t".to_owned(), Bytes::from_static(b"1"))];
        let basic = SecretForm(Form::Basic { user: "ann".to_owned() });
        for asked in [
            Asked::Stands { text: "a".to_owned(), secret: "b".to_owned(), form: basic },
            Asked::Opened { id: 1, head: head(|_| {}) },
            Asked::Part { id: 2, bytes: Bytes::from_static(b"part") },
            Asked::Ended { id: 3, trailers: trailers() },
            Asked::Broken { id: 4 },
            Asked::Took { id: 5, bytes: 6 },
            Asked::Closed { id: u64::MAX },
        ] {
            let bytes = to_bytes(&asked);
            assert_eq!(from_bytes::<Asked>(&bytes).as_ref(), Ok(&asked));
            assert!(from_bytes::<Asked>(&bytes[..bytes.len() - 1]).is_err(), "{asked:?}");
        }
        for told in [
            Told::Wants { id: 1, bytes: 2 },
            Told::Enough { id: 3 },
            Told::Head { id: 4, head: ResponseHead { status: 200, headers: trailers() } },
            Told::Part { id: 5, bytes: Bytes::new() },
            Told::Ended { id: 6, trailers: Vec::new() },
            Told::Failed { id: 7, error: stepwell_http::Failed::Time.into() },
        ] {
            assert_eq!(from_bytes::<Told>(&to_bytes(&told)).as_ref(), Ok(&told));
        }
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(Asked::Opened { head, .. }) = from_bytes::<Asked>(&bytes) {
                let _ = head.into_request();
            }
            let _ = from_bytes::<Told>(&bytes);
        }
    }
}
