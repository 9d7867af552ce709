//! The function `template`: fills a text template with values.
//!
//! In go a template, as text or as a file, and a struct of values; out come the text, and a file if one is asked for. The
//! language is that of minijinja; a name that has no value is an error, as is a template that is not closed, and both say
//! in which line. The crate refuses to know anything that is not in the values: no time, no environment.

#![forbid(unsafe_code)]

mod engine;

use stepwell_sdk::{Failure, Input, Level, Output, Step, WorkPath, path, serde_json, step};

/// What is asked. `func.yml` describes each input.
#[derive(Input)]
pub struct Request {
    #[input(default = "")]
    template: String,
    #[input(default = "")]
    template_file: String,
    #[input(default = "")]
    source: Option<WorkPath>,
    #[input(default = {})]
    values: serde_json::Map<String, serde_json::Value>,
    #[input(default = "")]
    destination: Option<WorkPath>,
    #[input(default = "")]
    name: String,
}

/// What came of it.
#[derive(Debug, Output)]
pub struct Response {
    /// The filled text.
    text: String,
    /// Path of the file, relative to the work dir; empty if none was written.
    file: String,
}

/// Fills a text template with values.
///
/// # Errors
///
/// A failure that names the input, or template and line.
#[step(needs(
    read("${{ inputs.source }}", reason = "reads the template"),
    write("${{ inputs.destination }}", bytes = "16MiB", files = 10, reason = "writes the file"),
    clock(none),
    random(none),
))]
pub fn run(request: Request, step: &mut Step) -> Result<Response, Failure> {
    let template = Template::choose(&request, step)?;
    let file = target(&request, &template)?;
    let text = engine::fill(step, &request, &template)?;
    if let Some(file) = &file {
        step.write(file, &text)?;
        step.log(Level::Info, file, &[("bytes", &text.len())]);
    }
    Ok(Response { text, file: file.map(|file| file.to_string()).unwrap_or_default() })
}

/// A template with the name that messages use.
struct Template {
    name: String,
    text: String,
}

impl Template {
    fn choose(request: &Request, step: &Step) -> Result<Self, Failure> {
        match (request.template.as_str(), request.template_file.as_str(), &request.source) {
            (text, "", _) => Ok(Self { name: "template".to_owned(), text: text.to_owned() }),
            ("", name, None) => {
                let problem = format!("input `source` is missing: the folder of `{name}`");
                Err(Failure::invalid_input(problem).hint("a function can be granted folders only"))
            }
            ("", name, Some(source)) => {
                let path = source.join(name).map_err(|_| {
                    Failure::invalid_input(format!("input `template_file` is `{name}`, no path in the source"))
                })?;
                Ok(Self { name: path::tidy(name), text: step.read_to_string(path)? })
            }
            (_, _, _) => Err(Failure::invalid_input("inputs `template` and `template_file` are both given")),
        }
    }
}

/// Returns the path of the file to write; none if none is asked for.
fn target(request: &Request, template: &Template) -> Result<Option<WorkPath>, Failure> {
    let Some(destination) = &request.destination else {
        let useless = !request.name.is_empty();
        let failure = || Failure::invalid_input("input `name` is given, but no `destination` to put the file into");
        return if useless { Err(failure()) } else { Ok(None) };
    };
    let name = match (request.name.as_str(), request.template_file.is_empty()) {
        ("", true) => return Err(Failure::invalid_input("input `name` is missing: the name of the file to write")),
        ("", false) => {
            let last = template.name.rsplit('/').next().unwrap_or_default();
            last.strip_suffix(".j2").or_else(|| last.strip_suffix(".jinja")).unwrap_or(last)
        }
        (name, _) => name,
    };
    let path = destination.join(name);
    path.map(Some).map_err(|_| Failure::invalid_input(format!("input `name` is `{name}`, no path in the destination")))
}

#[cfg(test)]
mod tests;
