//! `stepwell check`: step, function and job files, all problems at once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use stepwell_resolve::DEFAULT_FILES;
use stepwell_schema::{Problem, Problems, Reference};

use super::error::{CommandError, Exit};
use super::{diagnostics, run, surroundings, terminal};
use crate::{Host, JobRequest, RunError, request};

/// Deepest folder that is searched, so that a link cannot lead in circles for long.
const MAX_DEPTH: usize = 32;

/// Checks files, and what is found in folders. Shows all problems of all of them.
pub(super) fn check(paths: &[PathBuf]) -> Result<Exit, CommandError> {
    let host = run::host()?;
    let folder = surroundings::current_folder()
        .map_err(|error| CommandError::file("cannot see where we stand", Path::new("."), error))?;
    let mut problems = Problems::default();
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            search(path, 0, &mut files).map_err(|error| CommandError::file("cannot search", path, error))?;
        } else {
            files.push(path.clone());
        }
    }
    for file in &files {
        problems.extend(check_file(&host, file, &folder)?);
    }
    if problems.has_errors() {
        return Err(CommandError::Document(problems));
    }
    // Standard error may be closed; the exit code says the same.
    let _ = diagnostics::draw(&mut io::stderr(), &problems, terminal::color_on_stderr());
    super::print(format!("{} checked\n", diagnostics::counted(files.len(), "file")).as_bytes())
}

/// Checks one file with everything that it leads to.
fn check_file(host: &Host, file: &Path, folder: &Path) -> Result<Problems, CommandError> {
    let source = match request::read(file) {
        Ok(source) => source,
        Err(problems) => return Ok(problems),
    };
    let checked = if is_function(file, source.text()) {
        check_function(host, file, folder)
    } else {
        match JobRequest::from_source(source) {
            Err(problems) => return Ok(problems),
            Ok(request) => host.plan(&request.work_dir(folder)).map(|plan| plan.warnings),
        }
    };
    match checked {
        Ok(problems) | Err(RunError::Document(problems)) => Ok(problems),
        Err(error) => Err(error.into()),
    }
}

fn check_function(host: &Host, file: &Path, folder: &Path) -> Result<Problems, RunError> {
    let absolute = folder.join(file);
    let Some(text) = absolute.to_str() else {
        let message = format!("the path `{}` is not UTF-8", file.display());
        return Ok(Problem::error("unreadable", message).help("rename the file").into());
    };
    // The file is read under its own name, whatever it ends with.
    let reference = Reference::File { path: text.to_owned() };
    host.function(&reference, folder).map(|function| function.function.warnings.clone())
}

/// A function file has a name of its own, or two documents; a job in the two-document form is checked as the sequence
/// that it is.
fn is_function(file: &Path, text: &str) -> bool {
    let named = file.file_name().is_some_and(|name| DEFAULT_FILES.iter().any(|known| name == *known));
    named || text.lines().any(|line| line.trim_end() == "---") && has_definition(text)
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
    if path.file_name().is_some_and(|name| DEFAULT_FILES.iter().any(|known| name == *known)) {
        return true;
    }
    let yaml = path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml");
    yaml && fs::read_to_string(path).is_ok_and(|text| text.lines().any(|line| line.starts_with("run:")))
}
