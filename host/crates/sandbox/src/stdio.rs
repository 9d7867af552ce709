//! Standard output and error of a guest: lines of the job's log.

use std::sync::Arc;

use bytes::Bytes;
use stepwell_run::Stream;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use crate::log_sink::LogSink;

/// Most bytes that a guest writes at once. The host allocates that much on the guest's word.
const CHUNK_BYTES: usize = 64 << 10;

/// Where a guest's standard output or error goes.
#[derive(Clone)]
pub(crate) struct LogOutput {
    pub(crate) sink: Arc<LogSink>,
    pub(crate) stream: Stream,
}

impl IsTerminal for LogOutput {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogOutput {
    /// For preview 3, which is not linked: goes nowhere.
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(LogWriter { output: self.clone(), waiting: Vec::new() })
    }
}

/// One handle to the stream. Holds at most one chunk until the reader of the log has room for it.
struct LogWriter {
    output: LogOutput,
    waiting: Vec<u8>,
}

#[async_trait]
impl OutputStream for LogWriter {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if !self.waiting.is_empty() || bytes.len() > CHUNK_BYTES {
            return Err(StreamError::trap("written without a permit"));
        }
        let taken = self.output.sink.take_stream(self.output.stream, &bytes);
        self.waiting.extend_from_slice(&bytes[..taken]);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(if self.waiting.is_empty() { CHUNK_BYTES } else { 0 })
    }
}

#[async_trait]
impl Pollable for LogWriter {
    async fn ready(&mut self) {
        if !self.waiting.is_empty() {
            // A copy: this future may be dropped while it waits, and nothing has been sent then.
            self.output.sink.send_stream(self.output.stream, self.waiting.clone()).await;
            self.waiting.clear();
        }
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        if !self.waiting.is_empty() {
            self.output.sink.send_stream_now(self.output.stream, std::mem::take(&mut self.waiting));
        }
    }
}
