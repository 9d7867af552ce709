//! How values are written between processes: numbers little-endian, everything else after its length.
//!
//! One program talks to itself, so there are no versions. What comes from a worker is foreign: reading it allocates no
//! more than it holds, and goes no deeper than [`MAX_DEPTH`].

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use stepwell_schema::Value;

/// Deepest nesting of values. Documents and guests are held to less before.
const MAX_DEPTH: usize = 256;

/// Bytes that are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message is damaged")]
pub(crate) struct Malformed;

/// What can be written and read again.
pub(crate) trait Wire: Sized {
    fn put(&self, to: &mut Vec<u8>);
    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed>;
}

/// A message that is being read.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    depth: usize,
}

/// Writes a message.
pub(crate) fn to_bytes(message: &impl Wire) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.put(&mut bytes);
    bytes
}

/// Reads a message, all of it.
///
/// # Errors
/// It is none, or something comes after it.
pub(crate) fn from_bytes<T: Wire>(bytes: &[u8]) -> Result<T, Malformed> {
    let mut reader = Reader { rest: bytes, depth: 0 };
    let message = T::take(&mut reader)?;
    if reader.rest.is_empty() { Ok(message) } else { Err(Malformed) }
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn length(&mut self) -> Result<usize, Malformed> {
        Ok(u32::take(self)? as usize)
    }

    fn list<T: Wire>(&mut self) -> Result<Vec<T>, Malformed> {
        let length = self.length()?;
        // Each item takes a byte at least, so a length that lies is noticed before much is allocated.
        let mut items = Vec::with_capacity(length.min(self.rest.len()).min(1 << 10));
        for _ in 0..length {
            items.push(T::take(self)?);
        }
        Ok(items)
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Malformed>) -> Result<T, Malformed> {
        if self.depth == MAX_DEPTH {
            return Err(Malformed);
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }
}

/// Writes a length. What is written is held in memory and within the limits of the step ABI, far below 4 GiB.
fn put_length(length: usize, to: &mut Vec<u8>) {
    u32::try_from(length).unwrap_or(u32::MAX).put(to);
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Wire for $number {
            fn put(&self, to: &mut Vec<u8>) {
                to.extend_from_slice(&self.to_le_bytes());
            }

            fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
                let bytes = from.bytes(size_of::<Self>())?;
                Ok(Self::from_le_bytes(bytes.try_into().map_err(|_| Malformed)?))
            }
        }
    )*};
}
numbers!(u8, u16, u32, u64, i32, f64);

impl Wire for bool {
    fn put(&self, to: &mut Vec<u8>) {
        to.push(u8::from(*self));
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        match u8::take(from)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed),
        }
    }
}

impl Wire for String {
    fn put(&self, to: &mut Vec<u8>) {
        put_length(self.len(), to);
        to.extend_from_slice(self.as_bytes());
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let length = from.length()?;
        Ok(std::str::from_utf8(from.bytes(length)?).map_err(|_| Malformed)?.to_owned())
    }
}

impl Wire for usize {
    fn put(&self, to: &mut Vec<u8>) {
        (*self as u64).put(to);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Self::try_from(u64::take(from)?).map_err(|_| Malformed)
    }
}

impl Wire for Cow<'static, str> {
    fn put(&self, to: &mut Vec<u8>) {
        put_length(self.len(), to);
        to.extend_from_slice(self.as_bytes());
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        String::take(from).map(Self::Owned)
    }
}

impl Wire for Bytes {
    fn put(&self, to: &mut Vec<u8>) {
        put_length(self.len(), to);
        to.extend_from_slice(self);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let length = from.length()?;
        Ok(Self::copy_from_slice(from.bytes(length)?))
    }
}

impl Wire for IpAddr {
    fn put(&self, to: &mut Vec<u8>) {
        self.to_string().put(to);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        String::take(from)?.parse().map_err(|_| Malformed)
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn put(&self, to: &mut Vec<u8>) {
        put_length(self.len(), to);
        self.iter().for_each(|item| item.put(to));
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.list()
    }
}

impl<T: Wire> Wire for Option<T> {
    fn put(&self, to: &mut Vec<u8>) {
        self.is_some().put(to);
        if let Some(value) = self {
            value.put(to);
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(if bool::take(from)? { Some(T::take(from)?) } else { None })
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn put(&self, to: &mut Vec<u8>) {
        self.0.put(to);
        self.1.put(to);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok((A::take(from)?, B::take(from)?))
    }
}

impl Wire for Duration {
    fn put(&self, to: &mut Vec<u8>) {
        self.as_secs().put(to);
        self.subsec_nanos().put(to);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (seconds, nanoseconds) = (u64::take(from)?, u32::take(from)?);
        if nanoseconds < 1_000_000_000 { Ok(Self::new(seconds, nanoseconds)) } else { Err(Malformed) }
    }
}

impl Wire for Value {
    fn put(&self, to: &mut Vec<u8>) {
        match self {
            Self::Null => to.push(0),
            Self::Boolean(value) => {
                to.push(1);
                value.put(to);
            }
            Self::Number(value) => {
                to.push(2);
                value.put(to);
            }
            Self::String(value) => {
                to.push(3);
                value.put(to);
            }
            Self::Array(values) => {
                to.push(4);
                values.put(to);
            }
            Self::Struct(members) => {
                to.push(5);
                put_length(members.len(), to);
                for (name, value) in members {
                    name.put(to);
                    value.put(to);
                }
            }
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match u8::take(from)? {
            0 => Self::Null,
            1 => Self::Boolean(bool::take(from)?),
            2 => Self::Number(f64::take(from)?),
            3 => Self::String(String::take(from)?),
            4 => Self::Array(from.deeper(Reader::list)?),
            5 => Self::Struct(from.deeper(Reader::list)?.into_iter().collect::<BTreeMap<String, Value>>()),
            _ => return Err(Malformed),
        })
    }
}

/// Writes and reads a struct field by field.
macro_rules! wire_struct {
    ($name:path { $($field:ident),* $(,)? }) => {
        impl $crate::worker::wire::Wire for $name {
            fn put(&self, to: &mut Vec<u8>) {
                $($crate::worker::wire::Wire::put(&self.$field, to);)*
            }

            fn take(from: &mut $crate::worker::wire::Reader<'_>) -> Result<Self, $crate::worker::wire::Malformed> {
                $(let $field = $crate::worker::wire::Wire::take(from)?;)*
                Ok(Self { $($field),* })
            }
        }
    };
}

/// Writes and reads an enum without data.
macro_rules! wire_enum {
    ($name:path { $($variant:ident = $number:literal),* $(,)? }) => {
        impl $crate::worker::wire::Wire for $name {
            fn put(&self, to: &mut Vec<u8>) {
                to.push(match self {
                    $(Self::$variant => $number,)*
                });
            }

            fn take(from: &mut $crate::worker::wire::Reader<'_>) -> Result<Self, $crate::worker::wire::Malformed> {
                match u8::take(from)? {
                    $($number => Ok(Self::$variant),)*
                    _ => Err($crate::worker::wire::Malformed),
                }
            }
        }
    };
}

/// Writes and reads an enum whose variants have named fields or none.
macro_rules! wire_variants {
    ($name:path { $($variant:ident { $($field:ident),* } = $number:literal),* $(,)? }) => {
        impl $crate::worker::wire::Wire for $name {
            fn put(&self, to: &mut Vec<u8>) {
                match self {
                    $(Self::$variant { $($field),* } => {
                        to.push($number);
                        $($crate::worker::wire::Wire::put($field, to);)*
                    })*
                }
            }

            fn take(from: &mut $crate::worker::wire::Reader<'_>) -> Result<Self, $crate::worker::wire::Malformed> {
                Ok(match u8::take(from)? {
                    $($number => {
                        $(let $field = $crate::worker::wire::Wire::take(from)?;)*
                        Self::$variant { $($field),* }
                    })*
                    _ => return Err($crate::worker::wire::Malformed),
                })
            }
        }
    };
}

pub(crate) use {wire_enum, wire_struct, wire_variants};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Boolean),
            (-1e300..1e300).prop_map(Value::Number),
            ".{0,8}".prop_map(Value::String),
        ];
        scalar.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::btree_map(".{0,4}", inner, 0..4).prop_map(Value::Struct),
            ]
        })
    }

    proptest! {
        #[test]
        fn values_come_back_as_they_were(value in values()) {
            prop_assert_eq!(from_bytes::<Value>(&to_bytes(&value)), Ok(value));
        }

        #[test]
        fn foreign_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = from_bytes::<Value>(&bytes);
            let _ = from_bytes::<Vec<(String, Value)>>(&bytes);
            let _ = from_bytes::<Option<Duration>>(&bytes);
        }
    }

    #[test]
    fn odd_numbers_stay_odd() {
        let value = from_bytes::<Value>(&to_bytes(&Value::Number(f64::NEG_INFINITY)));
        assert_eq!(value, Ok(Value::Number(f64::NEG_INFINITY)));
        assert_eq!(to_bytes(&Value::Number(-0.0)), [2, 0, 0, 0, 0, 0, 0, 0, 0x80]);
    }

    #[test]
    fn depth_and_lengths_are_bounded() {
        let mut deep = [4, 1, 0, 0, 0].repeat(100_000);
        deep.push(0);
        assert_eq!(from_bytes::<Value>(&deep), Err(Malformed));
        assert_eq!(from_bytes::<Vec<u8>>(&[0xff, 0xff, 0xff, 0xff]), Err(Malformed));
        assert_eq!(from_bytes::<u8>(&[1, 2]), Err(Malformed));
    }
}
