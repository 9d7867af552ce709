//! What a guest writes into a file as a stream, counted.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use crate::quota::OpenFile;

/// Most bytes that a guest writes at once. The host allocates that much on the guest's word.
const CHUNK_BYTES: usize = 64 << 10;

/// A stream into a file. Each write is made at once, so nothing is ever in flight.
pub(crate) struct FileWriter {
    /// The file as this descriptor opened it. Others may have opened it for reading alone.
    file: Arc<File>,
    open: Arc<OpenFile>,
    /// None: always at the end.
    position: Option<u64>,
    closed: bool,
}

impl FileWriter {
    pub(crate) fn new(file: Arc<File>, open: Arc<OpenFile>, position: Option<u64>) -> Self {
        Self { file, open, position, closed: false }
    }

    fn write_counted(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let before = self.open.len()?;
        let start = self.position.unwrap_or(before);
        let end = start.saturating_add(bytes.len() as u64);
        self.open
            .quota()
            .check(before, before.max(end))
            .map_err(|_| std::io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error()))?;
        let written = self.file.write_all_at(bytes, start);
        self.open.quota().settle(before, self.open.len().unwrap_or(before.max(end)));
        written?;
        if let Some(position) = &mut self.position {
            *position = end;
        }
        Ok(())
    }
}

#[async_trait]
impl OutputStream for FileWriter {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if self.closed {
            return Err(StreamError::Closed);
        }
        if bytes.len() > CHUNK_BYTES {
            return Err(StreamError::trap("written without a permit"));
        }
        self.write_counted(&bytes).map_err(|error| {
            self.closed = true;
            StreamError::LastOperationFailed(error.into())
        })
    }

    fn flush(&mut self) -> StreamResult<()> {
        if self.closed { Err(StreamError::Closed) } else { Ok(()) }
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        if self.closed { Err(StreamError::Closed) } else { Ok(CHUNK_BYTES) }
    }
}

#[async_trait]
impl Pollable for FileWriter {
    async fn ready(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::Quota;

    fn writer(limit_bytes: u64, position: Option<u64>) -> (FileWriter, Arc<Quota>) {
        let quota = Quota::new(limit_bytes, 1);
        let file = Arc::new(tempfile::tempfile().unwrap());
        (FileWriter::new(Arc::clone(&file), quota.opened((0, 0), &file), position), quota)
    }

    #[test]
    fn growth_is_counted_and_rewriting_is_not() {
        let (mut writer, quota) = writer(10, Some(0));
        writer.write(Bytes::from_static(b"12345678")).unwrap();
        writer.position = Some(0);
        writer.write(Bytes::from_static(b"12345678")).unwrap();
        assert_eq!(quota.used().0, 8);
    }

    #[test]
    fn the_limit_ends_the_stream() {
        let (mut writer, quota) = writer(10, None);
        writer.write(Bytes::from_static(b"12345678")).unwrap();
        let Err(StreamError::LastOperationFailed(error)) = writer.write(Bytes::from_static(b"123")) else {
            panic!("the write is refused");
        };
        let error = error.downcast::<std::io::Error>().unwrap();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
        assert!(matches!(writer.check_write(), Err(StreamError::Closed)));
        assert_eq!(quota.used().0, 8);
    }

    #[test]
    fn a_gap_counts() {
        let (mut writer, quota) = writer(1_000, Some(u64::MAX - 4));
        assert!(writer.write(Bytes::from_static(b"12345678")).is_err());
        writer = FileWriter::new(Arc::clone(&writer.file), Arc::clone(&writer.open), Some(500));
        writer.write(Bytes::from_static(b"1")).unwrap();
        assert_eq!(quota.used().0, 501);
    }
}
