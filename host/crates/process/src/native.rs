//! One invocation, from its start to its end.

use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;

use rustix::process::Pid;
use stepwell_run::{
    Action, BoxFuture, Control, EventKind, Executor, Invocation, Module, ModuleRefused, Outcome, Stream,
};
use stepwell_schema::Spec;
use tokio::process::{Child, ChildStderr, ChildStdout};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::group::{Group, GroupGuard, KILL_WAIT};
use crate::launch::Launch;
use crate::leftovers::{Leftover, Leftovers};
use crate::look_up::look_up;
use crate::pipe::{LogTarget, pump};
use crate::refusal::Refusal;
use crate::shell::{SHELL_FOLDERS, find_shell};
use crate::watch_list::Watched;

/// Runs commands and scripts as processes of this machine.
///
/// One executor serves one job, since what its steps leave in the background ends with the job; it is cheap to make.
/// Invocations may run side by side. It needs a tokio runtime with time and I/O.
#[derive(Clone, Debug, Default)]
pub struct NativeExecutor {
    leftovers: Leftovers,
}

/// How the process of a step ended.
#[derive(Debug)]
enum End {
    /// By itself, or by a signal of somebody else.
    Own(ExitStatus),
    /// By us, because the job was cancelled.
    Cancelled,
    /// Unknown: the kernel did not say.
    Lost(io::Error),
}

impl NativeExecutor {
    /// Makes an executor that hands what its steps leave running to `leftovers`.
    pub fn new(leftovers: Leftovers) -> Self {
        Self { leftovers }
    }

    /// Returns what the steps of this executor left running.
    pub fn leftovers(&self) -> &Leftovers {
        &self.leftovers
    }

    /// Runs one command or script to its end.
    ///
    /// The process gets exactly the environment of the invocation, empty input and a process group of its own. A
    /// program without a slash in its name is looked up in the `PATH` of the invocation, one with a slash is relative
    /// to its working directory. What it prints is logged as it comes, all of it before this answers; a process left
    /// in the background goes on, and what it prints later is logged until the job ends.
    ///
    /// When [`Control::cancelled`] fires the group gets SIGTERM, and SIGKILL after [`Control::grace`]. Log that its
    /// reader does not take within another grace is then dropped. Dropping the future kills the group.
    ///
    /// Starting blocks the thread for the time of one `posix_spawn`, below a millisecond.
    ///
    /// Answers [`Outcome::EngineError`] for a WebAssembly module.
    pub async fn run_command(&self, invocation: &Invocation, control: &Control) -> Outcome {
        if control.cancelled.is_cancelled() {
            return Outcome::Cancelled;
        }
        let environment = &*invocation.environment;
        let path = environment.get("PATH").map(String::as_str);
        match &invocation.action {
            Action::Command { arguments, directory } => {
                let (name, arguments) = arguments.split_first().map_or(("", &[][..]), |(name, rest)| (name, rest));
                let file = match look_up(name, path, directory) {
                    Ok(file) => file,
                    Err(refusal) => return refused(&refusal),
                };
                let arguments = arguments.iter().map(String::as_str).collect();
                let launch = Launch { file, name, arguments, argument_noun: "an argument", directory, environment };
                self.run(&launch, invocation, control).await
            }
            Action::Script { text } => self.run_script(text, &SHELL_FOLDERS, invocation, control).await,
            Action::Wasm(_) => Outcome::EngineError {
                message: "a WebAssembly module was given to the executor of commands".to_owned(),
            },
        }
    }

    /// Runs a script with a shell of these folders. The shell sees its own path as its name, and so as `$0`.
    async fn run_script(
        &self,
        text: &str,
        shell_folders: &[impl AsRef<Path> + Sync],
        invocation: &Invocation,
        control: &Control,
    ) -> Outcome {
        let shell = match find_shell(shell_folders) {
            Ok(shell) => shell,
            Err(refusal) => return refused(&refusal),
        };
        let name = shell.to_string_lossy();
        let launch = Launch {
            file: shell.clone(),
            name: &name,
            arguments: vec!["-c", text],
            argument_noun: "the script",
            directory: &invocation.work_dir,
            environment: &invocation.environment,
        };
        self.run(&launch, invocation, control).await
    }

    /// Starts a program and sees it through.
    async fn run(&self, launch: &Launch<'_>, invocation: &Invocation, control: &Control) -> Outcome {
        // Before the step, so that it is never without a watcher that runs.
        let watcher = self.leftovers.start_watcher();
        let started = launch.start().await.map(Running::new);
        let mut running = match started {
            Ok(Some(running)) => running,
            // Pipes and identifier are there in every child that was just started with pipes.
            Ok(None) => return Outcome::EngineError { message: "the command has no pipes".to_owned() },
            Err(refusal) => return refused(&refusal),
        };
        self.leftovers.forget(running.group);
        match watcher.and_then(|()| self.leftovers.watch(running.group)) {
            Ok(watched) => running.watched = watched,
            Err(error) => control.events.send(&invocation.step, not_watched(&error)),
        }
        let ended = CancellationToken::new();
        let target = |stream| LogTarget { events: control.events.clone(), step: invocation.step.clone(), stream };
        let (out, error) = (target(Stream::Out), target(Stream::Error));
        let end = async {
            let end = supervise(&mut running.child, running.group, control).await;
            ended.cancel();
            end
        };
        let pumps = async {
            tokio::select! {
                pipes = async { tokio::join!(pump(running.out, &out, &ended), pump(running.error, &error, &ended)) } => pipes,
                () = stalled(&ended, control) => (None, None),
            }
        };
        let (end, (open_out, open_error)) = tokio::join!(end, pumps);
        if matches!(end, End::Own(_) | End::Cancelled) {
            running.guard.release();
        }
        self.leftovers.adopt(Leftover {
            group: running.group,
            watched: running.watched,
            out: open_out.map(|pipe| (pipe, out)),
            error: open_error.map(|pipe| (pipe, error)),
        });
        outcome(&end)
    }
}

impl Executor for NativeExecutor {
    fn execute<'a>(&'a self, invocation: &'a Invocation, control: &'a Control) -> BoxFuture<'a, Outcome> {
        Box::pin(self.run_command(invocation, control))
    }

    /// Refuses every module: this executor runs none.
    fn check_module(&self, module: &Module, _spec: &Spec) -> Result<(), ModuleRefused> {
        Err(ModuleRefused {
            module: module.name.clone(),
            message: "this executor runs commands and scripts only".to_owned(),
            hint: None,
            denied: false,
        })
    }
}

/// A started program.
struct Running {
    // Before the child: while that is not reaped, nobody else can have the group's identifier.
    guard: GroupGuard,
    watched: Option<Watched>,
    child: Child,
    group: Group,
    out: ChildStdout,
    error: ChildStderr,
}

impl Running {
    /// Takes a child apart that was just started with both outputs piped; none for any other.
    fn new(mut child: Child) -> Option<Self> {
        let id = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?))?;
        let group = Group::led_by(id);
        let guard = GroupGuard::new(group);
        let (out, error) = (child.stdout.take()?, child.stderr.take()?);
        Some(Self { guard, watched: None, child, group, out, error })
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("group", &self.group).finish_non_exhaustive()
    }
}

/// Waits for the process to end, or ends its group when the job is cancelled. The process is reaped then.
async fn supervise(child: &mut Child, group: Group, control: &Control) -> End {
    tokio::select! {
        biased;
        status = child.wait() => return status.map_or_else(End::Lost, End::Own),
        () = control.cancelled.cancelled() => {}
    }
    group.terminate();
    if timeout(control.grace, gone(child, group)).await.is_err() {
        group.kill();
        if timeout(KILL_WAIT, gone(child, group)).await.is_err() {
            return End::Lost(io::Error::new(io::ErrorKind::TimedOut, "it does not end on SIGKILL"));
        }
    }
    End::Cancelled
}

/// Waits until the process is reaped and no member of its group runs.
async fn gone(child: &mut Child, group: Group) {
    // An error leaves the group to be watched.
    let _ = child.wait().await;
    group.emptied().await;
}

/// Waits until the process has ended, the job is cancelled, and the reader of the log had its time.
async fn stalled(ended: &CancellationToken, control: &Control) {
    ended.cancelled().await;
    control.cancelled.cancelled().await;
    sleep(control.grace).await;
}

fn outcome(end: &End) -> Outcome {
    match end {
        End::Own(status) => match (status.code(), status.signal()) {
            (Some(code), _) => Outcome::Exited { code },
            (None, Some(signal)) => Outcome::Signalled { signal },
            (None, None) => Outcome::EngineError { message: format!("the command ended in an unknown way: {status}") },
        },
        End::Cancelled => Outcome::Cancelled,
        End::Lost(error) => Outcome::EngineError { message: format!("the end of the command is not known: {error}") },
    }
}

fn not_watched(error: &io::Error) -> EventKind {
    EventKind::Warning {
        message: format!("the step goes on where the engine is killed: it cannot be watched: {error}"),
        place: None,
    }
}

fn refused(refusal: &Refusal) -> Outcome {
    match refusal {
        Refusal::Exhausted { .. } => Outcome::EngineError { message: refusal.to_string() },
        _ => Outcome::NotStarted { message: refusal.to_string(), hint: refusal.hint() },
    }
}
