//! minijinja, set up so that mistakes are errors.

use std::error::Error as _;
use std::fs;
use std::io::ErrorKind as IoErrorKind;
use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};
use stepwell_sdk::{Failure, Step, path, serde_json};

use crate::{Request, Template};

/// How deep templates may call, include and nest: deep enough for people, and safe on the guest's stack.
const MAX_DEPTH: usize = 100;

/// Fills a template. What it includes is looked for in the source.
pub(crate) fn fill(step: &Step, request: &Request, template: &Template) -> Result<String, Failure> {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_auto_escape_callback(|_| AutoEscape::None);
    engine.set_syntax(SyntaxConfig::builder().keep_trailing_newline(true).build()?);
    engine.set_recursion_limit(MAX_DEPTH);
    if let Some(source) = &request.source {
        let folder = step.work_path(source)?;
        engine.set_loader(move |name| load(&folder, name));
    }
    engine.add_template(&template.name, &template.text).map_err(|error| failure(&error))?;
    let filled = engine.get_template(&template.name).and_then(|found| found.render(values(&request.values)));
    filled.map_err(|error| failure(&error))
}

fn values(values: &serde_json::Map<String, serde_json::Value>) -> Value {
    Value::from(Serde(values))
}

/// Reads a template of the source; none if there is none of that name.
fn load(folder: &Path, name: &str) -> Result<Option<String>, Error> {
    if !path::stays_inside(name) {
        return Err(Error::new(ErrorKind::InvalidOperation, format!("`{name}` is no path in the source")));
    }
    match fs::read_to_string(folder.join(path::tidy(name))) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == IoErrorKind::NotFound => Ok(None),
        Err(error) => {
            let message = format!("cannot read `{name}`");
            Err(Error::new(ErrorKind::InvalidOperation, message).with_source(error))
        }
    }
}

/// Returns a failure that begins with template and line, innermost place first said.
fn failure(error: &Error) -> Failure {
    let place = match (error.name(), error.line()) {
        (Some(name), Some(line)) => format!("{name}, line {line}: "),
        (Some(name), None) => format!("{name}: "),
        (None, _) => String::new(),
    };
    let what = match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    let failure = Failure::failed(format!("{place}{what}"));
    let failure = error.source().map_or(failure.clone(), |source| failure.caused_by(source));
    match error.kind() {
        ErrorKind::UndefinedError => failure.hint("give it in the input `values`, or write `name | default(…)`"),
        _ => failure,
    }
}
