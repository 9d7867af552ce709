//! The result file, `step-results.json`: section 5.11 of the contract.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use stepwell_run::{ExecResult, JobResult, Status, StepPath, StepReference, StepResult};
use stepwell_run::{Marked, Values};
use stepwell_schema::{Job, Step};

use crate::compiled;
use crate::mask::{MASKED, Masker};
use crate::members::Members;

/// What becomes of secrets in a result file.
#[derive(Clone, Copy, Debug)]
pub enum Secrets<'a> {
    /// Values that are marked are replaced by [`MASKED`], and in all other texts what the masker knows.
    Hidden(&'a Masker),
    /// All is written in clear.
    Shown,
}

/// Why a result file was not written. What was there before is untouched.
#[derive(Debug, thiserror::Error)]
pub enum WriteResultsError {
    /// A value has no JSON form.
    #[error("`{member}` of step `{step}` holds the number {number}, which cannot be written as JSON")]
    NotFinite {
        /// The step; the empty path is the root.
        step: StepPath,
        /// The input or output.
        member: String,
        /// Infinite, or not a number.
        number: f64,
    },
    /// The file cannot be written.
    #[error("results cannot be written to `{}`", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
}

/// Writes the result of a job, as a whole or not at all: mode 0640 less the umask, in place of the file that was there;
/// pipes and devices are written to. Returns whether there was anything to write; there is nothing where the job ended
/// before its first step.
///
/// # Errors
/// See [`WriteResultsError`].
pub fn write_results(
    path: &Path,
    job: &Job,
    result: &JobResult,
    secrets: Secrets<'_>,
) -> Result<bool, WriteResultsError> {
    let Some(json) = results_json(job, result, secrets)? else { return Ok(false) };
    replace(path, &json).map_err(|cause| WriteResultsError::File { path: path.to_owned(), cause })?;
    Ok(true)
}

/// Returns the result of a job in the form of the result file; none where the job ended before its first step.
///
/// # Errors
/// [`WriteResultsError::NotFinite`].
pub(crate) fn results_json(
    job: &Job,
    result: &JobResult,
    secrets: Secrets<'_>,
) -> Result<Option<Value>, WriteResultsError> {
    let Some(root) = &result.root else { return Ok(None) };
    let mut json = Form { job, secrets }.step_result(root, None)?;
    if let Secrets::Hidden(masker) = secrets {
        mask_texts(masker, &mut json);
    }
    Ok(Some(json))
}

/// How the tree is written.
struct Form<'a> {
    job: &'a Job,
    secrets: Secrets<'a>,
}

impl Form<'_> {
    /// `item` is what the list has in which the step stands; none for the root.
    fn step_result(&self, result: &StepResult, item: Option<&Step>) -> Result<Value, WriteResultsError> {
        let items = self.items(result);
        let children = result.children.iter().filter(|child| child.status != Status::Skipped);
        let children =
            children.map(|child| self.step_result(child, item_of(child, items))).collect::<Result<_, _>>()?;
        let members = Members::new()
            .put("step", self.invocation(result, item)?)
            .put("specDefinition", self.compiled(result)?)
            .put("status", json!(status_word(result.status)))
            .nonempty("outputs", self.values(result, &result.outputs)?)
            .nonempty("exports", texts(&result.exports))
            .nonempty("env", self.env(result, &result.env)?)
            .nonempty("execResult", result.exec.as_ref().map_or(Value::Null, exec_result))
            .nonempty("subStepResults", children);
        Ok(members.into())
    }

    /// The list that a step has below it.
    fn items<'b>(&'b self, result: &'b StepResult) -> &'b [Step] {
        match &result.reference {
            StepReference::Root => &self.job.steps,
            StepReference::Script(_) => &[],
            StepReference::Function(function) => compiled::steps(&function.function.definition),
        }
    }

    fn invocation(&self, result: &StepResult, item: Option<&Step>) -> Result<Value, WriteResultsError> {
        if matches!(result.reference, StepReference::Root) {
            return Ok(json!({}));
        }
        let (reference, mut inputs) = match &result.reference {
            StepReference::Root => (Value::Null, Value::Null),
            StepReference::Script(text) => (compiled::script_reference(), json!({ "script": text })),
            StepReference::Function(function) => {
                (compiled::resolved_reference(&function.resolved.origin, item), json!({}))
            }
        };
        if !result.inputs.is_empty() {
            inputs = self.values(result, &result.inputs)?;
        }
        let members = Members::new()
            .nonempty("name", json!(result.step.name()))
            .put("step", reference)
            .nonempty("inputs", inputs)
            .nonempty("env", self.env(result, &result.call_env)?);
        Ok(members.into())
    }

    fn compiled(&self, result: &StepResult) -> Result<Value, WriteResultsError> {
        let hidden = matches!(self.secrets, Secrets::Hidden(_));
        let compiled = match &result.reference {
            StepReference::Root => compiled::job(self.job),
            StepReference::Script(_) => Ok(compiled::script()),
            StepReference::Function(function) => compiled::function(&function.function, hidden),
        };
        compiled.map_err(|wrong| not_finite(result, &wrong.member, wrong.number))
    }

    fn values(&self, result: &StepResult, values: &Values) -> Result<Value, WriteResultsError> {
        let member = |(name, marked): (&String, &Marked)| Ok((name.clone(), self.value(result, name, marked)?));
        values.iter().map(member).collect::<Result<Map<_, _>, _>>().map(Value::Object)
    }

    fn value(&self, result: &StepResult, name: &str, marked: &Marked) -> Result<Value, WriteResultsError> {
        if self.hides(marked) {
            return Ok(json!(MASKED));
        }
        marked.value.to_json().map_err(|wrong| not_finite(result, name, wrong.0))
    }

    fn env(&self, result: &StepResult, env: &BTreeMap<String, Marked>) -> Result<Value, WriteResultsError> {
        let member = |(name, marked): (&String, &Marked)| {
            if self.hides(marked) {
                return Ok((name.clone(), json!(MASKED)));
            }
            let text = marked.value.to_text().map_err(|wrong| not_finite(result, name, wrong.0))?;
            Ok((name.clone(), json!(text)))
        };
        env.iter().map(member).collect::<Result<Map<_, _>, _>>().map(Value::Object)
    }

    fn hides(&self, marked: &Marked) -> bool {
        marked.sensitive && matches!(self.secrets, Secrets::Hidden(_))
    }
}

fn item_of<'a>(child: &StepResult, items: &'a [Step]) -> Option<&'a Step> {
    let (index, _) = child.step.segments().last()?;
    items.get(index)
}

/// A step result knows two words only: whatever is not known to have ended well is a failure.
const fn status_word(status: Status) -> &'static str {
    match status {
        Status::Succeeded => "success",
        Status::Pending
        | Status::Running
        | Status::Failed
        | Status::Cancelled
        | Status::TimedOut
        | Status::Skipped
        | Status::Lost => "failure",
    }
}

fn exec_result(exec: &ExecResult) -> Value {
    let exit_code = if exec.exit_code == 0 { Value::Null } else { json!(exec.exit_code) };
    Members::new()
        .nonempty("command", json!(exec.command))
        .nonempty("workDir", json!(exec.work_dir))
        .nonempty("exitCode", exit_code)
        .into()
}

fn texts(texts: &BTreeMap<String, String>) -> Value {
    texts.iter().map(|(name, text)| (name.clone(), json!(text))).collect::<Map<_, _>>().into()
}

fn not_finite(result: &StepResult, member: &str, number: f64) -> WriteResultsError {
    WriteResultsError::NotFinite { step: result.step.clone(), member: member.to_owned(), number }
}

/// Masks all texts; names of members are identifiers of documents and stay.
fn mask_texts(masker: &Masker, json: &mut Value) {
    match json {
        Value::String(text) => *text = masker.mask(text).into_owned(),
        Value::Array(items) => items.iter_mut().for_each(|item| mask_texts(masker, item)),
        Value::Object(members) => members.values_mut().for_each(|value| mask_texts(masker, value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Writes what is to be at a path. A link stays, and what it leads to is written; a pipe or device, such as
/// `/dev/stdout`, is written to.
fn replace(path: &Path, json: &Value) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(there) if there.is_file() => replace_file(&fs::canonicalize(path)?, json),
        Ok(_) => write_json(&File::options().write(true).open(path)?, json),
        Err(_) => replace_file(path, json),
    }
}

/// Writes beside the file and renames, so that nobody ever sees half of it.
fn replace_file(path: &Path, json: &Value) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = tempfile::Builder::new().permissions(Permissions::from_mode(0o640)).tempfile_in(folder)?;
    write_json(file.as_file(), json)?;
    file.persist(path)?;
    Ok(())
}

fn write_json(file: &File, json: &Value) -> io::Result<()> {
    let mut writer = BufWriter::new(file);
    serde_json::to_writer_pretty(&mut writer, json)?;
    writer.write_all(b"\n")?;
    writer.flush()
}

#[cfg(test)]
mod tests;
