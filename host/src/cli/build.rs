//! `stepwell build`: from the source of a function to the module that its function file names.

use std::fs;
use std::path::{Component, Path, PathBuf};

use stepwell_plan::Module;
use stepwell_resolve::DEFAULT_FILES;
use stepwell_schema::{DefinitionKind, Digest, Function, Place, Problem, Reference};

use super::args::BuildArguments;
use super::error::{CommandError, Exit};
use super::inspect::{module_line, refused};
use super::language::Language;
use super::policies::PolicyArguments;
use super::{run, tools};
use crate::{Isolation, request};

/// Builds the function in a folder, and checks it against its function file.
pub(super) fn build(arguments: &BuildArguments) -> Result<Exit, CommandError> {
    let line = built(&arguments.folder, arguments.lang)?;
    super::print(format!("{line}\n").as_bytes())
}

/// Builds the function and returns what was made, in one line.
pub(super) fn built(folder: &Path, language: Option<Language>) -> Result<String, CommandError> {
    let folder =
        fs::canonicalize(folder).map_err(|error| CommandError::file("cannot use the folder", folder, error))?;
    let file = function_file(&folder)?;
    let (function, module) = parsed(&file)?;
    let target = folder.join(module);
    let language = language.map_or_else(|| recognised(&folder), Ok)?;
    tools::make(language, &folder, &target)?;
    if language.has_wit() {
        describe(&target, &function)?;
    }
    let host = run::host(&PolicyArguments::default(), Isolation::InProcess)?;
    let Some(path) = file.to_str() else {
        let message = format!("the path `{}` is not UTF-8", file.display());
        return Err(CommandError::Document(Problem::error("unreadable", message).help("rename the folder").into()));
    };
    let function = host.function(&Reference::File { path: path.to_owned() }, &folder)?;
    Ok(function.module().map_or_else(String::new, |module| module_line(module)))
}

/// Returns the function file of a folder.
pub(super) fn function_file(folder: &Path) -> Result<PathBuf, CommandError> {
    let known = DEFAULT_FILES.iter().map(|name| folder.join(name)).find(|path| path.is_file());
    known.ok_or_else(|| CommandError::Usage {
        message: format!("`{}` has no function file", folder.display()),
        hint: format!(
            "stand in the folder with `{}`, or name it; `stepwell new` makes one",
            DEFAULT_FILES.first().unwrap_or(&"func.yml")
        ),
    })
}

/// Writes what the function file says behind a module whose tools say nothing of it.
fn describe(target: &Path, function: &Function) -> Result<(), CommandError> {
    let bytes = fs::read(target).map_err(|error| CommandError::file("cannot read the module", target, error))?;
    let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let module = Module { name, digest: Digest::of(&bytes), bytes: bytes.into() };
    let described = stepwell_sandbox::describe(&module, &function.spec).map_err(refused)?;
    fs::write(target, described).map_err(|error| CommandError::file("cannot write the module", target, error))
}

/// Reads a function file, and returns the path of its module from the folder.
fn parsed(file: &Path) -> Result<(Function, PathBuf), CommandError> {
    let source = request::read(file).map_err(CommandError::Document)?;
    let function = Function::parse(source).map_err(CommandError::Document)?;
    let place = |span| Place::new(function.source.clone(), span);
    let DefinitionKind::Wasm(wasm) = &function.definition.kind else {
        let problem = Problem::error("no-module", "the function has no module to build")
            .at(place(function.definition.span), "its definition is a command or a list of steps")
            .help("a function that is built has `wasm: { module: ./NAME.wasm }`");
        return Err(CommandError::Document(problem.into()));
    };
    let path = PathBuf::from(&wasm.module.value);
    if path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Ok((function, path));
    }
    let problem = Problem::error("no-module", "the module lies outside the folder of the function")
        .at(place(wasm.module.span), "this path")
        .help("for example `module: ./NAME.wasm`");
    Err(CommandError::Document(problem.into()))
}

/// Finds out the language of a project.
fn recognised(folder: &Path) -> Result<Language, CommandError> {
    let found = Language::in_folder(folder);
    if let [language] = *found {
        return Ok(language);
    }
    let usage = |message: String, hint: String| Err(CommandError::Usage { message, hint });
    let all = <Language as clap::ValueEnum>::value_variants();
    match &*found {
        [] => usage(
            format!("no language is recognised in `{}`", folder.display()),
            all.iter().map(|language| format!("{language}: `{}`", language.marker())).collect::<Vec<_>>().join(", "),
        ),
        several => usage(
            format!(
                "`{}` has files of {}",
                folder.display(),
                several.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
            ),
            "say which one with `--lang`".to_owned(),
        ),
    }
}
