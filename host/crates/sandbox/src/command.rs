//! Calls of the command form: WASI programs that take inputs on standard input and write outputs into a file.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use rustix::fs::{Mode, OFlags};
use stepwell_run::{Failure, FailureKind, LimitKind, Outcome, Returned, WasmCall, export_text, lines};
use stepwell_schema::Value;
use stepwell_schema::value::number_to_plain_text;
use wasmtime::{Engine, InstancePre};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;

use crate::drive::{Driven, drive};
use crate::ending::{Circumstances, ExitOutOfRange};
use crate::log_sink::LogSink;
use crate::preopens::{PreopenError, open_private};
use crate::private_folder::PrivateFolder;
use crate::quota_p1::{number_preopens, show_folders};
use crate::setup::Setup;
use crate::size::bytes_text;
use crate::state::{Preview2, State, preview1, store};
use crate::values::{MAX_INPUT_BYTES, MAX_ITEMS};

/// The version of the command form, as programs see it.
const ABI: &str = "command@0.1";

/// A compiled command.
pub(crate) enum Program<'a> {
    Preview2(&'a CommandPre<State<Preview2>>),
    Preview1(&'a InstancePre<State<WasiP1Ctx>>),
}

/// The two private folders of a command: made before it, removed after it.
struct Folders {
    tmp: PrivateFolder,
    out: PrivateFolder,
}

/// Why a command cannot be started.
#[derive(Debug, thiserror::Error)]
enum NotStarted {
    #[error("the scratch folder cannot be used")]
    Scratch(#[source] std::io::Error),
    #[error(transparent)]
    Preopen(#[from] PreopenError),
    #[error("limit of {} for the inputs of a step reached ({} given)", bytes_text(MAX_INPUT_BYTES as u64), bytes_text(*.0 as u64))]
    InputsTooLarge(usize),
    #[error("limit of {MAX_ITEMS} inputs of a step reached ({0} given)")]
    TooManyInputs(usize),
    #[error("input `{name}`: {problem}")]
    Input { name: String, problem: &'static str },
}

/// Runs a command in an instance of its own.
pub(crate) async fn run(
    engine: &Engine,
    program: Program<'_>,
    call: &WasmCall,
    setup: Setup<'_>,
    scratch: &Path,
) -> Outcome {
    let limits = &setup.limits.clone();
    let tenant = setup.caller.tenant.clone();
    let log = Arc::clone(&setup.log);
    let (mut setup, folders) = match prepare(call, setup, scratch) {
        Ok(prepared) => prepared,
        Err(error) => return not_started(&error, call, &log),
    };
    let (control, deadline) = (setup.control, setup.facts.deadline);
    let (driven, meter) = match program {
        Program::Preview2(pre) => {
            let mut store = store(engine, setup.into_state(Preview2::new));
            let watch = store.data().meter.watch();
            let driven = drive(
                async {
                    let command = pre.instantiate_async(&mut store).await?;
                    command.wasi_cli_run().call_run(&mut store).await
                },
                &watch,
                &tenant,
                control,
                deadline,
            )
            .await;
            (driven, store.into_data().meter)
        }
        Program::Preview1(pre) => {
            if let Err(cause) = show_folders(&mut setup) {
                return Outcome::EngineError { message: format!("folders cannot be shown to a command: {cause}") };
            }
            let mut state = setup.into_state(preview1);
            number_preopens(&mut state);
            let mut store = store(engine, state);
            let watch = store.data().meter.watch();
            let driven = drive(
                async {
                    let instance = pre.instantiate_async(&mut store).await?;
                    let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
                    start.call_async(&mut store, ()).await.map(Ok)
                },
                &watch,
                &tenant,
                control,
                deadline,
            )
            .await;
            (driven, store.into_data().meter)
        }
    };
    let circumstances = Circumstances { limits, meter: &meter, log: &log };
    match driven {
        Driven::Cancelled => Outcome::Cancelled,
        Driven::WallTimeOver => circumstances.wall_time_over(),
        Driven::Ended(ended) => match exit_code(ended) {
            Ok(0) => collect(&folders, &circumstances),
            Ok(code) => circumstances.failed(exited(code, &log)),
            Err(error) => circumstances.broken(&error),
        },
    }
}

/// Returns the exit code of a command that ended by itself, or the error that ended it.
fn exit_code(ended: wasmtime::Result<Result<(), ()>>) -> Result<i32, wasmtime::Error> {
    match ended {
        Ok(Ok(())) => Ok(0),
        Ok(Err(())) => Ok(1),
        Err(error) => match error.downcast_ref::<I32Exit>() {
            // A limit that was reached before decides, and a code that none can have is no exit.
            Some(exit) if (0..=255).contains(&exit.0) => Ok(exit.0),
            Some(exit) => Err(ExitOutOfRange(exit.0.cast_unsigned()).into()),
            None => Err(error),
        },
    }
}

fn exited(code: i32, log: &LogSink) -> Failure {
    // The status by itself: whoever reads it out of the message looks for it at the end.
    let causes = log.last_error_line().into_iter().collect();
    Failure { kind: FailureKind::Failed, message: format!("exit status {code}"), causes, hint: None }
}

fn not_started(error: &NotStarted, call: &WasmCall, log: &LogSink) -> Outcome {
    let meter = crate::limits::Meter::new(&call.grants.limits);
    let circumstances = Circumstances { limits: &call.grants.limits, meter: &meter, log };
    match error {
        NotStarted::Scratch(cause) => Outcome::EngineError { message: format!("{error}: {cause}") },
        NotStarted::Preopen(error) => crate::sandbox::folder_missing(error),
        NotStarted::InputsTooLarge(_) | NotStarted::TooManyInputs(_) => {
            circumstances.limit(LimitKind::Message, error.to_string())
        }
        NotStarted::Input { .. } => circumstances.failed(Failure {
            kind: FailureKind::InvalidInput,
            message: error.to_string(),
            causes: Vec::new(),
            hint: None,
        }),
    }
}

/// Adds what a command gets beyond what every step gets.
fn prepare<'a>(call: &WasmCall, mut setup: Setup<'a>, scratch: &Path) -> Result<(Setup<'a>, Folders), NotStarted> {
    let folders = Folders::make(scratch).map_err(NotStarted::Scratch)?;
    setup.preopens.push(open_private(folders.tmp.path(), "/tmp")?);
    setup.preopens.push(open_private(folders.out.path(), "/out")?);
    setup.wasi.stdin(MemoryInputPipe::new(Bytes::from(document(call)?)));
    setup.wasi.arg(&setup.facts.step);
    setup.wasi.args(&call.arguments);
    let has_work = setup.preopens.iter().any(|preopen| preopen.guest_path == "/work");
    let fixed = [
        ("STEPWELL_ABI", ABI),
        ("STEPWELL_STEP", &setup.facts.step),
        ("STEPWELL_ATTEMPT", &setup.facts.attempt.to_string()),
        ("STEPWELL_OUTPUT_FILE", "/out/outputs"),
        ("STEPWELL_EXPORT_FILE", "/out/exports"),
        ("PWD", if has_work { "/work" } else { "/" }),
    ];
    let mut variables: Vec<_> = fixed.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    for (name, marked) in &call.inputs {
        if let Some(text) = scalar_text(&marked.value).filter(|_| !marked.sensitive) {
            variables.push((format!("STEPWELL_INPUT_{}", name.to_ascii_uppercase()), text));
        }
    }
    // These are the step ABI's, whatever was granted under their names.
    setup.variables.extend(variables);
    Ok((setup, folders))
}

/// Returns the one document on standard input: all inputs, sensitive ones included.
fn document(call: &WasmCall) -> Result<Vec<u8>, NotStarted> {
    if call.inputs.len() > MAX_ITEMS {
        return Err(NotStarted::TooManyInputs(call.inputs.len()));
    }
    let mut members = std::collections::BTreeMap::new();
    for (name, marked) in &call.inputs {
        members.insert(name.clone(), marked.value.clone());
    }
    let text = Value::Struct(members)
        .to_json_text()
        .map_err(|_| NotStarted::Input { name: culprit(call), problem: "a number that is infinite or not a number" })?;
    if text.len() > MAX_INPUT_BYTES {
        return Err(NotStarted::InputsTooLarge(text.len()));
    }
    Ok((text + "\n").into_bytes())
}

fn culprit(call: &WasmCall) -> String {
    let found = call.inputs.iter().find(|(_, marked)| marked.value.to_json_text().is_err());
    found.map(|(name, _)| name.clone()).unwrap_or_default()
}

/// Returns the text of a scalar; none for what comes on standard input only. A text with NUL cannot be a variable.
fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => (!text.contains('\0')).then(|| text.clone()),
        Value::Number(number) => number_to_plain_text(*number).ok(),
        Value::Boolean(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Struct(_) => None,
    }
}

impl Folders {
    fn make(scratch: &Path) -> std::io::Result<Self> {
        let folders = Self { tmp: PrivateFolder::make(scratch, "tmp-")?, out: PrivateFolder::make(scratch, "out-")? };
        for name in ["outputs", "exports"] {
            std::fs::File::create_new(folders.out.path().join(name))?;
        }
        Ok(folders)
    }
}

/// Reads what a command that ended well has written.
fn collect(folders: &Folders, circumstances: &Circumstances<'_>) -> Outcome {
    match read_results(folders.out.path()) {
        Ok(returned) => Outcome::Returned(returned, circumstances.meter.usage()),
        Err(problem) => circumstances.failed(Failure {
            kind: FailureKind::Internal,
            message: problem,
            causes: Vec::new(),
            hint: None,
        }),
    }
}

fn read_results(out: &Path) -> Result<Returned, String> {
    let outputs = read_file(out, "outputs")?;
    let exports = read_file(out, "exports")?
        .into_iter()
        .map(|(name, value)| match export_text(&value) {
            Ok(text) => Ok((name, text)),
            Err(problem) => Err(format!("exports: key `{name}`: {problem}")),
        })
        .collect::<Result<_, _>>()?;
    Ok(Returned { outputs, exports })
}

/// Opens one of the two files as the guest left it: no link is followed, and nothing but a file is read.
fn read_file(out: &Path, name: &str) -> Result<Vec<(String, Value)>, String> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(out.join(name), flags, Mode::empty()).map_err(|errno| match errno {
        rustix::io::Errno::NOENT => format!("`/out/{name}` was removed"),
        rustix::io::Errno::LOOP | rustix::io::Errno::NXIO => not_a_file(name),
        other => format!("`/out/{name}` cannot be read: {}", std::io::Error::from(other)),
    })?;
    let file = std::fs::File::from(file);
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Err(not_a_file(name));
    }
    let guest_path = Path::new("/out").join(name);
    let bytes = lines::read_open(file, &guest_path).map_err(|error| error.to_string())?;
    lines::parse(&bytes).map_err(|error| format!("{name}: {error}"))
}

fn not_a_file(name: &str) -> String {
    format!("`/out/{name}` was replaced by something that is not a file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_scalar(value: Value, expected: Option<&str>) {
        assert_eq!(scalar_text(&value).as_deref(), expected);
    }

    #[test]
    fn scalars_as_variables() {
        check_scalar(Value::from("a b"), Some("a b"));
        check_scalar(Value::from("a\0"), None);
        check_scalar(Value::Number(1e21), Some("1000000000000000000000"));
        check_scalar(Value::Boolean(false), Some("false"));
        check_scalar(Value::Null, None);
        check_scalar(Value::Array(Vec::new()), None);
    }

    #[track_caller]
    fn check_results(make: impl FnOnce(&Path), expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("outputs"), "").unwrap();
        std::fs::write(folder.path().join("exports"), "").unwrap();
        make(folder.path());
        let shown = match read_results(folder.path()) {
            Ok(returned) => format!("{} outputs, {} exports", returned.outputs.len(), returned.exports.len()),
            Err(problem) => problem,
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn results() {
        check_results(|_| {}, "0 outputs, 0 exports");
        check_results(
            |out| {
                std::fs::write(out.join("outputs"), "{\"name\":\"a\",\"value\":[1]}\n").unwrap();
                std::fs::write(out.join("exports"), "{\"name\":\"A\",\"value\":1}\n").unwrap();
            },
            "1 outputs, 1 exports",
        );
        check_results(
            |out| std::fs::write(out.join("exports"), "{\"name\":\"A\",\"value\":{}}\n").unwrap(),
            "exports: key `A`: cannot convert value type \"struct\" to string",
        );
    }

    #[test]
    fn replaced_files() {
        let replaced = "`/out/outputs` was replaced by something that is not a file";
        let replace = |out: &Path| std::fs::remove_file(out.join("outputs")).unwrap();
        check_results(replace, "`/out/outputs` was removed");
        check_results(
            |out| {
                replace(out);
                std::fs::create_dir(out.join("outputs")).unwrap();
            },
            replaced,
        );
        check_results(
            |out| {
                replace(out);
                std::os::unix::fs::symlink("/etc/passwd", out.join("outputs")).unwrap();
            },
            replaced,
        );
        check_results(
            |out| {
                replace(out);
                let fifo = rustix::fs::FileType::Fifo;
                rustix::fs::mknodat(rustix::fs::CWD, out.join("outputs"), fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
            },
            replaced,
        );
    }
}
