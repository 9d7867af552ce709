//! What came of the cases as a JUnit file, for whatever shows tests.

use std::fs;
use std::io;
use std::path::Path;

use quick_xml::Writer;
use quick_xml::events::BytesText;

use super::Tried;
use crate::cli::error::CommandError;

/// Writes the file.
///
/// # Errors
/// It cannot be written.
pub(super) fn write(path: &Path, suite: &str, tried: &[Tried<'_>]) -> Result<(), CommandError> {
    let xml = xml(suite, tried).map_err(|error| CommandError::file("cannot write", path, error))?;
    fs::write(path, xml).map_err(|error| CommandError::file("cannot write", path, error))
}

fn xml(suite: &str, tried: &[Tried<'_>]) -> io::Result<Vec<u8>> {
    let failures = tried.iter().filter(|case| !case.judged.holds()).count().to_string();
    let count = tried.len().to_string();
    let suite = written(suite);
    let attributes = [("name", suite.as_str()), ("tests", count.as_str()), ("failures", failures.as_str())];
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    writer.create_element("testsuites").write_inner_content(|writer| {
        writer
            .create_element("testsuite")
            .with_attributes(attributes)
            .write_inner_content(|writer| tried.iter().try_for_each(|tried| case(writer, &suite, tried)))?;
        Ok(())
    })?;
    let mut xml = writer.into_inner();
    xml.push(b'\n');
    Ok(xml)
}

fn case(writer: &mut Writer<Vec<u8>>, suite: &str, tried: &Tried<'_>) -> io::Result<()> {
    let (name, seconds) = (written(&tried.case.name.value), format!("{:.6}", tried.cold.elapsed.as_secs_f64()));
    let attributes = [("name", name.as_str()), ("classname", suite), ("time", seconds.as_str())];
    let element = writer.create_element("testcase").with_attributes(attributes);
    if tried.judged.holds() {
        element.write_empty()?;
        return Ok(());
    }
    element.write_inner_content(|writer| {
        for difference in &tried.judged.differences {
            let message = written(&difference.problem.message);
            let text = written(&difference.problem.to_string());
            let failure = writer.create_element("failure").with_attribute(("message", message.as_str()));
            failure.write_text_content(BytesText::new(&text))?;
        }
        let log = written(&tried.cold.log);
        writer.create_element("system-out").write_text_content(BytesText::new(&log))?;
        Ok(())
    })?;
    Ok(())
}

/// Returns a text without the characters that XML cannot hold in any form.
fn written(text: &str) -> String {
    text.chars().map(|next| if next.is_control() && !matches!(next, '\n' | '\t') { '\u{fffd}' } else { next }).collect()
}
