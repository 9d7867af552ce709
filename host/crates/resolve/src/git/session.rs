//! What one job has seen of all repositories.

use std::collections::HashMap;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use git2::Oid;
use rustls::ClientConfig;
use stepwell_plan::{FetchError, ResolveError, Resolved};
use stepwell_schema::GitReference;
use tokio_util::sync::CancellationToken;

use super::address::Address;
use super::cache::{Cache, Lease, Leased, RepositoryKey};
use super::failure::Failure;
use super::files::{self, Stamp, TreeInfo};
use super::local;
use super::progress::ProgressSink;
use super::remote::Remote;
use super::settings::GitSettings;
use super::tls;
use super::watch::Watch;

/// Most repositories that are fetched from at the same time: enough to hide the latency of any, few enough for the
/// machine and for servers that hold several of them.
const MAX_PARALLEL: usize = 8;

/// How git references are served, shared by all jobs.
#[derive(Debug)]
pub(crate) struct Git {
    pub(crate) settings: GitSettings,
    /// Opened when it is first needed; tried again where that failed.
    cache: Mutex<Option<Arc<Cache>>>,
    /// Made once: a bundle of authorities takes milliseconds to read.
    client_config: OnceLock<ClientConfig>,
}

/// What one job has seen.
pub(crate) struct Session {
    pub(crate) git: Arc<Git>,
    pub(crate) cancelled: CancellationToken,
    pub(crate) progress: Option<ProgressSink>,
    /// Where there is no shared cache.
    scratch: Mutex<Option<Arc<Cache>>>,
    remotes: Mutex<HashMap<RepositoryKey, Arc<Remote>>>,
    leases: Mutex<HashMap<(RepositoryKey, Oid), Arc<Lease>>>,
    trees: Mutex<HashMap<PathBuf, TreeInfo>>,
}

/// A commit with its tree.
pub(crate) struct Pinned {
    pub(crate) commit: Oid,
    pub(crate) lease: Arc<Lease>,
    pub(crate) notes: Vec<String>,
}

impl Git {
    pub(crate) fn new(settings: GitSettings) -> Self {
        Self { settings, cache: Mutex::default(), client_config: OnceLock::new() }
    }

    pub(crate) fn client_config(&self) -> Result<ClientConfig, FetchError> {
        if let Some(config) = self.client_config.get() {
            return Ok(config.clone());
        }
        let config = tls::client_config(self.settings.certificate_authorities.as_deref())?;
        Ok(self.client_config.get_or_init(|| config).clone())
    }
}

impl Session {
    pub(crate) fn new(git: Arc<Git>, cancelled: CancellationToken, progress: Option<ProgressSink>) -> Self {
        Self {
            git,
            cancelled,
            progress,
            scratch: Mutex::default(),
            remotes: Mutex::default(),
            leases: Mutex::default(),
            trees: Mutex::default(),
        }
    }

    /// Finds the function file of a reference without expressions.
    pub(crate) fn resolve(&self, reference: &GitReference) -> Result<Resolved, ResolveError> {
        let revision = reference.revision.as_str();
        let address = Address::parse(&reference.url)
            .map_err(|cause| ResolveError::Fetch { url: masked(&reference.url), cause })?;
        let pinned = self.pin(&address, revision).map_err(|failure| failure.into_error(&address, revision))?;
        let info = TreeInfo {
            url: address.to_string(),
            revision: revision.to_owned(),
            commit: pinned.commit.to_string(),
            stamp: Arc::new(Stamp {
                lease: Arc::clone(&pinned.lease),
                moving: match address {
                    Address::Local(folder) => Some((folder, revision.to_owned(), pinned.commit)),
                    Address::Remote(_) => None,
                },
            }),
        };
        let root = pinned.lease.root();
        // Several commits may have one tree; what is relative in it is shown as part of the first.
        lock(&self.trees).entry(root.to_owned()).or_insert_with(|| info.as_fixed());
        let mut resolved = files::resolve(root, &reference.directory, reference.file.as_deref(), &info)?;
        resolved.notes = pinned.notes;
        let submodules = pinned.lease.submodules();
        if !submodules.is_empty() {
            resolved.notes.push(format!("submodules of `{}` are not filled in: {}", info.url, listed(&submodules)));
        }
        Ok(resolved)
    }

    /// Returns what is known of a tree that this job has fetched.
    pub(crate) fn tree(&self, root: &Path) -> Option<TreeInfo> {
        lock(&self.trees).get(root).cloned()
    }

    /// Fetches what these references lead to, each repository by itself. What fails is found again by `resolve`.
    pub(crate) fn prefetch(&self, references: &[&GitReference]) {
        let mut by_remote: HashMap<RepositoryKey, (Arc<Remote>, Vec<&str>)> = HashMap::new();
        for reference in references {
            let dynamic = [&reference.url, &reference.revision].into_iter().any(|text| text.contains("${{"));
            let Ok(address) = Address::parse(&reference.url) else { continue };
            if let (false, Ok(Some(remote))) = (dynamic, self.remote(&address)) {
                by_remote
                    .entry(remote.key.clone())
                    .or_insert_with(|| (remote, Vec::new()))
                    .1
                    .push(reference.revision.as_str());
            }
        }
        let open = Mutex::new(by_remote.into_values());
        std::thread::scope(|scope| {
            let work = || {
                while let Some((remote, revisions)) = next(&open) {
                    remote.pin_all(self, &revisions);
                }
            };
            // The calling thread is one of them, so that it works where no other can be started.
            for _ in 1..MAX_PARALLEL.min(references.len()) {
                let _ = std::thread::Builder::new().name("stepwell-git".to_owned()).spawn_scoped(scope, work);
            }
            work();
        });
    }

    pub(crate) fn forget_failures(&self) {
        for remote in lock(&self.remotes).values() {
            remote.forget_failures();
        }
    }

    fn pin(&self, address: &Address, revision: &str) -> Result<Pinned, Failure> {
        match self.remote(address)? {
            Some(remote) => remote.pin(self, revision),
            None => local::pin(self, address, revision),
        }
    }

    fn remote(&self, address: &Address) -> Result<Option<Arc<Remote>>, Failure> {
        let Address::Remote(remote) = address else { return Ok(None) };
        let key = self.cache()?.key(address);
        let mut remotes = lock(&self.remotes);
        let remote = remotes.entry(key.clone()).or_insert_with(|| Arc::new(Remote::new(remote.clone(), key)));
        Ok(Some(Arc::clone(remote)))
    }

    /// Returns the tree of a commit that the job uses already, or that is in the cache, verified.
    pub(crate) fn lease(&self, key: &RepositoryKey, commit: Oid) -> Result<Held, Failure> {
        let held = lock(&self.leases).get(&(key.clone(), commit)).cloned();
        if let Some(lease) = held {
            if let Some(notes) = lease.renew() {
                return Ok(Held::Tree(lease, notes));
            }
            lock(&self.leases).remove(&(key.clone(), commit));
        }
        Ok(match self.cache()?.lease(key, commit)? {
            Leased::Tree(lease, notes) => Held::Tree(self.keep(key, commit, lease), notes),
            Leased::Missing => Held::Nothing(Vec::new()),
            Leased::Damaged(note) => Held::Nothing(vec![note]),
        })
    }

    /// Keeps a tree for as long as the job runs.
    pub(crate) fn keep(&self, key: &RepositoryKey, commit: Oid, lease: Lease) -> Arc<Lease> {
        let lease = Arc::new(lease);
        lock(&self.leases).insert((key.clone(), commit), Arc::clone(&lease));
        lease
    }

    pub(crate) fn cache(&self) -> Result<Arc<Cache>, Failure> {
        let settings = &self.git.settings;
        let place = if settings.cache_folder.is_some() { &self.git.cache } else { &self.scratch };
        let mut place = lock(place);
        if let Some(cache) = &*place {
            return Ok(Arc::clone(cache));
        }
        let cache = Arc::new(match &settings.cache_folder {
            Some(folder) => Cache::open(folder)?,
            None => Cache::scratch(&settings.scratch_folder)?,
        });
        *place = Some(Arc::clone(&cache));
        Ok(cache)
    }

    /// Makes room in the cache, and removes what killed processes have left. That it cannot be done fails no job.
    pub(crate) fn tidy(&self) {
        if let Ok(cache) = self.cache() {
            let _ = cache.sweep();
            let _ = cache.evict(self.git.settings.cache_bytes, false);
        }
    }

    pub(crate) fn watch(&self, shown: &str, progress: Option<ProgressSink>) -> Watch {
        Watch::new(&self.git.settings, shown.to_owned(), self.cancelled.clone(), progress)
    }
}

/// What is held of a commit's tree.
pub(crate) enum Held {
    /// The tree, and what was odd with it.
    Tree(Arc<Lease>, Vec<String>),
    /// It has to be fetched; what was odd.
    Nothing(Vec<String>),
}

fn next<T>(open: &Mutex<impl Iterator<Item = T>>) -> Option<T> {
    lock(open).next()
}

/// Each holder leaves the value whole at every moment, so that a panic elsewhere changes nothing.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shows an address that cannot be read, and so may hold credentials anywhere before its last `@`.
fn masked(url: &str) -> String {
    let shown = match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) if !scheme.contains('@') => format!("{scheme}://[MASKED]@{rest}"),
        (_, Some((_, rest))) => format!("[MASKED]@{rest}"),
        (_, None) => url.to_owned(),
    };
    super::excerpt::excerpt(&shown)
}

/// Most names that a note lists.
const MAX_LISTED: usize = 10;

fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(MAX_LISTED).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(MAX_LISTED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// A map with values that are results can forget those that are errors.
pub(crate) fn forget_errors<K: Eq + Hash, T, E>(map: &mut HashMap<K, Result<T, E>>) {
    map.retain(|_, result| result.is_ok());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_cannot_be_read_show_no_credentials() {
        for (url, shown) in [
            ("ssh://git@host/a", "ssh://[MASKED]@host/a"),
            ("user:secret@host:group/a", "[MASKED]@host:group/a"),
            ("https://user:sec/ret@host/a b", "https://[MASKED]@host/a b"),
            ("us@er:secret://x@host", "[MASKED]@host"),
            ("https://host", "https://host"),
        ] {
            assert_eq!(masked(url), shown);
        }
    }
}
