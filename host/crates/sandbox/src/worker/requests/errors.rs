//! Why a request has no response, as it is said to a worker.

use stepwell_http::{Failed, Refused, SendError};

use crate::worker::wire::{Malformed, Reader, Wire, wire_variants};

wire_variants!(Refused {
    Address { problem } = 0,
    Host { host } = 1,
    Port { host, port } = 2,
    Method { host, method } = 3,
    Path { host, path } = 4,
    Plain {} = 5,
    NotPublic { host, address, range } = 6,
    Header { name } = 7,
    HeadersTooLarge { limit } = 8,
    Trailers {} = 9,
    Placeholder { place } = 10,
    SecretElsewhere { secret, host } = 11,
    SecretInClear { secret } = 12,
    SecretUnfit { secret } = 13,
});
wire_variants!(Failed {
    Name {} = 0,
    Connect {} = 1,
    Tls { cause } = 2,
    Time {} = 3,
    RequestTooLarge { limit } = 4,
    HeadersTooLarge { limit } = 5,
    ResponseTooLarge { limit } = 6,
    Protocol {} = 7,
    Internal {} = 8,
});

impl Wire for SendError {
    fn put(&self, to: &mut Vec<u8>) {
        match self {
            Self::Refused(refused) => {
                to.push(0);
                refused.put(to);
            }
            Self::Failed(failed) => {
                to.push(1);
                failed.put(to);
            }
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match u8::take(from)? {
            0 => Self::Refused(Wire::take(from)?),
            1 => Self::Failed(Wire::take(from)?),
            _ => return Err(Malformed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::wire::{from_bytes, to_bytes};

    #[test]
    fn errors_come_back_as_they_were() {
        let text = || "a".to_owned();
        let refused = [
            Refused::Address { problem: "names a user".into() },
            Refused::Host { host: text() },
            Refused::Port { host: text(), port: 80 },
            Refused::Method { host: text(), method: text() },
            Refused::Path { host: text(), path: text() },
            Refused::Plain,
            Refused::NotPublic { host: text(), address: "::1".parse().unwrap(), range: "loopback".into() },
            Refused::Header { name: text() },
            Refused::HeadersTooLarge { limit: 5 },
            Refused::Trailers,
            Refused::Placeholder { place: "the path".into() },
            Refused::SecretElsewhere { secret: text(), host: text() },
            Refused::SecretInClear { secret: text() },
            Refused::SecretUnfit { secret: text() },
        ];
        let failed = [
            Failed::Name,
            Failed::Connect,
            Failed::Tls { cause: text() },
            Failed::Time,
            Failed::RequestTooLarge { limit: u64::MAX },
            Failed::HeadersTooLarge { limit: 1 },
            Failed::ResponseTooLarge { limit: 2 },
            Failed::Protocol,
            Failed::Internal,
        ];
        for error in refused.map(SendError::from).into_iter().chain(failed.map(SendError::from)) {
            let bytes = to_bytes(&error);
            assert_eq!(from_bytes::<SendError>(&bytes).as_ref(), Ok(&error));
            assert!(from_bytes::<SendError>(&bytes[..bytes.len() - 1]).is_err(), "{error}");
        }
        assert!(from_bytes::<SendError>(&[0, 14]).is_err() && from_bytes::<SendError>(&[2]).is_err());
    }
}
