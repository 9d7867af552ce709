//! The most that a function may ask for.

use std::time::Duration;

use crate::amount;
use crate::capability::Capability;
use crate::grants::Limits;

/// Most linear memory that may be asked for: all that 32-bit WebAssembly can address.
pub const MAX_MEMORY_BYTES: u64 = 4 << 30;
/// Most processor time that may be asked for: a step is one thread, so no more than [`MAX_WALL`] could be used.
pub const MAX_CPU: Duration = MAX_WALL;
/// Most time on the wall that may be asked for: the time after which CI systems usually end a whole job.
pub const MAX_WALL: Duration = Duration::from_secs(60 * 60);
/// Most log that may be asked for: more than anybody reads, and little enough to keep.
pub const MAX_LOG_BYTES: u64 = 64 << 20;
/// Most growth of one writable folder that may be asked for: a large release with room to spare.
pub const MAX_WRITE_BYTES: u64 = 64 << 30;
/// Most new files in one writable folder that may be asked for: the largest source trees have about so many.
pub const MAX_WRITE_FILES: u64 = 1_000_000;
/// Most steps at once that may be set: as many instances as the engine holds places for is a number of that size.
pub const MAX_STEPS_AT_ONCE: u64 = 1_000;

/// The most that a step may be given, as the operator has it; never above what the engine can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceilings {
    /// Linear memory, in bytes.
    pub memory: u64,
    /// Processor time.
    pub cpu: Duration,
    /// Time on the wall.
    pub wall: Duration,
    /// Log, in bytes.
    pub log: u64,
    /// Growth of one writable folder, in bytes.
    pub bytes: u64,
    /// New files, folders and links in one writable folder.
    pub files: u64,
    /// Steps at once; for whoever runs jobs side by side.
    pub steps_at_once: u64,
}

impl Default for Ceilings {
    /// Returns what the engine can hold.
    fn default() -> Self {
        Self {
            memory: MAX_MEMORY_BYTES,
            cpu: MAX_CPU,
            wall: MAX_WALL,
            log: MAX_LOG_BYTES,
            bytes: MAX_WRITE_BYTES,
            files: MAX_WRITE_FILES,
            steps_at_once: MAX_STEPS_AT_ONCE,
        }
    }
}

impl Ceilings {
    /// Returns the limits of a step that asks for none: the defaults, as far as they lie beneath the ceilings.
    pub fn limits(&self) -> Limits {
        let Limits { memory, cpu, wall, log } = Limits::default();
        Limits {
            memory: memory.min(self.memory),
            cpu: cpu.min(self.cpu),
            wall: wall.min(self.wall),
            log: log.min(self.log),
        }
    }

    /// Returns the growth of a writable folder for which none is asked, in bytes and in files.
    pub fn growth(&self) -> (u64, u64) {
        (Limits::DEFAULT_WRITE_BYTES.min(self.bytes), Limits::DEFAULT_WRITE_FILES.min(self.files))
    }

    /// Returns what is asked for above its ceiling, one fragment each, such as `memory 8 GiB, more than the ceiling of
    /// 4 GiB`.
    pub(crate) fn exceeded(&self, capability: &Capability) -> Vec<String> {
        match capability {
            Capability::Write { bytes, files, .. } => [
                above("growth of ", *bytes, self.bytes, amount::bytes),
                above("new files: ", *files, self.files, |files| files.to_string()),
            ]
            .into_iter()
            .flatten()
            .collect(),
            Capability::Limits { memory, cpu, wall, log } => [
                above("memory ", *memory, self.memory, amount::bytes),
                above("cpu ", *cpu, self.cpu, amount::time),
                above("wall ", *wall, self.wall, amount::time),
                above("log ", *log, self.log, amount::bytes),
            ]
            .into_iter()
            .flatten()
            .collect(),
            Capability::Run { .. }
            | Capability::Exec { .. }
            | Capability::Export { .. }
            | Capability::Read { .. }
            | Capability::Env { .. }
            | Capability::Http { .. }
            | Capability::Secret { .. }
            | Capability::Clock(_)
            | Capability::Random(_) => Vec::new(),
        }
    }
}

fn above<T: Copy + PartialOrd>(what: &str, asked: Option<T>, ceiling: T, show: fn(T) -> String) -> Option<String> {
    let asked = asked.filter(|asked| *asked > ceiling)?;
    Some(format!("{what}{}, more than the ceiling of {}", show(asked), show(ceiling)))
}
