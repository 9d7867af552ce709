//! The merged report: all suites of all reports below one `testsuites`.

use std::io::{self, BufWriter, Write};

use stepwell_sdk::{Access, Failure, Step};
use stepwell_step_parts::xml::{Document, Element, Node, escaped, escaped_attribute};

use crate::summary::Counts;

/// How much is written at once. Each call of the host moves up to 64 KiB.
const BUFFER_BYTES: usize = 64 * 1024;

/// Writes the merged report. It appears under its name only when it is whole.
pub(crate) fn write(step: &Step, reports: &[String], counts: &Counts, file: &str) -> Result<(), Failure> {
    let part = format!("{file}.part");
    write_part(step, reports, counts, &part).inspect_err(|_| {
        // The first failure is the one to tell.
        let _ = step.remove_file(&part);
    })?;
    step.rename(&part, file)
}

fn write_part(step: &Step, reports: &[String], counts: &Counts, part: &str) -> Result<(), Failure> {
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, step.create(part)?);
    let failure = |error: io::Error| Failure::of_file(Access::Write, part, &error);
    let Counts { tests, failures, errors, skipped, seconds } = counts;
    writeln!(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"{tests}\" failures=\"{failures}\" \
         errors=\"{errors}\" skipped=\"{skipped}\" time=\"{seconds:.3}\">"
    )
    .map_err(failure)?;
    for report in reports {
        copy(step, report, &mut out, &failure)?;
    }
    out.write_all(b"</testsuites>\n").and_then(|()| out.flush()).map_err(failure)
}

/// Copies the suites of a report: what its `testsuites` holds, or itself if it is one suite.
fn copy(
    step: &Step,
    report: &str,
    out: &mut impl Write,
    failure: &impl Fn(io::Error) -> Failure,
) -> Result<(), Failure> {
    let mut document = Document::open(step, report)?;
    let mut open = Vec::new();
    // An element whose tag is not closed yet, so that one without content stays short.
    let mut pending = false;
    while let Some(node) = document.next_node()? {
        let written = match node {
            Node::Start(element) => {
                let copied = !(open.is_empty() && element.local_name() == "testsuites");
                let written = if copied { start(out, &element, pending) } else { Ok(()) };
                pending = copied;
                open.push(copied.then_some(element.name));
                written
            }
            Node::Text(text) if open.last().is_some_and(Option::is_some) => {
                let closed = if std::mem::take(&mut pending) { out.write_all(b">") } else { Ok(()) };
                closed.and_then(|()| out.write_all(escaped(&text).as_bytes()))
            }
            Node::Text(_) => Ok(()),
            Node::End => match open.pop().flatten() {
                Some(_) if std::mem::take(&mut pending) => out.write_all(b"/>"),
                Some(name) => write!(out, "</{name}>"),
                None => Ok(()),
            },
        };
        written.map_err(failure)?;
    }
    out.write_all(b"\n").map_err(failure)
}

fn start(out: &mut impl Write, element: &Element, pending: bool) -> io::Result<()> {
    write!(out, "{}<{}", if pending { ">" } else { "" }, element.name)?;
    element.attributes.iter().try_for_each(|(name, value)| write!(out, " {name}=\"{}\"", escaped_attribute(value)))
}
