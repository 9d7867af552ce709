//! Which worker runs a call, and the talk with it.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use stepwell_policy::Grants;
use stepwell_run::{Control, EventKind, Invocation, Outcome, Stream, WasmCall};
use tokio::sync::OnceCell;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep_until};
use wasmtime::Engine;

use super::code::{Code, Codes};
use super::command::WorkerCommand;
use super::company::Company;
use super::compile::Compilers;
use super::lane::{Frame, Incoming, Kind, Lane, Outgoing};
use super::process::{StartError, Worker};
use super::requests::{Requests, Said};
use super::wire::{from_bytes, to_bytes};
use super::words::{Call, Ended, Event, FolderUse};
use crate::code_cache::CacheUnusable;
use crate::engine::Numbers;
use crate::http::Gateway;
use crate::log_sink::LogSink;
use crate::modules::NotReady;
use crate::preopens::{self, Opened};
use crate::sandbox::folder_missing;
use crate::tenant::Tenant;

/// Most workers that are kept while no call needs them; those used longest ago are ended.
const MAX_WORKERS: usize = 16;
/// How much longer than its limits say a call may take in a worker that works. One that takes longer is killed.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many bytes of frames a call may cause for each byte of its log: a control character takes six.
const FRAME_BYTES_PER_LOG_BYTE: u64 = 8;
/// What a call may cause besides its log, in bytes: denials, warnings; and as much again of masks.
const OTHER_FRAME_BYTES: u64 = 4 << 20;
/// What an event counts besides its bytes: nobody waits for its reader, so that many small ones are what a worker could
/// fill the host with. A guest pays as much out of its log, which has room for [`FRAME_BYTES_PER_LOG_BYTE`] times that.
const EVENT_BYTES: u64 = 32;
/// What a mask counts besides its bytes: the host looks for each in all that is said from then on.
const MASK_BYTES: u64 = 256;

/// The workers of a host.
pub(crate) struct Workers {
    program: WorkerCommand,
    scratch_folder: PathBuf,
    instances: u32,
    numbers: Numbers,
    threads: u32,
    codes: Codes,
    /// Those used last stand at the end.
    running: Mutex<Vec<(Key, Slot)>>,
    /// Calls that are talked about.
    calls: Company,
    /// Whether it was said what the kernel lacks.
    told: AtomicBool,
}

/// A place for a worker, so that calls at the same time start one.
type Slot = Arc<OnceCell<Arc<Worker>>>;

/// What two calls must have in common to share a worker: the tenant, the job's work dir, and each folder that the wall leaves open. A
/// worker reaches what its calls are granted, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    tenant: String,
    work_dir: PathBuf,
    folders: Vec<FolderKey>,
}

/// One very folder, and whether it may be written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FolderKey {
    device: u64,
    inode: u64,
    writable: bool,
}

/// How the talk about a call ended.
enum Talk {
    /// With an outcome. Whether the lane can be used again.
    Ended { outcome: Outcome, is_reusable: bool },
    /// The worker is gone.
    Gone,
    /// The worker did what none does, or nothing.
    Broken(&'static str),
    /// It did not end in time after a cancellation.
    Overdue,
}

impl Workers {
    /// Prepares to start workers. A cache folder that cannot be used is left out and told.
    pub(crate) fn new(
        engine: &Engine,
        program: WorkerCommand,
        scratch_folder: PathBuf,
        cache_folder: Option<&Path>,
        instances: u32,
        numbers: Numbers,
    ) -> (Self, Option<CacheUnusable>) {
        let compilers = Compilers::new(program.clone(), instances, numbers);
        let (codes, unusable) = Codes::new(engine, cache_folder, compilers);
        let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get());
        let workers = Self {
            program,
            scratch_folder,
            instances,
            numbers,
            threads: u32::try_from(threads).unwrap_or(u32::MAX),
            codes,
            running: Mutex::default(),
            calls: Company::default(),
            told: AtomicBool::new(false),
        };
        (workers, unusable)
    }

    /// Finds the code of a call's module, compiling it if need be.
    ///
    /// # Errors
    /// See [`NotReady`].
    pub(crate) async fn code(&self, call: &WasmCall, log: &LogSink) -> Result<Arc<Code>, NotReady> {
        self.codes.get(&call.module, |event| log.notice(event)).await
    }

    /// Runs a call in a worker to its end. `gateway` sends its requests; none where none are granted.
    #[expect(clippy::too_many_arguments, reason = "all of them are what one call is")]
    pub(crate) async fn run(
        &self,
        code: &Code,
        tenant: &Tenant,
        invocation: &Invocation,
        call: &WasmCall,
        grants: &Grants,
        control: &Control,
        gateway: Option<Arc<dyn Gateway>>,
    ) -> Outcome {
        let folders = match preopens::open(&invocation.work_dir, grants, call.function_folder.as_deref()) {
            Ok(folders) => folders,
            Err(error) => return folder_missing(&error),
        };
        let key = match Key::of(tenant, invocation, &folders) {
            Ok(key) => key,
            Err(cause) => return lost(format!("a folder of the step cannot be looked at: {cause}")),
        };
        let worker = tokio::select! {
            biased;
            worker = self.worker(key, &folders) => worker,
            () = control.cancelled.cancelled() => return Outcome::Cancelled,
        };
        let worker = match worker {
            Ok(worker) => worker,
            Err(error) => return lost(error.to_string()),
        };
        self.tell_gaps(&worker, invocation, control);
        let uses = uses(folders);
        let message = Call::new(invocation, call, grants, code.form, uses, control.grace);
        self.talk(&worker, &message, code, invocation, call, control, gateway).await
    }

    /// Returns the worker for a key, starting it if there is none that runs.
    async fn worker(&self, key: Key, folders: &[Opened]) -> Result<Arc<Worker>, StartError> {
        let slot = self.slot(key);
        let start = || async {
            Worker::start(&self.program, folders, &self.scratch_folder, self.numbers, self.instances, self.threads)
                .await
                .map(Arc::new)
        };
        slot.get_or_try_init(start).await.cloned()
    }

    fn slot(&self, key: Key) -> Slot {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let found = running.iter().position(|(other, _)| *other == key).map(|index| running.remove(index));
        let slot = match found {
            Some((_, slot)) if slot.get().is_none_or(|worker| worker.is_running()) => slot,
            _ => Slot::default(),
        };
        running.push((key, Arc::clone(&slot)));
        let surplus = running.len().saturating_sub(MAX_WORKERS);
        let mut ended = Vec::new();
        running.retain(|(_, slot)| {
            let goes = ended.len() < surplus && is_idle(slot);
            if goes {
                ended.push(Arc::clone(slot));
            }
            !goes
        });
        drop(running);
        // Ending one takes a moment.
        if !ended.is_empty() {
            tokio::task::spawn_blocking(move || drop(ended));
        }
        slot
    }

    #[expect(clippy::too_many_arguments, reason = "all of them are what one call is")]
    async fn talk(
        &self,
        worker: &Worker,
        message: &Call,
        code: &Code,
        invocation: &Invocation,
        call: &WasmCall,
        control: &Control,
        gateway: Option<Arc<dyn Gateway>>,
    ) -> Outcome {
        let Ok(mut lane) = worker.lane() else { return gone(worker).await };
        let call_here = self.calls.enter();
        if lane.outgoing.send(Kind::Call, &[&to_bytes(message)]).await.is_err() {
            return gone(worker).await;
        }
        if call_here.is_alone() && self.threads > 1 {
            lane.incoming.look_out();
        }
        let talk = match ended_at_once(&mut lane).await {
            Some(talk) => talk,
            None => converse(&mut lane, code, invocation, call, control, gateway).await,
        };
        match talk {
            Talk::Ended { outcome, is_reusable } => {
                if is_reusable {
                    worker.give_back(lane);
                }
                outcome
            }
            Talk::Gone => gone(worker).await,
            Talk::Broken(what) => {
                worker.kill().await;
                lost(format!("the worker of the step {what} and was killed"))
            }
            Talk::Overdue => {
                worker.kill().await;
                Outcome::Cancelled
            }
        }
    }

    /// Says once what the kernel could not do.
    fn tell_gaps(&self, worker: &Worker, invocation: &Invocation, control: &Control) {
        let missing = &worker.raised.missing;
        if missing.is_empty() || self.told.swap(true, Ordering::Relaxed) {
            return;
        }
        let message = format!("the wall around workers has gaps on this machine: {}", missing.join("; "));
        control.events.send(&invocation.step, EventKind::Warning { message, place: None });
    }
}

impl Key {
    fn of(tenant: &Tenant, invocation: &Invocation, folders: &[Opened]) -> std::io::Result<Self> {
        let folders = folders.iter().map(|opened| {
            let metadata = opened.folder.metadata()?;
            Ok(FolderKey { device: metadata.dev(), inode: metadata.ino(), writable: opened.quota.is_some() })
        });
        Ok(Self {
            tenant: tenant.name().to_owned(),
            work_dir: invocation.work_dir.clone(),
            folders: folders.collect::<std::io::Result<_>>()?,
        })
    }
}

/// Tells the worker which of its folders are shown, and where.
fn uses(folders: Vec<Opened>) -> Vec<FolderUse> {
    let used = |(index, opened): (u32, Opened)| FolderUse { guest_path: opened.guest_path, index, quota: opened.quota };
    (0..).zip(folders).map(used).collect()
}

fn is_idle(slot: &Slot) -> bool {
    // The one count is that of the list itself.
    Arc::strong_count(slot) == 1 && slot.get().is_none_or(|worker| Arc::strong_count(worker) == 1)
}

/// Returns how a call ended whose worker has said that and nothing before; none: there is more to hear.
async fn ended_at_once(lane: &mut Lane) -> Option<Talk> {
    if !lane.incoming.has(Kind::Ended) {
        return None;
    }
    let frame = lane.incoming.next().await.ok()?;
    Some(match from_bytes::<Ended>(&frame.body) {
        Ok(Ended(outcome)) => Talk::Ended { outcome, is_reusable: lane.is_between_frames() },
        Err(_) => Talk::Broken("said what no worker says"),
    })
}

/// What the host says of its own accord, besides what it says about requests.
#[derive(Clone, Copy, Debug)]
enum Order {
    Code,
    Cancel,
}

/// Talks about one call until it ends, one way or another. Its requests end with it.
async fn converse(
    lane: &mut Lane,
    code: &Code,
    invocation: &Invocation,
    call: &WasmCall,
    control: &Control,
    gateway: Option<Arc<dyn Gateway>>,
) -> Talk {
    let Lane { incoming, outgoing } = lane;
    let (orders, ordered) = unbounded_channel();
    let (mut requests, said) = Requests::new(gateway);
    // Writing never holds up reading, so that a worker is heard whatever it reads.
    let mut writing = std::pin::pin!(write(outgoing, ordered, said, code));
    let talk = tokio::select! {
        talk = listen(incoming, &orders, &mut requests, invocation, call, control) => talk,
        _ = &mut writing => Talk::Gone,
    };
    requests.end_all().await;
    drop(orders);
    match talk {
        Talk::Ended { outcome, is_reusable } => {
            // The next call begins where a frame does.
            let written = tokio::time::timeout(PATIENCE, writing).await;
            Talk::Ended { outcome, is_reusable: is_reusable && matches!(written, Ok(Ok(()))) }
        }
        other => other,
    }
}

/// Writes to a worker until there are no more orders, and then what was said before.
async fn write(
    outgoing: &mut Outgoing,
    mut orders: UnboundedReceiver<Order>,
    mut said: UnboundedReceiver<Said>,
    code: &Code,
) -> std::io::Result<()> {
    loop {
        tokio::select! {
            biased;
            order = orders.recv(), if !said.is_closed() => match order {
                Some(Order::Code) => outgoing.send(Kind::Code, &[&code.bytes]).await?,
                Some(Order::Cancel) => outgoing.send(Kind::Cancel, &[]).await?,
                // A connection that is about to end may hold on to the body of a request.
                None => said.close(),
            },
            said = said.recv() => match said {
                Some(said) => outgoing.send(Kind::Told, &[&to_bytes(&said.told)]).await?,
                None => return Ok(()),
            },
        }
    }
}

/// Hears what a worker says about one call, and does it.
async fn listen(
    incoming: &mut Incoming,
    orders: &UnboundedSender<Order>,
    requests: &mut Requests,
    invocation: &Invocation,
    call: &WasmCall,
    control: &Control,
) -> Talk {
    let limits = &call.grants.limits;
    let mut room = Room::of(limits.log);
    // Both are far off where nothing goes wrong. A time beyond what the clock can tell is no deadline.
    let started = Instant::now();
    let overdue = started.checked_add(limits.wall.saturating_add(control.grace).saturating_add(PATIENCE));
    let (mut given_up, mut has_code) = (None, false);
    loop {
        let frame = tokio::select! {
            // A worker that never stops talking is held to its time as well.
            biased;
            () = reached(given_up) => return Talk::Overdue,
            () = reached(overdue) => return Talk::Broken("did not end in time"),
            () = control.cancelled.cancelled(), if given_up.is_none() => {
                // Where nobody writes, the worker is gone.
                let _ = orders.send(Order::Cancel);
                given_up = Some(Instant::now() + control.grace.saturating_add(PATIENCE));
                continue;
            }
            frame = incoming.next() => match frame {
                Ok(frame) => frame,
                Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                    return Talk::Broken("said what no worker says");
                }
                Err(_) => return Talk::Gone,
            },
        };
        match frame.kind {
            Kind::NeedsCode if !has_code => {
                has_code = true;
                let _ = orders.send(Order::Code);
            }
            Kind::Ended => {
                return match from_bytes::<Ended>(&frame.body) {
                    Ok(Ended(outcome)) => Talk::Ended { outcome, is_reusable: true },
                    Err(_) => Talk::Broken("said what no worker says"),
                };
            }
            Kind::Event | Kind::Log | Kind::Mask => {
                if room.take(&frame).is_none() {
                    return Talk::Broken("sent more log than the step may");
                }
                if pass_on(frame, invocation, control).await.is_none() {
                    return Talk::Broken("said what no worker says");
                }
            }
            Kind::Asked => {
                if requests.asked(&frame.body).is_err() {
                    return Talk::Broken("asked what no worker asks");
                }
            }
            Kind::NeedsCode
            | Kind::Call
            | Kind::Code
            | Kind::Cancel
            | Kind::Module
            | Kind::Told
            | Kind::Standing
            | Kind::Unable => {
                return Talk::Broken("said what no worker says");
            }
        }
    }
}

/// How much more a worker may send about one call, in bytes.
struct Room {
    said: u64,
    masked: u64,
}

impl Room {
    fn of(log_bytes: u64) -> Self {
        let said = log_bytes.saturating_mul(FRAME_BYTES_PER_LOG_BYTE).saturating_add(OTHER_FRAME_BYTES);
        Self { said, masked: OTHER_FRAME_BYTES }
    }

    /// Takes what a frame counts. None: there is not as much left.
    fn take(&mut self, frame: &Frame) -> Option<()> {
        let bytes = frame.body.len() as u64;
        match frame.kind {
            Kind::Mask => self.masked = self.masked.checked_sub(bytes + MASK_BYTES)?,
            Kind::Event => self.said = self.said.checked_sub(bytes + EVENT_BYTES)?,
            _ => self.said = self.said.checked_sub(bytes)?,
        }
        Some(())
    }
}

/// Passes on what a guest said. None: it is no message.
async fn pass_on(frame: Frame, invocation: &Invocation, control: &Control) -> Option<()> {
    match frame.kind {
        Kind::Log => {
            let (stream, bytes) = frame.body.split_first()?;
            let stream = if *stream == 0 { Stream::Out } else { Stream::Error };
            // Whoever reads slowly holds the guest up, but not its end after a cancellation.
            tokio::select! {
                biased;
                () = control.events.log(&invocation.step, stream, bytes.to_vec()) => {}
                () = grace_over(control) => {}
            }
        }
        Kind::Mask => (control.mask.0)(std::str::from_utf8(&frame.body).ok()?),
        _ => {
            let Event(kind) = from_bytes(&frame.body).ok()?;
            control.events.send(&invocation.step, kind);
        }
    }
    Some(())
}

async fn grace_over(control: &Control) {
    control.cancelled.cancelled().await;
    tokio::time::sleep(control.grace).await;
}

async fn reached(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Returns the outcome of a step whose worker is gone.
async fn gone(worker: &Worker) -> Outcome {
    lost(format!("the worker of the step {}", worker.ended().await))
}

fn lost(message: String) -> Outcome {
    Outcome::EngineError { message }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::os::unix::net::UnixStream;
    use stepwell_policy::Limits;
    use stepwell_run::{Action, MaskSink, Module, StepPath, event_channel};
    use stepwell_schema::Digest;

    use super::*;
    use crate::form::Form;
    use crate::worker::lane::MAX_ANSWER_BYTES;

    /// Has a worker say frames about a call, `times` times over, and returns how the host takes it; none where the
    /// worker was still talking.
    async fn told(frames: &[(Kind, Vec<u8>)], times: usize) -> Talk {
        let (here, there) = UnixStream::pair().unwrap();
        let (mut host, worker) = (Lane::new(here, MAX_ANSWER_BYTES), Lane::new(there, MAX_ANSWER_BYTES));
        let (events, mut stream) = event_channel();
        let control = Control {
            events,
            cancelled: Default::default(),
            grace: Duration::ZERO,
            mask: MaskSink(Arc::new(|_: &str| {})),
        };
        let call = WasmCall {
            module: Arc::new(Module { name: "m".to_owned(), digest: Digest::of(b""), bytes: Arc::from([]) }),
            arguments: Vec::new(),
            inputs: Vec::new(),
            function_folder: None,
            grants: Grants { limits: Limits { log: 1_000, ..Limits::default() }, ..Grants::default() },
            secrets: Default::default(),
        };
        let invocation = Invocation {
            step: StepPath::job(),
            id: String::new(),
            attempt: 1,
            environment: Arc::default(),
            work_dir: "/".into(),
            action: Action::Script { text: String::new() },
        };
        let code = Code { form: Form::Typed, bytes: Vec::new() };
        let Lane { incoming, mut outgoing } = worker;
        let saying = async move {
            // Both ends of the lane go when all is said.
            let _incoming = incoming;
            for (kind, body) in frames.iter().cycle().take(frames.len() * times) {
                if outgoing.send(*kind, &[body]).await.is_err() {
                    return;
                }
            }
        };
        let listening = async {
            let talk = converse(&mut host, &code, &invocation, &call, &control, None).await;
            drop((control, host));
            talk
        };
        let reading = async { while stream.next().await.is_some() {} };
        tokio::join!(saying, listening, reading).1
    }

    #[track_caller]
    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    #[test]
    fn a_worker_says_no_more_than_a_guest_may() {
        for (kind, body) in [
            (Kind::Mask, Vec::new()),
            (Kind::Mask, b"text".to_vec()),
            (Kind::Event, to_bytes(&Event(EventKind::GroupClosed))),
            (Kind::Log, vec![0; 1_000]),
        ] {
            let talk = run(told(&[(kind, body)], 3_000_000));
            assert!(matches!(talk, Talk::Broken("sent more log than the step may")), "{kind:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_worker_says_the_host_is_done_with_it(
            frames in prop::collection::vec((0..Kind::ALL.len(), prop::collection::vec(any::<u8>(), 0..40)), 0..20)
        ) {
            let frames: Vec<_> = frames.into_iter().map(|(kind, body)| (Kind::ALL[kind], body)).collect();
            match run(told(&frames, 1)) {
                Talk::Ended { .. } | Talk::Gone | Talk::Broken(_) => {}
                Talk::Overdue => prop_assert!(false, "nothing was cancelled"),
            }
        }
    }
}
