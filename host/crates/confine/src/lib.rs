//! A second wall around a process that runs what nobody trusts.
//!
//! **In:** the folders that the process needs, and its limits. **Out:** the calling process with everything else taken
//! from it, and what the kernel could not do. **Refuses to know:** what runs behind the wall.
//!
//! [`Wall::raise`] is called once, early, in a process that has one thread. Nothing takes the wall down again.
//!
//! May use: nothing.

// A few system calls have no safe form; `kernel` holds them all.
#![deny(unsafe_code)]

mod calls;
mod filter;
mod folders;
mod kernel;
mod limits;
mod support;
mod wall;

pub use folders::{Access, Folder};
pub use kernel::close_inherited;
pub use limits::Limits;
pub use support::{Support, support};
pub use wall::{Raised, Wall, WallError};
