//! A process group: the unit in which steps are ended.

use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, test_kill_process_group, waitpgid};
use tokio::time::{sleep, timeout};

use crate::process_table::ProcessTable;

/// How long the engine waits for processes to be gone after SIGKILL. The kernel ends them at once unless they hang in
/// the kernel itself (a dead network disk) or belong to another user, and then waiting longer is no use.
pub(crate) const KILL_WAIT: Duration = Duration::from_secs(2);

/// A process group, named by the identifier of its first process.
///
/// The kernel does not give the identifier to another process while the first process is not reaped, nor while the
/// group has members. Once both are over it may; who holds a `Group` for longer looks whether it
/// [is empty](Group::is_empty) before signalling, and forgets it when a new process has its identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Group(Pid);

impl Group {
    /// Names the group that a process leads.
    pub(crate) fn led_by(process: Pid) -> Self {
        Self(process)
    }

    /// Returns the identifier of the first process.
    pub(crate) fn leader(self) -> Pid {
        self.0
    }

    /// Sends a signal to all members. Nothing happens where there are none.
    pub(crate) fn signal(self, signal: Signal) {
        // An error is no member (any more), or members of another user only; neither can be helped.
        let _ = kill_process_group(self.0, signal);
    }

    /// Asks all members to end; stopped ones are continued so that they can.
    pub(crate) fn terminate(self) {
        self.signal(Signal::TERM);
        self.signal(Signal::CONT);
    }

    /// Ends all members at once.
    pub(crate) fn kill(self) {
        self.signal(Signal::KILL);
    }

    /// Tells whether no member runs. The group's first process must have been reaped: members that became children of
    /// this process are reaped here.
    pub(crate) fn is_empty(self) -> bool {
        while let Ok(Some(_)) = waitpgid(self.0, WaitOptions::NOHANG) {}
        if test_kill_process_group(self.0) == Err(Errno::SRCH) {
            return true;
        }
        // What is left may be zombies that their parent does not reap, as in a container without an init.
        ProcessTable::read().is_ok_and(|table| !table.is_group_alive(self.0))
    }

    /// Waits until no member runs; the first process must have been reaped.
    ///
    /// It looks again and again, at growing intervals up to 50 ms: the end of a process that is not a child comes
    /// without notice. The usual group is empty at the first look.
    pub(crate) async fn emptied(self) {
        let mut pauses = Pauses::default();
        while !self.is_empty() {
            pauses.pause().await;
        }
    }

    /// Ends all members: asked first, killed after `grace`. Tells whether none is left.
    pub(crate) async fn end(self, grace: Duration) -> bool {
        self.terminate();
        if timeout(grace, self.emptied()).await.is_ok() {
            return true;
        }
        self.kill();
        timeout(KILL_WAIT, self.emptied()).await.is_ok()
    }
}

/// Growing pauses between two looks: 1 ms at first, doubled up to 50 ms.
#[derive(Debug)]
pub(crate) struct Pauses(Duration);

impl Default for Pauses {
    fn default() -> Self {
        Self(Duration::from_millis(1))
    }
}

impl Pauses {
    /// Waits for the next look.
    pub(crate) async fn pause(&mut self) {
        sleep(self.0).await;
        self.0 = (self.0 * 2).min(Duration::from_millis(50));
    }
}

/// Kills a group when dropped: a step whose future is dropped does not go on running.
#[derive(Debug)]
pub(crate) struct GroupGuard(Option<Group>);

impl GroupGuard {
    /// Guards a group.
    pub(crate) fn new(group: Group) -> Self {
        Self(Some(group))
    }

    /// Lets the group live on.
    pub(crate) fn release(&mut self) {
        self.0 = None;
    }
}

impl Drop for GroupGuard {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            group.kill();
        }
    }
}
