//! What ends the steps where this process is ended by SIGKILL: a second process that waits for that.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, PipeWriter};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use rustix::process::Signal;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::group::{Group, KILL_WAIT};
use crate::process_table::{Process, ProcessTable};
use crate::watch_list::{self, Entry, WatchList, Watched};

/// Most looks for processes that were started meanwhile. Every look stops all that the one before had found, so that
/// only what forks faster than the whole table is read could need more than three.
const MAX_LOOKS: usize = 100;

/// How a watcher is started: a program that calls [`watch`] and nothing else.
#[derive(Clone, Debug)]
pub struct WatcherCommand {
    /// The file of the program.
    pub program: PathBuf,
    /// The name it is called by, which tells it what it is to do.
    pub name: String,
}

/// A process that waits for the end of this one and then kills the groups that are in a list.
///
/// It lives in a group of its own, so what is sent to the group of this process does not reach it, and holds none of
/// the streams of this process.
#[derive(Debug)]
pub(crate) struct Watcher {
    list: Arc<WatchList>,
    /// Closed by the kernel when this process ends, however it does.
    life: PipeWriter,
    process: Child,
}

impl WatcherCommand {
    /// Starts a watcher, with an empty list.
    ///
    /// # Errors
    /// The program cannot be started, or the kernel has no room.
    pub(crate) fn start(&self) -> io::Result<Watcher> {
        let list = Arc::new(WatchList::new()?);
        let (death, life) = io::pipe()?;
        #[expect(clippy::disallowed_methods, reason = "this crate is the one that starts programs")]
        let mut command = Command::new(&self.program);
        command
            .arg0(&self.name)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(death))
            .stdout(Stdio::from(list.file()?))
            .stderr(Stdio::null())
            .process_group(0);
        Ok(Watcher { list, life, process: command.spawn()? })
    }
}

impl Watcher {
    /// Has a group killed with this process, until the answer is dropped. Its first process was not reaped yet.
    ///
    /// # Errors
    /// See [`WatchList::add`].
    pub(crate) fn add(&self, group: Group) -> io::Result<Watched> {
        self.list.add(group)
    }

    /// Ends the watcher, and whatever is in its list.
    pub(crate) async fn dismiss(mut self) {
        drop(self.life);
        if timeout(KILL_WAIT, self.process.wait()).await.is_err() {
            // Somebody stopped it.
            let _ = self.process.kill().await;
        }
    }
}

/// Is the watcher: waits for the end of the process that started this one by a [`WatcherCommand`], then kills the groups
/// in its list, and what their members started that left them. Standard input is a pipe that ends with that process,
/// standard output the list.
///
/// # Errors
/// This process was not started that way; nothing is killed.
pub fn watch() -> io::Result<()> {
    // So that it is told apart in a list of processes; nothing depends on it.
    let _ = std::fs::write("/proc/self/comm", "stepwell-watch");
    io::copy(&mut io::stdin().lock(), &mut io::sink())?;
    let list = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let mut entries = watch_list::read(&list)?;
    entries.retain(|entry| !is_taken(entry));
    kill(&entries);
    Ok(())
}

/// Tells whether another process has the identifier of a group's first process by now: the group is gone then, since the
/// kernel gives no identifier away that a group still has.
fn is_taken(entry: &Entry) -> bool {
    Process::read(entry.leader).is_ok_and(|process| process.started != entry.started)
}

/// Kills groups, with all that descends from their members. Everything is stopped first, so that nothing is started and
/// no parent is lost while the rest is looked for.
fn kill(entries: &[Entry]) {
    if entries.is_empty() {
        return;
    }
    let groups: HashSet<_> = entries.iter().map(|entry| entry.leader).collect();
    groups.iter().for_each(|leader| Group::led_by(*leader).signal(Signal::STOP));
    let mut found = HashSet::new();
    for _ in 0..MAX_LOOKS {
        let Ok(table) = ProcessTable::read() else { break };
        let before = found.len();
        for process in table.of_groups(&groups) {
            if found.insert(process) {
                process.signal(Signal::STOP);
            }
        }
        if found.len() == before {
            break;
        }
    }
    groups.iter().for_each(|leader| Group::led_by(*leader).kill());
    found.iter().for_each(|process| process.signal(Signal::KILL));
}
