//! Processes that left their group.

use std::collections::HashSet;
use std::io;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Signal, WaitId, WaitIdOptions, WaitOptions, getpid, set_child_subreaper, waitid, waitpid};
use tokio::time::Instant;

use crate::group::{KILL_WAIT, Pauses};
use crate::process_table::{Process, ProcessTable};

/// The right to call all orphans below this process its own.
///
/// A process that starts a session or group of its own and whose parent ends (a daemon) belongs to no step any more.
/// After [`Subreaper::become_one`] the kernel makes this process its parent instead of the first process of the
/// machine, so that it is found at the end. That holds for the whole process and for all children it has, whoever
/// started them. So it is for a program that does nothing but run jobs, not for a library inside another program.
#[derive(Debug)]
pub struct Subreaper(());

/// What a sweep found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Processes that ran and were asked to end.
    pub found: usize,
    /// Those of them that still run: they belong to another user, or hang in the kernel.
    pub left: usize,
}

impl Subreaper {
    /// Makes this process the parent of all orphans below it, from now on (`PR_SET_CHILD_SUBREAPER`, prctl(2)).
    ///
    /// # Errors
    /// Where the kernel refuses; nothing has changed then.
    pub fn become_one() -> io::Result<Self> {
        set_child_subreaper(Some(getpid()))?;
        Ok(Self(()))
    }

    /// Ends every child, grandchild and so on of this process: SIGTERM, and SIGKILL to what runs after `grace`. Reaps
    /// those that are its own children. New ones that appear meanwhile are ended too.
    ///
    /// For the end of the last job: **all** children are ended and reaped, also those that somebody else in this process
    /// waits for.
    ///
    /// No stranger is hit: each process is held by a descriptor and looked at again before it is signalled, so an
    /// identifier that was given anew is noticed.
    ///
    /// # Errors
    /// Where `/proc` cannot be read; nothing is known then about what runs.
    pub async fn end_descendants(&self, grace: Duration) -> io::Result<Swept> {
        let mut asked = HashSet::new();
        sweep(Instant::now() + grace, |process| {
            if asked.insert((process.id, process.started)) {
                process.signal(Signal::TERM);
                process.signal(Signal::CONT);
            }
        })
        .await?;
        let mut killed = HashSet::new();
        let left = sweep(Instant::now() + KILL_WAIT, |process| {
            killed.insert((process.id, process.started));
            process.signal(Signal::KILL);
        })
        .await?;
        Ok(Swept { found: asked.union(&killed).count(), left })
    }
}

/// Looks at the running descendants again and again, until there are none or the time is over. Returns how many there
/// were at the last look.
async fn sweep(deadline: Instant, mut each: impl FnMut(&Process)) -> io::Result<usize> {
    let mut pauses = Pauses::default();
    loop {
        let running = running_descendants()?;
        running.iter().for_each(&mut each);
        if running.is_empty() || Instant::now() >= deadline {
            return Ok(running.len());
        }
        pauses.pause().await;
    }
}

/// Reaps the children that have ended, and returns all descendants that have not.
fn running_descendants() -> io::Result<Vec<Process>> {
    // Looking through all processes of the machine takes milliseconds; without a child there is nothing to find.
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    if matches!(waitid(WaitId::All, look), Err(Errno::CHILD)) {
        return Ok(Vec::new());
    }
    let myself = getpid();
    let mut descendants = ProcessTable::read()?.descendants(myself);
    for ended in descendants.iter().filter(|process| process.zombie && process.parent == Some(myself)) {
        // An error is somebody else in this process who was first.
        let _ = waitpid(Some(ended.id), WaitOptions::NOHANG);
    }
    descendants.retain(|process| !process.zombie);
    Ok(descendants)
}
