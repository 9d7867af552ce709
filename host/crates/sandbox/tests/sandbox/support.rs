//! Guests, built once, and calls of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use stepwell_expr::Marked;
use stepwell_policy::{Access, Grants, Root, WorkPath};
use stepwell_run::{
    Action, Control, Event, EventKind, Failure, FailureKind, Invocation, LimitKind, MaskSink, Module, Outcome,
    Returned, StepPath, Stream, WasmCall, event_channel,
};
use stepwell_sandbox::{Caller, Sandbox, Tenant};
use stepwell_schema::{Digest, Value};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Builds the guests for a target, once, and returns the bytes of one of them.
pub(crate) fn guest(name: &str, target: &'static str) -> Arc<[u8]> {
    static BUILT: Mutex<BTreeMap<&'static str, PathBuf>> = Mutex::new(BTreeMap::new());
    let folder = BUILT.lock().unwrap().entry(target).or_insert_with(|| build_guests(target)).clone();
    std::fs::read(folder.join(format!("{name}.wasm"))).unwrap().into()
}

#[expect(clippy::disallowed_methods, reason = "tests build their guests with cargo")]
fn build_guests(target: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").canonicalize().unwrap();
    let mut cargo = std::process::Command::new(env!("CARGO"));
    cargo
        .arg("build")
        .arg("--manifest-path")
        .arg(root.join("tests/guests/Cargo.toml"))
        .args(["--profile", "wasm", "--target", target, "--target-dir"])
        .arg(root.join("target/guests"))
        .env_remove("RUSTFLAGS");
    if target == "wasm32-wasip1" {
        cargo.args(["--package", "command"]);
    }
    assert!(cargo.status().unwrap().success(), "the guests do not build");
    root.join("target/guests").join(target).join("wasm")
}

/// Builds the command that does things with files, once for each target, and returns its bytes.
pub(crate) fn files_command(target: &'static str) -> Arc<[u8]> {
    static BUILT: Mutex<BTreeMap<&'static str, Arc<[u8]>>> = Mutex::new(BTreeMap::new());
    Arc::clone(BUILT.lock().unwrap().entry(target).or_insert_with(|| build_files_command(target)))
}

#[expect(clippy::disallowed_methods, reason = "tests build their guests with rustc")]
fn build_files_command(target: &str) -> Arc<[u8]> {
    let folder = tempfile::tempdir().unwrap();
    let wasm = folder.path().join("files.wasm");
    let mut rustc = std::process::Command::new("rustc");
    rustc.args(["--edition", "2024", "-Copt-level=s", "-Cpanic=abort", "--target", target, "-o"]).arg(&wasm);
    rustc.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests/files.rs"));
    assert!(rustc.status().unwrap().success(), "the guest does not build");
    std::fs::read(wasm).unwrap().into()
}

/// Returns a module that any bytes make.
pub(crate) fn module(name: &str, bytes: Arc<[u8]>) -> Arc<Module> {
    Arc::new(Module { name: name.to_owned(), digest: Digest::of(&bytes), bytes })
}

/// Returns the sandbox that tests share where they need none of their own.
pub(crate) fn shared() -> &'static Sandbox {
    static SHARED: OnceLock<(Sandbox, TempDir)> = OnceLock::new();
    let (sandbox, _) = SHARED.get_or_init(|| {
        let scratch = tempfile::tempdir().unwrap();
        (Sandbox::builder(scratch.path()).instances(16).build().unwrap(), scratch)
    });
    sandbox
}

/// A call that is being set up.
pub(crate) struct Call {
    pub(crate) module: Arc<Module>,
    pub(crate) inputs: Vec<(String, Marked)>,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) grants: Grants,
    pub(crate) secrets: BTreeMap<String, stepwell_run::SecretText>,
    pub(crate) function_folder: Option<PathBuf>,
    pub(crate) work: TempDir,
    pub(crate) cancelled: CancellationToken,
    pub(crate) grace: Duration,
}

/// A call that ended.
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    pub(crate) events: Vec<Event>,
    pub(crate) work: TempDir,
    pub(crate) masked: Vec<String>,
}

impl Call {
    /// Starts with a preview 2 guest and nothing granted.
    pub(crate) fn of(name: &str) -> Self {
        Self::of_module(module(name, guest(name, "wasm32-wasip2")))
    }

    /// Starts with the guest that misbehaves as told.
    pub(crate) fn attack(what: &str) -> Self {
        Self::of("attack").input("what", what).input("path", "").input("count", 0.0)
    }

    pub(crate) fn of_module(module: Arc<Module>) -> Self {
        Self {
            module,
            inputs: Vec::new(),
            arguments: Vec::new(),
            environment: BTreeMap::new(),
            grants: Grants::default(),
            secrets: BTreeMap::new(),
            function_folder: None,
            work: tempfile::tempdir().unwrap(),
            cancelled: CancellationToken::new(),
            grace: Duration::from_millis(50),
        }
    }

    pub(crate) fn input(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.inputs.retain(|(other, _)| other != name);
        self.inputs.push((name.to_owned(), Marked::plain(value)));
        self
    }

    pub(crate) fn secret(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.inputs.push((name.to_owned(), Marked::sensitive(value)));
        self
    }

    pub(crate) fn path(self, path: &str) -> Self {
        self.input("path", path)
    }

    pub(crate) fn count(self, count: u32) -> Self {
        self.input("count", f64::from(count))
    }

    pub(crate) fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn grant_env(mut self, name: &str) -> Self {
        self.grants.env.push(name.to_owned());
        self
    }

    pub(crate) fn grant(mut self, path: &str, access: Access) -> Self {
        let path = WorkPath::parse(path, Path::new("/work")).unwrap();
        self.grants.roots.push(Root { path, access, bytes: 1 << 20, files: 20, optional: false });
        self
    }

    /// Puts a file into the work dir.
    pub(crate) fn file(self, path: &str, content: &str) -> Self {
        let path = self.work.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    pub(crate) async fn run(self) -> Ended {
        self.run_in(shared()).await
    }

    pub(crate) async fn run_in(self, sandbox: &Sandbox) -> Ended {
        self.run_for(sandbox, &sandbox.tenant("local", None)).await
    }

    pub(crate) async fn run_for(self, sandbox: &Sandbox, tenant: &Tenant) -> Ended {
        self.run_as(sandbox, &Caller { tenant: tenant.clone(), deterministic: false }).await
    }

    pub(crate) async fn run_as(self, sandbox: &Sandbox, caller: &Caller) -> Ended {
        let masked = Arc::new(Mutex::new(Vec::new()));
        let (events, mut stream) = event_channel();
        let (sink, cancelled) = (Arc::clone(&masked), self.cancelled);
        let mask = MaskSink(Arc::new(move |text| sink.lock().unwrap().push(text.to_owned())));
        let control = Control { events, cancelled, grace: self.grace, mask };
        let invocation = Invocation {
            step: StepPath::job().child(0, "the_step"),
            id: "invocation-1".to_owned(),
            attempt: 1,
            environment: Arc::new(self.environment),
            work_dir: self.work.path().to_owned(),
            action: Action::Wasm(WasmCall {
                module: self.module,
                arguments: self.arguments,
                inputs: self.inputs,
                function_folder: self.function_folder,
                grants: self.grants,
                secrets: self.secrets,
            }),
        };
        let reader = tokio::spawn(async move {
            let mut events = Vec::new();
            while let Some(event) = stream.next().await {
                events.push(event);
            }
            events
        });
        let Action::Wasm(call) = &invocation.action else { unreachable!() };
        let outcome = sandbox.execute_for(caller, &invocation, call, &control).await;
        drop(control);
        let events = reader.await.unwrap();
        let masked = masked.lock().unwrap().clone();
        Ended { outcome, events, work: self.work, masked }
    }
}

impl Ended {
    #[track_caller]
    pub(crate) fn returned(&self) -> &Returned {
        match &self.outcome {
            Outcome::Returned(returned, _) => returned,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn output(&self, name: &str) -> &Value {
        let outputs = &self.returned().outputs;
        outputs.iter().find(|(other, _)| other == name).map(|(_, value)| value).expect("the output is there")
    }

    #[track_caller]
    pub(crate) fn text(&self, name: &str) -> &str {
        match self.output(name) {
            Value::String(text) => text,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn number(&self) -> f64 {
        match self.output("number") {
            Value::Number(number) => *number,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn failure(&self) -> &Failure {
        match &self.outcome {
            Outcome::Failed(failure, _) => failure,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn failed(&self, kind: FailureKind, message: &str) {
        let failure = self.failure();
        assert_eq!((failure.kind, failure.message.as_str()), (kind, message), "{failure:?}");
    }

    #[track_caller]
    pub(crate) fn limit_reached(&self, limit: LimitKind, message: &str) {
        match &self.outcome {
            Outcome::LimitReached(reached, _) => {
                assert_eq!((reached.limit, reached.message.as_str()), (limit, message));
            }
            other => panic!("{other:?}"),
        }
    }

    /// Returns all bytes of a stream.
    pub(crate) fn stream(&self, wanted: Stream) -> String {
        let mut all = Vec::new();
        for event in &self.events {
            if let EventKind::Log { stream, bytes } = &event.kind
                && *stream == wanted
            {
                all.extend_from_slice(bytes);
            }
        }
        String::from_utf8_lossy(&all).into_owned()
    }

    /// Returns how many events satisfy a condition.
    pub(crate) fn count(&self, condition: impl Fn(&EventKind) -> bool) -> usize {
        self.events.iter().filter(|event| condition(&event.kind)).count()
    }

    pub(crate) fn warnings(&self) -> Vec<&str> {
        self.events
            .iter()
            .filter_map(|event| match &event.kind {
                EventKind::Warning { message, .. } => Some(message.as_str()),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn denied(&self) -> Vec<String> {
        self.events
            .iter()
            .filter_map(|event| match &event.kind {
                EventKind::Denied { capability, asked } => Some(format!("{capability} {asked}")),
                _ => None,
            })
            .collect()
    }
}
