//! A second wall around a process that runs what nobody trusts.
//!
//! **In:** the folders that the process needs, and its limits. **Out:** the calling process with everything else taken
//! from it, and what the kernel could not do. **Refuses to know:** what runs behind the wall.
//!
//! May use: nothing.

#![forbid(unsafe_code)]
