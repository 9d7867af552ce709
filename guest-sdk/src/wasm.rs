//! The host behind the WebAssembly imports, and the way in: from `run` of the interface to the author's function.

use std::panic::{self, PanicHookInfo};
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::bindings::stepwell::step::{context, lifetime, log, secrets, types};
use crate::file::{self, ROOTS, WORK};
use crate::host::{Host, Info, Level};
use crate::secret::{Denied, HeaderForm};
use crate::{Access, Failure, FailureKind, Input, Items, Output, Step, Value};

/// What wit-bindgen makes of the interface.
#[allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    rust_2018_idioms,
    clippy::allow_attributes_without_reason,
    reason = "generated"
)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "wit/0.1.0",
        world: "step",
        pub_export_macro: true,
        default_bindings_module: "stepwell_sdk::expansion::bindings",
    });
}

/// The host of a real run. It has no state: everything is asked of the imports.
#[derive(Clone, Debug)]
pub(crate) struct Imports;

impl Host for Imports {
    type Held = secrets::Secret;

    fn info(&self) -> Info {
        let context::Info { step, invocation, attempt } = context::get();
        Info { step, invocation, attempt }
    }

    fn granted(&self, capability: &str) -> bool {
        context::granted(capability)
    }

    fn cancelled(&self) -> bool {
        lifetime::cancelled()
    }

    fn remaining(&self) -> Option<Duration> {
        lifetime::remaining().map(Duration::from_nanos)
    }

    fn emit(&self, level: Level, message: &str, fields: &[(String, String)]) {
        let level = match level {
            Level::Trace => log::Level::Trace,
            Level::Debug => log::Level::Debug,
            Level::Info => log::Level::Info,
            Level::Warn => log::Level::Warn,
            Level::Error => log::Level::Error,
        };
        log::emit(level, message, fields);
    }

    fn open_group(&self, title: &str) {
        log::open_group(title);
    }

    fn close_group(&self) {
        log::close_group();
    }

    fn progress(&self, done: u64, total: Option<u64>, label: &str) {
        log::progress(done, total, label);
    }

    fn mask(&self, text: &str) {
        log::mask(text);
    }

    fn open(&self, secret: &str) -> Result<secrets::Secret, Denied> {
        secrets::open(secret).map_err(Denied::from)
    }

    fn reveal(&self, secret: &secrets::Secret) -> Result<String, Denied> {
        secret.reveal().map_err(Denied::from)
    }

    fn header_value(&self, secret: &secrets::Secret, form: HeaderForm<'_>) -> String {
        secret.header_value(&match form {
            HeaderForm::Raw => secrets::HeaderForm::Raw,
            HeaderForm::Bearer => secrets::HeaderForm::Bearer,
            HeaderForm::Basic(user) => secrets::HeaderForm::Basic(user.to_owned()),
        })
    }

    fn locate(&self, path: &Path, access: Access) -> Result<PathBuf, Failure> {
        let located = file::below(Path::new(WORK), path);
        // The C library would take any other absolute path for one below `.`, where that is granted.
        if ROOTS.iter().any(|root| located.starts_with(root)) { Ok(located) } else { Err(file::outside(access, path)) }
    }
}

/// Runs the author's function on what came over the boundary.
pub fn run<I: Input, O: Output>(
    items: Vec<types::Item>,
    body: impl FnOnce(I, &mut Step) -> Result<O, Failure>,
) -> Result<types::Completion, types::Failure> {
    panic::set_hook(Box::new(report_panic));
    let items = items.into_iter().map(|item| (item.name, item.value.into())).collect();
    let mut step = Step::new(Imports);
    let outputs = I::from_items(Items::new(items)).and_then(|input| body(input, &mut step)).and_then(O::into_items)?;
    let outputs = outputs.into_vec().into_iter().map(|(name, value)| types::Item { name, value: value.into() });
    Ok(types::Completion { outputs: outputs.collect(), exports: step.into_exports() })
}

/// Tells on standard error where and why the step panicked, in one line. What follows is a trap, and the host puts the
/// last line of standard error into the failure.
fn report_panic(info: &PanicHookInfo<'_>) {
    let text = info.payload_as_str().unwrap_or("no message").replace(['\r', '\n'], " ");
    match info.location() {
        Some(place) => eprintln!("the step panicked at {place}: {text}"),
        None => eprintln!("the step panicked: {text}"),
    }
}

impl From<secrets::Denied> for Denied {
    fn from(denied: secrets::Denied) -> Self {
        match denied {
            secrets::Denied::Unknown => Self::Unknown,
            secrets::Denied::NotGranted => Self::NotGranted,
            secrets::Denied::HeaderOnly => Self::HeaderOnly,
        }
    }
}

impl From<types::Value> for Value {
    fn from(value: types::Value) -> Self {
        match value {
            types::Value::Null => Self::Null,
            types::Value::Boolean(boolean) => Self::Boolean(boolean),
            types::Value::Number(number) => Self::Number(number),
            types::Value::Text(text) => Self::Text(text),
            types::Value::Json(text) => Self::Json(text),
        }
    }
}

impl From<Value> for types::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Boolean(boolean) => Self::Boolean(boolean),
            Value::Number(number) => Self::Number(number),
            Value::Text(text) => Self::Text(text),
            Value::Json(text) => Self::Json(text),
        }
    }
}

impl From<Failure> for types::Failure {
    fn from(failure: Failure) -> Self {
        let kind = match failure.kind() {
            FailureKind::InvalidInput => types::FailureKind::InvalidInput,
            FailureKind::Failed => types::FailureKind::Failed,
            FailureKind::Unavailable => types::FailureKind::Unavailable,
            FailureKind::Denied => types::FailureKind::Denied,
            FailureKind::Cancelled => types::FailureKind::Cancelled,
            FailureKind::Internal => types::FailureKind::Internal,
        };
        Self {
            kind,
            message: failure.message().to_owned(),
            causes: failure.causes().to_vec(),
            hint: failure.hint_text().map(ToOwned::to_owned),
        }
    }
}
