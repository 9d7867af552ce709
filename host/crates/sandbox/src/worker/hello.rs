//! The first words between the host and a process that it started.

use stepwell_confine::Raised;

use super::wire::{Malformed, Reader, Wire, wire_enum, wire_struct};
use crate::engine::Numbers;

/// What a process is to be, with the folders that come along as descriptors.
#[derive(Debug)]
pub(super) struct Hello {
    pub(super) purpose: Purpose,
    /// Most guests at a time.
    pub(super) instances: u32,
    /// Whether results that are not a number have the same bits on every machine.
    pub(super) canonical: bool,
    /// Threads that run them.
    pub(super) threads: u32,
    /// Whether each folder may be written to, in the order of the descriptors.
    pub(super) writable: Vec<bool>,
    /// The folder for private folders of commands, itself the last of the descriptors; raw bytes of a path.
    pub(super) scratch: Vec<u8>,
}

impl Hello {
    /// Returns which bits a result has that is not a number.
    pub(super) fn numbers(&self) -> Numbers {
        if self.canonical { Numbers::Canonical } else { Numbers::AsComputed }
    }
}

/// What a process is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To run guests.
    Guests,
    /// To compile one module.
    Compiling,
}

/// What the process answers when its wall stands.
#[derive(Debug)]
pub(super) struct Standing(pub(super) Raised);

wire_struct!(Hello { purpose, instances, canonical, threads, writable, scratch });
wire_enum!(Purpose { Guests = 0, Compiling = 1 });

impl Wire for Standing {
    fn put(&self, to: &mut Vec<u8>) {
        self.0.landlock.put(to);
        self.0.seccomp.put(to);
        self.0.own_network.put(to);
        self.0.missing.put(to);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self(Raised {
            landlock: Wire::take(from)?,
            seccomp: Wire::take(from)?,
            own_network: Wire::take(from)?,
            missing: Wire::take(from)?,
        }))
    }
}
