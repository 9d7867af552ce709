//! Preview 1 with our rules around wasmtime's: what is written is counted, and nothing leads out or blocks.
//!
//! wasmtime's functions stay in the linker; those here stand before them and hand on what they allow. The rules are
//! those of [`crate::quota_fs`], with one difference: bytes of a file that is deleted while it is open are not given
//! back, since nothing tells here when the last descriptor is closed.

use std::io;
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::{AsContextMut as _, Caller, Extern, Linker, Result};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p1::types::{
    Errno, Error, Event, EventFdReadwrite, Eventrwflags, Eventtype, Fd, Fdflags, Filestat, Filetype, Lookupflags,
    Oflags, Subclockflags, Subscription, SubscriptionU,
};
use wasmtime_wasi::p1::wasi_snapshot_preview1::{self as wasi, WasiSnapshotPreview1};
use wiggle::{GuestMemory, GuestPtr};

use crate::ending::{CallTooLarge, ExitOutOfRange};
use crate::files::{Descriptor, leads_out};
use crate::limits::MAX_CALL_BYTES;
use crate::listing_p1;
use crate::quota::Quota;
use crate::setup::Setup;
use crate::state::State;

const MODULE: &str = "wasi_snapshot_preview1";
/// The number of the first preopen: the three streams come before it.
const FIRST_PREOPEN: u32 = 3;
/// The first exit code that no program can have.
const FIRST_BAD_EXIT: u32 = 126;

type Store = State<WasiP1Ctx>;

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

/// Notes which numbers the preopens have.
pub(crate) fn number_preopens(state: &mut Store) {
    for (index, number) in (0..state.files.preopens.len()).zip(FIRST_PREOPEN..) {
        state.files.insert_preopen(number, index);
    }
}

/// Puts our functions before wasmtime's.
pub(crate) fn shadow(linker: &mut Linker<Store>) -> Result<()> {
    linker.allow_shadowing(true);
    shadow_opening(linker)?;
    shadow_writing(linker)?;
    shadow_names(linker)?;
    shadow_the_rest(linker)?;
    linker.allow_shadowing(false);
    Ok(())
}

fn shadow_opening(linker: &mut Linker<Store>) -> Result<()> {
    type PathOpen = (i32, i32, i32, i32, i32, i64, i64, i32, i32);
    linker.func_wrap_async(MODULE, "path_open", |mut caller: Caller<'_, Store>, given: PathOpen| {
        Box::new(async move {
            let (fd, flags, path, length, open, base, inheriting, fd_flags, opened) = given;
            let mut call = Call::of(&mut caller)?;
            let name = call.path(path, length)?;
            let place = Place { fd, path, length, name: &name };
            let before = match call.may_open(&place, flags, open).await {
                Ok(before) => before,
                Err(refused) => return call.answer(refused, "read", &place),
            };
            let Call { memory, state } = &mut call;
            let code = wasi::path_open(
                &mut state.wasi,
                memory,
                fd,
                flags,
                path,
                length,
                open,
                base,
                inheriting,
                fd_flags,
                opened,
            )
            .await?;
            call.opened(&place, before, open, opened, code).await?;
            call.answer(code, "read", &place)
        })
    })?;
    linker.func_wrap_async(MODULE, "fd_close", |mut caller: Caller<'_, Store>, (fd,): (i32,)| {
        Box::new(async move {
            let Call { mut memory, state } = Call::of(&mut caller)?;
            state.files.remove(fd.cast_unsigned());
            wasi::fd_close(&mut state.wasi, &mut memory, fd).await
        })
    })?;
    linker.func_wrap_async(MODULE, "fd_renumber", |mut caller: Caller<'_, Store>, (from, to): (i32, i32)| {
        Box::new(async move {
            let Call { mut memory, state } = Call::of(&mut caller)?;
            let code = wasi::fd_renumber(&mut state.wasi, &mut memory, from, to).await?;
            if code == SUCCESS && from != to {
                state.files.remove(to.cast_unsigned());
                if let Some(moved) = state.files.remove(from.cast_unsigned()) {
                    state.files.insert(to.cast_unsigned(), moved);
                }
            }
            Ok(code)
        })
    })?;
    Ok(())
}

fn shadow_writing(linker: &mut Linker<Store>) -> Result<()> {
    type FdWrite = (i32, i32, i32, i32);
    type FdPwrite = (i32, i32, i32, i64, i32);
    linker.func_wrap_async(MODULE, "fd_write", |mut caller: Caller<'_, Store>, given: FdWrite| {
        Box::new(async move {
            let (fd, buffers, count, written) = given;
            let mut call = Call::of(&mut caller)?;
            let end = call.end_of_write(fd, buffers, count, None).await?;
            let Some(growth) = call.may_grow(fd, end).await? else { return Ok(code(Errno::Dquot)) };
            let Call { memory, state } = &mut call;
            let code = wasi::fd_write(&mut state.wasi, memory, fd, buffers, count, written).await?;
            call.grown(fd, growth).await?;
            Ok(code)
        })
    })?;
    linker.func_wrap_async(MODULE, "fd_pwrite", |mut caller: Caller<'_, Store>, given: FdPwrite| {
        Box::new(async move {
            let (fd, buffers, count, offset, written) = given;
            let mut call = Call::of(&mut caller)?;
            let end = call.end_of_write(fd, buffers, count, Some(offset.cast_unsigned())).await?;
            let Some(growth) = call.may_grow(fd, end).await? else { return Ok(code(Errno::Dquot)) };
            let Call { memory, state } = &mut call;
            let code = wasi::fd_pwrite(&mut state.wasi, memory, fd, buffers, count, offset, written).await?;
            call.grown(fd, growth).await?;
            Ok(code)
        })
    })?;
    linker.func_wrap_async(MODULE, "fd_filestat_set_size", |mut caller: Caller<'_, Store>, given: (i32, i64)| {
        Box::new(async move {
            let (fd, size) = given;
            let mut call = Call::of(&mut caller)?;
            let Some(growth) = call.may_grow(fd, size.cast_unsigned()).await? else { return Ok(code(Errno::Dquot)) };
            let Call { memory, state } = &mut call;
            let code = wasi::fd_filestat_set_size(&mut state.wasi, memory, fd, size).await?;
            call.grown(fd, growth).await?;
            Ok(code)
        })
    })?;
    Ok(())
}

fn shadow_names(linker: &mut Linker<Store>) -> Result<()> {
    type PathOf = (i32, i32, i32);
    type PathLink = (i32, i32, i32, i32, i32, i32, i32);
    type PathSymlink = (i32, i32, i32, i32, i32);
    type PathRename = (i32, i32, i32, i32, i32, i32);
    linker.func_wrap_async(MODULE, "path_create_directory", |mut caller: Caller<'_, Store>, given: PathOf| {
        Box::new(async move {
            let (fd, path, length) = given;
            let mut call = Call::of(&mut caller)?;
            let name = call.path(path, length)?;
            let place = Place { fd, path, length, name: &name };
            let Ok(quota) = call.reserve(fd) else { return Ok(code(Errno::Dquot)) };
            let Call { memory, state } = &mut call;
            let code = wasi::path_create_directory(&mut state.wasi, memory, fd, path, length).await?;
            undo_unless_made(quota.as_ref(), code);
            call.answer(code, "write", &place)
        })
    })?;
    linker.func_wrap_async(MODULE, "path_link", |mut caller: Caller<'_, Store>, given: PathLink| {
        Box::new(async move {
            let (_, _, _, _, fd, path, length) = given;
            let call = Call::of(&mut caller)?;
            let name = call.path(path, length)?;
            call.answer(code(Errno::Perm), "write", &Place { fd, path, length, name: &name })
        })
    })?;
    linker.func_wrap_async(MODULE, "path_symlink", |mut caller: Caller<'_, Store>, given: PathSymlink| {
        Box::new(async move {
            let (target, target_length, fd, path, length) = given;
            let mut call = Call::of(&mut caller)?;
            let name = call.path(path, length)?;
            let place = Place { fd, path, length, name: &name };
            if leads_out(&call.path(target, target_length)?) {
                return call.answer(code(Errno::Perm), "write", &place);
            }
            let Ok(quota) = call.reserve(fd) else { return Ok(code(Errno::Dquot)) };
            let Call { memory, state } = &mut call;
            let code = wasi::path_symlink(&mut state.wasi, memory, target, target_length, fd, path, length).await?;
            undo_unless_made(quota.as_ref(), code);
            call.answer(code, "write", &place)
        })
    })?;
    linker.func_wrap_async(MODULE, "path_rename", |mut caller: Caller<'_, Store>, given: PathRename| {
        Box::new(async move {
            let (old_fd, old, old_length, fd, path, length) = given;
            let mut call = Call::of(&mut caller)?;
            let (old_name, name) = (call.path(old, old_length)?, call.path(path, length)?);
            let place = Place { fd, path, length, name: &name };
            let old_place = Place { fd: old_fd, path: old, length: old_length, name: &old_name };
            let quota = match (call.quota(old_fd), call.quota(fd)) {
                (Some(old), Some(new)) if Arc::ptr_eq(&old, &new) => new,
                (Some(_), Some(_)) => return Ok(code(Errno::Xdev)),
                (None, _) | (_, None) => return call.answer(code(Errno::Perm), "write", &place),
            };
            let moved = call.find(&old_place, false).await;
            let replaced = call.find(&place, false).await;
            if let Ok(Some(Filestat { filetype: Filetype::Directory | Filetype::SymbolicLink, .. })) = &moved
                && let Some(links) = call.state.files.links(fd.cast_unsigned())
            {
                links.before_move();
            }
            let Call { memory, state } = &mut call;
            let code = wasi::path_rename(&mut state.wasi, memory, old_fd, old, old_length, fd, path, length).await?;
            if let (SUCCESS, Ok(moved), Ok(Some(replaced))) = (code, moved, replaced)
                && moved.is_none_or(|moved| moved.ino != replaced.ino)
            {
                call.removed(&quota, &replaced);
            }
            call.answer(code, "write", &place)
        })
    })?;
    linker.func_wrap_async(MODULE, "path_unlink_file", |mut caller: Caller<'_, Store>, given: PathOf| {
        Box::new(async move {
            let (fd, path, length) = given;
            let mut call = Call::of(&mut caller)?;
            let name = call.path(path, length)?;
            let place = Place { fd, path, length, name: &name };
            let found = call.find(&place, false).await;
            let Call { memory, state } = &mut call;
            let code = wasi::path_unlink_file(&mut state.wasi, memory, fd, path, length).await?;
            if let (SUCCESS, Ok(Some(found)), Some(quota)) = (code, found, call.quota(fd)) {
                call.removed(&quota, &found);
            }
            call.answer(code, "write", &place)
        })
    })?;
    linker.func_wrap_async(MODULE, "path_remove_directory", |mut caller: Caller<'_, Store>, given: PathOf| {
        Box::new(async move {
            let (fd, path, length) = given;
            let mut call = Call::of(&mut caller)?;
            let name = call.path(path, length)?;
            let Call { memory, state } = &mut call;
            let code = wasi::path_remove_directory(&mut state.wasi, memory, fd, path, length).await?;
            if let (SUCCESS, Some(quota)) = (code, call.quota(fd)) {
                quota.release_file();
            }
            call.answer(code, "write", &Place { fd, path, length, name: &name })
        })
    })?;
    Ok(())
}

fn shadow_the_rest(linker: &mut Linker<Store>) -> Result<()> {
    type PollOneoff = (i32, i32, i32, i32);
    linker.func_wrap_async(MODULE, "poll_oneoff", |mut caller: Caller<'_, Store>, given: PollOneoff| {
        Box::new(async move {
            let (subscriptions, events, count, ready) = given;
            let mut call = Call::of(&mut caller)?;
            // wasmtime's own would put the thread to sleep, and nothing could wake it.
            if count == 1
                && let Some(code) = call.sleep(subscriptions, events, ready).await?
            {
                return Ok(code);
            }
            let Call { memory, state } = &mut call;
            wasi::poll_oneoff(&mut state.wasi, memory, subscriptions, events, count, ready).await
        })
    })?;
    type FdReaddir = (i32, i32, i32, i64, i32);
    linker.func_wrap_async(MODULE, "fd_readdir", |mut caller: Caller<'_, Store>, given: FdReaddir| {
        Box::new(async move {
            let (fd, buffer, length, cookie, used) = given;
            let mut call = Call::of(&mut caller)?;
            if call.state.files.sorted {
                return call.list_sorted(fd, (buffer, length), cookie.cast_unsigned(), used).await;
            }
            let Call { memory, state } = &mut call;
            wasi::fd_readdir(&mut state.wasi, memory, fd, buffer, length, cookie, used).await
        })
    })?;
    linker.func_wrap(MODULE, "proc_exit", |_: Caller<'_, Store>, code: i32| -> Result<()> {
        let code = code.cast_unsigned();
        Err(if code < FIRST_BAD_EXIT {
            wasmtime_wasi::I32Exit(code.cast_signed()).into()
        } else {
            ExitOutOfRange(code).into()
        })
    })?;
    Ok(())
}

const SUCCESS: i32 = 0;

fn code(errno: Errno) -> i32 {
    errno as i32
}

fn undo_unless_made(quota: Option<&Arc<Quota>>, code: i32) {
    if let Some(quota) = quota.filter(|_| code != SUCCESS) {
        quota.release_file();
    }
}

/// A path below a descriptor, as the guest gave it, with its text.
struct Place<'a> {
    fd: i32,
    path: i32,
    length: i32,
    name: &'a str,
}

/// What was there before a file was opened, where that matters.
struct Before {
    found: Option<Filestat>,
    reserved: Option<Arc<Quota>>,
}

/// One call of the guest: its memory and our state.
struct Call<'a> {
    memory: GuestMemory<'a>,
    state: &'a mut Store,
}

impl<'a> Call<'a> {
    fn of(caller: &'a mut Caller<'_, Store>) -> Result<Self> {
        let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
            return Err(wasmtime::format_err!("missing required memory export"));
        };
        let fuel = caller.as_context_mut().hostcall_fuel();
        let (bytes, state) = memory.data_and_store_mut(caller);
        state.wasi.set_hostcall_fuel(fuel);
        Ok(Self { memory: GuestMemory::Unshared(bytes), state })
    }

    /// Reads a path. One that is longer than all values of a call may be is no path; it ends the step.
    fn path(&self, path: i32, length: i32) -> Result<String> {
        if length.cast_unsigned() as usize > MAX_CALL_BYTES {
            return Err(CallTooLarge.into());
        }
        let text = GuestPtr::<str>::new((path.cast_unsigned(), length.cast_unsigned()));
        match self.memory.as_cow_str(text) {
            Ok(text) => Ok(text.into_owned()),
            // wasmtime's own function, which is called next, answers with an error code.
            Err(wiggle::GuestError::InvalidUtf8(_)) => Ok(String::new()),
            Err(error) => Err(wasmtime::format_err!("{error}")),
        }
    }

    fn quota(&self, fd: i32) -> Option<Arc<Quota>> {
        self.state.files.quota(fd.cast_unsigned())
    }

    /// Counts a new name. An error: there is no room for it.
    fn reserve(&self, fd: i32) -> Result<Option<Arc<Quota>>, crate::quota::OverQuota> {
        let quota = self.quota(fd);
        if let Some(quota) = &quota {
            quota.add_file()?;
        }
        Ok(quota)
    }

    /// Hands on an error code, noting a refusal.
    #[expect(clippy::unnecessary_wraps, reason = "every caller is a function that may also trap")]
    fn answer(&self, answer: i32, capability: &str, place: &Place<'_>) -> Result<i32> {
        if answer == code(Errno::Perm) {
            let asked = self.state.files.guest_path(place.fd.cast_unsigned(), place.name);
            self.state.log.denied(capability, &asked);
        }
        Ok(answer)
    }

    /// Looks at what a path leads to; none if nothing is there. The error is an error code.
    async fn find(&mut self, place: &Place<'_>, follow: bool) -> Result<Option<Filestat>, i32> {
        let flags = if follow { Lookupflags::SYMLINK_FOLLOW } else { Lookupflags::empty() };
        let path = GuestPtr::<str>::new((place.path.cast_unsigned(), place.length.cast_unsigned()));
        let fd = Fd::from(place.fd);
        match self.state.wasi.path_filestat_get(&mut self.memory, fd, flags, path).await {
            Ok(stat) => Ok(Some(stat)),
            Err(error) => match errno(error) {
                Errno::Noent => Ok(None),
                other => Err(code(other)),
            },
        }
    }

    /// Decides whether something may be opened, and counts it if it is new. The error is an error code.
    async fn may_open(&mut self, place: &Place<'_>, flags: i32, open: i32) -> Result<Before, i32> {
        let follow = flags & Lookupflags::SYMLINK_FOLLOW.bits().cast_signed() != 0;
        let found = self.find(place, follow).await?;
        let may_be_opened = |stat: &Filestat| {
            matches!(stat.filetype, Filetype::RegularFile | Filetype::Directory | Filetype::SymbolicLink)
        };
        if !found.as_ref().is_none_or(may_be_opened) {
            return Err(code(Errno::Perm));
        }
        let is_new = found.is_none() && open & i32::from(Oflags::CREAT.bits()) != 0;
        let reserved = if is_new { self.reserve(place.fd).map_err(|_| code(Errno::Dquot))? } else { None };
        Ok(Before { found, reserved })
    }

    /// Notes what was opened.
    async fn opened(&mut self, place: &Place<'_>, before: Before, open: i32, opened: i32, code: i32) -> Result<()> {
        if code != SUCCESS {
            undo_unless_made(before.reserved.as_ref(), code);
            return Ok(());
        }
        let number = self.memory.read(GuestPtr::<u32>::new(opened.cast_unsigned()))?;
        let parent = place.fd.cast_unsigned();
        let Some(above) = self.state.files.get(parent) else { return Ok(()) };
        let descriptor = Descriptor {
            preopen: above.preopen,
            guest_path: self.state.files.guest_path(parent, place.name).into(),
            is_preopen: false,
            open: None,
        };
        self.state.files.insert(number, descriptor);
        if let Some(found) = before.found
            && open & i32::from(Oflags::TRUNC.bits()) != 0
            && found.filetype == Filetype::RegularFile
        {
            self.grown(number.cast_signed(), Growth { before: found.size }).await?;
        }
        Ok(())
    }

    async fn stat(&mut self, fd: i32) -> Option<Filestat> {
        self.state.wasi.fd_filestat_get(&mut self.memory, Fd::from(fd)).await.ok()
    }

    /// Returns where a write would end, in bytes from the start of the file.
    async fn end_of_write(&mut self, fd: i32, buffers: i32, count: i32, offset: Option<u64>) -> Result<u64> {
        if self.quota(fd).is_none() {
            return Ok(0);
        }
        let length = self.first_buffer(buffers, count)?;
        let flags = self.state.wasi.fd_fdstat_get(&mut self.memory, Fd::from(fd)).await;
        let appends = flags.is_ok_and(|stat| stat.fs_flags.contains(Fdflags::APPEND));
        let start = match offset {
            _ if appends => self.stat(fd).await.map_or(0, |stat| stat.size),
            Some(offset) => offset,
            None => self.state.wasi.fd_tell(&mut self.memory, Fd::from(fd)).unwrap_or(0),
        };
        Ok(start.saturating_add(length))
    }

    /// Returns the length of the first buffer that is not empty: the one that is written.
    fn first_buffer(&self, buffers: i32, count: i32) -> Result<u64> {
        for index in 0..count.cast_unsigned() {
            // Each buffer is an address and a length. A place beyond all addresses is one that cannot be read.
            let length =
                index.checked_mul(8).and_then(|offset| buffers.cast_unsigned().checked_add(offset)?.checked_add(4));
            match self.memory.read(GuestPtr::<u32>::new(length.ok_or(wiggle::GuestError::PtrOverflow)?))? {
                0 => {}
                length => return Ok(u64::from(length)),
            }
        }
        Ok(0)
    }

    /// Tells whether a file may have an end there; none: it may not. For anything but a counted file it may.
    async fn may_grow(&mut self, fd: i32, end: u64) -> Result<Option<Growth>> {
        let Some(quota) = self.quota(fd) else { return Ok(Some(Growth { before: 0 })) };
        let before = self.stat(fd).await.map_or(0, |stat| stat.size);
        Ok(quota.check(before, before.max(end)).is_ok().then_some(Growth { before }))
    }

    /// Counts what a write changed.
    async fn grown(&mut self, fd: i32, growth: Growth) -> Result<()> {
        if let Some(quota) = self.quota(fd)
            && let Some(stat) = self.stat(fd).await
        {
            quota.settle(growth.before, stat.size);
        }
        Ok(())
    }

    /// Counts that a name is gone. Bytes of a file that somebody may still hold open stay counted.
    fn removed(&self, quota: &Quota, found: &Filestat) {
        let is_last = found.filetype == Filetype::RegularFile && found.nlink <= 1;
        let is_closed = !self.state.files.has_open_files();
        quota.removed((found.ino, 0), (is_last && is_closed).then_some(found.size));
    }

    /// Writes a listing in the order of names into a buffer of the guest, and how many bytes of it are used.
    async fn list_sorted(&mut self, fd: i32, (buffer, length): (i32, i32), cookie: u64, used: i32) -> Result<i32> {
        let room = length.cast_unsigned();
        let listing = match listing_p1::list(&mut self.state.wasi, Fd::from(fd), room as usize, cookie).await {
            Ok(listing) => listing,
            Err(error) => return Ok(code(errno(error))),
        };
        // It is no longer than the room, whose length is of that type.
        let written = u32::try_from(listing.len()).unwrap_or(room);
        let place = GuestPtr::<[u8]>::new((buffer.cast_unsigned(), written));
        self.memory.copy_from_slice(&listing, place)?;
        self.memory.write(GuestPtr::<u32>::new(used.cast_unsigned()), written)?;
        Ok(SUCCESS)
    }

    /// Sleeps, if that is all that is asked for; none: it is not.
    async fn sleep(&mut self, subscription: i32, event: i32, ready: i32) -> Result<Option<i32>> {
        let subscription = self.memory.read(GuestPtr::<Subscription>::new(subscription.cast_unsigned()))?;
        let SubscriptionU::Clock(clock) = subscription.u else { return Ok(None) };
        if clock.flags.contains(Subclockflags::SUBSCRIPTION_CLOCK_ABSTIME) {
            return Ok(None);
        }
        tokio::time::sleep(Duration::from_nanos(clock.timeout)).await;
        let woken = Event {
            userdata: subscription.userdata,
            error: Errno::Success,
            type_: Eventtype::Clock,
            fd_readwrite: EventFdReadwrite { nbytes: 0, flags: Eventrwflags::empty() },
        };
        self.memory.write(GuestPtr::<Event>::new(event.cast_unsigned()), woken)?;
        self.memory.write(GuestPtr::<u32>::new(ready.cast_unsigned()), 1)?;
        Ok(Some(SUCCESS))
    }
}

/// The length of a file before it is written.
struct Growth {
    before: u64,
}

/// wasmtime traps for a socket in a folder: that is a refusal like any other.
fn errno(error: Error) -> Errno {
    error.downcast().unwrap_or(Errno::Perm)
}
