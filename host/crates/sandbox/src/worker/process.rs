//! One process behind a wall, as its host sees it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use stepwell_confine::Raised;
use tokio::process::{Child, Command};

use super::command::WorkerCommand;
use super::descriptors;
use super::hello::{Hello, Purpose, Standing};
use super::lane::{Kind, Lane, MAX_ANSWER_BYTES};
use super::wire::{from_bytes, to_bytes};
use crate::engine::Numbers;
use crate::preopens::Opened;
use crate::private_folder::PrivateFolder;

/// How long a process may take from its start until its wall stands.
const MAX_START: Duration = Duration::from_secs(30);
/// How long a process that closed its socket may take to end. It is killed then.
const MAX_END: Duration = Duration::from_secs(2);

/// Why there is no process.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("a worker cannot be started: {0}")]
    Start(io::Error),
    #[error("a worker {0} before it was ready")]
    Ended(String),
    #[error("a worker cannot do its work: {0}")]
    Unable(String),
}

/// A process that was started, and the socket to it. Dropping it kills the process.
pub(super) struct Process {
    socket: Mutex<Option<UnixStream>>,
    child: tokio::sync::Mutex<Child>,
    /// Set when it is known to have ended.
    over: AtomicBool,
}

/// A process that runs guests.
pub(super) struct Worker {
    process: Process,
    /// Over which lanes are handed out.
    control: OwnedFd,
    idle: Mutex<Vec<Lane>>,
    /// What its kernel could not do.
    pub(super) raised: Raised,
    /// Removed after the process was killed.
    _scratch: PrivateFolder,
}

impl Process {
    /// Starts a process and waits until its wall stands.
    ///
    /// # Errors
    /// See [`StartError`].
    pub(super) async fn start(
        program: &WorkerCommand,
        hello: &Hello,
        folders: &[BorrowedFd<'_>],
    ) -> Result<(Self, Raised), StartError> {
        let (ours, theirs) = UnixStream::pair().map_err(StartError::Start)?;
        ours.set_nonblocking(true).map_err(StartError::Start)?;
        #[expect(clippy::disallowed_methods, reason = "a worker is this program itself, started for guests alone")]
        let mut command = Command::new(&program.program);
        command
            .arg0(&program.name)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // What is sent to the group of this process, such as Ctrl-C, is for this process to judge.
            .process_group(0);
        let child = command.spawn().map_err(StartError::Start)?;
        // The command holds the other end, whose closing is what tells that the process is gone.
        drop(command);
        descriptors::send(&ours, &to_bytes(hello), folders).map_err(StartError::Start)?;
        let process =
            Self { socket: Mutex::new(None), child: tokio::sync::Mutex::new(child), over: AtomicBool::new(false) };
        let raised = process.standing(ours).await?;
        Ok((process, raised))
    }

    async fn standing(&self, socket: UnixStream) -> Result<Raised, StartError> {
        let mut lane = Lane::new(socket, MAX_ANSWER_BYTES);
        let frame = match tokio::time::timeout(MAX_START, lane.incoming.next()).await {
            Ok(Ok(frame)) => frame,
            Ok(Err(_)) => return Err(StartError::Ended(self.ended().await)),
            Err(_) => return Err(StartError::Unable(format!("it took more than {} s", MAX_START.as_secs()))),
        };
        let text = || String::from_utf8_lossy(&frame.body).into_owned();
        match frame.kind {
            Kind::Standing => {
                let Standing(raised) =
                    from_bytes(&frame.body).map_err(|error| StartError::Unable(error.to_string()))?;
                *self.socket.lock().unwrap_or_else(PoisonError::into_inner) = lane.into_socket();
                Ok(raised)
            }
            _ => Err(StartError::Unable(text())),
        }
    }

    /// Takes the socket for the talk with a process that has one thing to do.
    pub(super) fn take_lane(&self, limit_bytes: usize) -> io::Result<Lane> {
        let socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(Lane::new(socket.ok_or(io::ErrorKind::NotConnected)?, limit_bytes))
    }

    /// Tells whether the process runs, as far as the kernel told.
    pub(super) fn is_running(&self) -> bool {
        // While somebody waits for its end nothing is known that this would not tell.
        let running = self.child.try_lock().is_ok_and(|mut child| matches!(child.try_wait(), Ok(None)));
        running && !self.over.load(Ordering::Relaxed)
    }

    /// Waits for the end of a process that closed its socket, and says how it ended, as `was ended by signal 9 (SIGKILL)`.
    pub(super) async fn ended(&self) -> String {
        let mut child = self.child.lock().await;
        let ended = tokio::time::timeout(MAX_END, child.wait()).await;
        self.over.store(true, Ordering::Relaxed);
        match ended {
            Ok(Ok(status)) => ending(status),
            Ok(Err(_)) => "ended, and nobody saw how".to_owned(),
            Err(_) => {
                // It closed its socket and goes on: whatever it does now, it is no worker.
                let _ = child.kill().await;
                "stopped answering".to_owned()
            }
        }
    }

    /// Kills the process; whoever talks with it finds out.
    pub(super) async fn kill(&self) {
        let mut child = self.child.lock().await;
        self.over.store(true, Ordering::Relaxed);
        // An error is that it has ended.
        let _ = child.kill().await;
    }
}

impl Drop for Process {
    /// Kills the process and waits for that, which takes a few milliseconds at most: no signal can be held off.
    fn drop(&mut self) {
        const PAUSE: Duration = Duration::from_micros(200);
        const MAX_PAUSES: u32 = 500;
        let child = self.child.get_mut();
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        let _ = child.start_kill();
        for _ in 0..MAX_PAUSES {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(PAUSE);
        }
    }
}

impl Worker {
    /// Starts a worker that reaches the given folders, and one of its own below the scratch folder.
    ///
    /// # Errors
    /// See [`StartError`].
    pub(super) async fn start(
        program: &WorkerCommand,
        folders: &[Opened],
        scratch: &Path,
        numbers: Numbers,
        instances: u32,
        threads: u32,
    ) -> Result<Self, StartError> {
        use std::os::unix::ffi::OsStrExt as _;
        let own = PrivateFolder::make(scratch, "worker-").map_err(StartError::Start)?;
        let opened = File::open(own.path()).map_err(StartError::Start)?;
        let hello = Hello {
            purpose: Purpose::Guests,
            instances,
            canonical: numbers == Numbers::Canonical,
            threads,
            writable: folders.iter().map(|folder| folder.quota.is_some()).chain([true]).collect(),
            scratch: own.path().as_os_str().as_bytes().to_vec(),
        };
        let descriptors: Vec<_> = folders.iter().map(|folder| folder.folder.as_fd()).chain([opened.as_fd()]).collect();
        let (process, raised) = Process::start(program, &hello, &descriptors).await?;
        let socket = process.socket.lock().unwrap_or_else(PoisonError::into_inner).take();
        let control = socket.map(OwnedFd::from).ok_or_else(|| StartError::Start(io::ErrorKind::NotConnected.into()))?;
        Ok(Self { process, control, idle: Mutex::default(), raised, _scratch: own })
    }

    /// Returns a lane for one call: one that no call uses, or a new one.
    ///
    /// # Errors
    /// The worker is gone.
    pub(super) fn lane(&self) -> io::Result<Lane> {
        if let Some(lane) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            return Ok(lane);
        }
        let (ours, theirs) = UnixStream::pair()?;
        descriptors::send(&self.control, b"l", &[theirs.as_fd()])?;
        Ok(Lane::new(ours, MAX_ANSWER_BYTES))
    }

    /// Takes a lane back whose call has ended.
    pub(super) fn give_back(&self, lane: Lane) {
        lane.rest();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(lane);
    }

    /// Tells whether the worker can take calls.
    pub(super) fn is_running(&self) -> bool {
        self.process.is_running()
    }

    /// See [`Process::ended`].
    pub(super) async fn ended(&self) -> String {
        self.process.ended().await
    }

    /// See [`Process::kill`].
    pub(super) async fn kill(&self) {
        self.process.kill().await;
    }
}

fn ending(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => match signal_name(signal) {
            Some(name) => format!("was ended by signal {signal} ({name})"),
            None => format!("was ended by signal {signal}"),
        },
        (None, Some(code)) => format!("ended with exit status {code}"),
        (None, None) => "ended, and nobody saw how".to_owned(),
    }
}

/// Returns the names of signals that end a process whose host sends none.
fn signal_name(signal: i32) -> Option<&'static str> {
    use rustix::process::Signal;
    const NAMES: [(Signal, &str); 10] = [
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
        (Signal::ILL, "SIGILL"),
        (Signal::KILL, "SIGKILL"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::SYS, "SIGSYS"),
        (Signal::TERM, "SIGTERM"),
        (Signal::TRAP, "SIGTRAP"),
        (Signal::XCPU, "SIGXCPU"),
    ];
    NAMES.iter().find(|(known, _)| known.as_raw() == signal).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings() {
        assert_eq!(ending(ExitStatus::from_raw(9)), "was ended by signal 9 (SIGKILL)");
        assert_eq!(ending(ExitStatus::from_raw(64)), "was ended by signal 64");
        assert_eq!(ending(ExitStatus::from_raw(101 << 8)), "ended with exit status 101");
    }
}
