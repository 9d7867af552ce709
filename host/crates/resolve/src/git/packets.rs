//! The lines that the git protocol consists of, read from the body of an answer.
//!
//! Each has its length in front, as four hexadecimal digits that count themselves. Source: `gitprotocol-common`.

use reqwest::Response;
use stepwell_plan::FetchError;

use super::failure::Failure;
use super::http;
use super::watch::Watch;

/// The digits of a length.
const LENGTH_BYTES: usize = 4;
/// Longest packet, its length included, by the protocol.
const MAX_PACKET_BYTES: usize = 65_520;

/// The body of an answer as packets.
pub(crate) struct Packets<'w> {
    response: Response,
    watch: &'w Watch,
    buffer: Vec<u8>,
    position: usize,
}

/// One packet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    /// The end of a section.
    Flush,
    /// A line, or a piece of data.
    Data(Vec<u8>),
}

impl<'w> Packets<'w> {
    pub(crate) fn new(response: Response, watch: &'w Watch) -> Self {
        Self { response, watch, buffer: Vec::new(), position: 0 }
    }

    /// Returns the next packet. An answer that ends before it has broken off. A message of failure is returned as that.
    pub(crate) async fn next(&mut self) -> Result<Packet, Failure> {
        if !self.fill(LENGTH_BYTES).await? {
            return Err(FetchError::BrokenOff("the answer ends too early".to_owned()).into());
        }
        let length = parse_length(&self.buffer[self.position..][..LENGTH_BYTES])?;
        self.position += LENGTH_BYTES;
        if length == 0 {
            return Ok(Packet::Flush);
        }
        let length = length - LENGTH_BYTES;
        if !self.fill(length).await? {
            return Err(FetchError::BrokenOff("the answer ends too early".to_owned()).into());
        }
        let data = self.buffer[self.position..][..length].to_vec();
        self.position += length;
        match data.strip_prefix(b"ERR ") {
            Some(message) => Err(FetchError::Refused(super::excerpt::excerpt_of_bytes(message)).into()),
            None => Ok(Packet::Data(data)),
        }
    }

    /// Returns what comes next, of any length, as it comes; none at the end. For answers that go on without packets.
    pub(crate) async fn raw(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        if !self.fill(1).await? {
            return Ok(None);
        }
        let rest = self.buffer.split_off(self.position);
        self.buffer.clear();
        self.position = 0;
        Ok(Some(rest))
    }

    /// Waits until so many bytes are there; tells whether they are.
    async fn fill(&mut self, bytes: usize) -> Result<bool, Failure> {
        while self.buffer.len() - self.position < bytes {
            let chunk = self.watch.wait(self.response.chunk()).await?.map_err(|error| http::classify(&error))?;
            let Some(chunk) = chunk else { return Ok(false) };
            self.watch.receive(chunk.len())?;
            self.buffer.drain(..self.position);
            self.position = 0;
            self.buffer.extend_from_slice(&chunk);
        }
        Ok(true)
    }
}

/// Reads a length; zero is the end of a section.
fn parse_length(digits: &[u8]) -> Result<usize, Failure> {
    let is_hexadecimal = digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok().filter(|_| is_hexadecimal);
    match text.and_then(|text| usize::from_str_radix(text, 16).ok()) {
        Some(0) => Ok(0),
        Some(length) if (LENGTH_BYTES..=MAX_PACKET_BYTES).contains(&length) => Ok(length),
        _ => Err(Failure::protocol("a packet has no valid length")),
    }
}

/// Puts the length in front of a line.
pub(crate) fn write_line(line: &str, to: &mut Vec<u8>) {
    to.extend_from_slice(format!("{:04x}", line.len() + LENGTH_BYTES).as_bytes());
    to.extend_from_slice(line.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        assert_eq!(parse_length(b"0000").unwrap(), 0);
        assert_eq!(parse_length(b"0004").unwrap(), 4);
        assert_eq!(parse_length(b"fff0").unwrap(), MAX_PACKET_BYTES);
        for digits in [b"0001", b"0003", b"fff1", b"<htm", b"+012", b"    ", b"\xff\xff\xff\xff"] {
            assert!(parse_length(digits).is_err(), "{digits:?}");
        }
    }

    #[test]
    fn lines() {
        let mut bytes = Vec::new();
        write_line("done\n", &mut bytes);
        assert_eq!(bytes, b"0009done\n");
    }
}
