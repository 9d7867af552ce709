//! What steps leave running.

use std::collections::HashMap;
use std::io;
use std::mem;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::process::{ChildStderr, ChildStdout};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::group::Group;
use crate::pipe::{LogTarget, pump};
use crate::watch_list::Watched;
use crate::watcher::{Watcher, WatcherCommand};

/// The processes that the steps of one job left in the background, such as a server for the steps after it.
///
/// They may go on while the job does: what they print is logged under their step, and their pipes stay open, so that
/// none ends by SIGPIPE. At the end of the job [`Leftovers::end_all`] ends them. Cheap to clone; all clones are the
/// same. Dropping the last one kills them, and drops the senders of events it holds; **until one of the two happens,
/// a background process keeps the job's event stream open**.
///
/// Known are process groups. A process that made a group of its own is not found here; see [`Subreaper`]. Once a group
/// is empty the kernel may give its identifier to a stranger; between the look at a group and the signal to it there
/// are some microseconds in which this could happen. The kernel goes through all other identifiers first, so a wrong
/// one would take tens of thousands of processes started in that time.
///
/// [`Subreaper`]: crate::Subreaper
#[derive(Clone, Debug, Default)]
pub struct Leftovers(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// The groups that run, each with its place in the watcher's list, if there is one.
    groups: Mutex<HashMap<Group, Option<Watched>>>,
    /// Tasks that read pipes which background processes hold. They hold no clone of this.
    readers: Mutex<JoinSet<()>>,
    ended: CancellationToken,
    /// Behind the groups: its list is empty by the time it is dropped.
    watch: Mutex<Watch>,
}

/// Who kills the groups of the job where this process dies.
#[derive(Debug, Default)]
enum Watch {
    /// Nobody.
    #[default]
    Off,
    /// A watcher, once there is something to watch.
    Wanted(WatcherCommand),
    /// A watcher that runs.
    On(Watcher),
}

/// What one step left. Pipes come with where their bytes go, and only while somebody holds the other end.
#[derive(Debug)]
pub(crate) struct Leftover {
    /// The step's group; may be empty. Its first process is reaped.
    pub(crate) group: Group,
    /// The group's place in the watcher's list.
    pub(crate) watched: Option<Watched>,
    /// Standard output.
    pub(crate) out: Option<(ChildStdout, LogTarget)>,
    /// Standard error.
    pub(crate) error: Option<(ChildStderr, LogTarget)>,
}

impl Leftovers {
    /// Has the steps of the job, and what they leave, killed by a watcher where this process dies before the job ends. The
    /// watcher is started with the first step that is a process.
    pub fn watched_by(watcher: WatcherCommand) -> Self {
        let leftovers = Self::default();
        *lock(&leftovers.0.watch) = Watch::Wanted(watcher);
        leftovers
    }

    /// Starts the watcher, if there is to be one and it does not run yet.
    ///
    /// # Errors
    /// It cannot be started; there will be none then, and no more errors.
    pub(crate) fn start_watcher(&self) -> io::Result<()> {
        let mut watch = lock(&self.0.watch);
        if let Watch::Wanted(command) = &*watch {
            let started = command.start();
            *watch = Watch::Off;
            *watch = Watch::On(started?);
        }
        Ok(())
    }

    /// Has a group killed where this process dies, until the answer is dropped; none where there is no watcher. The
    /// group's first process was not reaped yet.
    ///
    /// # Errors
    /// The kernel has no room, or there is no `/proc`.
    pub(crate) fn watch(&self, group: Group) -> io::Result<Option<Watched>> {
        match &*lock(&self.0.watch) {
            Watch::Off | Watch::Wanted(_) => Ok(None),
            Watch::On(watcher) => watcher.add(group).map(Some),
        }
    }

    /// Returns the number of process groups that run.
    pub fn running(&self) -> usize {
        self.prune();
        lock(&self.0.groups).len()
    }

    /// Ends all background processes, all groups at once: SIGTERM, and SIGKILL after `grace`. Then hands on what they
    /// printed, waiting at most another grace for the reader, and drops the senders of events. Returns how many groups
    /// ran.
    ///
    /// For the end of a job, when no step runs. Dropping the future leaves what still runs to the drop of the last clone.
    pub async fn end_all(&self, grace: Duration) -> usize {
        self.prune();
        let groups: Vec<Group> = lock(&self.0.groups).keys().copied().collect();
        let mut ends: JoinSet<()> = JoinSet::new();
        for group in groups.iter().copied() {
            ends.spawn(async move {
                group.end(grace).await;
            });
        }
        while ends.join_next().await.is_some() {}
        lock(&self.0.groups).clear();
        self.0.ended.cancel();
        let mut readers = mem::take(&mut *lock(&self.0.readers));
        // What is not read by then is dropped with its tasks.
        let _ = timeout(grace, async { while readers.join_next().await.is_some() {} }).await;
        let watch = mem::take(&mut *lock(&self.0.watch));
        if let Watch::On(watcher) = watch {
            watcher.dismiss().await;
        }
        groups.len()
    }

    /// Takes over what a step left.
    pub(crate) fn adopt(&self, leftover: Leftover) {
        if !leftover.group.is_empty() {
            self.prune();
            lock(&self.0.groups).insert(leftover.group, leftover.watched);
        }
        if let Some((pipe, target)) = leftover.out {
            self.read_on(pipe, target);
        }
        if let Some((pipe, target)) = leftover.error {
            self.read_on(pipe, target);
        }
    }

    /// Forgets a group whose identifier a new process has: the old group is gone then.
    pub(crate) fn forget(&self, group: Group) {
        lock(&self.0.groups).remove(&group);
    }

    /// Reads a pipe until its end, or until the end of the job.
    fn read_on<P>(&self, pipe: P, target: LogTarget)
    where
        P: AsyncRead + AsFd + Unpin + Send + Sync + 'static,
    {
        let ended = self.0.ended.clone();
        let mut readers = lock(&self.0.readers);
        while readers.try_join_next().is_some() {}
        readers.spawn(async move {
            pump(pipe, &target, &ended).await;
        });
    }

    /// Forgets groups that are over.
    fn prune(&self) {
        lock(&self.0.groups).retain(|group, _| !group.is_empty());
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let groups = self.groups.get_mut().unwrap_or_else(PoisonError::into_inner);
        for group in groups.keys().filter(|group| !group.is_empty()) {
            group.kill();
        }
    }
}

/// Locks; what is behind these locks is whole after every step, also after a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
