//! A socket of which the event loop hears only while somebody waits for it.
//!
//! A loop is woken by whatever happens on a socket that it knows, also where it was read already. Beside a call of some
//! 20 µs that costs more than the call.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::net::UnixStream as KnownStream;

/// One end of a connection. It is read by one at a time, and written to by one at a time.
#[derive(Debug)]
pub(super) struct Line {
    socket: UnixStream,
    /// The same one, where the loop knows it.
    known: Mutex<Option<Arc<KnownStream>>>,
}

impl Line {
    pub(super) fn new(socket: UnixStream) -> Self {
        Self { socket, known: Mutex::new(None) }
    }

    /// Appends what is there to a buffer that has room, and returns how many bytes that were, zero at the end of the
    /// connection; none where nothing is there.
    ///
    /// # Errors
    /// The connection is broken.
    pub(super) fn read_now(&self, buffer: &mut Vec<u8>) -> io::Result<Option<usize>> {
        at_once(|| recv(&self.socket, spare_capacity(buffer), RecvFlags::DONTWAIT).map(|(read, _)| read))
    }

    /// As [`Line::read_now`], waiting until something is there. Nothing is lost where the answer is not waited for.
    ///
    /// # Errors
    /// The connection is broken.
    pub(super) async fn read(&self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        if let Some(read) = self.read_now(buffer)? {
            return Ok(read);
        }
        let known = self.known()?;
        loop {
            known.readable().await?;
            match known.try_read_buf(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
        }
    }

    /// Writes all bytes, waiting for the other end to read.
    ///
    /// # Errors
    /// The other end is gone.
    pub(super) async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = match self.write_now(bytes)? {
                Some(written) => written,
                None => self.write(bytes).await?,
            };
            bytes = &bytes[written..];
        }
        Ok(())
    }

    /// Has the loop forget the socket, until somebody waits again.
    pub(super) fn forget(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Returns the socket, of which the loop hears nothing any more.
    pub(super) fn into_socket(self) -> UnixStream {
        self.socket
    }

    async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let known = self.known()?;
        loop {
            known.writable().await?;
            match known.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
        }
    }

    fn write_now(&self, bytes: &[u8]) -> io::Result<Option<usize>> {
        at_once(|| send(&self.socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL))
    }

    fn known(&self) -> io::Result<Arc<KnownStream>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*known {
            return Ok(Arc::clone(known));
        }
        let same = self.socket.try_clone()?;
        same.set_nonblocking(true)?;
        Ok(Arc::clone(known.insert(Arc::new(KnownStream::from_std(same)?))))
    }
}

/// Does what the system does at once; none: it would have to wait.
fn at_once(mut call: impl FnMut() -> Result<usize, Errno>) -> io::Result<Option<usize>> {
    loop {
        match call() {
            Ok(bytes) => return Ok(Some(bytes)),
            Err(Errno::AGAIN) => return Ok(None),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_pass_whether_the_loop_knows_of_them_or_not() {
        let (here, there) = UnixStream::pair().unwrap();
        let (here, there) = (Line::new(here), Line::new(there));
        let large = vec![7; 4 << 20];
        for _ in 0..2 {
            let receiving = async {
                let mut bytes = Vec::new();
                while bytes.len() < large.len() {
                    bytes.reserve(100_000);
                    assert_ne!(there.read(&mut bytes).await.unwrap(), 0);
                }
                bytes
            };
            let (sent, received) = tokio::join!(here.write_all(&large), receiving);
            sent.unwrap();
            assert!(received == large);
            here.forget();
            there.forget();
        }
        let mut bytes = Vec::with_capacity(10);
        assert_eq!(there.read_now(&mut bytes).unwrap(), None);
        drop(here);
        assert_eq!(there.read_now(&mut bytes).unwrap(), Some(0));
        assert!(there.write_all(b"nobody reads this").await.is_err());
    }
}
