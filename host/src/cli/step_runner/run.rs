//! `step-runner run`: one step by its reference.

use std::path::Path;

use stepwell_schema::reference::InvalidReference;
use stepwell_schema::{GitReference, Node, OciReference, Reference, Source, Value};

use super::super::error::CommandError;
use super::super::policies::PolicyArguments;
use super::super::{lenient, run, surroundings};
use super::Failure;
use super::args::{ResultsFormat, RunArguments};
use super::job::{RESULTS_FILE, run_job};
use crate::{Isolation, JobRequest};

/// What marks a step that is given as YAML.
const YAML: &str = "step:";

/// Runs a step as the only one of a job. It has no name.
pub(super) fn run(arguments: &RunArguments) -> Result<(), Failure> {
    if arguments.text_proto_step_file.is_some() || arguments.step_results_format == ResultsFormat::Prototext {
        return Err(Failure::new("the text form of protocol buffers is not part of this version; use JSON"));
    }
    let inputs = pairs(&arguments.inputs).map(|(name, value)| (name, typed(value)));
    let request = match step(arguments)? {
        Step::Yaml(list) => JobRequest::from_steps("STEP", &list)
            .map_err(|problems| Failure::at("reading STEP", &CommandError::Document(problems)))?
            .without_names()
            .call_with(inputs, pairs(&arguments.env)),
        Step::Reference(reference) => JobRequest::call(&reference.to_string(), reference, [])
            .without_names()
            .call_with(inputs, pairs(&arguments.env)),
    };
    let mut request = lenient::apply(&arguments.lenient, request)?
        .pinned_when_reached()
        .quote_lines(surroundings::steps_debug())
        .work_dir(Path::new("."))
        .environment(surroundings::environment());
    for (name, value) in pairs(&arguments.job) {
        request = request.variable(name, value);
    }
    let host = run::host(&PolicyArguments::default(), Isolation::InProcess)?;
    let wanted = arguments.write_steps_results || surroundings::steps_debug();
    let file = arguments.step_results_file.as_deref().or(wanted.then_some(Path::new(RESULTS_FILE)));
    let result = run_job(&host, request, "", file)?;
    if result.error.is_none() { Ok(()) } else { Err(Failure::Said) }
}

fn pairs(flags: &[Vec<(String, String)>]) -> impl Iterator<Item = (String, String)> {
    flags.iter().flatten().cloned()
}

/// Types a value as YAML does; what is no YAML value is text.
fn typed(text: String) -> Value {
    Node::parse(Source::new("input", text.as_str())).map_or(Value::String(text), |node| node.to_value())
}

/// What is to be run.
enum Step {
    Reference(Reference),
    /// A list with one item, in YAML.
    Yaml(String),
}

/// The short form wins over the flags for git, and those over the flags for OCI.
fn step(arguments: &RunArguments) -> Result<Step, Failure> {
    if let Some(text) = &arguments.step {
        if text.starts_with(YAML) {
            // The item of a list, its lines indented below the dash. Its name is taken away again.
            return Ok(Step::Yaml(format!("- name: step\n  {}\n", text.trim_end().replace('\n', "\n  "))));
        }
        let reference = Reference::parse(text).map_err(|error| Failure::new(not_a_reference(&error)))?;
        return Ok(Step::Reference(reference));
    }
    let RunArguments { git_url, git_rev, git_dir, .. } = arguments;
    let RunArguments { oci_registry, oci_repository, oci_tag, oci_dir, oci_filename, .. } = arguments;
    if let Some(url) = git_url {
        required(git_rev, "--git-rev")?;
        return Ok(Step::Reference(Reference::Git(GitReference::from_members(
            url.clone(),
            git_rev.clone(),
            git_dir,
            None,
        ))));
    }
    if let Some(registry) = oci_registry {
        required(oci_repository, "--oci-repository")?;
        required(oci_tag, "--oci-tag")?;
        let file = Some(oci_filename.clone()).filter(|file| !file.is_empty());
        return Ok(Step::Reference(Reference::Oci(OciReference::from_members(
            registry.clone(),
            oci_repository.clone(),
            oci_tag.clone(),
            oci_dir,
            file,
        ))));
    }
    Err(Failure::new("no step specified"))
}

fn required(text: &str, flag: &str) -> Result<(), Failure> {
    if text.is_empty() { Err(Failure::new(format!("{flag} is missing"))) } else { Ok(()) }
}

fn not_a_reference(error: &InvalidReference) -> String {
    format!("compiling STEP: {error}")
}
