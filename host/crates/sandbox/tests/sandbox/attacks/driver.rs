//! Runs one attack and looks at what is left of the world.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use stepwell_policy::Access;
use stepwell_run::{FailureKind, LimitKind, Outcome, Stream};
use stepwell_sandbox::{Sandbox, WorkerCommand};
use stepwell_schema::Spec;
use tempfile::TempDir;

use crate::support::{Call, Ended, files_command, guest, module};

/// In the file that no step is given, and outside of the work dir.
const SECRET: &str = "what-nobody-was-given";
/// No attack takes as long; one that does holds a thread of the engine.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long what is over may take to be gone: ending a worker, and stopping a step in one, takes milliseconds.
const MAX_SETTLING: Duration = Duration::from_secs(20);
/// How the folder begins that each worker has below the scratch folder as long as it lives.
const WORKER_FOLDER: &str = "worker-";

/// By which way the guest reaches the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Abi {
    Typed,
    Preview2,
    Preview1,
}

pub(super) const ALL: &[Abi] = &[Abi::Typed, Abi::Preview2, Abi::Preview1];
pub(super) const COMMANDS: &[Abi] = &[Abi::Preview2, Abi::Preview1];
pub(super) const TYPED: &[Abi] = &[Abi::Typed];
pub(super) const CORE: &[Abi] = &[Abi::Preview1];

/// What stands between the guest and the rest of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Isolation {
    InProcess,
    Worker,
}

/// Every isolation that there is, a column each.
pub(super) const ISOLATIONS: [Isolation; 2] = [Isolation::InProcess, Isolation::Worker];

/// How an attack came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// It did something, and nothing of it matters.
    Harmless,
    /// The guest saw that it may not.
    NotPermitted,
    /// The guest saw that its budget is used up.
    Quota,
    /// The guest saw another error.
    Refused,
    /// The step ended because a grant is missing.
    Denied,
    Limit(LimitKind),
    /// The step trapped or broke the rules of its ABI.
    Internal,
    /// It was never started.
    NotLoaded,
    /// The engine itself gave up: always a fault.
    Engine,
    Cancelled,
}

type Prepare = Box<dyn Fn(Call) -> Call + Send + Sync>;
type Beside = Arc<dyn Fn(&Path) + Send + Sync>;
type Check = Box<dyn Fn(&Ended) + Send + Sync>;

enum Guest {
    Words(String),
    Typed {
        what: &'static str,
        path: String,
        count: u32,
    },
    /// Sends a request, or opens a secret.
    Outgoing(Vec<(&'static str, String)>),
    Module {
        title: String,
        bytes: Arc<[u8]>,
    },
}

/// One thing that a guest tries.
pub(super) struct Attack {
    guest: Guest,
    abis: &'static [Abi],
    prepare: Vec<Prepare>,
    expected: Vec<Class>,
    check: Option<Check>,
    beside: Option<Beside>,
}

/// A case of the list.
pub(super) struct Case {
    pub(super) number: u32,
    pub(super) title: &'static str,
    pub(super) attacks: Vec<Attack>,
    /// Why it, or a part of it, does not run here.
    pub(super) elsewhere: Option<Elsewhere>,
}

/// Where else it is shown that an attack comes to nothing.
#[derive(Clone, Copy)]
pub(super) struct Elsewhere {
    pub(super) reason: &'static str,
    /// Tests that show it, as `host/crates/http/tests/http/refused.rs::plain_requests_elsewhere`; none where the reason
    /// is that there is nothing to show.
    pub(super) tests: &'static [&'static str],
}

/// A case that runs.
pub(super) fn case(number: u32, title: &'static str, attacks: impl IntoIterator<Item = Attack>) -> Case {
    Case { number, title, attacks: attacks.into_iter().collect(), elsewhere: None }
}

/// A case that does not run here, and why.
pub(super) fn elsewhere(
    number: u32,
    title: &'static str,
    reason: &'static str,
    tests: &'static [&'static str],
) -> Case {
    Case { number, title, attacks: Vec::new(), elsewhere: Some(Elsewhere { reason, tests }) }
}

/// An attack in words, under every ABI.
pub(super) fn words(words: impl Into<String>) -> Attack {
    Attack::new(Guest::Words(words.into()), ALL)
}

/// An attack of the typed guest.
pub(super) fn typed(what: &'static str, path: &str, count: u32) -> Attack {
    Attack::new(Guest::Typed { what, path: path.to_owned(), count }, TYPED)
}

/// A request, or a secret that is opened, told by the inputs of the guest that does it.
pub(super) fn outgoing(inputs: &[(&'static str, &str)]) -> Attack {
    let inputs = inputs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Attack::new(Guest::Outgoing(inputs), TYPED).is(Class::Refused)
}

/// A module that is an attack by itself.
pub(super) fn bytes(title: impl Into<String>, abis: &'static [Abi], bytes: impl Into<Arc<[u8]>>) -> Attack {
    Attack::new(Guest::Module { title: title.into(), bytes: bytes.into() }, abis)
}

impl Case {
    /// Says what of the case does not run here, why, and which tests show it.
    pub(super) fn besides(mut self, reason: &'static str, tests: &'static [&'static str]) -> Self {
        self.elsewhere = Some(Elsewhere { reason, tests });
        self
    }
}

impl Attack {
    fn new(guest: Guest, abis: &'static [Abi]) -> Self {
        Self { guest, abis, prepare: Vec::new(), expected: vec![Class::NotPermitted], check: None, beside: None }
    }

    pub(super) fn abis(&self) -> &'static [Abi] {
        self.abis
    }

    pub(super) fn title(&self) -> String {
        let text = match &self.guest {
            Guest::Words(words) => words.clone(),
            Guest::Typed { what, path, count: 0 } => format!("{what} {path}"),
            Guest::Typed { what, path, count } => format!("{what} {path} {count}"),
            Guest::Outgoing(inputs) => {
                let told: Vec<_> =
                    inputs.iter().map(|(name, value)| format!("{name}={}", value.escape_debug())).collect();
                told.join(" ")
            }
            Guest::Module { title, .. } => title.clone(),
        };
        text.chars().take(90).collect()
    }

    pub(super) fn on(mut self, abis: &'static [Abi]) -> Self {
        self.abis = abis;
        self
    }

    pub(super) fn is(mut self, expected: Class) -> Self {
        self.expected = vec![expected];
        self
    }

    /// Where the ABIs differ in what the guest sees, or the C library answers before the engine.
    pub(super) fn ends_as(mut self, expected: &[Class]) -> Self {
        self.expected = expected.to_vec();
        self
    }

    /// What is there before.
    pub(super) fn with(mut self, prepare: impl Fn(Call) -> Call + Send + Sync + 'static) -> Self {
        self.prepare.push(Box::new(prepare));
        self
    }

    /// What is there before, below the work dir.
    pub(super) fn planted(self, plant: impl Fn(&Path) + Send + Sync + 'static) -> Self {
        self.with(move |call| {
            plant(call.work.path());
            call
        })
    }

    pub(super) fn cpu(self, milliseconds: u64) -> Self {
        self.with(move |mut call| {
            call.grants.limits.cpu = Duration::from_millis(milliseconds);
            call
        })
        .is(Class::Limit(LimitKind::Cpu))
    }

    pub(super) fn wall(self, milliseconds: u64) -> Self {
        self.with(move |mut call| {
            call.grants.limits.wall = Duration::from_millis(milliseconds);
            call
        })
        .is(Class::Limit(LimitKind::Wall))
    }

    pub(super) fn memory(self, mib: u64) -> Self {
        self.with(move |mut call| {
            call.grants.limits.memory = mib << 20;
            call
        })
        .is(Class::Limit(LimitKind::Memory))
    }

    /// What must hold besides.
    pub(super) fn check(mut self, check: impl Fn(&Ended) + Send + Sync + 'static) -> Self {
        self.check = Some(Box::new(check));
        self
    }

    /// What somebody else does to the work dir over and over while it runs. What that leaves in `dist` is cleared away.
    pub(super) fn beside(mut self, act: impl Fn(&Path) + Send + Sync + 'static) -> Self {
        self.beside = Some(Arc::new(act));
        self
    }

    fn call(&self, abi: Abi, outside: &Path) -> Call {
        let call = match (&self.guest, abi) {
            (Guest::Words(words), Abi::Typed) => Call::attack("words").path(words),
            (Guest::Words(words), Abi::Preview2) => worded("wasm32-wasip2", words),
            (Guest::Words(words), Abi::Preview1) => worded("wasm32-wasip1", words),
            (Guest::Typed { what, path, count }, _) => Call::attack(what).path(path).count(*count),
            (Guest::Outgoing(inputs), _) => {
                inputs.iter().fold(Call::of("outgoing"), |call, (name, value)| call.input(name, value.as_str()))
            }
            (Guest::Module { title, bytes }, _) => Call::of_module(module(title, Arc::clone(bytes))),
        };
        let call = Call { work: TempDir::new_in(outside).unwrap(), ..call };
        let call = call.file("src/a", "content").file("dist/old", "old").file("secret", SECRET);
        let call = call.grant("dist", Access::Write).grant("src", Access::Read);
        self.prepare.iter().fold(call, |call, prepare| prepare(call))
    }
}

fn worded(target: &'static str, words: &str) -> Call {
    let call = Call::of_module(module("files", files_command(target)));
    words.split_whitespace().fold(call, |call, word| call.argument(word))
}

impl Abi {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Typed => "typed",
            Self::Preview2 => "p2",
            Self::Preview1 => "p1",
        }
    }
}

impl Isolation {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::InProcess => "in-process",
            Self::Worker => "worker",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Harmless => "harmless",
            Self::NotPermitted => "not permitted",
            Self::Quota => "quota",
            Self::Refused => "refused",
            Self::Denied => "denied",
            Self::Limit(LimitKind::Wall) => "limit: wall",
            Self::Limit(LimitKind::Cpu) => "limit: cpu",
            Self::Limit(LimitKind::Memory) => "limit: memory",
            Self::Limit(LimitKind::Stack) => "limit: stack",
            Self::Limit(LimitKind::Message) => "limit: message",
            Self::Internal => "failed: internal",
            Self::NotLoaded => "not loaded",
            Self::Engine => "ENGINE ERROR",
            Self::Cancelled => "cancelled",
        })
    }
}

/// Somebody who changes the work dir while a guest runs.
struct Meddler {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    dist: PathBuf,
}

impl Meddler {
    fn start(act: Beside, work: PathBuf) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let dist = work.join("dist");
        act(&work);
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                act(&work);
            }
        });
        Self { stop, thread: Some(thread), dist }
    }
}

impl Drop for Meddler {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
        let _ = fs::read_dir(&self.dist).map(|entries| {
            entries.flatten().for_each(|entry| drop(fs::remove_file(entry.path())));
        });
    }
}

/// Runs attacks under one isolation.
pub(super) struct Runner {
    isolation: Isolation,
    sandbox: Arc<Sandbox>,
    scratch: TempDir,
    /// Work dirs of steps beside attacks that are over: in a worker the next one finds its process there.
    neighbours: Arc<Mutex<Vec<TempDir>>>,
}

impl Runner {
    pub(super) fn new(isolation: Isolation) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let place = match isolation {
            Isolation::InProcess => stepwell_sandbox::Isolation::InProcess,
            Isolation::Worker => stepwell_sandbox::Isolation::Worker(WorkerCommand {
                program: env!("CARGO_BIN_EXE_sandbox-worker").into(),
                name: worker_name(scratch.path()),
            }),
        };
        let sandbox = Sandbox::builder(scratch.path()).instances(8).isolation(place).build().unwrap();
        Self { isolation, sandbox: Arc::new(sandbox), scratch, neighbours: Arc::default() }
    }

    /// Starts a step and drops it after a while, wherever it is by then. Returns what should not have come of it.
    pub(super) async fn drop_after(&self, attack: &Attack, abi: Abi, after: Duration) -> Vec<String> {
        let outside = tempfile::tempdir().unwrap();
        let call = attack.call(abi, outside.path());
        // Nothing waits for the time: it is where the step is cut.
        let _ = tokio::time::timeout(after, call.run_in(&self.sandbox)).await;
        let mut faults: Vec<_> = self.left_over().into_iter().collect();
        if !self.neighbour().await {
            faults.push("a step after it did not end well".to_owned());
        }
        let place = self.isolation.name();
        faults.into_iter().map(|fault| format!("{fault}: dropped after {after:?}, {abi:?}, {place}")).collect()
    }

    /// Ends the sandbox. Returns what is left of it.
    pub(super) fn end(self) -> Option<String> {
        let Self { sandbox, scratch, .. } = self;
        drop(sandbox);
        settled(|| {
            let (folders, processes) = (names_in(scratch.path()), workers(scratch.path()));
            (!folders.is_empty() || processes > 0).then(|| format!("{folders:?} and {processes} processes outlive it"))
        })
    }

    /// Looks for what steps left behind in the scratch folder, and for processes. Workers stay for later steps: each
    /// has a folder, which is empty where none of its steps runs.
    fn left_over(&self) -> Option<String> {
        let scratch = self.scratch.path();
        match self.isolation {
            Isolation::InProcess => {
                let left = names_in(scratch);
                (!left.is_empty()).then(|| format!("left in the scratch folder: {left:?}"))
            }
            Isolation::Worker => settled(|| {
                let (folders, processes) = (names_in(scratch), workers(scratch));
                let is_clean =
                    |name: &String| name.starts_with(WORKER_FOLDER) && names_in(&scratch.join(name)).is_empty();
                (processes != folders.len() || !folders.iter().all(is_clean))
                    .then(|| format!("{processes} processes, and in the scratch folder {folders:?}"))
            }),
        }
    }

    /// Runs a step of somebody else, and tells whether it ended well.
    fn neighbour(&self) -> impl Future<Output = bool> + use<> {
        let (sandbox, places) = (Arc::clone(&self.sandbox), Arc::clone(&self.neighbours));
        async move {
            let mut call = Call::of_module(module("minimal", guest("minimal", "wasm32-wasip2"))).input("number", 41.0);
            if let Some(work) = places.lock().unwrap().pop() {
                call.work = work;
            }
            let ended = call.run_in(&sandbox).await;
            places.lock().unwrap().push(ended.work);
            matches!(ended.outcome, Outcome::Returned(..))
        }
    }

    /// Runs an attack. Returns what came of it, and what should not have.
    pub(super) async fn attack(&self, attack: &Attack, abi: Abi) -> (Class, Vec<String>) {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("canary"), SECRET).unwrap();
        let call = attack.call(abi, outside.path());
        let loads = Sandbox::check_module(&call.module, &Spec::default()).is_ok() || named_spec(&attack.guest);
        let dist = call.work.path().join("dist");
        let before = (picture(outside.path(), &dist), picture(&dist, Path::new("")));
        let log_limit = call.grants.limits.log;
        let meddler = attack.beside.clone().map(|act| Meddler::start(act, call.work.path().to_owned()));
        let neighbour = tokio::spawn(self.neighbour());
        let sandbox = Arc::clone(&self.sandbox);
        let running = tokio::spawn(async move { call.run_in(&sandbox).await });
        let ended = match tokio::time::timeout(PATIENCE, running).await {
            Ok(Ok(ended)) => ended,
            Ok(Err(error)) => return (Class::Engine, vec![format!("the host panicked: {error}")]),
            Err(_) => return (Class::Engine, vec!["it does not end".to_owned()]),
        };
        drop(meddler);
        let class = class(&ended, loads);
        let mut faults = Vec::new();
        let mut fault = |is_wrong: bool, text: String| {
            if is_wrong {
                faults.push(text);
            }
        };
        fault(!attack.expected.contains(&class), format!("expected {:?}: {:?}", attack.expected, ended.outcome));
        for (beside, what) in [(neighbour.await.unwrap_or(false), "beside"), (self.neighbour().await, "after")] {
            fault(!beside, format!("a step {what} it did not end well"));
        }
        let left = self.left_over();
        fault(left.is_some(), left.unwrap_or_default());
        let after = (picture(outside.path(), &dist), picture(&dist, Path::new("")));
        fault(after.0 != before.0, format!("something else changed: {:?} was {:?}", after.0, before.0));
        let said = ended.stream(Stream::Out) + &ended.stream(Stream::Error);
        fault(
            said.contains(SECRET) || format!("{:?}", ended.outcome).contains(SECRET),
            "it read the secret".to_owned(),
        );
        fault(said.len() as u64 > log_limit, format!("{} bytes of log", said.len()));
        fault(faulty_dist(&before.1, &after.1), format!("what it left behind: {:?}", after.1));
        if let Some(check) = &attack.check {
            let held = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&ended)));
            fault(held.is_err(), "a check of the case does not hold".to_owned());
        }
        (class, faults)
    }
}

/// Guests that are built describe themselves, and are no step of an empty function file.
fn named_spec(guest: &Guest) -> bool {
    match guest {
        Guest::Words(_) | Guest::Typed { .. } | Guest::Outgoing(_) => true,
        Guest::Module { .. } => false,
    }
}

/// The name that the workers of a sandbox have, by which they are told from those of others.
fn worker_name(scratch: &Path) -> String {
    format!("sandbox worker of {}", scratch.display())
}

/// Counts the processes of a sandbox, those that compile included.
fn workers(scratch: &Path) -> usize {
    let name = worker_name(scratch).into_bytes();
    let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path().join("cmdline"));
    // One that goes away meanwhile is none.
    processes.filter(|path| fs::read(path).is_ok_and(|line| line.starts_with(&name))).count()
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

/// Looks until nothing is wrong any more, or says what is after a while.
fn settled(wrong: impl Fn() -> Option<String>) -> Option<String> {
    let started = Instant::now();
    loop {
        let found = wrong();
        if found.is_none() || started.elapsed() > MAX_SETTLING {
            return found;
        }
        std::thread::yield_now();
    }
}

fn class(ended: &Ended, loads: bool) -> Class {
    let failure = match &ended.outcome {
        Outcome::Failed(..) | Outcome::EngineError { .. } if !loads => return Class::NotLoaded,
        Outcome::Returned(..) => return Class::Harmless,
        Outcome::LimitReached(reached, _) => return Class::Limit(reached.limit),
        Outcome::Cancelled => return Class::Cancelled,
        Outcome::Failed(failure, _) => failure,
        _ => return Class::Engine,
    };
    let text = format!("{} {}", failure.message, failure.causes.join(" "));
    match failure.kind {
        FailureKind::Internal => Class::Internal,
        _ if text.contains("Operation not permitted")
            || text.contains("Permission denied")
            || text.contains("not-permitted") =>
        {
            Class::NotPermitted
        }
        _ if text.contains("uota") => Class::Quota,
        FailureKind::Denied => Class::Denied,
        _ => Class::Refused,
    }
}

/// What is below a folder: kind, mode, length and where links lead. One part of it is left out.
fn picture(top: &Path, but: &Path) -> BTreeMap<PathBuf, String> {
    let mut seen = BTreeMap::new();
    let mut waiting = vec![top.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path == but {
                continue;
            }
            let stat = fs::symlink_metadata(&path).unwrap();
            let text = match stat.file_type() {
                kind if kind.is_dir() => {
                    waiting.push(path.clone());
                    "folder".to_owned()
                }
                kind if kind.is_symlink() => format!("link {}", fs::read_link(&path).unwrap().display()),
                kind if kind.is_file() => {
                    let content = fs::read(&path).unwrap();
                    format!(
                        "{} {:o} {}",
                        stat.len(),
                        stat.mode(),
                        String::from_utf8_lossy(&content[..content.len().min(100)])
                    )
                }
                _ => "special".to_owned(),
            };
            seen.insert(path.strip_prefix(top).unwrap().to_owned(), text);
        }
    }
    seen
}

/// What a step may leave in its folder: as much as it was given, and no new link that leads out.
fn faulty_dist(before: &BTreeMap<PathBuf, String>, after: &BTreeMap<PathBuf, String>) -> bool {
    let bytes = |picture: &BTreeMap<PathBuf, String>| -> u64 {
        picture.values().filter_map(|text| text.split(' ').next()?.parse::<u64>().ok()).sum()
    };
    let new_link_out = after.iter().any(|(path, text)| {
        !before.contains_key(path) && text.strip_prefix("link ").is_some_and(|target| leads_out(path, target))
    });
    bytes(after) > bytes(before) + (1 << 20) || after.len() > before.len() + 20 || new_link_out
}

/// Whether a link in `dist` leads out of the work dir.
fn leads_out(link: &Path, target: &str) -> bool {
    let mut depth = link.components().count();
    target.starts_with('/')
        || target.split('/').any(|part| match part {
            ".." if depth == 0 => true,
            ".." => {
                depth -= 1;
                false
            }
            _ => {
                depth += 1;
                false
            }
        })
}
