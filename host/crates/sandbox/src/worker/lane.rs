//! Frames over a socket: one call at a time on each lane, so that a slow reader holds up its own call alone.
//!
//! A frame is its length (4 bytes, little-endian, of what follows), its kind (1 byte), and its body.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::line::Line;

/// Bytes of a frame before its body.
const HEAD_BYTES: usize = 5;
/// Largest frame that the host takes, in bytes: what a call hands over is held to 1 MiB, and log comes in small pieces.
pub(super) const MAX_ANSWER_BYTES: usize = 16 << 20;
/// Largest frame of compiled code, in bytes: as much as the cache keeps.
pub(super) const MAX_CODE_BYTES: usize = 1 << 30;
/// How much room is made for reading at a time, in bytes. A frame of a usual call fits.
const READ_BYTES: usize = 8 << 10;
/// How long a thread looks out for bytes before it lets itself be woken. To wake a processor that rests takes some 25 µs, as
/// long as a short step; who waits longer than this no longer notices.
const LOOK_OUT: Duration = Duration::from_micros(100);

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// To a worker: a [`Call`](super::words::Call).
    Call = 1,
    /// To a worker: compiled code, in answer to `NeedsCode`.
    Code = 2,
    /// To a worker: the call is to end.
    Cancel = 3,
    /// To a process that compiles: its form (1 byte) and the module.
    Module = 4,
    /// To a worker: a [`Told`](super::requests::Told).
    Told = 5,
    /// From a process whose wall stands: a [`Standing`](super::hello::Standing).
    Standing = 10,
    /// From a process that cannot do what it is for: why, as text.
    Unable = 11,
    /// From a worker: the code of the call's module is not here.
    NeedsCode = 12,
    /// From a worker: an [`Event`](super::words::Event).
    Event = 13,
    /// From a worker: standard output (0) or error (1), and what was written to it.
    Log = 14,
    /// From a worker: a text to mask.
    Mask = 15,
    /// From a worker: an [`Ended`](super::words::Ended).
    Ended = 16,
    /// From a worker: an [`Asked`](super::requests::Asked).
    Asked = 17,
}

impl Kind {
    pub(super) const ALL: [Self; 13] = [
        Self::Call,
        Self::Code,
        Self::Cancel,
        Self::Module,
        Self::Told,
        Self::Standing,
        Self::Unable,
        Self::NeedsCode,
        Self::Event,
        Self::Log,
        Self::Mask,
        Self::Ended,
        Self::Asked,
    ];

    fn of(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == number)
    }
}

/// One message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) body: Vec<u8>,
}

/// A connection for one call at a time.
pub(super) struct Lane {
    pub(super) incoming: Incoming,
    pub(super) outgoing: Outgoing,
}

/// Where frames come from.
pub(super) struct Incoming {
    line: Arc<Line>,
    buffer: Vec<u8>,
    limit_bytes: usize,
}

/// Where frames go.
pub(super) struct Outgoing(Arc<Line>);

impl Lane {
    /// Makes a lane of a socket that takes frames up to a number of bytes.
    pub(super) fn new(socket: UnixStream, limit_bytes: usize) -> Self {
        let line = Arc::new(Line::new(socket));
        Self {
            incoming: Incoming { line: Arc::clone(&line), buffer: Vec::with_capacity(READ_BYTES), limit_bytes },
            outgoing: Outgoing(line),
        }
    }

    /// Returns the socket; none where more was read than the frames that were taken.
    pub(super) fn into_socket(self) -> Option<UnixStream> {
        let Self { incoming, outgoing } = self;
        drop(outgoing);
        if !incoming.buffer.is_empty() {
            return None;
        }
        Arc::into_inner(incoming.line).map(Line::into_socket)
    }

    /// Tells whether no more was read than the frames that were taken.
    pub(super) fn is_between_frames(&self) -> bool {
        self.incoming.buffer.is_empty()
    }

    /// Has nobody woken by what comes, until somebody waits for it.
    pub(super) fn rest(&self) {
        self.outgoing.0.forget();
    }
}

impl Incoming {
    /// Waits for the next frame. Nothing is lost where the answer is not waited for.
    ///
    /// # Errors
    /// The other end is gone, or sends what is no frame.
    pub(super) async fn next(&mut self) -> io::Result<Frame> {
        loop {
            if let Some(frame) = self.take()? {
                return Ok(frame);
            }
            self.buffer.reserve(READ_BYTES);
            if self.line.read(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Keeps the thread for [`LOOK_OUT`] at most, until bytes come: for an answer that is likely to come at once, where
    /// nobody else needs the thread. Whatever came, and an error too, is for [`Incoming::next`] to tell.
    pub(super) fn look_out(&mut self) {
        if !self.buffer.is_empty() {
            return;
        }
        let until = Instant::now() + LOOK_OUT;
        self.buffer.reserve(READ_BYTES);
        while let Ok(None) = self.line.read_now(&mut self.buffer) {
            if Instant::now() >= until {
                return;
            }
            std::thread::yield_now();
        }
    }

    /// Tells whether a whole frame is there, and is of a kind.
    pub(super) fn has(&self, kind: Kind) -> bool {
        let Some(head) = self.buffer.first_chunk::<HEAD_BYTES>() else { return false };
        read_head(*head, self.limit_bytes)
            .is_ok_and(|(found, length)| found == kind && self.buffer.len() >= HEAD_BYTES + length)
    }

    fn take(&mut self) -> io::Result<Option<Frame>> {
        let Some(head) = self.buffer.first_chunk::<HEAD_BYTES>() else { return Ok(None) };
        let (kind, length) = read_head(*head, self.limit_bytes)?;
        let end = HEAD_BYTES + length;
        if self.buffer.len() < end {
            self.buffer.reserve(end - self.buffer.len());
            return Ok(None);
        }
        let body = self.buffer[HEAD_BYTES..end].to_vec();
        self.buffer.drain(..end);
        // What a large frame needed is not kept.
        self.buffer.shrink_to(READ_BYTES);
        Ok(Some(Frame { kind, body }))
    }
}

impl Outgoing {
    /// Sends a frame, waiting for the other end to read.
    ///
    /// # Errors
    /// The other end is gone.
    pub(super) async fn send(&mut self, kind: Kind, parts: &[&[u8]]) -> io::Result<()> {
        self.0.write_all(&frame(kind, parts)?).await
    }
}

/// Writes a frame and waits for that.
///
/// # Errors
/// The other end is gone.
pub(super) fn send_blocking(mut socket: impl Write, kind: Kind, parts: &[&[u8]]) -> io::Result<()> {
    socket.write_all(&frame(kind, parts)?)
}

/// Reads a frame and waits for it.
///
/// # Errors
/// The other end is gone, or sends what is no frame.
pub(super) fn receive_blocking(mut socket: impl Read, limit_bytes: usize) -> io::Result<Frame> {
    let mut head = [0; HEAD_BYTES];
    socket.read_exact(&mut head)?;
    let (kind, length) = read_head(head, limit_bytes)?;
    let mut body = vec![0; length];
    socket.read_exact(&mut body)?;
    Ok(Frame { kind, body })
}

fn read_head(head: [u8; HEAD_BYTES], limit_bytes: usize) -> io::Result<(Kind, usize)> {
    let no_frame = || io::Error::from(io::ErrorKind::InvalidData);
    let [length @ .., kind] = head;
    let length = u32::from_le_bytes(length) as usize;
    let kind = Kind::of(kind).filter(|_| length <= limit_bytes).ok_or_else(no_frame)?;
    Ok((kind, length))
}

fn frame(kind: Kind, parts: &[&[u8]]) -> io::Result<Vec<u8>> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let stated = u32::try_from(length).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut bytes = Vec::with_capacity(HEAD_BYTES + length);
    bytes.extend_from_slice(&stated.to_le_bytes());
    bytes.push(kind as u8);
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_arrive_whole_and_in_order() {
        let (here, there) = UnixStream::pair().unwrap();
        let (mut here, mut there) = (Lane::new(here, 100), Lane::new(there, 1 << 20));
        let large = vec![7; 100_000];
        let sending = async {
            here.outgoing.send(Kind::Code, &[&large]).await.unwrap();
            here.outgoing.send(Kind::Cancel, &[]).await.unwrap();
            here.outgoing.send(Kind::Log, &[&[1], b"text"]).await.unwrap();
        };
        let receiving = async {
            assert_eq!(there.incoming.next().await.unwrap(), Frame { kind: Kind::Code, body: large.clone() });
            assert_eq!(there.incoming.next().await.unwrap(), Frame { kind: Kind::Cancel, body: Vec::new() });
            assert_eq!(there.incoming.next().await.unwrap().body, b"\x01text");
        };
        tokio::join!(sending, receiving);
        drop(here);
        assert!(there.incoming.next().await.is_err());
    }

    #[tokio::test]
    async fn what_a_look_out_saw_is_not_lost() {
        let (here, there) = UnixStream::pair().unwrap();
        let (mut here, mut there) = (Lane::new(here, 100), Lane::new(there, 100));
        there.incoming.look_out();
        here.outgoing.send(Kind::Log, &[&[1], b"one"]).await.unwrap();
        here.outgoing.send(Kind::Log, &[&[1], b"two"]).await.unwrap();
        there.incoming.look_out();
        there.incoming.look_out();
        assert!(there.incoming.has(Kind::Log) && !there.incoming.has(Kind::Ended));
        assert_eq!(there.incoming.next().await.unwrap().body, b"\x01one");
        assert_eq!(there.incoming.next().await.unwrap().body, b"\x01two");
        drop(here);
        there.incoming.look_out();
        assert_eq!(there.incoming.next().await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn what_is_no_frame_is_refused() {
        for bytes in [&[200, 0, 0, 0, Kind::Log as u8][..], &[0, 0, 0, 0, 99]] {
            let (here, there) = UnixStream::pair().unwrap();
            (&here).write_all(bytes).unwrap();
            let mut lane = Lane::new(there, 100);
            assert_eq!(lane.incoming.next().await.unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }
}
