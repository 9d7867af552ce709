//! The process itself: raises its wall, then does what it is for until its host is gone.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;

use stepwell_confine::{Access, Folder, Limits, Raised, Wall, close_inherited};
use stepwell_policy::Subject;
use stepwell_run::{Action, Control, EventKind, EventStream, Invocation, MaskSink, Outcome, WasmCall, event_channel};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::company::Company;
use super::compile;
use super::descriptors;
use super::hello::{Hello, Purpose, Standing};
use super::lane::{Incoming, Kind, Lane, MAX_CODE_BYTES, Outgoing, send_blocking};
use super::requests::{Asked, LaneGateway, Told};
use super::wire::{Malformed, from_bytes, to_bytes};
use super::words::{Call, Ended, Event, FolderUse};
use crate::admission::Admission;
use crate::engine::Machine;
use crate::http::Gateway;
use crate::instance;
use crate::limits::MAX_HANDLES;
use crate::log_sink::LogSink;
use crate::modules::{Modules, Ready};
use crate::preopens::{Opened, readable};
use crate::sandbox::not_ready;
use crate::secrets::credentials;
use crate::setup::Setup;
use crate::tenant::{Caller, Quotas};

/// Descriptors of a worker besides those of its guests: sockets, the event loop, folders.
const OWN_FILES: u64 = 2_048;
/// Writable memory of a process that compiles, in bytes. The largest modules take about one GiB.
const COMPILE_MEMORY_BYTES: u64 = 4 << 30;
/// Processor time of a process that compiles, in seconds, over all its threads.
const COMPILE_CPU_SECONDS: u64 = 120;
/// After how many turns of other tasks sockets are looked at. A guest that computes takes a turn of 5 ms.
const EVENT_INTERVAL: u32 = 4;

/// Why a process cannot be a worker.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// It was not started by a [`WorkerCommand`](crate::WorkerCommand), or its host went away at once.
    #[error("this process was not started as a worker")]
    NotAWorker,
    /// What its host was told as well.
    #[error("{0}")]
    Unable(String),
}

/// What all calls in a worker share.
struct Worker {
    machine: Machine,
    modules: Modules,
    caller: Caller,
    folders: Vec<OwnedFd>,
    scratch: PathBuf,
    calls: Company,
    threads: u32,
}

/// Is a worker: takes over this process, whose standard input is the socket that a [`WorkerCommand`](crate::WorkerCommand)
/// gave it, and returns when the host is gone. To be called first thing in a process that has one thread and has opened
/// nothing.
///
/// # Errors
/// See [`ServeError`].
pub fn serve() -> Result<(), ServeError> {
    // What the process was started with besides the socket may lead anywhere.
    close_inherited().map_err(|error| ServeError::Unable(error.to_string()))?;
    // A call that ends this way would hang otherwise; a dead worker is noticed.
    std::panic::set_hook(Box::new(|_| std::process::abort()));
    // So that it is told apart in a list of processes; nothing depends on it.
    let _ = std::fs::write("/proc/self/comm", "stepwell-worker");
    let socket = io::stdin().as_fd().try_clone_to_owned().map_err(|_| ServeError::NotAWorker)?;
    let host = UnixStream::from(socket);
    let (bytes, folders) = descriptors::receive(&host).map_err(|_| ServeError::NotAWorker)?;
    let hello: Hello = from_bytes(&bytes).map_err(|Malformed| ServeError::NotAWorker)?;
    let told = |message: String| {
        // The host may be gone; there is nobody else to tell.
        let _ = send_blocking(&host, Kind::Unable, &[message.as_bytes()]);
        ServeError::Unable(message)
    };
    let raised = raise(&hello, &folders).map_err(told)?;
    match hello.purpose {
        Purpose::Compiling => compile::serve(&host, raised, hello.instances, hello.numbers()).map_err(told),
        Purpose::Guests => guests(&host, raised, &hello, folders).map_err(told),
    }
}

fn raise(hello: &Hello, folders: &[OwnedFd]) -> Result<Raised, String> {
    if hello.writable.len() != folders.len() {
        return Err("not every folder arrived".to_owned());
    }
    let access = |writable: &bool| if *writable { Access::Write } else { Access::Read };
    let listed = folders.iter().zip(&hello.writable);
    let limits = match hello.purpose {
        Purpose::Guests => Limits {
            open_files: OWN_FILES + u64::from(hello.instances) * MAX_HANDLES as u64,
            memory_bytes: None,
            cpu_seconds: None,
        },
        Purpose::Compiling => Limits {
            open_files: OWN_FILES,
            memory_bytes: Some(COMPILE_MEMORY_BYTES),
            cpu_seconds: Some(COMPILE_CPU_SECONDS),
        },
    };
    let folders =
        listed.map(|(folder, writable)| Folder { folder: folder.as_fd(), access: access(writable) }).collect();
    Wall { folders, limits }.raise().map_err(|error| error.to_string())
}

/// Runs guests: a task for each lane that the host sends, until there is no host.
fn guests(host: &UnixStream, raised: Raised, hello: &Hello, folders: Vec<OwnedFd>) -> Result<(), String> {
    let machine = Machine::start(hello.instances, hello.numbers()).map_err(|error| error.to_string())?;
    let (modules, _) = Modules::new(&machine.engine, None).map_err(|error| error.to_string())?;
    let scratch = PathBuf::from(OsString::from_vec(hello.scratch.clone()));
    // Turns and quotas are the host's: behind the wall all steps are of one tenant.
    let tenant = Admission::new(hello.instances as usize, Quotas::default()).tenant(Subject::DEFAULT_TENANT, None);
    let caller = Caller { tenant, deterministic: hello.canonical };
    let worker = Arc::new(Worker {
        machine,
        modules,
        caller,
        folders,
        scratch,
        calls: Company::default(),
        threads: hello.threads,
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(hello.threads.max(1) as usize)
        .event_interval(EVENT_INTERVAL)
        .enable_io()
        .enable_time()
        .thread_name("stepwell-guests")
        .build()
        .map_err(|error| error.to_string())?;
    send_blocking(host, Kind::Standing, &[&to_bytes(&Standing(raised))]).map_err(|error| error.to_string())?;
    loop {
        let (bytes, sockets) = descriptors::receive(host).map_err(|error| error.to_string())?;
        if bytes.is_empty() {
            // Guests that still run are nobody's any more.
            runtime.shutdown_background();
            return Ok(());
        }
        for socket in sockets {
            let lane = Lane::new(UnixStream::from(socket), MAX_CODE_BYTES);
            runtime.spawn(Arc::clone(&worker).serve_lane(lane));
        }
    }
}

impl Worker {
    /// Runs one call after the other, until the host closes the lane.
    async fn serve_lane(self: Arc<Self>, mut lane: Lane) {
        // The host is gone, or has no more use for this lane: a call that ran was dropped, and so stopped.
        while self.serve_call(&mut lane).await.is_ok() {}
    }

    async fn serve_call(&self, lane: &mut Lane) -> io::Result<()> {
        lane.rest();
        // The next step of a job often follows at once.
        if self.calls.is_empty() && self.threads > 1 {
            lane.incoming.look_out();
        }
        let frame = lane.incoming.next().await?;
        // A cancellation may come when its call is over.
        if frame.kind != Kind::Call {
            return Ok(());
        }
        let _call = self.calls.enter();
        let damaged = |Malformed| io::Error::from(io::ErrorKind::InvalidData);
        let call: Call = from_bytes(&frame.body).map_err(damaged)?;
        let cancelled = CancellationToken::new();
        let outcome = match self.ready(&call, lane, &cancelled).await? {
            Ok(ready) => self.run(&ready, call, lane, cancelled).await?,
            Err(outcome) => outcome,
        };
        lane.outgoing.send(Kind::Ended, &[&to_bytes(&Ended(outcome))]).await
    }

    /// Makes a module ready, asking for its code where it is not here, or says how a step ends that has none.
    async fn ready(
        &self,
        call: &Call,
        lane: &mut Lane,
        cancelled: &CancellationToken,
    ) -> io::Result<Result<Arc<Ready>, Outcome>> {
        if let Some(ready) = self.modules.known(call.digest()) {
            return Ok(Ok(ready));
        }
        lane.outgoing.send(Kind::NeedsCode, &[]).await?;
        let code = loop {
            let frame = lane.incoming.next().await?;
            match frame.kind {
                Kind::Code => break frame.body,
                Kind::Cancel => cancelled.cancel(),
                _ => return Err(io::ErrorKind::InvalidData.into()),
            }
        };
        let module =
            stepwell_run::Module { name: call.module().to_owned(), digest: call.digest(), bytes: Arc::from([]) };
        // Takes well under a millisecond for most modules, and other threads go on meanwhile.
        Ok(tokio::task::block_in_place(|| self.modules.adopt(&module, call.form, &code))
            .map_err(|error| not_ready(&error)))
    }

    /// Runs a call, while its events go out and a cancellation may come in.
    async fn run(
        &self,
        ready: &Ready,
        call: Call,
        lane: &mut Lane,
        cancelled: CancellationToken,
    ) -> io::Result<Outcome> {
        let folders = match self.folders(&call.folders) {
            Ok(folders) => folders,
            Err(cause) => return Ok(Outcome::EngineError { message: format!("a folder cannot be shown: {cause}") }),
        };
        let (events, stream) = event_channel();
        let (masks, masked) = mpsc::unbounded_channel();
        let mask = MaskSink(Arc::new(move |text: &str| {
            // The other end lives as long as the call.
            let _ = masks.send(text.to_owned());
        }));
        let control = Control { events, cancelled: cancelled.clone(), grace: call.grace, mask };
        let invocation = call.into_invocation();
        let (asked, asks) = mpsc::unbounded_channel();
        let gateway = gateway(&invocation, asked);
        let running = async {
            let outcome = match &invocation.action {
                Action::Wasm(call) => self.execute(ready, &invocation, call, &control, folders, gateway.clone()).await,
                Action::Command { .. } | Action::Script { .. } => {
                    Outcome::EngineError { message: "a worker runs WebAssembly alone".to_owned() }
                }
            };
            // Ends the stream of events.
            drop(control);
            outcome
        };
        let Lane { incoming, outgoing } = lane;
        tokio::select! {
            biased;
            (outcome, sent) = async { tokio::join!(running, forward(stream, masked, asks, outgoing)) } => {
                sent?;
                Ok(outcome)
            }
            gone = watch(incoming, &cancelled, gateway.as_deref()) => Err(gone),
        }
    }

    async fn execute(
        &self,
        ready: &Ready,
        invocation: &Invocation,
        call: &WasmCall,
        control: &Control,
        folders: Vec<Opened>,
        gateway: Option<Arc<LaneGateway>>,
    ) -> Outcome {
        let log =
            LogSink::new(control.events.clone(), invocation.step.clone(), control.mask.clone(), call.grants.limits.log);
        let log = Arc::new(log.without_waits(self.caller.deterministic));
        let gateway = gateway.map(|gateway| gateway as Arc<dyn Gateway>);
        let setup =
            Setup::new(invocation, call, &call.grants, &self.caller, control, Arc::clone(&log), folders, gateway);
        let outcome = instance::run(&self.machine.engine, ready, call, setup, &self.scratch).await;
        log.finish();
        outcome
    }

    /// Opens the folders of a call anew, so that calls do not share how far each has read.
    fn folders(&self, uses: &[FolderUse]) -> io::Result<Vec<Opened>> {
        let open = |used: &FolderUse| {
            let folder = self.folders.get(used.index as usize).ok_or(io::ErrorKind::NotFound)?;
            Ok(Opened { guest_path: used.guest_path.clone(), folder: readable(folder)?, quota: used.quota })
        };
        uses.iter().map(open).collect()
    }
}

/// Returns what sends the requests of a call; none where none are granted.
fn gateway(invocation: &Invocation, asked: mpsc::UnboundedSender<Asked>) -> Option<Arc<LaneGateway>> {
    let Action::Wasm(call) = &invocation.action else { return None };
    let secrets = || credentials(call).into_keys().collect();
    (!call.grants.http.is_empty()).then(|| Arc::new(LaneGateway::new(asked, secrets())))
}

/// Sends events to the host as they come, until there will be none, and what is said about requests, which never waits
/// for events longer than it takes to write one. A text is masked there, and a placeholder known, before anything that
/// was said after it.
async fn forward(
    mut events: EventStream,
    mut masked: mpsc::UnboundedReceiver<String>,
    mut asks: mpsc::UnboundedReceiver<Asked>,
    outgoing: &mut Outgoing,
) -> io::Result<()> {
    loop {
        // Neither comes before the other, so that neither is held up by much of the other.
        let event = tokio::select! {
            Some(asked) = asks.recv() => {
                outgoing.send(Kind::Asked, &[&to_bytes(&asked)]).await?;
                continue;
            }
            event = events.next() => event,
        };
        while let Ok(text) = masked.try_recv() {
            outgoing.send(Kind::Mask, &[text.as_bytes()]).await?;
        }
        for _ in 0..asks.len() {
            let Ok(asked) = asks.try_recv() else { break };
            outgoing.send(Kind::Asked, &[&to_bytes(&asked)]).await?;
        }
        match event {
            None => return Ok(()),
            Some(event) => match event.kind {
                EventKind::Log { stream, bytes } => {
                    let number = u8::from(stream == stepwell_run::Stream::Error);
                    outgoing.send(Kind::Log, &[&[number], &bytes]).await?;
                }
                other => outgoing.send(Kind::Event, &[&to_bytes(&Event(other))]).await?,
            },
        }
    }
}

/// Passes a cancellation on, and answers to requests. Comes back with an error only: the host is gone, or does not keep to
/// what was agreed.
async fn watch(incoming: &mut Incoming, cancelled: &CancellationToken, gateway: Option<&LaneGateway>) -> io::Error {
    loop {
        let frame = match incoming.next().await {
            Ok(frame) => frame,
            Err(error) => return error,
        };
        match (frame.kind, gateway, from_bytes::<Told>(&frame.body)) {
            (Kind::Cancel, _, _) => cancelled.cancel(),
            (Kind::Told, Some(gateway), Ok(told)) => gateway.told(told),
            _ => return io::ErrorKind::InvalidData.into(),
        }
    }
}
