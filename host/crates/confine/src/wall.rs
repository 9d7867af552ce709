//! The wall itself: all parts, in an order that lets each be raised.

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use crate::folders::{self, Folder};
use crate::limits::{self, Limits};
use crate::{filter, kernel, support};

/// What stays of the world when the wall is up.
#[derive(Clone, Debug)]
pub struct Wall<'a> {
    /// The folders that stay reachable. What is open already stays open.
    pub folders: Vec<Folder<'a>>,
    /// What the process may use.
    pub limits: Limits,
}

/// What was raised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raised {
    /// The version of Landlock that holds the file system; none where the kernel has none.
    pub landlock: Option<u32>,
    /// Whether system calls are filtered.
    pub seccomp: bool,
    /// Whether the process is in a network of its own.
    pub own_network: bool,
    /// What the kernel could not do, a lower-case fragment each; empty where everything holds.
    pub missing: Vec<String>,
}

/// Why the wall does not stand. Parts of it may.
#[derive(Debug, thiserror::Error)]
pub enum WallError {
    /// Threads that run already would stay outside.
    #[error("the wall is raised by a process with one thread only, and this one has {0}")]
    Threads(usize),
    /// The kernel has Landlock and refused the rules.
    #[error("the file system cannot be closed off: {0}")]
    Landlock(String),
    /// The kernel has seccomp and refused the filter.
    #[error("system calls cannot be filtered: {0}")]
    Seccomp(String),
}

impl Wall<'_> {
    /// Takes everything from this process but what the wall leaves, for good: new privileges, core files, tracing by
    /// processes of the same user, capabilities but those over files, the network, files outside the folders, and every
    /// system call that a running guest does not need. Threads that are started later stand behind it as well.
    ///
    /// # Errors
    /// See [`WallError`]. What the kernel does not have is no error: it is in [`Raised::missing`].
    pub fn raise(&self) -> Result<Raised, WallError> {
        if let Some(count) = kernel::threads().filter(|count| *count != 1) {
            return Err(WallError::Threads(count));
        }
        let support = support();
        let mut missing = support.missing();
        missing.extend(limits::set(&self.limits));
        let own_network = kernel::leave_network();
        if let Err(cause) = &own_network {
            missing.push(format!("a network of its own ({cause}): sockets are held back by seccomp alone"));
        }
        if let Err(cause) = kernel::drop_capabilities() {
            missing.push(format!("dropping capabilities ({cause})"));
        }
        // After the namespaces, which set it back.
        if let Err(errno) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
            missing.push(format!("keeping processes of the same user out ({})", std::io::Error::from(errno)));
        }
        let held = folders::keep_only(&self.folders).map_err(|error| WallError::Landlock(error.to_string()))?;
        if support.seccomp {
            filter::install().map_err(|error| WallError::Seccomp(error.to_string()))?;
        }
        Ok(Raised {
            landlock: support.landlock.filter(|_| held),
            seccomp: support.seccomp,
            own_network: own_network.is_ok(),
            missing,
        })
    }
}
