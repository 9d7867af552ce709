//! `stepwell inspect`: what a function or a module is. Nothing is run or compiled for it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use stepwell_plan::Module;
use stepwell_run::ModuleRefused;
use stepwell_sandbox::Inspection;
use stepwell_schema::reference::InvalidReference;
use stepwell_schema::{Digest, Problem, Problems, Reference};

use super::args::{Format, InspectArguments};
use super::error::{CommandError, Exit};
use super::interface::{Interface, lines};
use super::policies::PolicyArguments;
use super::{run, surroundings};
use crate::{Isolation, PlannedFunction};

/// Version of the JSON form. Goes up when a reader of the version before would misunderstand.
const JSON_VERSION: u32 = 1;

/// Shows one function or module. A module that the engine would refuse is shown all the same; it ends as the run would.
pub(super) fn inspect(arguments: &InspectArguments) -> Result<Exit, CommandError> {
    let path = Path::new(&arguments.subject);
    let inspected = match is_module(path) {
        true => Inspected::module(path)?,
        false => Inspected::function(&arguments.subject, path)?,
    };
    let text = match arguments.format {
        Format::Text => inspected.text(),
        Format::Json => format!("{:#}\n", Value::Object(inspected.json())),
    };
    super::print(text.as_bytes())?;
    Ok(if inspected.problems().is_empty() { Exit::Success } else { Exit::Document })
}

/// Says what a reference looks like.
pub(super) fn not_a_reference(error: &InvalidReference) -> CommandError {
    let problem = Problem::error("invalid-reference", error.to_string());
    CommandError::Document(
        problem.help("write `./FOLDER`, `/FOLDER`, `builtin://NAME` or `HOST/PROJECT@REVISION`").into(),
    )
}

/// A file that is no YAML is a module, whatever it turns out to be.
fn is_module(path: &Path) -> bool {
    let yaml = path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml");
    path.is_file() && !yaml
}

/// Returns a module with its size and digest, all in one line.
pub(super) fn module_line(module: &Module) -> String {
    format!("{}  {}  {}", module.name, bytesize::ByteSize::b(module.bytes.len() as u64), module.digest)
}

/// A module with what was found in it, and its function file if it is known.
struct Inspected {
    function: Option<Arc<PlannedFunction>>,
    module: Option<(Arc<Module>, Inspection)>,
}

impl Inspected {
    fn module(path: &Path) -> Result<Self, CommandError> {
        let bytes = fs::read(path).map_err(|error| CommandError::file("cannot read", path, error))?;
        let module = Module { name: path.display().to_string(), digest: Digest::of(&bytes), bytes: Arc::from(bytes) };
        Ok(Self { function: None, module: Some(looked_at(&Arc::new(module))?) })
    }

    fn function(subject: &str, path: &Path) -> Result<Self, CommandError> {
        let folder = surroundings::current_folder()
            .map_err(|error| CommandError::file("cannot see where we stand", Path::new("."), error))?;
        let reference = match folder.join(path).to_str() {
            Some(file) if path.is_file() => Reference::File { path: file.to_owned() },
            _ => Reference::parse(subject).map_err(|error| not_a_reference(&error))?,
        };
        let host = run::host(&PolicyArguments::default(), Isolation::InProcess)?;
        let function = host.function(&reference, &folder)?;
        let module = function.module().map(looked_at).transpose()?;
        Ok(Self { function: Some(function), module })
    }

    fn problems(&self) -> &[String] {
        self.module.as_ref().map_or(&[], |(_, inspection)| &inspection.problems)
    }

    fn interface(&self) -> Interface {
        let section = self.module.as_ref().and_then(|(_, inspection)| inspection.section.as_ref());
        let of_section = section.map(Interface::of_section);
        match (&self.function, of_section) {
            (None, of_section) => of_section.unwrap_or_default(),
            (Some(function), of_section) => {
                let mut interface = Interface::of(function);
                interface.description = interface.description.or(of_section.and_then(|other| other.description));
                interface
            }
        }
    }

    fn text(&self) -> String {
        let interface = self.interface();
        let mut text = String::new();
        // Writing into a text cannot fail.
        if let Some(function) = &self.function {
            let _ = writeln!(
                text,
                "{}  {}  {}",
                function.resolved.origin.reference,
                function.kind(),
                function.resolved.digest
            );
        }
        if let Some((module, inspection)) = &self.module {
            let _ = writeln!(text, "{}", module_line(module));
            let _ = writeln!(text, "{}", form_line(inspection));
        }
        if let Some(description) = &interface.description {
            let _ = write!(text, "\n{description}\n");
        }
        text += &interface.text();
        if let Some((_, inspection)) = &self.module {
            text += &lines("imports", &inspection.imports);
            text += &lines("this engine does not run it", &inspection.problems);
        }
        text
    }

    fn json(&self) -> Map<String, Value> {
        let mut object = Map::from_iter([("version".to_owned(), json!(JSON_VERSION))]);
        if let Some(function) = &self.function {
            object.insert("reference".to_owned(), json!(function.resolved.origin.reference));
            object.insert("kind".to_owned(), json!(function.kind()));
            object.insert("digest".to_owned(), json!(function.resolved.digest));
        }
        object.extend(self.interface().json());
        if let Some((module, inspection)) = &self.module {
            let section = |key: &str| inspection.section.as_ref().and_then(|section| section.get(key));
            let module = json!({
                "name": module.name, "digest": module.digest, "bytes": module.bytes.len(),
                "form": inspection.form.as_str(), "abi": section("abi"), "sdk": section("sdk"),
                "imports": inspection.imports, "problems": inspection.problems,
            });
            object.insert("module".to_owned(), module);
        }
        object
    }
}

fn looked_at(module: &Arc<Module>) -> Result<(Arc<Module>, Inspection), CommandError> {
    let inspection = stepwell_sandbox::inspect(module).map_err(refused)?;
    Ok((Arc::clone(module), inspection))
}

/// Makes a problem of why a file is no step.
pub(super) fn refused(refused: ModuleRefused) -> CommandError {
    let problem = Problem::error(crate::modules::MODULE, refused.to_string());
    CommandError::Document(Problems::from(match refused.hint {
        Some(hint) => problem.help(hint),
        None => problem,
    }))
}

/// Says which form a module has, against what it was built, and with what.
fn form_line(inspection: &Inspection) -> String {
    let member = |key: &str| inspection.section.as_ref().and_then(|section| section.get(key)).and_then(Value::as_str);
    let built = match (member("abi"), member("sdk")) {
        (None, None) => String::new(),
        (Some(one), None) | (None, Some(one)) => format!("  built against {one}"),
        (Some(abi), Some(sdk)) => format!("  built against {abi} with {sdk}"),
    };
    format!("{}{built}", inspection.form.as_str())
}
