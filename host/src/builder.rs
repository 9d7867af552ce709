//! How a host is set up.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use stepwell_policy::Policy;
use stepwell_process::{Subreaper, WatcherCommand};
use stepwell_resolve::{
    BuiltInFunction, BuiltInTable, FetchProgress, GitSettings, InvalidBuiltIn, ProgressSink, StandardResolver,
};
use stepwell_sandbox::{HttpClient, HttpSettings, Isolation, Quotas, Sandbox};

use crate::error::RunError;
use crate::host::{Host, Parts};
use crate::shipped;

/// How a host is set up. Defaults:
///
/// | setting | default |
/// | --- | --- |
/// | [`cache_folder`](Self::cache_folder) | none: modules are compiled once a host and forgotten with it |
/// | [`scratch_folder`](Self::scratch_folder) | `/tmp` |
/// | [`grace`](Self::grace) | 5 s |
/// | [`threads`](Self::threads) | one for each processor |
/// | [`sandboxed_steps`](Self::sandboxed_steps) | 256 |
/// | [`isolation`](Self::isolation) | in this process |
/// | [`tenant`](Self::tenant) | none: each has what the ceilings of the policy leave |
/// | [`http`](Self::http) | the defaults of [`HttpSettings`]: public addresses alone |
/// | [`subreaper`](Self::subreaper) | off |
/// | [`git`](Self::git) | the defaults of [`GitSettings`], trees kept in the cache folder if there is one |
/// | [`on_fetch`](Self::on_fetch) | nobody is told |
/// | [`policy`](Self::policy) | the profile `local` |
/// | [`shown_from`](Self::shown_from) | none: messages show absolute paths |
/// | [`function`](Self::function) | the shipped functions, `stepwell/archive` and others |
pub struct HostBuilder {
    cache_folder: Option<PathBuf>,
    scratch_folder: PathBuf,
    grace: Duration,
    threads: Option<usize>,
    sandboxed_steps: u32,
    isolation: Isolation,
    http: Option<HttpSettings>,
    tenants: Vec<(String, Quotas)>,
    subreaper: bool,
    watcher: Option<WatcherCommand>,
    functions: BuiltInTable,
    shown_from: Option<PathBuf>,
    git: Option<GitSettings>,
    on_fetch: Option<ProgressSink>,
    policy: Arc<Policy>,
}

impl HostBuilder {
    pub(crate) fn new() -> Self {
        Self {
            cache_folder: None,
            scratch_folder: PathBuf::from("/tmp"),
            grace: Duration::from_secs(5),
            threads: None,
            sandboxed_steps: 256,
            isolation: Isolation::InProcess,
            http: None,
            tenants: Vec::new(),
            subreaper: false,
            watcher: None,
            functions: shipped::functions(),
            shown_from: None,
            git: None,
            on_fetch: None,
            policy: Policy::local(),
        }
    }

    /// Keeps compiled modules and fetched trees in a folder, which is made with mode 0700 where it is missing. Processes
    /// may share it.
    #[must_use]
    pub fn cache_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.cache_folder = Some(folder.into());
        self
    }

    /// Sets where temporary files of jobs go. Everything made there is removed when its job ends.
    #[must_use]
    pub fn scratch_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.scratch_folder = folder.into();
        self
    }

    /// Sets how long a step may take to end by itself after a cancellation, before it is killed.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets the number of threads that run jobs; zero counts as one.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads.max(1));
        self
    }

    /// Sets how many WebAssembly steps run at the same time; others wait for a place. Address space is set aside for each
    /// when the host is built. Zero counts as one.
    #[must_use]
    pub fn sandboxed_steps(mut self, steps: u32) -> Self {
        self.sandboxed_steps = steps.max(1);
        self
    }

    /// Sets how requests of WebAssembly steps are sent: certificate authorities, a proxy, addresses that are not public and
    /// may be reached, and limits.
    #[must_use]
    pub fn http(mut self, settings: HttpSettings) -> Self {
        self.http = Some(settings);
        self
    }

    /// Sets where WebAssembly steps run: in this process, or in processes of their own behind a second wall. See
    /// docs/design/workers.md.
    #[must_use]
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = isolation;
        self
    }

    /// Sets what the WebAssembly steps of a tenant may use together. A step beyond it waits for others to end, and says so
    /// by an event; steps of different tenants take turns. A tenant that is not named here may have as many steps at once
    /// as the ceilings of the policy say. Of two quotas for one tenant the first counts.
    #[must_use]
    pub fn tenant(mut self, name: impl Into<String>, quotas: Quotas) -> Self {
        self.tenants.push((name.into(), quotas));
        self
    }

    /// Makes this process inherit what steps leave running, so that a job's end finds processes that left their group
    /// as well. It ends *every* process that this process inherits or started, so it is for programs that do nothing but
    /// run one job at a time.
    #[must_use]
    pub fn subreaper(mut self, on: bool) -> Self {
        self.subreaper = on;
        self
    }

    /// Has each job watched, so that its steps are killed where this process is.
    #[cfg(feature = "cli")]
    #[must_use]
    pub(crate) fn watcher(mut self, command: WatcherCommand) -> Self {
        self.watcher = Some(command);
        self
    }

    /// Makes messages show paths below `folder` relative to it.
    #[must_use]
    pub fn shown_from(mut self, folder: impl Into<PathBuf>) -> Self {
        self.shown_from = Some(folder.into());
        self
    }

    /// Sets how git references are served: limits, proxies, certificate authorities, and where fetched trees are kept, for
    /// which the cache folder of the host does not count then.
    #[must_use]
    pub fn git(mut self, settings: GitSettings) -> Self {
        self.git = Some(settings);
        self
    }

    /// Has somebody told how far fetches have come. Calls come from several threads, and hold the fetch up while they
    /// last.
    #[must_use]
    pub fn on_fetch(mut self, told: impl Fn(&FetchProgress) + Send + Sync + 'static) -> Self {
        self.on_fetch = Some(Arc::new(told));
        self
    }

    /// Sets what the operator allows. What a function asks for is granted only where these policies permit it and the rules
    /// of the engine hold.
    #[must_use]
    pub fn policy(mut self, policy: impl Into<Arc<Policy>>) -> Self {
        self.policy = policy.into();
        self
    }

    /// Registers a function of the host program's own under `builtin://NAME`.
    ///
    /// # Errors
    /// The name cannot stand in a reference, or is taken.
    pub fn function(mut self, name: impl Into<String>, function: BuiltInFunction) -> Result<Self, InvalidBuiltIn> {
        self.functions.register(name, function)?;
        Ok(self)
    }

    /// Builds the host: starts its threads and sets up the WebAssembly engine.
    ///
    /// # Errors
    /// [`RunError::Environment`]: threads cannot be started, or the machine cannot run WebAssembly.
    pub fn build(self) -> Result<Host, RunError> {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        runtime.enable_all().thread_name("stepwell");
        if let Some(threads) = self.threads {
            runtime.worker_threads(threads);
        }
        let runtime = runtime.build().map_err(|error| RunError::environment("cannot start threads", error))?;
        let git = self.git.unwrap_or_else(|| {
            let settings = GitSettings::new(self.scratch_folder.clone());
            self.cache_folder.iter().fold(settings, |settings, folder| settings.cache_folder(folder))
        });
        let steps = u32::try_from(self.policy.ceilings().steps_at_once).unwrap_or(u32::MAX);
        let mut sandbox = Sandbox::builder(self.scratch_folder.clone())
            .instances(self.sandboxed_steps)
            .isolation(self.isolation)
            .quotas(Quotas { steps, ..Quotas::default() });
        if let Some(settings) = self.http {
            let client = HttpClient::new(settings);
            sandbox = sandbox
                .http(client.map_err(|error| RunError::environment("outgoing requests cannot be set up", error))?);
        }
        if let Some(folder) = self.cache_folder {
            sandbox = sandbox.cache_folder(folder);
        }
        let sandbox = sandbox.build().map_err(|error| RunError::environment("cannot set up WebAssembly", error))?;
        for (name, quotas) in self.tenants {
            sandbox.tenant(&name, Some(quotas));
        }
        let subreaper = match self.subreaper {
            false => None,
            true => Some(
                Subreaper::become_one()
                    .map_err(|error| RunError::environment("cannot inherit what steps leave running", error))?,
            ),
        };
        let mut resolver = StandardResolver::new(self.functions).git(git);
        if let Some(folder) = self.shown_from {
            resolver = resolver.shown_from(folder);
        }
        Ok(Host::new(
            runtime,
            Parts {
                sandbox: Arc::new(sandbox),
                resolver: Arc::new(resolver),
                on_fetch: self.on_fetch,
                policy: self.policy,
                subreaper: subreaper.map(Arc::new),
                watcher: self.watcher,
                scratch_folder: self.scratch_folder,
                grace: self.grace,
            },
        ))
    }
}

impl fmt::Debug for HostBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostBuilder")
            .field("cache_folder", &self.cache_folder)
            .field("scratch_folder", &self.scratch_folder)
            .field("git", &self.git)
            .finish_non_exhaustive()
    }
}
