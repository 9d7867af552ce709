use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use stepwell_git_server::Repository;
use stepwell_plan::{Base, FetchError, ResolveError, Resolved, Resolver, resolve_problem};
use stepwell_resolve::git::cache::Cache;
use stepwell_resolve::{BuiltInTable, GitSettings, JobResolver, StandardResolver};
use stepwell_schema::{GitReference, Reference};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

pub(crate) const FUNCTION: &str = "spec:\n---\nexec: { command: [true] }\n";

/// A machine on which jobs run: a cache, a scratch folder, settings.
pub(crate) struct Machine {
    folder: TempDir,
    settings: GitSettings,
}

impl Machine {
    /// With a cache that jobs share.
    pub(crate) fn new() -> Self {
        let machine = Self::without_cache();
        let settings = machine.settings.clone().cache_folder(machine.cache_folder());
        Self { settings, ..machine }
    }

    pub(crate) fn without_cache() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = GitSettings::new(folder.path().join("scratch"))
            .wall_time(Duration::from_secs(60))
            .idle_time(Duration::from_secs(30));
        Self { folder, settings }
    }

    pub(crate) fn with(self, change: impl FnOnce(GitSettings) -> GitSettings) -> Self {
        Self { settings: change(self.settings), ..self }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn cache_folder(&self) -> PathBuf {
        self.path().join("cache")
    }

    pub(crate) fn scratch_folder(&self) -> PathBuf {
        self.path().join("scratch")
    }

    pub(crate) fn cache(&self) -> Cache {
        Cache::open(self.cache_folder()).unwrap()
    }

    pub(crate) fn resolver(&self) -> Arc<StandardResolver> {
        Arc::new(StandardResolver::new(BuiltInTable::default()).git(self.settings.clone()))
    }

    /// Starts a job, with a resolver that no other job has.
    pub(crate) fn job(&self) -> JobResolver {
        self.resolver().for_job(CancellationToken::new(), None)
    }

    /// Starts a job with other settings on the same machine.
    pub(crate) fn job_with(&self, change: impl FnOnce(GitSettings) -> GitSettings) -> JobResolver {
        let resolver = StandardResolver::new(BuiltInTable::default()).git(change(self.settings.clone()));
        Arc::new(resolver).for_job(CancellationToken::new(), None)
    }

    /// Resolves one reference in a job of its own.
    pub(crate) fn resolve(&self, reference: &str) -> Result<Resolved, ResolveError> {
        resolve(&self.job(), reference)
    }
}

pub(crate) fn base() -> Base {
    Base::Folder("/nowhere".into())
}

/// Resolves a short form.
pub(crate) fn resolve(job: &JobResolver, reference: &str) -> Result<Resolved, ResolveError> {
    job.resolve(&Reference::parse(reference).unwrap(), &base())
}

/// Resolves a long form.
pub(crate) fn resolve_long(
    job: &JobResolver,
    url: &str,
    revision: &str,
    directory: &str,
    file: Option<&str>,
) -> Result<Resolved, ResolveError> {
    job.resolve(&long(url, revision, directory, file), &base())
}

pub(crate) fn long(url: &str, revision: &str, directory: &str, file: Option<&str>) -> Reference {
    Reference::Git(GitReference {
        url: url.to_owned(),
        revision: revision.to_owned(),
        directory: directory.to_owned(),
        file: file.map(str::to_owned),
    })
}

/// Resolves a relative reference in a function.
pub(crate) fn resolve_relative(job: &JobResolver, from: &Resolved, path: &str) -> Result<Resolved, ResolveError> {
    job.resolve(&Reference::parse(path).unwrap(), &from.base())
}

/// A repository with one function, `steps/func.yml`, whose text says which version it is.
pub(crate) fn repository(version: &str) -> Repository {
    Repository::with(&[("steps/func.yml", &function(version))])
}

pub(crate) fn function(version: &str) -> String {
    format!("# {version}\n{FUNCTION}")
}

/// Checks that the function of [`repository`] is found, and in which version.
#[track_caller]
pub(crate) fn check_version(result: Result<Resolved, ResolveError>, version: &str) -> Resolved {
    let resolved = result.unwrap_or_else(|error| panic!("{}", text(&error)));
    assert_eq!(resolved.source.text(), function(version));
    resolved
}

/// Checks why something cannot be fetched.
#[track_caller]
pub(crate) fn check_fetch_error(result: Result<Resolved, ResolveError>, expected: &FetchError) {
    match result {
        Err(ResolveError::Fetch { cause, .. }) => assert_eq!(cause, *expected),
        other => panic!("{other:?}"),
    }
}

/// Returns the message of an error as people see it, with its help.
pub(crate) fn text(error: &ResolveError) -> String {
    let problem = resolve_problem(error, None);
    let help = problem.help.map(|help| format!(" | {help}")).unwrap_or_default();
    format!("{}: {}{help}", problem.code, problem.message)
}

#[track_caller]
pub(crate) fn check_text(result: Result<Resolved, ResolveError>, expected: &str) {
    match result {
        Err(error) => assert_eq!(text(&error), expected),
        Ok(resolved) => panic!("{resolved:?}"),
    }
}

/// Returns all files beneath a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    files
}

/// Returns the root of the only tree in the cache of a machine.
pub(crate) fn only_tree(machine: &Machine) -> PathBuf {
    let trees = machine.cache_folder().join("git/trees");
    let mut found: Vec<PathBuf> = fs::read_dir(trees).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.is_dir());
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0).join("tree")
}

/// Bytes that do not get shorter by compression.
pub(crate) fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut noise = Vec::with_capacity(bytes);
    while noise.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend_from_slice(&state.to_le_bytes());
    }
    noise
}

/// Checks that a server which was dropped gives nothing. A program that another thread is just starting can hold its
/// socket open for a moment, so the connection may be made and then reset.
#[track_caller]
pub(crate) fn check_unreachable(result: Result<Resolved, ResolveError>) {
    match result {
        Err(ResolveError::Fetch { cause, .. }) => assert!(cause.is_unreachable(), "{cause}"),
        other => panic!("{other:?}"),
    }
}
