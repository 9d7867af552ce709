//! Compiling in a process of its own: bounded in memory and time, without folders, network or secrets.

use std::os::unix::net::UnixStream;
use std::time::Duration;

use stepwell_confine::Raised;
use stepwell_run::Module;
use tokio::sync::Semaphore;
use wasmtime::Engine;

use super::command::WorkerCommand;
use super::hello::{Hello, Purpose, Standing};
use super::lane::{Kind, MAX_CODE_BYTES, receive_blocking, send_blocking};
use super::process::{Process, StartError};
use super::wire::{from_bytes, to_bytes};
use crate::engine::{Machine, Numbers};
use crate::form::{Form, MAX_FILE_BYTES};
use crate::modules::chain_text;

/// Longest time that compiling one module takes. The largest modules take seconds.
const MAX_TIME: Duration = Duration::from_secs(120);
/// Most processes that compile at the same time: each uses all processors.
const MAX_AT_ONCE: usize = 2;

/// Why there is no code.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotCompiled {
    /// The module is not valid, or uses what is not served.
    #[error("{0}")]
    Refused(String),
    /// The process did not come to an end by itself.
    #[error("{0} while it compiled the module, which takes more memory or time than it may")]
    Ended(String),
    /// There is no such process.
    #[error(transparent)]
    NotStarted(#[from] StartError),
}

/// Starts processes that compile, a few at a time.
pub(super) struct Compilers {
    program: WorkerCommand,
    instances: u32,
    numbers: Numbers,
    places: Semaphore,
}

impl Compilers {
    pub(super) fn new(program: WorkerCommand, instances: u32, numbers: Numbers) -> Self {
        Self { program, instances, numbers, places: Semaphore::new(MAX_AT_ONCE) }
    }

    /// Compiles a module that was looked at.
    ///
    /// # Errors
    /// See [`NotCompiled`].
    pub(super) async fn compile(&self, module: &Module, form: Form) -> Result<Vec<u8>, NotCompiled> {
        // It is never closed, so there is always a place.
        let _place = self.places.acquire().await;
        let hello = Hello {
            purpose: Purpose::Compiling,
            instances: self.instances,
            canonical: self.numbers == Numbers::Canonical,
            threads: 0,
            writable: Vec::new(),
            scratch: Vec::new(),
        };
        let (process, _) = Process::start(&self.program, &hello, &[]).await?;
        let talk = async {
            let mut lane = process.take_lane(MAX_CODE_BYTES)?;
            lane.outgoing.send(Kind::Module, &[&to_bytes(&form), &module.bytes]).await?;
            lane.incoming.next().await
        };
        match tokio::time::timeout(MAX_TIME, talk).await {
            Ok(Ok(frame)) if frame.kind == Kind::Code => Ok(frame.body),
            Ok(Ok(frame)) if frame.kind == Kind::Unable => {
                Err(NotCompiled::Refused(String::from_utf8_lossy(&frame.body).into_owned()))
            }
            Ok(Ok(_)) => Err(NotCompiled::Ended("the process said what it must not".to_owned())),
            Ok(Err(_)) => Err(NotCompiled::Ended(format!("the process {}", process.ended().await))),
            Err(_) => Err(NotCompiled::Ended(format!("the process was ended after {} s", MAX_TIME.as_secs()))),
        }
    }
}

/// Is the process: compiles the one module that comes.
///
/// # Errors
/// Why there is no code, in words.
pub(super) fn serve(host: &UnixStream, raised: Raised, instances: u32, numbers: Numbers) -> Result<(), String> {
    // The same settings as those of the engine that runs the code.
    let machine = Machine::start(instances, numbers).map_err(|error| error.to_string())?;
    let failed = |error: std::io::Error| error.to_string();
    send_blocking(host, Kind::Standing, &[&to_bytes(&Standing(raised))]).map_err(failed)?;
    let frame = receive_blocking(host, MAX_FILE_BYTES + 1).map_err(failed)?;
    let (form, module) =
        frame.body.split_at_checked(1).filter(|_| frame.kind == Kind::Module).ok_or("no module came")?;
    let form = from_bytes(form).map_err(|error| error.to_string())?;
    let code = precompile(&machine.engine, form, module).map_err(|error| chain_text(&error))?;
    send_blocking(host, Kind::Code, &[&code]).map_err(failed)
}

fn precompile(engine: &Engine, form: Form, module: &[u8]) -> wasmtime::Result<Vec<u8>> {
    match form {
        Form::Typed | Form::Command => engine.precompile_component(module),
        Form::Preview1 => engine.precompile_module(module),
    }
}
