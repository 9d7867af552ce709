//! Reading what a command prints.

use std::os::fd::AsFd;

use rustix::buffer::spare_capacity;
use rustix::io::{Errno, ioctl_fionread};
use stepwell_run::{EventSender, StepPath, Stream};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_util::sync::CancellationToken;

/// Most bytes read at once: what a pipe of Linux holds, and a chunk of the size that the log takes best.
const CHUNK_BYTES: usize = 64 * 1024;

/// Where the bytes of one pipe go.
#[derive(Clone, Debug)]
pub(crate) struct LogTarget {
    /// The job's events.
    pub(crate) events: EventSender,
    /// The step that prints.
    pub(crate) step: StepPath,
    /// The stream that the pipe is.
    pub(crate) stream: Stream,
}

impl LogTarget {
    /// Hands bytes on, waiting for the reader. They are copied, so that a short line does not keep a long buffer.
    async fn log(&self, bytes: &[u8]) {
        self.events.log(&self.step, self.stream, bytes.to_vec()).await;
    }
}

/// Hands on what comes out of a pipe until its end, or until `ended` fires and what was in the pipe then is read too.
/// Returns the pipe if somebody still holds its other end.
///
/// `pipe` must not block; those of tokio do not.
pub(crate) async fn pump<P>(mut pipe: P, log: &LogTarget, ended: &CancellationToken) -> Option<P>
where
    P: AsyncRead + AsFd + Unpin,
{
    let mut buffer = Vec::with_capacity(CHUNK_BYTES);
    loop {
        buffer.clear();
        tokio::select! {
            biased;
            () = ended.cancelled() => break,
            read = pipe.read_buf(&mut buffer) => match read {
                Ok(0) | Err(_) => return None,
                Ok(_) => log.log(&buffer).await,
            },
        }
    }
    let open = drain(&pipe, log, &mut buffer).await;
    open.then_some(pipe)
}

/// Hands on what is in a pipe now, without waiting for more. Tells whether somebody holds the other end.
///
/// What was written before this call is in the pipe, so reading as much as the kernel says it holds reads all of it.
/// Reading until the pipe is empty instead would never end beside a process that prints all the time. The pipe is read
/// past tokio, whose idea of readiness may be older than the pipe's content.
async fn drain<P: AsFd>(pipe: &P, log: &LogTarget, buffer: &mut Vec<u8>) -> bool {
    let mut rest = ioctl_fionread(pipe).unwrap_or(0);
    loop {
        buffer.clear();
        match read_now(pipe, buffer) {
            Ok(0) => return false,
            Ok(length) => {
                log.log(buffer).await;
                rest = rest.saturating_sub(length as u64);
            }
            Err(error) => return error == Errno::AGAIN,
        }
        if rest == 0 && ioctl_fionread(pipe).is_ok_and(|more| more > 0) {
            return true;
        }
    }
}

/// Reads what is there, as far as the buffer has room. The room is not zeroed first: most steps end with nothing left
/// to read, and touching it would cost them more than the read.
fn read_now<P: AsFd>(pipe: &P, buffer: &mut Vec<u8>) -> Result<usize, Errno> {
    loop {
        match rustix::io::read(pipe, spare_capacity(buffer)) {
            Err(Errno::INTR) => {}
            read => return read,
        }
    }
}
