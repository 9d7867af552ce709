//! A writer that fails at most once.

use std::io::{self, Write};

/// A writer whose first failure is kept: after it nothing more is written, and nobody needs to look before the end. A
/// view that cannot be written does not change what the job does.
#[derive(Debug)]
pub(crate) struct Output<W: Write> {
    writer: W,
    failure: Option<io::Error>,
}

impl<W: Write> Output<W> {
    pub(crate) fn new(writer: W) -> Self {
        Self { writer, failure: None }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.attempt(|writer| writer.write_all(bytes));
    }

    pub(crate) fn flush(&mut self) {
        self.attempt(Write::flush);
    }

    /// Flushes.
    ///
    /// # Errors
    /// The first failure of all.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.flush();
        self.failure.map_or(Ok(()), Err)
    }

    fn attempt(&mut self, action: impl FnOnce(&mut W) -> io::Result<()>) {
        if self.failure.is_none() {
            self.failure = action(&mut self.writer).err();
        }
    }
}

/// A writer for tests that breaks after some bytes.
#[cfg(test)]
pub(crate) struct Broken {
    room: usize,
}

#[cfg(test)]
impl Broken {
    pub(crate) fn after(room: usize) -> Self {
        Self { room }
    }
}

#[cfg(test)]
impl Write for Broken {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match bytes.len().min(self.room) {
            0 => Err(io::ErrorKind::BrokenPipe.into()),
            written => {
                self.room -= written;
                Ok(written)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_is_kept() {
        let mut output = Output::new(Broken::after(3));
        output.write(b"ab");
        output.write(b"cd");
        output.write(b"ef");
        assert_eq!(output.finish().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn nothing_comes_after_a_failure() {
        let mut output = Output::new(Vec::new());
        output.write(b"a");
        output.failure = Some(io::ErrorKind::Other.into());
        output.write(b"b");
        assert_eq!(output.writer, b"a");
        assert!(output.finish().is_err());
    }
}
