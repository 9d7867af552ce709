//! Jobs in memory: function files by path, an executor whose commands are a small language, and a record of all that
//! happened.
//!
//! The language, one word an argument (scripts and modules use it too, scripts split at blanks):
//!
//! | arguments | what happens |
//! | --- | --- |
//! | `exit N` | ends with that exit code |
//! | `write PATH TEXT …` | appends each text to the file before it, with a line feed, and ends well |
//! | `put NAME TEXT` | replaces a function file |
//! | `remove PATH`, `link PATH`, `folder PATH` | removes a file; puts a link or a folder in its place |
//! | `signal N`, `missing`, `broken`, `panic`, `odd` | the other ends |
//! | `hang` | waits until it is cancelled |
//! | `cancel`, `cancel-and-exit N` | cancels the job and waits; cancels it and ends by itself |
//! | `return JSON [JSON]` | a module's outputs and exports, each a list of pairs |
//! | `fail KIND MESSAGE CAUSE …`, `limit KIND` | a module's other ends |

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stepwell_expr::{Marked, Values};
use stepwell_plan::{Base, Origin, Pinning, PlanOptions, Protocol, ResolveError, Resolved, Resolver};
use stepwell_run::{
    Action, BoxFuture, Control, Event, EventKind, Executor, Failure, FailureKind, Invocation, JobResult, LimitKind,
    LimitReached, MaskSink, Module, ModuleRefused, Outcome, Returned, Status, StepResult, Stream, Surroundings, Usage,
    event_channel, run,
};
use stepwell_schema::{Digest, Job, Reference, Source, Spec, Value, When};
use tokio_util::sync::CancellationToken;

/// The work dir of all jobs. Nothing in it is touched.
pub(crate) const WORK_DIR: &str = "/work-dir";

/// A job to be run.
pub(crate) struct Case {
    job: String,
    files: Files,
    surroundings: Surroundings,
    scratch: tempfile::TempDir,
    pinning: Pinning,
    when: BTreeMap<String, When>,
    cancel_at_start: bool,
    cancel_when_loading: Option<String>,
}

/// What came of it.
pub(crate) struct Ran {
    pub(crate) result: JobResult,
    pub(crate) events: Vec<Event>,
    /// Invocations and masks, in order.
    pub(crate) record: Vec<Entry>,
}

/// What the engine did to the outside.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Entry {
    Invoked(Seen),
    Masked(String),
    CheckedModule(String),
}

/// An invocation as the executor saw it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) step: String,
    pub(crate) id: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) directory: String,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) inputs: Vec<(String, Marked)>,
}

type Files = Arc<Mutex<BTreeMap<PathBuf, Vec<u8>>>>;
type Record = Arc<Mutex<Vec<Entry>>>;

/// Starts a case from the text of a job.
pub(crate) fn job(text: &str) -> Case {
    let scratch = tempfile::tempdir().unwrap();
    Case {
        job: text.to_owned(),
        files: Files::default(),
        surroundings: Surroundings::new(WORK_DIR, scratch.path()),
        scratch,
        pinning: Pinning::BeforeTheFirstStep,
        when: BTreeMap::new(),
        cancel_at_start: false,
        cancel_when_loading: None,
    }
}

impl Case {
    /// Adds a function file; `path` starts at the work dir.
    pub(crate) fn file(self, path: &str, text: &str) -> Self {
        self.files.lock().unwrap().insert(Path::new(WORK_DIR).join(path), text.as_bytes().to_vec());
        self
    }

    /// Adds a function with one command, given as a YAML list.
    pub(crate) fn command(self, name: &str, command: &str) -> Self {
        self.file(&format!("{name}/func.yml"), &format!("spec: {{}}\n---\nexec:\n  command: {command}\n"))
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.surroundings.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn var(mut self, name: &str, value: Marked) -> Self {
        self.surroundings.variables.insert(name.to_owned(), value);
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Surroundings)) -> Self {
        change(&mut self.surroundings);
        self
    }

    pub(crate) fn cancelled_at_start(mut self) -> Self {
        self.cancel_at_start = true;
        self
    }

    /// Cancels the job when the function file at `path` is read for the second time, and keeps the reader waiting.
    pub(crate) fn cancelled_when_loading(mut self, path: &str) -> Self {
        self.cancel_when_loading = Some(path.to_owned());
        self
    }

    /// Sets when a step of the job runs.
    pub(crate) fn when(mut self, name: &str, when: When) -> Self {
        self.when.insert(name.to_owned(), when);
        self
    }

    /// Looks at each function when its step is reached.
    pub(crate) fn pinned_when_reached(mut self) -> Self {
        self.pinning = Pinning::WhenReached;
        self
    }

    /// Runs the job and checks what must be true of each one.
    #[track_caller]
    pub(crate) fn run(self) -> Ran {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut parsed =
            Job::parse(Source::new("job.yml", self.job.as_str())).unwrap_or_else(|error| panic!("{error}"));
        for step in &mut parsed.steps {
            step.when = self.when.get(&step.name.value).copied().unwrap_or_default();
        }
        let record = Record::default();
        let cancelled = CancellationToken::new();
        let resolver = MemoryResolver {
            files: Arc::clone(&self.files),
            cancelled: cancelled.clone(),
            cancel_when_loading: Mutex::new(None),
        };
        let options = PlanOptions {
            vars: self.surroundings.variables.clone(),
            pinning: self.pinning,
            policy: Arc::clone(&self.surroundings.policy),
            ..PlanOptions::default()
        };
        let plan = stepwell_plan::plan(&parsed, Path::new(WORK_DIR), &resolver, &options)
            .unwrap_or_else(|error| panic!("{error}"));
        *resolver.cancel_when_loading.lock().unwrap() = self.cancel_when_loading;
        if self.cancel_at_start {
            cancelled.cancel();
        }
        let executor = Scripted { files: self.files, record: Arc::clone(&record), cancel: cancelled.clone() };
        let masked = Arc::clone(&record);
        let surroundings = Surroundings {
            mask: MaskSink(Arc::new(move |text| masked.lock().unwrap().push(Entry::Masked(text.to_owned())))),
            ..self.surroundings
        };
        let (sender, mut stream) = event_channel();
        let result = runtime.block_on(movable(run(
            Arc::new(plan),
            surroundings,
            Arc::new(executor),
            Arc::new(resolver),
            sender,
            cancelled,
        )));
        let events: Vec<Event> = std::iter::from_fn(|| runtime.block_on(stream.next())).collect();
        drop(runtime);
        let record = record.lock().unwrap().clone();
        let ran = Ran { result, events, record };
        ran.check();
        assert_eq!(std::fs::read_dir(self.scratch.path()).unwrap().count(), 0, "temporary files are left");
        ran
    }
}

impl Ran {
    /// What must be true of every job: events without gaps, transitions that follow each other, one end each, and a
    /// result that tells the same.
    #[track_caller]
    fn check(&self) {
        let mut statuses: BTreeMap<_, Status> = BTreeMap::new();
        for (index, event) in self.events.iter().enumerate() {
            assert_eq!(event.sequence, index as u64);
            let EventKind::Transition { from, to, .. } = &event.kind else { continue };
            let status = statuses.entry(event.step.clone()).or_default();
            assert_eq!(status, from, "{}", event.step);
            *status = *to;
        }
        assert!(statuses.values().all(|status| status.is_final()), "{statuses:?}");
        assert_eq!(statuses.get(&stepwell_run::StepPath::job()), Some(&self.result.status));
        assert_eq!(self.result.error.is_none(), self.result.status == Status::Succeeded);
        fn check_result(result: &StepResult, statuses: &BTreeMap<stepwell_run::StepPath, Status>) {
            assert_eq!(Some(&result.status), statuses.get(&result.step), "{}", result.step);
            result.children.iter().for_each(|child| check_result(child, statuses));
        }
        if let Some(root) = &self.result.root {
            check_result(root, &statuses);
        }
    }

    /// Returns the message of the job's error; empty if it has none.
    pub(crate) fn message(&self) -> &str {
        self.result.error.as_ref().map_or("", |error| &error.message)
    }

    /// Returns the last status of each step in order of first change, the job left out: `a succeeded, b failed`.
    pub(crate) fn statuses(&self) -> String {
        let mut last: Vec<(String, Status)> = Vec::new();
        for event in self.events.iter().filter(|event| !event.step.is_job()) {
            let EventKind::Transition { to, .. } = &event.kind else { continue };
            let step = event.step.to_string();
            match last.iter_mut().find(|(known, _)| *known == step) {
                Some((_, status)) => *status = *to,
                None => last.push((step, *to)),
            }
        }
        last.iter().map(|(step, status)| format!("{step} {status}")).collect::<Vec<_>>().join(", ")
    }

    /// Returns all transitions, one a line, with their reasons.
    pub(crate) fn transitions(&self) -> String {
        let mut text = String::new();
        for event in &self.events {
            let EventKind::Transition { from, to, reason, .. } = &event.kind else { continue };
            let step = if event.step.is_job() { "(job)".to_owned() } else { event.step.to_string() };
            let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            writeln!(text, "{step} {from} → {to}{reason}").unwrap();
        }
        text
    }

    /// Returns what was written to standard output.
    pub(crate) fn out(&self) -> String {
        let bytes = self.events.iter().filter_map(|event| match &event.kind {
            EventKind::Log { stream: Stream::Out, bytes } => Some(bytes.as_slice()),
            _ => None,
        });
        String::from_utf8(bytes.flatten().copied().collect()).unwrap()
    }

    pub(crate) fn warnings(&self) -> Vec<String> {
        let warnings = self.events.iter().filter_map(|event| match &event.kind {
            EventKind::Warning { message, .. } => Some(message.clone()),
            _ => None,
        });
        warnings.collect()
    }

    pub(crate) fn invocations(&self) -> Vec<&Seen> {
        let invoked = self.record.iter().filter_map(|entry| match entry {
            Entry::Invoked(seen) => Some(seen),
            Entry::Masked(_) | Entry::CheckedModule(_) => None,
        });
        invoked.collect()
    }

    /// Returns the invocation of a step.
    #[track_caller]
    pub(crate) fn invocation(&self, step: &str) -> &Seen {
        self.invocations().into_iter().find(|seen| seen.step == step).expect("the step was invoked")
    }

    pub(crate) fn masked(&self) -> Vec<&str> {
        let masked = self.record.iter().filter_map(|entry| match entry {
            Entry::Masked(text) => Some(text.as_str()),
            Entry::Invoked(_) | Entry::CheckedModule(_) => None,
        });
        masked.collect()
    }

    /// Returns the result of a step, by names with `/` between them; empty for the job.
    #[track_caller]
    pub(crate) fn result_of(&self, step: &str) -> &StepResult {
        let root = self.result.root.as_ref().expect("the job has a result");
        step.split('/').filter(|name| !name.is_empty()).fold(root, |result, name| {
            result.children.iter().find(|child| child.step.name() == name).expect("the step has a result")
        })
    }

    /// Returns the outputs of a step as JSON.
    #[track_caller]
    pub(crate) fn outputs_of(&self, step: &str) -> String {
        json(&self.result_of(step).outputs)
    }
}

/// Holds a future to what hosts need of it: that it may move between threads.
fn movable<F: Future + Send>(future: F) -> F {
    future
}

/// Writes values as one JSON object.
pub(crate) fn json(values: &Values) -> String {
    let members = values.iter().map(|(name, marked)| (name.clone(), marked.value.clone())).collect();
    Value::Struct(members).to_json_text().unwrap()
}

/// Finds function files in memory, and modules beside them.
struct MemoryResolver {
    files: Files,
    cancelled: CancellationToken,
    cancel_when_loading: Mutex<Option<String>>,
}

impl MemoryResolver {
    fn wait_if_asked(&self, path: &Path) {
        let asked = self.cancel_when_loading.lock().unwrap().clone();
        if asked.is_some_and(|asked| path.ends_with(asked)) {
            self.cancelled.cancel();
        }
    }
}

impl Resolver for MemoryResolver {
    fn resolve(&self, reference: &Reference, base: &Base) -> Result<Resolved, ResolveError> {
        let (Reference::File { path }, Base::Folder(folder)) = (reference, base) else {
            return Err(ResolveError::Unsupported { kind: "git" });
        };
        let path = normalised(&folder.join(path));
        let tried = ["func.yml", "step.yml"].map(|name| path.join(name));
        let files = self.files.lock().unwrap().clone();
        let found = [path.clone()].into_iter().chain(tried).find(|path| files.contains_key(path));
        let Some(found) = found else {
            return Err(ResolveError::NotFound { folder: path, tried: vec!["func.yml".into(), "step.yml".into()] });
        };
        self.wait_if_asked(&found);
        let text = String::from_utf8(files[&found].clone()).unwrap();
        let shown = found.strip_prefix(WORK_DIR).unwrap().display().to_string();
        Ok(Resolved {
            origin: Origin {
                protocol: Protocol::File,
                folder: found.parent().map(Into::into),
                tree: None,
                commit: None,
                file: found.file_name().unwrap().to_string_lossy().into_owned(),
                reference: format!("./{}", Path::new(&shown).parent().unwrap().display()),
            },
            digest: Digest::of(text.as_bytes()),
            source: Source::new(shown, text),
            notes: Vec::new(),
            stamp: None,
        })
    }

    fn read_beside(&self, resolved: &Resolved, path: &str, _: u64) -> Result<Arc<[u8]>, ResolveError> {
        let folder = resolved.origin.folder.clone().unwrap();
        let found = self.files.lock().unwrap().get(&folder.join(path)).cloned();
        found.map(Into::into).ok_or(ResolveError::NotFound { folder, tried: vec![path.to_owned()] })
    }

    fn is_unchanged(&self, resolved: &Resolved, _: &[&str]) -> bool {
        let path = resolved.origin.path().unwrap();
        self.wait_if_asked(&path);
        self.files.lock().unwrap().get(&path).is_some_and(|text| Digest::of(text) == resolved.digest)
    }
}

/// Resolves `.` and `..` by text.
fn normalised(path: &Path) -> PathBuf {
    let mut normalised = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                normalised.pop();
            }
            part => normalised.push(part),
        }
    }
    normalised
}

/// Does what the arguments say.
struct Scripted {
    files: Files,
    record: Record,
    cancel: CancellationToken,
}

impl Executor for Scripted {
    fn execute<'a>(&'a self, invocation: &'a Invocation, control: &'a Control) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let (arguments, directory, inputs) = match &invocation.action {
                Action::Command { arguments, directory } => {
                    (arguments.clone(), directory.display().to_string(), Vec::new())
                }
                Action::Script { text } => {
                    (text.split(' ').map(str::to_owned).collect(), WORK_DIR.to_owned(), Vec::new())
                }
                Action::Wasm(call) => (call.arguments.clone(), String::new(), call.inputs.clone()),
            };
            self.record.lock().unwrap().push(Entry::Invoked(Seen {
                step: invocation.step.to_string(),
                id: invocation.id.clone(),
                arguments: arguments.clone(),
                directory,
                environment: BTreeMap::clone(&invocation.environment),
                inputs,
            }));
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            self.act(&arguments, control).await
        })
    }

    fn check_module(&self, module: &Module, _: &Spec) -> Result<(), ModuleRefused> {
        self.record.lock().unwrap().push(Entry::CheckedModule(module.name.clone()));
        match module.bytes.as_ref() {
            b"refused" => Err(ModuleRefused {
                module: module.name.clone(),
                message: "it imports wasi:sockets".to_owned(),
                hint: Some("ask for less".to_owned()),
                denied: true,
            }),
            _ => Ok(()),
        }
    }
}

impl Scripted {
    async fn act(&self, arguments: &[&str], control: &Control) -> Outcome {
        match arguments {
            ["exit", code] => Outcome::Exited { code: code.parse().unwrap() },
            ["write", writes @ ..] => {
                for write in writes.chunks_exact(2) {
                    let mut file = std::fs::OpenOptions::new().append(true).open(write[0]).unwrap();
                    writeln!(file, "{}", write[1]).unwrap();
                }
                Outcome::Exited { code: 0 }
            }
            ["put", name, text] => {
                self.files.lock().unwrap().insert(Path::new(WORK_DIR).join(name), text.as_bytes().to_vec());
                Outcome::Exited { code: 0 }
            }
            ["remove", path] => {
                std::fs::remove_file(path).unwrap();
                Outcome::Exited { code: 0 }
            }
            ["link", path] => {
                std::fs::remove_file(path).unwrap();
                std::os::unix::fs::symlink("/etc/passwd", path).unwrap();
                Outcome::Exited { code: 0 }
            }
            ["folder", path] => {
                std::fs::remove_file(path).unwrap();
                std::fs::create_dir(path).unwrap();
                Outcome::Exited { code: 0 }
            }
            ["signal", signal] => Outcome::Signalled { signal: signal.parse().unwrap() },
            ["missing"] => Outcome::NotStarted {
                message: "exec: \"missing\": executable file not found in $PATH".to_owned(),
                hint: Some("install it".to_owned()),
            },
            ["broken"] => Outcome::EngineError { message: "no more processes".to_owned() },
            ["panic"] => panic!("the executor breaks down"),
            ["odd"] => Outcome::Cancelled,
            ["hang"] => {
                control.cancelled.cancelled().await;
                Outcome::Cancelled
            }
            ["cancel"] => {
                self.cancel.cancel();
                control.cancelled.cancelled().await;
                Outcome::Cancelled
            }
            ["cancel-and-exit", code] => {
                self.cancel.cancel();
                control.cancelled.cancelled().await;
                Outcome::Exited { code: code.parse().unwrap() }
            }
            ["return", outputs, exports @ ..] => {
                let outputs: Vec<(String, serde_json::Value)> = serde_json::from_str(outputs).unwrap();
                Outcome::Returned(
                    Returned {
                        outputs: outputs.into_iter().map(|(name, value)| (name, Value::from_json(value))).collect(),
                        exports: exports.first().map(|text| serde_json::from_str(text).unwrap()).unwrap_or_default(),
                    },
                    usage(),
                )
            }
            ["fail", kind, message, causes @ ..] => Outcome::Failed(
                Failure {
                    kind: match *kind {
                        "failed" => FailureKind::Failed,
                        "internal" => FailureKind::Internal,
                        "cancelled" => FailureKind::Cancelled,
                        "cancel" => {
                            self.cancel.cancel();
                            control.cancelled.cancelled().await;
                            FailureKind::Cancelled
                        }
                        other => panic!("unknown kind {other}"),
                    },
                    message: (*message).to_owned(),
                    causes: causes.iter().map(|cause| (*cause).to_owned()).collect(),
                    hint: Some("look closer".to_owned()),
                },
                usage(),
            ),
            ["limit", kind] => Outcome::LimitReached(
                LimitReached {
                    limit: match *kind {
                        "wall" => LimitKind::Wall,
                        "cpu" => LimitKind::Cpu,
                        "memory" => LimitKind::Memory,
                        "stack" => LimitKind::Stack,
                        "message" => LimitKind::Message,
                        other => panic!("unknown limit {other}"),
                    },
                    message: format!("{kind} limit of 5 reached"),
                },
                usage(),
            ),
            other => panic!("unknown command {other:?}"),
        }
    }
}

fn usage() -> Usage {
    Usage { cpu: Some(Duration::from_millis(7)), peak_memory_bytes: Some(65_536) }
}
