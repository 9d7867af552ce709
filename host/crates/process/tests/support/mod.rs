//! Builders of invocations, and a reader of their log.

#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use stepwell_process::NativeExecutor;
use stepwell_run::{
    Action, Control, EventKind, EventStream, Invocation, MaskSink, Outcome, StepPath, Stream, event_channel,
};
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes; a test that waits so long has failed.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// An invocation being built; runs in `/` with a plain `PATH`.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    environment: BTreeMap<String, String>,
    directory: PathBuf,
    arguments: Vec<String>,
    script: Option<String>,
    grace: Duration,
    executor: NativeExecutor,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) outcome: Outcome,
    pub(crate) out: Vec<u8>,
    pub(crate) error: Vec<u8>,
}

impl Case {
    pub(crate) fn command(arguments: &[&str]) -> Self {
        Self {
            environment: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
            directory: PathBuf::from("/"),
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            script: None,
            grace: LONG,
            executor: NativeExecutor::default(),
        }
    }

    pub(crate) fn script(text: &str) -> Self {
        Self { script: Some(text.to_owned()), ..Self::command(&[]) }
    }

    pub(crate) fn environment(mut self, variables: &[(&str, &str)]) -> Self {
        self.environment = variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        self
    }

    pub(crate) fn directory(mut self, directory: &Path) -> Self {
        self.directory = directory.to_owned();
        self
    }

    pub(crate) fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    pub(crate) fn executor(mut self, executor: &NativeExecutor) -> Self {
        self.executor = executor.clone();
        self
    }

    pub(crate) fn invocation(&self) -> Invocation {
        let directory = self.directory.clone();
        Invocation {
            step: StepPath::job().child(0, "step"),
            id: "1".to_owned(),
            attempt: 1,
            environment: Arc::new(self.environment.clone()),
            work_dir: directory.clone(),
            action: match &self.script {
                Some(text) => Action::Script { text: text.clone() },
                None => Action::Command { arguments: self.arguments.clone(), directory },
            },
        }
    }

    pub(crate) fn control(&self) -> (Control, EventStream) {
        let (events, stream) = event_channel();
        let mask = MaskSink(Arc::new(|_| {}));
        (Control { events, cancelled: CancellationToken::new(), grace: self.grace, mask }, stream)
    }

    /// Runs to the end, and ends what was left in the background.
    pub(crate) async fn run(self) -> Ran {
        self.run_and(|_, _| {}).await
    }

    /// Runs, and cancels as soon as standard output holds `text`.
    pub(crate) async fn run_cancelled_at(self, text: &str) -> Ran {
        self.run_and(|out, cancelled| {
            if String::from_utf8_lossy(out).contains(text) {
                cancelled.cancel();
            }
        })
        .await
    }

    /// Runs, and looks at standard output whenever there is more.
    async fn run_and(self, look: impl Fn(&[u8], &CancellationToken)) -> Ran {
        let (control, mut stream) = self.control();
        let cancelled = control.cancelled.clone();
        let invocation = self.invocation();
        let executor = self.executor;
        let run = async move {
            let outcome = executor.run_command(&invocation, &control).await;
            executor.leftovers().end_all(LONG).await;
            outcome
        };
        let read = async move {
            let (mut out, mut error) = (Vec::new(), Vec::new());
            while let Some((from, bytes)) = next_log(&mut stream).await {
                match from {
                    Stream::Out => out.extend(bytes),
                    Stream::Error => error.extend(bytes),
                }
                look(&out, &cancelled);
            }
            (out, error)
        };
        let (outcome, (out, error)) =
            tokio::time::timeout(LONG, async { tokio::join!(run, read) }).await.expect("it ends");
        Ran { outcome, out, error }
    }
}

impl Ran {
    /// Returns standard output as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }
}

/// Reads the next piece of log; none at the end of the job.
pub(crate) async fn next_log(stream: &mut EventStream) -> Option<(Stream, Vec<u8>)> {
    while let Some(event) = stream.next().await {
        if let EventKind::Log { stream, bytes } = event.kind {
            return Some((stream, bytes));
        }
    }
    None
}

/// Reads log until standard output holds a whole line, and returns it.
pub(crate) async fn next_line(stream: &mut EventStream) -> String {
    let mut line = Vec::new();
    while !line.contains(&b'\n') {
        let (_, bytes) = next_log(stream).await.expect("a line comes");
        line.extend(bytes);
    }
    String::from_utf8(line).unwrap()
}

/// Parses the identifier of a process.
pub(crate) fn process(text: &str) -> Pid {
    Pid::from_raw(text.trim().parse().unwrap_or_else(|_| panic!("`{text}` is a number"))).unwrap()
}

/// Waits until a process has ended, reaped or not.
#[track_caller]
pub(crate) fn assert_ends(process: Pid) {
    let Ok(descriptor) = pidfd_open(process, PidfdFlags::empty()) else { return };
    let wait = Timespec { tv_sec: 30, tv_nsec: 0 };
    let ready = poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], Some(&wait)).unwrap();
    assert_eq!(ready, 1, "process {process:?} still runs");
}

/// Tells whether a process runs now.
pub(crate) fn runs(process: Pid) -> bool {
    pidfd_open(process, PidfdFlags::empty()).is_ok_and(|descriptor| {
        poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], Some(&Timespec::default())).unwrap() == 0
    })
}
