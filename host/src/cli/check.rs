//! `stepwell check`: step, function and job files, all problems at once.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stepwell_resolve::DEFAULT_FILES;
use stepwell_run::Protocol;
use stepwell_schema::strict::{beyond_gitlab, job_beyond_gitlab};
use stepwell_schema::{CaseTable, Problem, Problems, Reference, Source};

use super::args::{CheckArguments, Strict};
use super::error::{CommandError, Exit};
use super::pipeline::Project;
use super::policies::PolicyArguments;
use super::{diagnostics, pipeline, run, surroundings, terminal};
use crate::Isolation;
use crate::{Host, JobRequest, PlannedFunction, RunError, request};

/// Name of the file of a pipeline.
const PIPELINE: &str = ".gitlab-ci.yml";

/// Deepest folder that is searched, so that a link cannot lead in circles for long.
const MAX_DEPTH: usize = 32;

/// Checks files, and what is found in folders. Shows all problems of all of them.
pub(super) fn check(arguments: &CheckArguments) -> Result<Exit, CommandError> {
    let host = run::host(&PolicyArguments::default(), Isolation::InProcess)?;
    let folder = surroundings::current_folder()
        .map_err(|error| CommandError::file("cannot see where we stand", Path::new("."), error))?;
    let mut problems = Problems::default();
    let mut files = Vec::new();
    let mut seen = HashSet::new();
    for path in &arguments.paths {
        if path.is_dir() {
            search(path, 0, &mut files).map_err(|error| CommandError::file("cannot search", path, error))?;
        } else {
            files.push(path.clone());
        }
    }
    for file in &files {
        let checked = Check { host: &host, folder: &folder, strict: arguments.strict }.file(file)?;
        // A function that several files lead to is looked at with each of them.
        problems.extend(checked.into_iter().filter(|problem| seen.insert(format!("{problem}"))));
    }
    if problems.has_errors() {
        return Err(CommandError::Document(problems));
    }
    // Standard error may be closed; the exit code says the same.
    let _ = diagnostics::draw(&mut io::stderr(), &problems, terminal::color_on_stderr());
    super::print(format!("{} checked\n", diagnostics::counted(files.len(), "file")).as_bytes())
}

/// A check of one file with everything that it leads to.
struct Check<'c> {
    host: &'c Host,
    /// Where the user stands.
    folder: &'c Path,
    strict: Option<Strict>,
}

impl Check<'_> {
    fn file(&self, file: &Path) -> Result<Problems, CommandError> {
        let source = match request::read(file) {
            Ok(source) => source,
            Err(problems) => return Ok(problems),
        };
        let checked = if pipeline::is_pipeline(&source) {
            self.pipeline(file, source)
        } else if is_table(source.text()) {
            CaseTable::parse(source).map(|table| table.warnings).map_err(CommandError::Document)
        } else if is_function(file, source.text()) {
            self.function(file)
        } else {
            JobRequest::from_source(source)
                .map_err(CommandError::Document)
                .and_then(|request| self.job(&request.work_dir(self.folder)))
        };
        match checked {
            Ok(problems) | Err(CommandError::Document(problems) | CommandError::Run(RunError::Document(problems))) => {
                Ok(problems)
            }
            Err(error) => Err(error),
        }
    }

    /// Checks the jobs of a pipeline that are lists of steps; those of commands have nothing more to look at.
    fn pipeline(&self, file: &Path, source: Arc<Source>) -> Result<Problems, CommandError> {
        let project = Project::load(file, source)?;
        let mut problems = project.warnings();
        for request in project.runs() {
            match self.job(&request) {
                Ok(found) | Err(CommandError::Run(RunError::Document(found))) => problems.extend(found),
                Err(error) => return Err(error),
            }
        }
        Ok(problems)
    }

    fn job(&self, request: &JobRequest) -> Result<Problems, CommandError> {
        let plan = self.host.plan(request)?;
        let mut problems = plan.warnings;
        if let Some(Strict::Gitlab) = self.strict {
            problems.extend(job_beyond_gitlab(request.document()));
            problems.extend(plan.functions.iter().flat_map(|planned| self.beyond(planned)));
        }
        Ok(problems)
    }

    fn function(&self, file: &Path) -> Result<Problems, CommandError> {
        let absolute = self.folder.join(file);
        let Some(text) = absolute.to_str() else {
            let message = format!("the path `{}` is not UTF-8", file.display());
            return Ok(Problem::error("unreadable", message).help("rename the file").into());
        };
        // The file is read under its own name, whatever it ends with.
        let reference = Reference::File { path: text.to_owned() };
        let function = self.host.function(&reference, self.folder)?;
        let mut problems = function.function.warnings.clone();
        if self.strict.is_some() {
            problems.extend(self.beyond(&function));
        }
        Ok(problems)
    }

    /// Of a function that the engine ships only the call is wrong.
    fn beyond(&self, planned: &PlannedFunction) -> Problems {
        match planned.resolved.origin.protocol {
            Protocol::BuiltIn => Problems::default(),
            Protocol::File | Protocol::Git | Protocol::Oci => beyond_gitlab(&planned.function),
        }
    }
}

/// A function file has a name of its own, or two documents; a job in the two-document form is checked as the sequence
/// that it is.
fn is_function(file: &Path, text: &str) -> bool {
    let named = file.file_name().is_some_and(|name| DEFAULT_FILES.iter().any(|known| name == *known));
    named || text.lines().any(|line| line.trim_end() == "---") && has_definition(text)
}

/// Tells whether a text is a table of cases.
fn is_table(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("cases:"))
}

/// Tells whether a text has the key of a function's definition at its top level.
fn has_definition(text: &str) -> bool {
    text.lines().any(|line| ["exec:", "wasm:", "spec:"].iter().any(|key| line.starts_with(key)))
}

/// Finds function files, and other YAML files with `run:` at their top level, in the order of their names. Hidden folders
/// are left out.
fn search(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    paths.sort();
    for path in paths {
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_dir() {
            if !hidden && depth < MAX_DEPTH {
                search(&path, depth + 1, files)?;
            }
        } else if is_ours(&path) {
            files.push(path);
        }
    }
    Ok(())
}

fn is_ours(path: &Path) -> bool {
    let named = |name: &OsStr| name == PIPELINE || DEFAULT_FILES.iter().any(|known| name == *known);
    if path.file_name().is_some_and(named) {
        return true;
    }
    let yaml = path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml");
    yaml && fs::read_to_string(path).is_ok_and(|text| text.lines().any(|line| line.starts_with("run:")))
}
