//! How git references are served.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// How git references are served. Defaults:
///
/// | setting | default | why |
/// | --- | --- | --- |
/// | [`cache_folder`](Self::cache_folder) | none: trees live as long as the job | |
/// | [`certificate_authorities`](Self::certificate_authorities) | those of the machine, else Mozilla's | |
/// | [`proxies`](Self::proxies) | none | the library reads no environment |
/// | [`wall_time`](Self::wall_time) | 300 s | a large history over a slow line |
/// | [`idle_time`](Self::idle_time) | 60 s | servers take tens of seconds to pack a large repository |
/// | [`received_bytes`](Self::received_bytes) | 1 GiB | the whole history of most projects |
/// | [`tree_bytes`](Self::tree_bytes) | 1 GiB | |
/// | [`files`](Self::files) | 100,000 | more than the Linux kernel has |
/// | [`folder_depth`](Self::folder_depth) | 64 | |
/// | [`cache_bytes`](Self::cache_bytes) | 4 GiB | |
#[derive(Clone, Debug)]
pub struct GitSettings {
    pub(crate) scratch_folder: PathBuf,
    pub(crate) cache_folder: Option<PathBuf>,
    pub(crate) certificate_authorities: Option<PathBuf>,
    pub(crate) proxies: Proxies,
    pub(crate) wall_time: Duration,
    pub(crate) idle_time: Duration,
    pub(crate) received_bytes: u64,
    pub(crate) tree_bytes: u64,
    pub(crate) files: u64,
    pub(crate) folder_depth: u64,
    pub(crate) cache_bytes: u64,
}

/// Which proxies are used, each in the form of the environment variable of its name; empty texts count as none.
/// **Trust:** the operator's. Addresses may hold credentials, so the debug output leaves them out.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// `http_proxy`: for `http` addresses.
    pub http: Option<String>,
    /// `https_proxy`: for `https` addresses.
    pub https: Option<String>,
    /// `all_proxy`: where there is none of the others.
    pub all: Option<String>,
    /// `no_proxy`: host names, domains and networks, with commas between, that are reached directly; `*` for all.
    pub none: Option<String>,
}

impl GitSettings {
    /// Makes settings with all defaults. `scratch_folder` holds what is fetched by jobs without a cache; everything made
    /// there is removed at the end of its job.
    pub fn new(scratch_folder: impl Into<PathBuf>) -> Self {
        Self {
            scratch_folder: scratch_folder.into(),
            cache_folder: None,
            certificate_authorities: None,
            proxies: Proxies::default(),
            wall_time: Duration::from_secs(300),
            idle_time: Duration::from_secs(60),
            received_bytes: 1 << 30,
            tree_bytes: 1 << 30,
            files: 100_000,
            folder_depth: 64,
            cache_bytes: 4 << 30,
        }
    }

    /// Keeps fetched trees in a folder, which is made with mode 0700 where it is missing. Processes may share it.
    #[must_use]
    pub fn cache_folder(self, folder: impl Into<PathBuf>) -> Self {
        Self { cache_folder: Some(folder.into()), ..self }
    }

    /// Trusts the certificate authorities in a PEM file, and no others.
    #[must_use]
    pub fn certificate_authorities(self, file: impl Into<PathBuf>) -> Self {
        Self { certificate_authorities: Some(file.into()), ..self }
    }

    /// Sets the proxies.
    #[must_use]
    pub fn proxies(self, proxies: Proxies) -> Self {
        Self { proxies, ..self }
    }

    /// Limits how long one fetch may take, from the first connection to the last object.
    #[must_use]
    pub fn wall_time(self, limit: Duration) -> Self {
        Self { wall_time: limit, ..self }
    }

    /// Limits how long a server may send nothing. It also limits how long a connection may take.
    #[must_use]
    pub fn idle_time(self, limit: Duration) -> Self {
        Self { idle_time: limit, ..self }
    }

    /// Limits the bytes that come over the network in one fetch.
    #[must_use]
    pub fn received_bytes(self, limit: u64) -> Self {
        Self { received_bytes: limit, ..self }
    }

    /// Limits the bytes of all files of one tree together.
    #[must_use]
    pub fn tree_bytes(self, limit: u64) -> Self {
        Self { tree_bytes: limit, ..self }
    }

    /// Limits the files, links and submodules of one tree.
    #[must_use]
    pub fn files(self, limit: u64) -> Self {
        Self { files: limit, ..self }
    }

    /// Limits the folders of a tree inside each other.
    #[must_use]
    pub fn folder_depth(self, limit: u64) -> Self {
        Self { folder_depth: limit, ..self }
    }

    /// Bounds the bytes of all trees in the cache together: after each new one, those that were used longest ago are
    /// removed, as far as no job uses them.
    #[must_use]
    pub fn cache_bytes(self, bound: u64) -> Self {
        Self { cache_bytes: bound, ..self }
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let masked = |text: &Option<String>| text.as_ref().map(|_| "[MASKED]");
        f.debug_struct("Proxies")
            .field("http", &masked(&self.http))
            .field("https", &masked(&self.https))
            .field("all", &masked(&self.all))
            .field("none", &self.none)
            .finish()
    }
}
