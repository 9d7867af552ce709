//! Cobertura: XML with packages, classes and lines.

use stepwell_sdk::{Failure, Step};
use stepwell_step_parts::xml::{Document, Element, Node};

use crate::record::{Open, Record};

/// Most branches of one line. Generated code has some hundred.
const MAX_BRANCHES: u32 = 100_000;

/// Reads a report into the record.
pub(crate) fn read(step: &Step, report: &str, record: &mut Record) -> Result<(), Failure> {
    let mut document = Document::open(step, report)?;
    let mut open: Vec<String> = Vec::new();
    let mut file = None;
    while let Some(node) = document.next_node()? {
        match node {
            Node::Start(element) => {
                let name = element.local_name().to_owned();
                match (open.last().map(String::as_str), name.as_str()) {
                    (None, "coverage") => {}
                    (None, other) => {
                        let problem = format!("the document is one of `{other:.40}`, not of `coverage`");
                        return Err(document.failure(problem).hint("Cobertura and LCOV are read"));
                    }
                    (Some(_), "class") => file = Some(name_of(&element, &document)?),
                    // Lines below `method` stand below `class` as well.
                    (Some("lines"), "line") if open.iter().rev().nth(1).is_some_and(|above| above == "class") => {
                        let name = file.as_deref().unwrap_or_default();
                        let added = record.file(name).and_then(|mut file| line(&element, &mut file));
                        added.map_err(|problem| document.failure(problem))?;
                    }
                    (Some(_), _) => {}
                }
                open.push(name);
            }
            Node::End => {
                open.pop();
            }
            Node::Text(_) => {}
        }
    }
    Ok(())
}

fn name_of(class: &Element, document: &Document<'_>) -> Result<String, Failure> {
    let name = class.attribute("filename").or(class.attribute("name"));
    name.map(str::to_owned).ok_or_else(|| document.failure("a class has neither `filename` nor `name`"))
}

fn line(element: &Element, file: &mut Open<'_>) -> Result<(), String> {
    let attribute = |name: &str| element.attribute(name).ok_or_else(|| format!("a line has no `{name}`"));
    let text = attribute("number")?;
    let number = text.trim().parse().map_err(|_| format!("`{text:.40}` is no number of a line"))?;
    let text = attribute("hits")?;
    // Hits are whole numbers without bound, and floats with some tools; only whether there are any matters.
    let hits: f64 = text.trim().parse().map_err(|_| format!("`{text:.40}` is no number of hits"))?;
    file.line(number, hits > 0.0)?;
    if let Some(conditions) = element.attribute("condition-coverage") {
        let (covered, valid) =
            conditions_of(conditions).ok_or_else(|| format!("`{conditions:.40}` is no coverage of conditions"))?;
        for branch in 0..valid {
            file.branch((number, u64::from(branch)), branch < covered)?;
        }
    }
    Ok(())
}

/// Returns the two numbers of `50% (1/2)`.
fn conditions_of(text: &str) -> Option<(u32, u32)> {
    let (_, fraction) = text.split_once('(')?;
    let (covered, valid) = fraction.trim().strip_suffix(')')?.split_once('/')?;
    let (covered, valid) = (covered.trim().parse().ok()?, valid.trim().parse().ok()?);
    (covered <= valid && valid <= MAX_BRANCHES).then_some((covered, valid))
}
