//! Where guests run.

use std::path::PathBuf;

/// Where guests run.
#[derive(Clone, Debug, Default)]
pub enum Isolation {
    /// In this process.
    #[default]
    InProcess,
    /// In processes of their own, behind a wall of Landlock, seccomp and limits. Unknown modules are compiled in such a
    /// process too.
    Worker(WorkerCommand),
}

/// How a worker is started: a program that calls [`serve`](crate::serve) and nothing else.
#[derive(Clone, Debug)]
pub struct WorkerCommand {
    /// The file of the program. It is started without environment, from `/`, in a process group of its own.
    pub program: PathBuf,
    /// The name it is called by, which tells it what it is to do.
    pub name: String,
}
