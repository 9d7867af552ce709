//! The function `report`: collects values and files into one page of HTML or Markdown.
//!
//! In go a title and sections: text, Markdown, a table of values, a file, an image; out comes one page that needs nothing
//! beside it. Whatever goes in is shown as what it is: nothing becomes a tag, a script or a request to another host. The
//! crate refuses to run a template language; the function `template` does.

#![forbid(unsafe_code)]

mod content;
mod html;
mod markdown;
mod section;
mod table;

use stepwell_sdk::{Failure, Input, Level, Output, Step, path, step};

use crate::section::Section;

/// Largest page. Browsers open it, and a guest holds it whole.
const MAX_PAGE_BYTES: usize = 64 * 1024 * 1024;

/// What is asked. `func.yml` describes each input.
#[derive(Input)]
pub struct Request {
    title: String,
    sections: Vec<Section>,
    #[input(default = "")]
    source: String,
    #[input(default = "dist")]
    destination: String,
    #[input(default = "report.html")]
    name: String,
}

/// What came of it.
#[derive(Debug, Output)]
pub struct Response {
    /// Path of the page, relative to the work dir.
    file: String,
    /// Size of the page.
    bytes: usize,
}

/// Collects values and files into one page of HTML or Markdown.
///
/// # Errors
///
/// A failure that names the input and the section, or the file.
#[step]
pub fn run(request: Request, step: &mut Step) -> Result<Response, Failure> {
    let format = Format::of(&request.name)?;
    let mut page = match format {
        Format::Html => html::start(&request.title),
        Format::Markdown => markdown::start(&request.title),
    };
    for (place, section) in request.sections.iter().enumerate() {
        let content = section::read(step, &request.source, section).map_err(|failure| {
            let title = section.title.chars().take(60).collect::<String>();
            failure.context(format!("input `sections`, element {} (`{title}`)", place + 1))
        })?;
        page.push_str(&match format {
            Format::Html => html::section(&section.title, &content),
            Format::Markdown => markdown::section(&section.title, &content),
        });
        check_size(&page)?;
        step.check_cancelled()?;
    }
    if format == Format::Html {
        page.push_str(html::END);
    }
    let file = path::join(&request.destination, &request.name);
    step.write(&file, &page)?;
    step.log(Level::Info, &file, &[("sections", &request.sections.len()), ("bytes", &page.len())]);
    Ok(Response { file, bytes: page.len() })
}

/// What the page is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Html,
    Markdown,
}

impl Format {
    fn of(name: &str) -> Result<Self, Failure> {
        if !path::stays_inside(name) {
            return Err(Failure::invalid_input(format!("input `name` is `{name}`, no path in the destination")));
        }
        match name.rsplit_once('.').map(|(_, ending)| ending) {
            Some("html" | "htm") => Ok(Self::Html),
            Some("md" | "markdown") => Ok(Self::Markdown),
            Some(_) | None => Err(Failure::invalid_input(format!("input `name` is `{name}`"))
                .hint("it ends with `.html` or `.md`, which decides the format")),
        }
    }
}

fn check_size(page: &str) -> Result<(), Failure> {
    if page.len() <= MAX_PAGE_BYTES {
        return Ok(());
    }
    let problem = format!("the page has more than {} MiB", MAX_PAGE_BYTES / 1024 / 1024);
    Err(Failure::failed(problem).hint("leave out images or files"))
}

#[cfg(test)]
mod tests;
