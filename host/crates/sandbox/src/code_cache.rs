//! Compiled code on disk, shared by processes of the same user.
//!
//! Compiled code is machine code that will be run, so an entry is only used if this user's engines wrote it: each
//! carries a code over its content and its key, made with a secret that lies beside it and that nobody else can read.
//! The code is verified over the very bytes in memory that are handed on. A folder that others can write to, or a
//! secret that others can read, is not used at all. What is damaged is compiled anew and replaced.

use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use stepwell_schema::Digest;
use wasmtime::Engine;

/// Version of the format of entries. Another format is another name, so old and new engines share a folder.
const FORMAT: &str = "1";
/// Name of the secret.
const KEY_FILE: &str = "key";
const KEY_BYTES: usize = 32;
const CODE_BYTES: usize = 32;
/// Largest entry that is read, in bytes: compiled code is a few times the size of a module.
const MAX_ENTRY_BYTES: u64 = 1 << 30;

/// A folder with compiled code.
pub(crate) struct CodeCache {
    folder: PathBuf,
    key: [u8; KEY_BYTES],
    engine: [u8; 32],
}

/// Why a folder is not used. The text names the folder.
#[derive(Debug, thiserror::Error)]
pub enum CacheUnusable {
    /// It cannot be made or read.
    #[error("the cache folder `{}` cannot be used: {cause}", .folder.display())]
    Inaccessible {
        /// The folder.
        folder: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// It belongs to somebody else, or others may write or read it.
    #[error("the cache folder `{}` is not used: `{}` is not private to this user (owner {owner}, mode {mode:03o})", .folder.display(), .path.display())]
    NotPrivate {
        /// The folder.
        folder: PathBuf,
        /// What is wrong: the folder or the secret in it.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Its permissions.
        mode: u32,
    },
    /// The secret has the wrong length.
    #[error("the cache folder `{}` is not used: its key is damaged; remove the folder", .folder.display())]
    DamagedKey {
        /// The folder.
        folder: PathBuf,
    },
}

impl CodeCache {
    /// Opens a folder, making it and its secret if they are missing.
    ///
    /// # Errors
    /// See [`CacheUnusable`].
    pub(crate) fn open(folder: &Path, engine: &Engine) -> Result<Self, CacheUnusable> {
        let inaccessible = |cause| CacheUnusable::Inaccessible { folder: folder.to_owned(), cause };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(inaccessible)?;
        check_private(folder, folder, &std::fs::symlink_metadata(folder).map_err(inaccessible)?, true)?;
        let key_path = folder.join(KEY_FILE);
        let key = match open_file(&key_path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_key(folder, &key_path).and_then(|()| open_file(&key_path))
            }
            other => other,
        };
        let key = key.map_err(inaccessible)?;
        check_private(folder, &key_path, &key.metadata().map_err(inaccessible)?, false)?;
        let mut bytes = Vec::new();
        key.take(KEY_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(inaccessible)?;
        let key = bytes.try_into().map_err(|_| CacheUnusable::DamagedKey { folder: folder.to_owned() })?;
        Ok(Self { folder: folder.to_owned(), key, engine: engine_hash(engine) })
    }

    /// Returns the compiled code of a module; none if there is none, or none that this user's engines wrote.
    pub(crate) fn load(&self, digest: &Digest) -> Option<Vec<u8>> {
        let file = open_file(&self.entry(digest)).ok()?;
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() || metadata.len() > MAX_ENTRY_BYTES {
            return None;
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).ok()? + 1);
        file.take(MAX_ENTRY_BYTES).read_to_end(&mut bytes).ok()?;
        let (code, blob) = bytes.split_first_chunk::<CODE_BYTES>()?;
        self.authenticator(digest, blob).verify_slice(code).ok()?;
        bytes.drain(..CODE_BYTES);
        Some(bytes)
    }

    /// Keeps the compiled code of a module. Readers see the whole entry or none.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn store(&self, digest: &Digest, blob: &[u8]) -> io::Result<()> {
        let code = self.authenticator(digest, blob).finalize().into_bytes();
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(&self.folder)?;
        file.write_all(&code)?;
        file.write_all(blob)?;
        file.persist(self.entry(digest))?;
        Ok(())
    }

    fn entry(&self, digest: &Digest) -> PathBuf {
        let engine: String = self.engine[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(format!("{}-{engine}-{FORMAT}", digest.hex()))
    }

    fn authenticator(&self, digest: &Digest, blob: &[u8]) -> Hmac<Sha256> {
        let mut code = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        for part in [FORMAT.as_bytes(), &self.engine, digest.as_bytes(), blob] {
            code.update(&(part.len() as u64).to_le_bytes());
            code.update(part);
        }
        code
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Makes the secret, unless another process was faster.
fn make_key(folder: &Path, path: &Path) -> io::Result<()> {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    // Temporary files are made with mode 0600.
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
    file.write_all(&key)?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
    }
}

fn check_private(
    folder: &Path,
    path: &Path,
    metadata: &std::fs::Metadata,
    is_folder: bool,
) -> Result<(), CacheUnusable> {
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o777);
    let is_right_kind = if is_folder { metadata.is_dir() } else { metadata.is_file() };
    if is_right_kind && owner == rustix::process::geteuid().as_raw() && mode & 0o077 == 0 {
        return Ok(());
    }
    Err(CacheUnusable::NotPrivate { folder: folder.to_owned(), path: path.to_owned(), owner, mode })
}

/// Returns what tells engines apart whose compiled code is not interchangeable.
fn engine_hash(engine: &Engine) -> [u8; 32] {
    struct Sha(Sha256);
    impl Hasher for Sha {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }

        fn finish(&self) -> u64 {
            0
        }
    }
    let mut hasher = Sha(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.0.finalize().into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    struct Fixture {
        _parent: tempfile::TempDir,
        folder: PathBuf,
        engine: Engine,
        digest: Digest,
    }

    fn fixture() -> Fixture {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("cache");
        Fixture { _parent: parent, folder, engine: Engine::default(), digest: Digest::of(b"module") }
    }

    impl Fixture {
        fn open(&self) -> Result<CodeCache, CacheUnusable> {
            CodeCache::open(&self.folder, &self.engine)
        }

        fn set_mode(&self, path: &Path, mode: u32) {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
    }

    #[test]
    fn entries_are_found_again() {
        let fixture = fixture();
        let cache = fixture.open().unwrap();
        assert_eq!(cache.load(&fixture.digest), None);
        cache.store(&fixture.digest, b"code").unwrap();
        assert_eq!(fixture.open().unwrap().load(&fixture.digest).as_deref(), Some(&b"code"[..]));
        assert_eq!(std::fs::read_dir(&fixture.folder).unwrap().count(), 2);
    }

    #[test]
    fn damaged_entries_are_not_used_and_replaced() {
        let fixture = fixture();
        let cache = fixture.open().unwrap();
        cache.store(&fixture.digest, b"code").unwrap();
        let path = cache.entry(&fixture.digest);
        let good = std::fs::read(&path).unwrap();
        for index in 0..good.len() {
            let mut bad = good.clone();
            bad[index] ^= 1;
            std::fs::write(&path, &bad).unwrap();
            assert_eq!(cache.load(&fixture.digest), None, "byte {index}");
        }
        for length in 0..good.len() {
            std::fs::write(&path, &good[..length]).unwrap();
            assert_eq!(cache.load(&fixture.digest), None, "length {length}");
        }
        cache.store(&fixture.digest, b"code").unwrap();
        assert!(cache.load(&fixture.digest).is_some());
    }

    #[test]
    fn an_entry_is_of_one_module() {
        let fixture = fixture();
        let cache = fixture.open().unwrap();
        cache.store(&fixture.digest, b"code").unwrap();
        let other = Digest::of(b"other");
        std::fs::copy(cache.entry(&fixture.digest), cache.entry(&other)).unwrap();
        assert_eq!(cache.load(&other), None);
    }

    #[test]
    fn an_entry_of_another_secret_is_not_used() {
        let (mine, theirs) = (fixture(), fixture());
        let (cache, other) = (mine.open().unwrap(), theirs.open().unwrap());
        other.store(&mine.digest, b"forged").unwrap();
        std::fs::copy(other.entry(&mine.digest), cache.entry(&mine.digest)).unwrap();
        assert_eq!(cache.load(&mine.digest), None);
    }

    #[test]
    fn links_are_not_followed() {
        let fixture = fixture();
        let cache = fixture.open().unwrap();
        cache.store(&fixture.digest, b"code").unwrap();
        let path = cache.entry(&fixture.digest);
        let moved = fixture.folder.join("moved");
        std::fs::rename(&path, &moved).unwrap();
        std::os::unix::fs::symlink(&moved, &path).unwrap();
        assert_eq!(cache.load(&fixture.digest), None);
    }

    #[test]
    fn a_folder_that_is_not_private_is_not_used() {
        let fixture = fixture();
        fixture.open().unwrap();
        fixture.set_mode(&fixture.folder, 0o750);
        assert!(matches!(fixture.open(), Err(CacheUnusable::NotPrivate { mode: 0o750, .. })));
        fixture.set_mode(&fixture.folder, 0o700);
        fixture.set_mode(&fixture.folder.join(KEY_FILE), 0o640);
        assert!(matches!(fixture.open(), Err(CacheUnusable::NotPrivate { mode: 0o640, .. })));
    }

    #[test]
    fn a_link_to_a_folder_is_not_used() {
        let fixture = fixture();
        fixture.open().unwrap();
        let link = fixture.folder.with_extension("link");
        std::os::unix::fs::symlink(&fixture.folder, &link).unwrap();
        assert!(matches!(CodeCache::open(&link, &fixture.engine), Err(CacheUnusable::NotPrivate { .. })));
    }

    #[test]
    fn a_damaged_secret_is_told() {
        let fixture = fixture();
        fixture.open().unwrap();
        std::fs::write(fixture.folder.join(KEY_FILE), "short").unwrap();
        assert!(matches!(fixture.open(), Err(CacheUnusable::DamagedKey { .. })));
    }
}
