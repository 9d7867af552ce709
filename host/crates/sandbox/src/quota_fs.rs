//! `wasi:filesystem` with our rules around wasmtime's: what is written is counted, and nothing leads out or blocks.
//!
//! Each function of the interface stands here, most of them handed on as they are. Refused on every folder: hard links,
//! link targets that could lead out, and opening anything but a file or a folder.

use std::sync::Arc;

use wasmtime::component::{HasData, Resource};
use wasmtime_wasi::filesystem::{Descriptor as HostDescriptorValue, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::filesystem::types::{
    Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, DirectoryEntryStream, ErrorCode, Filesize,
    Host, HostDescriptor, HostDirectoryEntryStream, MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::bindings::filesystem::{preopens, types};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult};
use wasmtime_wasi::{FsPerms, OpenMode};

use crate::file_stream::FileWriter;
use crate::files::{Descriptor, Files, leads_out};
use crate::listing::Listing;
use crate::log_sink::LogSink;
use crate::quota::{Identity, OverQuota, Quota};
use crate::state::{Preview2, State};

type Fd = Resource<types::Descriptor>;

/// Gives the linker access to [`QuotaFs`].
pub(crate) struct HasQuotaFs;

impl HasData for HasQuotaFs {
    type Data<'a> = QuotaFs<'a>;
}

/// wasmtime's file system with our rules around it.
pub(crate) struct QuotaFs<'a> {
    inner: WasiFilesystemCtxView<'a>,
    files: &'a mut Files,
    log: &'a LogSink,
}

impl<'a> QuotaFs<'a> {
    pub(crate) fn of(state: &'a mut State<Preview2>) -> Self {
        let State { wasi, files, log, .. } = state;
        let inner = WasiFilesystemCtxView { ctx: wasi.ctx.filesystem(), table: &mut wasi.table };
        Self { inner, files, log }
    }
}

/// What a path leads to before it is changed.
struct Found {
    stat: DescriptorStat,
    identity: Identity,
}

impl Found {
    /// Returns the bytes that are gone with this name: those of a file without another name.
    fn last_name_of_bytes(&self) -> Option<u64> {
        let is_last = matches!(self.stat.type_, DescriptorType::RegularFile) && self.stat.link_count <= 1;
        is_last.then_some(self.stat.size)
    }
}

impl From<OverQuota> for ErrorCode {
    fn from(OverQuota: OverQuota) -> Self {
        Self::Quota
    }
}

fn borrowed(fd: &Fd) -> Fd {
    Resource::new_borrow(fd.rep())
}

fn listing(stream: &Resource<DirectoryEntryStream>) -> Resource<Listing> {
    Resource::new_borrow(stream.rep())
}

fn is_writable(file: &wasmtime_wasi::filesystem::File) -> bool {
    file.perms == FsPerms::ReadWrite && file.open_mode.contains(OpenMode::WRITE)
}

fn is(error: &FsError, code: ErrorCode) -> bool {
    error.downcast_ref().is_some_and(|found| *found == code)
}

impl QuotaFs<'_> {
    /// Notes a refusal, so that whoever looks after the job sees what is missing.
    fn noted<T>(&self, result: FsResult<T>, capability: &str, fd: u32, path: &str) -> FsResult<T> {
        if let Err(error) = &result
            && is(error, ErrorCode::NotPermitted)
        {
            self.log.denied(capability, &self.files.guest_path(fd, path));
        }
        result
    }

    fn refused<T>(&self, capability: &str, fd: u32, path: &str) -> FsResult<T> {
        self.noted(Err(ErrorCode::NotPermitted.into()), capability, fd, path)
    }

    async fn find(&mut self, fd: &Fd, flags: PathFlags, path: &str) -> FsResult<Option<Found>> {
        match self.inner.stat_at(borrowed(fd), flags, path.to_owned()).await {
            Ok(stat) => {
                let hash = self.inner.metadata_hash_at(borrowed(fd), flags, path.to_owned()).await?;
                Ok(Some(Found { stat, identity: (hash.lower, hash.upper) }))
            }
            Err(error) if is(&error, ErrorCode::NoEntry) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Counts a new name while something makes it; it is given back if that fails.
    fn reserve(&self, fd: &Fd) -> FsResult<Option<Arc<Quota>>> {
        let quota = self.files.quota(fd.rep());
        if let Some(quota) = &quota {
            quota.add_file().map_err(ErrorCode::from)?;
        }
        Ok(quota)
    }

    /// Remembers what was opened, and where.
    async fn remember(&mut self, parent: u32, path: &str, opened: &Fd) -> FsResult<()> {
        let Some(above) = self.files.get(parent) else { return Ok(()) };
        let preopen = above.preopen;
        let guest_path = self.files.guest_path(parent, path).into();
        let open = match self.files.quota(parent) {
            Some(quota) => self.open_file(&quota, opened).await?,
            None => None,
        };
        self.files.insert(opened.rep(), Descriptor { preopen, guest_path, is_preopen: false, open });
        Ok(())
    }

    async fn open_file(&mut self, quota: &Arc<Quota>, opened: &Fd) -> FsResult<Option<Arc<crate::quota::OpenFile>>> {
        let file = match self.inner.table.get(opened)? {
            HostDescriptorValue::File(file) => Arc::clone(&file.file),
            HostDescriptorValue::Dir(_) => return Ok(None),
        };
        let hash = self.inner.metadata_hash(borrowed(opened)).await?;
        Ok(Some(quota.opened((hash.lower, hash.upper), &file)))
    }

    /// Makes a stream that counts; none where nothing may be written, which wasmtime's own code refuses.
    fn writer(&mut self, fd: &Fd, position: Option<u64>) -> FsResult<Option<Resource<DynOutputStream>>> {
        let file = match self.inner.table.get(fd)? {
            HostDescriptorValue::File(file) if is_writable(file) => Arc::clone(&file.file),
            HostDescriptorValue::File(_) | HostDescriptorValue::Dir(_) => return Ok(None),
        };
        let Some(open) = self.files.open_file(fd.rep()) else { return Ok(None) };
        let stream: DynOutputStream = Box::new(FileWriter::new(file, open, position));
        Ok(Some(self.inner.table.push(stream)?))
    }

    async fn open_checked(
        &mut self,
        fd: &Fd,
        path_flags: PathFlags,
        path: &str,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Fd> {
        let found = self.find(fd, path_flags, path).await?;
        match found.as_ref().map(|found| found.stat.type_) {
            // Opening a link itself fails by itself.
            None | Some(DescriptorType::RegularFile | DescriptorType::Directory | DescriptorType::SymbolicLink) => {}
            Some(_) => return Err(ErrorCode::NotPermitted.into()),
        }
        let is_new = found.is_none() && open_flags.contains(OpenFlags::CREATE);
        let reserved = if is_new { self.reserve(fd)? } else { None };
        let opened = self.inner.open_at(borrowed(fd), path_flags, path.to_owned(), open_flags, flags).await;
        match (&opened, reserved) {
            (Err(_), Some(quota)) => quota.release_file(),
            (Ok(opened), _) => {
                self.remember(fd.rep(), path, opened).await?;
                if let Some(found) = found
                    && open_flags.contains(OpenFlags::TRUNCATE)
                    && let Some(open) = self.files.open_file(opened.rep())
                {
                    open.quota().settle(found.stat.size, open.len()?);
                }
            }
            (Err(_), None) => {}
        }
        opened
    }
}

impl Host for QuotaFs<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        self.inner.convert_error_code(error)
    }

    fn filesystem_error_code(&mut self, error: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        self.inner.filesystem_error_code(error)
    }
}

impl preopens::Host for QuotaFs<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Fd, String)>> {
        let mut directories = Vec::with_capacity(self.files.preopens.len());
        for index in 0..self.files.preopens.len() {
            let preopen = &self.files.preopens[index];
            let fd = self.inner.table.push(HostDescriptorValue::Dir(preopen.dir.clone()))?;
            directories.push((Resource::new_own(fd.rep()), preopen.guest_path.clone()));
            self.files.insert_preopen(fd.rep(), index);
        }
        Ok(directories)
    }
}

impl HostDescriptor for QuotaFs<'_> {
    async fn open_at(
        &mut self,
        fd: Fd,
        path_flags: PathFlags,
        path: String,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Fd> {
        let writes = open_flags.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE)
            || flags.intersects(DescriptorFlags::WRITE | DescriptorFlags::MUTATE_DIRECTORY);
        let opened = self.open_checked(&fd, path_flags, &path, open_flags, flags).await;
        self.noted(opened, if writes { "write" } else { "read" }, fd.rep(), &path)
    }

    async fn write(&mut self, fd: Fd, bytes: Vec<u8>, offset: Filesize) -> FsResult<Filesize> {
        let Some(open) = self.files.open_file(fd.rep()) else { return self.inner.write(fd, bytes, offset).await };
        let before = open.len()?;
        let end = before.max(offset.saturating_add(bytes.len() as u64));
        open.quota().check(before, end).map_err(ErrorCode::from)?;
        let written = self.inner.write(fd, bytes, offset).await;
        open.quota().settle(before, open.len().unwrap_or(end));
        written
    }

    async fn set_size(&mut self, fd: Fd, size: Filesize) -> FsResult<()> {
        let Some(open) = self.files.open_file(fd.rep()) else { return self.inner.set_size(fd, size).await };
        let before = open.len()?;
        open.quota().check(before, size).map_err(ErrorCode::from)?;
        let changed = self.inner.set_size(fd, size).await;
        open.quota().settle(before, open.len().unwrap_or(size));
        changed
    }

    fn write_via_stream(&mut self, fd: Fd, offset: Filesize) -> FsResult<Resource<DynOutputStream>> {
        match self.writer(&fd, Some(offset))? {
            Some(stream) => Ok(stream),
            None => self.inner.write_via_stream(fd, offset),
        }
    }

    fn append_via_stream(&mut self, fd: Fd) -> FsResult<Resource<DynOutputStream>> {
        match self.writer(&fd, None)? {
            Some(stream) => Ok(stream),
            None => self.inner.append_via_stream(fd),
        }
    }

    async fn create_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        let reserved = self.reserve(&fd)?;
        let number = fd.rep();
        let created = self.inner.create_directory_at(fd, path.clone()).await;
        if let (Err(_), Some(quota)) = (&created, reserved) {
            quota.release_file();
        }
        self.noted(created, "write", number, &path)
    }

    async fn link_at(
        &mut self,
        _old_fd: Fd,
        _old_flags: PathFlags,
        _old_path: String,
        new_fd: Fd,
        new_path: String,
    ) -> FsResult<()> {
        self.refused("write", new_fd.rep(), &new_path)
    }

    async fn symlink_at(&mut self, fd: Fd, target: String, path: String) -> FsResult<()> {
        let number = fd.rep();
        if leads_out(&target) {
            return self.refused("write", number, &path);
        }
        let reserved = self.reserve(&fd)?;
        let created = self.inner.symlink_at(fd, target, path.clone()).await;
        if let (Err(_), Some(quota)) = (&created, reserved) {
            quota.release_file();
        }
        self.noted(created, "write", number, &path)
    }

    async fn rename_at(&mut self, old_fd: Fd, old_path: String, new_fd: Fd, new_path: String) -> FsResult<()> {
        let number = new_fd.rep();
        let quota = match (self.files.quota(old_fd.rep()), self.files.quota(number)) {
            (Some(old), Some(new)) if Arc::ptr_eq(&old, &new) => new,
            // Two folders with budgets of their own: the guest copies, as between two disks.
            (Some(_), Some(_)) => return Err(ErrorCode::CrossDevice.into()),
            (None, _) | (_, None) => return self.refused("write", number, &new_path),
        };
        let old = self.find(&old_fd, PathFlags::empty(), &old_path).await;
        let old = self.noted(old, "write", old_fd.rep(), &old_path)?;
        let new = self.find(&new_fd, PathFlags::empty(), &new_path).await;
        let replaced = self.noted(new, "write", number, &new_path)?;
        let moved = old.as_ref().map(|old| old.stat.type_);
        if let Some(DescriptorType::Directory | DescriptorType::SymbolicLink) = moved
            && let Some(links) = self.files.links(number)
        {
            links.before_move();
        }
        let renamed = self.inner.rename_at(old_fd, old_path, new_fd, new_path.clone()).await;
        if let (Ok(()), Some(replaced)) = (&renamed, replaced)
            && old.is_none_or(|old| old.identity != replaced.identity)
        {
            quota.removed(replaced.identity, replaced.last_name_of_bytes());
        }
        self.noted(renamed, "write", number, &new_path)
    }

    async fn unlink_file_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        let number = fd.rep();
        let Some(quota) = self.files.quota(number) else { return self.refused("write", number, &path) };
        let found = self.find(&fd, PathFlags::empty(), &path).await;
        let found = self.noted(found, "write", number, &path)?;
        let removed = self.inner.unlink_file_at(fd, path.clone()).await;
        if let (Ok(()), Some(found)) = (&removed, found) {
            quota.removed(found.identity, found.last_name_of_bytes());
        }
        self.noted(removed, "write", number, &path)
    }

    async fn remove_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        let number = fd.rep();
        let removed = self.inner.remove_directory_at(fd, path.clone()).await;
        if removed.is_ok()
            && let Some(quota) = self.files.quota(number)
        {
            quota.release_file();
        }
        self.noted(removed, "write", number, &path)
    }

    async fn set_times_at(
        &mut self,
        fd: Fd,
        flags: PathFlags,
        path: String,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        let number = fd.rep();
        let set = self.inner.set_times_at(fd, flags, path.clone(), accessed, modified).await;
        self.noted(set, "write", number, &path)
    }

    async fn stat_at(&mut self, fd: Fd, flags: PathFlags, path: String) -> FsResult<DescriptorStat> {
        let number = fd.rep();
        let stat = self.inner.stat_at(fd, flags, path.clone()).await;
        self.noted(stat, "read", number, &path)
    }

    async fn readlink_at(&mut self, fd: Fd, path: String) -> FsResult<String> {
        let number = fd.rep();
        let target = self.inner.readlink_at(fd, path.clone()).await;
        self.noted(target, "read", number, &path)
    }

    async fn metadata_hash_at(&mut self, fd: Fd, flags: PathFlags, path: String) -> FsResult<MetadataHashValue> {
        self.inner.metadata_hash_at(fd, flags, path).await
    }

    fn drop(&mut self, fd: Fd) -> wasmtime::Result<()> {
        self.files.remove(fd.rep());
        HostDescriptor::drop(&mut self.inner, fd)
    }

    async fn advise(&mut self, fd: Fd, offset: Filesize, len: Filesize, advice: Advice) -> FsResult<()> {
        self.inner.advise(fd, offset, len, advice).await
    }

    async fn sync_data(&mut self, fd: Fd) -> FsResult<()> {
        self.inner.sync_data(fd).await
    }

    async fn sync(&mut self, fd: Fd) -> FsResult<()> {
        self.inner.sync(fd).await
    }

    async fn get_flags(&mut self, fd: Fd) -> FsResult<DescriptorFlags> {
        self.inner.get_flags(fd).await
    }

    async fn get_type(&mut self, fd: Fd) -> FsResult<DescriptorType> {
        self.inner.get_type(fd).await
    }

    async fn set_times(&mut self, fd: Fd, accessed: NewTimestamp, modified: NewTimestamp) -> FsResult<()> {
        self.inner.set_times(fd, accessed, modified).await
    }

    async fn read(&mut self, fd: Fd, len: Filesize, offset: Filesize) -> FsResult<(Vec<u8>, bool)> {
        self.inner.read(fd, len, offset).await
    }

    fn read_via_stream(&mut self, fd: Fd, offset: Filesize) -> FsResult<Resource<DynInputStream>> {
        self.inner.read_via_stream(fd, offset)
    }

    async fn read_directory(&mut self, fd: Fd) -> FsResult<Resource<DirectoryEntryStream>> {
        let folder = match self.inner.table.get(&fd)? {
            HostDescriptorValue::Dir(folder) => Arc::clone(&folder.dir),
            HostDescriptorValue::File(_) => return Err(ErrorCode::NotDirectory.into()),
        };
        let listing = self.inner.table.push(match self.files.sorted {
            true => Listing::open_sorted(&folder)?,
            false => Listing::open(&folder)?,
        })?;
        // The guest holds a number; what lies below it is ours.
        Ok(Resource::new_own(listing.rep()))
    }

    async fn stat(&mut self, fd: Fd) -> FsResult<DescriptorStat> {
        self.inner.stat(fd).await
    }

    async fn is_same_object(&mut self, a: Fd, b: Fd) -> wasmtime::Result<bool> {
        self.inner.is_same_object(a, b).await
    }

    async fn metadata_hash(&mut self, fd: Fd) -> FsResult<MetadataHashValue> {
        self.inner.metadata_hash(fd).await
    }
}

impl HostDirectoryEntryStream for QuotaFs<'_> {
    async fn read_directory_entry(
        &mut self,
        stream: Resource<DirectoryEntryStream>,
    ) -> FsResult<Option<DirectoryEntry>> {
        self.inner.table.get_mut(&listing(&stream))?.next()
    }

    fn drop(&mut self, stream: Resource<DirectoryEntryStream>) -> wasmtime::Result<()> {
        self.inner.table.delete(Resource::<Listing>::new_own(stream.rep()))?;
        Ok(())
    }
}
