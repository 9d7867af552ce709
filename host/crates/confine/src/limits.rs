//! Limits on resources that the kernel holds a process to.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What a process may use at most. Address space is not among it: the engine sets terabytes of it aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open descriptors.
    pub open_files: u64,
    /// Writable memory, in bytes; none means no limit.
    pub memory_bytes: Option<u64>,
    /// Processor time of all threads together, in seconds; none means no limit. The process is killed at its end.
    pub cpu_seconds: Option<u64>,
}

/// Sets limits that cannot be raised again. Returns those that could not be set.
pub(crate) fn set(limits: &Limits) -> Vec<String> {
    let mut wanted = vec![
        // What a guest knows would lie in a file otherwise.
        (Resource::Core, "size of a core file", 0),
        (Resource::Nofile, "number of open files", limits.open_files),
    ];
    wanted.extend(limits.memory_bytes.map(|bytes| (Resource::Data, "writable memory", bytes)));
    wanted.extend(limits.cpu_seconds.map(|seconds| (Resource::Cpu, "processor time", seconds)));
    let mut missing = Vec::new();
    for (resource, name, most) in wanted {
        // A limit that was lower already stays.
        let most = getrlimit(resource).maximum.map_or(most, |maximum| maximum.min(most));
        if let Err(errno) = setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) }) {
            missing.push(format!("a limit for the {name} ({})", std::io::Error::from(errno)));
        }
    }
    missing
}
