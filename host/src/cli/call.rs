//! `stepwell call`: one function; its outputs as JSON.

use std::path::Path;

use stepwell_report::MASKED;
use stepwell_run::JobResult;
use stepwell_schema::{Reference, Spec};

use super::args::CallArguments;
use super::error::{CommandError, Exit};
use super::inspect::not_a_reference;
use super::signals::cancel_on_signals;
use super::watch::{LogTo, Watch};
use super::{inputs, lenient, run, surroundings, worker};
use crate::JobRequest;

/// Calls a function as the only step of a job and prints its outputs as one JSON object, if it succeeded. Sensitive
/// outputs are masked.
pub(super) fn call(arguments: &CallArguments) -> Result<Exit, CommandError> {
    let reference = Reference::parse(&arguments.reference).map_err(|error| not_a_reference(&error))?;
    let folder = arguments.workdir.as_deref().unwrap_or(Path::new("."));
    let isolation = worker::isolation(arguments.output.isolation, &arguments.policy)?;
    let host = run::host(&arguments.policy, isolation)?;
    let inputs = if reference.is_script() {
        // It has no function file, and its only input is text.
        inputs::read(&arguments.inputs, &Spec::default())?
    } else {
        inputs::read(&arguments.inputs, &host.function(&reference, folder)?.function.spec)?
    };
    let mut request = JobRequest::call(&arguments.reference, reference, inputs)
        .work_dir(folder)
        .environment(surroundings::environment())
        .environment(arguments.env.iter().cloned());
    request = lenient::apply(&arguments.output.lenient, request)?;
    if let Some(limit) = arguments.output.timeout {
        request = request.time_limit(limit);
    }
    let watch = Watch::open(&arguments.output, LogTo::StandardError)?;
    cancel_on_signals(&host, request.canceller())?;
    let handle = host.run(request)?;
    let watched = watch.until_over(&host, handle);
    if watched.exit == Exit::Success {
        super::print(outputs(&watched.result)?.as_bytes())?;
    }
    Ok(watched.exit)
}

/// Returns the outputs of the only step as JSON text.
fn outputs(result: &JobResult) -> Result<String, CommandError> {
    let step = result.root.iter().flat_map(|root| &root.children).next();
    let mut object = serde_json::Map::new();
    for (name, output) in step.iter().flat_map(|step| &step.outputs) {
        let value = match output.sensitive {
            true => serde_json::Value::from(MASKED),
            false => output.value.to_json().map_err(|error| CommandError::Environment {
                message: format!("the output `{name}` cannot be shown"),
                cause: std::io::Error::other(error),
                hint: None,
            })?,
        };
        object.insert(name.clone(), value);
    }
    Ok(format!("{:#}\n", serde_json::Value::Object(object)))
}
