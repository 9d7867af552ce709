//! Compiled code on disk, shared by processes of the same user.
//!
//! Compiled code is machine code that will be run, so an entry is only used if this user's engines wrote it: each
//! carries a code over its content and its key, made with a secret that lies beside it and that nobody else can read.
//! The code is verified over the very bytes in memory that are handed on. A folder that others can write to, or a
//! secret that others can read, is not used at all. What is damaged is compiled anew and replaced.

use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use stepwell_private::{KEY_BYTES, NotUsable, PrivateFolder, open_file};
use stepwell_schema::Digest;
use wasmtime::Engine;

/// Version of the format of entries. Another format is another name, so old and new engines share a folder.
const FORMAT: &str = "1";
const CODE_BYTES: usize = 32;
/// Largest entry that is read, in bytes: compiled code is a few times the size of a module.
const MAX_ENTRY_BYTES: u64 = 1 << 30;

/// A folder with compiled code.
pub(crate) struct CodeCache {
    folder: PathBuf,
    maker: Maker,
    key: [u8; KEY_BYTES],
    engine: [u8; 32],
}

/// Who compiled what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Maker {
    /// This process, which runs what it compiled.
    ThisProcess,
    /// A process of its own, whose word counts for code that runs behind a wall only.
    Worker,
}

impl Maker {
    /// Returns the format of its entries: neither takes those of the other.
    fn format(self) -> &'static str {
        match self {
            Self::ThisProcess => FORMAT,
            Self::Worker => "1w",
        }
    }
}

/// Why a folder is not used.
#[derive(Debug, thiserror::Error)]
#[error("the cache folder `{}` is not used: {cause}", .folder.display())]
pub struct CacheUnusable {
    /// The folder.
    pub folder: PathBuf,
    /// What is wrong with it.
    pub cause: NotUsable,
}

impl CodeCache {
    /// Opens a folder, making it and its secret if they are missing.
    ///
    /// # Errors
    /// See [`CacheUnusable`].
    pub(crate) fn open(folder: &Path, engine: &Engine, maker: Maker) -> Result<Self, CacheUnusable> {
        let private =
            PrivateFolder::open(folder).map_err(|cause| CacheUnusable { folder: folder.to_owned(), cause })?;
        let key = *private.key();
        Ok(Self { folder: folder.to_owned(), maker, key, engine: engine_hash(engine) })
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
        self.folder.join(format!("{}-{engine}-{}", digest.hex(), self.maker.format()))
    }

    fn authenticator(&self, digest: &Digest, blob: &[u8]) -> Hmac<Sha256> {
        let mut code = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        for part in [self.maker.format().as_bytes(), &self.engine, digest.as_bytes(), blob] {
            code.update(&(part.len() as u64).to_le_bytes());
            code.update(part);
        }
        code
    }
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
            CodeCache::open(&self.folder, &self.engine, Maker::ThisProcess)
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
    fn an_entry_is_of_one_maker() {
        let fixture = fixture();
        let cache = fixture.open().unwrap();
        let worker = CodeCache::open(&fixture.folder, &fixture.engine, Maker::Worker).unwrap();
        worker.store(&fixture.digest, b"code").unwrap();
        assert_eq!(cache.load(&fixture.digest), None);
        std::fs::copy(worker.entry(&fixture.digest), cache.entry(&fixture.digest)).unwrap();
        assert_eq!(cache.load(&fixture.digest), None);
        assert!(worker.load(&fixture.digest).is_some());
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
        std::fs::set_permissions(&fixture.folder, std::fs::Permissions::from_mode(0o750)).unwrap();
        let refused = fixture.open().err().expect("others can look into it");
        assert!(matches!(refused.cause, NotUsable::NotPrivate { mode: 0o750, .. }));
        assert!(refused.to_string().contains(&fixture.folder.display().to_string()));
    }
}
