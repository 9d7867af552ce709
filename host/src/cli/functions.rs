//! `stepwell functions` and `stepwell docs`: the functions that come with the program, and the page of one.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Map, Value, json};
use stepwell_schema::{Problem, Reference};

use super::args::{DocsArguments, Format, FunctionsArguments};
use super::error::{CommandError, Exit};
use super::inspect::not_a_reference;
use super::interface::Interface;
use super::policies::PolicyArguments;
use super::{page, run, table};
use crate::{Host, Isolation, shipped};

/// Version of the JSON form. Goes up when a reader of the version before would misunderstand.
const JSON_VERSION: u32 = 1;

/// What stands in front of the name of a shipped function in its reference.
const PREFIX: &str = "builtin://stepwell/";

/// The page beside a function file.
const PAGE: &str = "README.md";

/// Lists the shipped functions.
pub(super) fn functions(arguments: &FunctionsArguments) -> Result<Exit, CommandError> {
    let host = run::host(&PolicyArguments::default(), Isolation::InProcess)?;
    let listed = shipped::pages().map(|(name, page)| Listed::new(&host, name, page)).collect::<Result<Vec<_>, _>>()?;
    let text = match arguments.format {
        Format::Text => {
            let mut table = table::table(["function", "does", "access"]);
            for function in &listed {
                table.add_row([function.reference.clone(), function.description(), function.interface.access_line()]);
            }
            table::text(&table)
        }
        Format::Json => {
            let functions: Vec<Value> = listed.iter().map(|function| Value::Object(function.json())).collect();
            format!("{:#}\n", json!({ "version": JSON_VERSION, "functions": functions }))
        }
    };
    super::print(text.as_bytes())
}

/// Shows the page of a function, and behind it its interface as the function file has it.
pub(super) fn docs(arguments: &DocsArguments) -> Result<Exit, CommandError> {
    let known = shipped::pages().find(|(name, _)| arguments.reference == *name);
    let text = known.map_or_else(|| arguments.reference.clone(), |(name, _)| format!("{PREFIX}{name}"));
    let reference = Reference::parse(&text).map_err(|error| not_a_reference(&error))?;
    if reference.is_script() {
        return Err(CommandError::Usage {
            message: format!("`{text}` is a part of the engine and has no page"),
            hint: "docs/jobs.md says what a script is; `stepwell functions` lists what has a page".to_owned(),
        });
    }
    let host = run::host(&PolicyArguments::default(), Isolation::InProcess)?;
    let function = host.function(&reference, Path::new("."))?;
    let page = match function.folder() {
        Some(folder) => beside(folder)?,
        None => {
            shipped::pages().find(|(name, _)| text.strip_prefix(PREFIX) == Some(name)).map(|(_, page)| page.to_owned())
        }
    };
    let interface = Interface::of(&function);
    let heading = || match &interface.description {
        Some(description) => format!("{}\n\n{description}\n", function.resolved.origin.reference),
        None => format!("{}\n", function.resolved.origin.reference),
    };
    let page = page.map_or_else(heading, |page| page::plain(&page));
    super::print(format!("{page}{}", interface.text()).as_bytes())
}

/// Reads the page in the folder of a function, if there is one.
fn beside(folder: &Path) -> Result<Option<String>, CommandError> {
    let path = folder.join(PAGE);
    match fs::read(&path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CommandError::file("cannot read", &path, error)),
    }
}

/// A function of the list.
struct Listed {
    reference: String,
    interface: Interface,
    page: &'static str,
}

impl Listed {
    fn new(host: &Host, name: &str, page: &'static str) -> Result<Self, CommandError> {
        let reference = format!("{PREFIX}{name}");
        let parsed = Reference::parse(&reference)
            .map_err(|error| CommandError::Document(Problem::error("invalid-reference", error.to_string()).into()))?;
        let function = host.function(&parsed, Path::new("."))?;
        Ok(Self { reference, interface: Interface::of(&function), page })
    }

    /// Returns what the function file says of it, else how its page begins.
    fn description(&self) -> String {
        self.interface.description.clone().unwrap_or_else(|| page::first_sentence(self.page))
    }

    fn json(&self) -> Map<String, Value> {
        let mut object = Map::from_iter([("reference".to_owned(), json!(self.reference))]);
        object.extend(self.interface.json());
        object.insert("description".to_owned(), json!(self.description()));
        object
    }
}
