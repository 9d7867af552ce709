//! System calls that have no safe form elsewhere.

#![expect(unsafe_code, reason = "the calls below have no safe form; each says why it is sound")]

use std::io;
use std::os::fd::RawFd;

/// `LANDLOCK_CREATE_RULESET_VERSION`: asks for the version instead of making a ruleset.
const LANDLOCK_VERSION: libc::c_ulong = 1;

/// Capabilities that are kept: those of a process that reads and writes files of other users, as the engine itself may.
const KEPT_CAPABILITIES: [u32; 4] = [1, 2, 3, 4];
/// The layout of [`CapabilityHeader`] and its data: 64 capabilities.
const CAPABILITY_VERSION: u32 = 0x2008_0522;

#[repr(C)]
struct CapabilityHeader {
    version: u32,
    process: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapabilityWord {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Closes every descriptor above standard error that this process was started with.
///
/// To be called first thing in a process with one thread, before anything was opened: whatever owns a descriptor already
/// would lose it.
///
/// # Errors
/// The process has more than one thread, or the kernel knows no such call (it came with Linux 5.9) and `/proc` is not
/// there either.
pub fn close_inherited() -> io::Result<()> {
    if threads().is_some_and(|count| count != 1) {
        return Err(io::Error::other("descriptors are closed by a process with one thread only"));
    }
    let first: libc::c_uint = 3;
    // SAFETY: closing touches no memory. No code of this process owns a descriptor above 2 yet, as the contract of this
    // function has it; there is no other thread that could open one meanwhile.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0 as libc::c_uint) };
    if closed == 0 { Ok(()) } else { close_listed() }
}

/// Closes what `/proc` lists, for kernels without `close_range`.
fn close_listed() -> io::Result<()> {
    let mut listed = Vec::new();
    for entry in std::fs::read_dir("/proc/self/fd")? {
        if let Some(number) = entry?.file_name().to_str().and_then(|name| name.parse::<RawFd>().ok()) {
            listed.push(number);
        }
    }
    for number in listed.into_iter().filter(|number| *number > 2) {
        // SAFETY: as in `close_inherited`. The descriptor of the listing itself is closed by now: the kernel says so, and
        // nothing else was opened.
        unsafe { libc::close(number) };
    }
    Ok(())
}

/// Returns how many threads this process has; none where `/proc` does not say.
pub(crate) fn threads() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/task").ok()?.count())
}

/// Returns the version of Landlock that the kernel has; none where it has none or does not use it.
pub(crate) fn landlock_version() -> Option<u32> {
    // SAFETY: with this flag the kernel takes a null pointer and a size of zero, and only returns a number.
    let version = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0 as libc::size_t, LANDLOCK_VERSION)
    };
    u32::try_from(version).ok().filter(|version| *version > 0)
}

/// Tells whether the kernel filters system calls.
pub(crate) fn has_seccomp() -> bool {
    // SAFETY: this request takes no pointer and changes nothing.
    unsafe { libc::prctl(libc::PR_GET_SECCOMP, 0, 0, 0, 0) >= 0 }
}

/// Moves this process into a network of its own, which has not even loopback up.
///
/// # Errors
/// The kernel's: it may refuse that to whoever is not an administrator.
pub(crate) fn leave_network() -> io::Result<()> {
    // Without a user namespace first: in one an administrator would no longer reach files of other users.
    unshare(libc::CLONE_NEWNET).or_else(|_| unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET))
}

fn unshare(flags: libc::c_int) -> io::Result<()> {
    // SAFETY: the flags concern namespaces alone; memory and descriptors stay shared as they are.
    if unsafe { libc::unshare(flags) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Drops every capability but those over files.
///
/// # Errors
/// The kernel's.
pub(crate) fn drop_capabilities() -> io::Result<()> {
    let header = CapabilityHeader { version: CAPABILITY_VERSION, process: 0 };
    let mut words = [CapabilityWord::default(); 2];
    // SAFETY: header and words have the layout of version 3, which has two words; both outlive the call.
    if unsafe { libc::syscall(libc::SYS_capget, &raw const header, words.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let kept: u32 = KEPT_CAPABILITIES.iter().map(|number| 1 << number).sum();
    for (index, word) in words.iter_mut().enumerate() {
        let kept = if index == 0 { word.permitted & kept } else { 0 };
        *word = CapabilityWord { effective: kept & word.effective, permitted: kept, inheritable: 0 };
    }
    // SAFETY: as above; the kernel only reads.
    if unsafe { libc::syscall(libc::SYS_capset, &raw const header, words.as_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
