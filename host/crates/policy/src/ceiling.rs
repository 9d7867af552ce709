//! The most that a function may ask for.

use std::time::Duration;

use crate::amount;
use crate::capability::Capability;

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

/// Returns what is asked for above its ceiling, one fragment each, such as `memory 8 GiB, more than the ceiling of
/// 4 GiB`.
pub(crate) fn exceeded(capability: &Capability) -> Vec<String> {
    match capability {
        Capability::Write { bytes, files, .. } => [
            above("growth of ", *bytes, MAX_WRITE_BYTES, amount::bytes),
            above("new files: ", *files, MAX_WRITE_FILES, |files| files.to_string()),
        ]
        .into_iter()
        .flatten()
        .collect(),
        Capability::Limits { memory, cpu, wall, log } => [
            above("memory ", *memory, MAX_MEMORY_BYTES, amount::bytes),
            above("cpu ", *cpu, MAX_CPU, amount::time),
            above("wall ", *wall, MAX_WALL, amount::time),
            above("log ", *log, MAX_LOG_BYTES, amount::bytes),
        ]
        .into_iter()
        .flatten()
        .collect(),
        Capability::Read { .. }
        | Capability::Env { .. }
        | Capability::Http { .. }
        | Capability::Secret { .. }
        | Capability::Clock(_)
        | Capability::Random(_) => Vec::new(),
    }
}

fn above<T: Copy + PartialOrd>(what: &str, asked: Option<T>, ceiling: T, show: fn(T) -> String) -> Option<String> {
    let asked = asked.filter(|asked| *asked > ceiling)?;
    Some(format!("{what}{}, more than the ceiling of {}", show(asked), show(ceiling)))
}
