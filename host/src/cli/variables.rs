//! Files of job variables.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use stepwell_schema::{Place, Problem, Problems, Source, Span};

use crate::request;

/// Reads job variables: a JSON object of texts where the name ends with `.json`, else lines `K=V`. Empty lines and lines
/// that start with `#` are skipped; a value may stand in single or double quotes, which are dropped.
///
/// # Errors
/// All problems of the file.
pub(super) fn load(path: &Path) -> Result<BTreeMap<String, String>, Problems> {
    let source = request::read(path)?;
    if path.extension().is_some_and(|extension| extension == "json") {
        parse_json(&source)
    } else {
        parse_lines(&source)
    }
}

fn parse_json(source: &Arc<Source>) -> Result<BTreeMap<String, String>, Problems> {
    let help = "write one object whose values are texts: { \"NAME\": \"value\" }";
    let object: BTreeMap<String, serde_json::Value> = serde_json::from_str(source.text()).map_err(|error| {
        let at = offset(source.text(), error.line(), error.column());
        Problems::from(Problem::error("invalid-json", format!("{error}")).at(place(source, at, at), "here").help(help))
    })?;
    let mut problems = Problems::default();
    let mut variables = BTreeMap::new();
    for (name, value) in object {
        match value {
            serde_json::Value::String(text) if is_variable(&name) => {
                variables.insert(name, text);
            }
            serde_json::Value::String(_) => problems.push(not_a_name(&name).help(help)),
            _ => problems.push(Problem::error("not-text", format!("the value of `{name}` is not text")).help(help)),
        }
    }
    if problems.is_empty() { Ok(variables) } else { Err(problems) }
}

fn parse_lines(source: &Arc<Source>) -> Result<BTreeMap<String, String>, Problems> {
    let mut problems = Problems::default();
    let mut variables = BTreeMap::new();
    let mut start = 0;
    for line in source.text().split_inclusive('\n') {
        let text = line.trim_end_matches(['\n', '\r']);
        let here = place(source, start, start + text.len());
        start += line.len();
        if text.trim().is_empty() || text.starts_with('#') {
            continue;
        }
        match text.split_once('=') {
            None => {
                problems.push(Problem::error("no-equals-sign", "a line without `=`").at(here, "expected NAME=VALUE"))
            }
            Some((name, _)) if !is_variable(name) => problems.push(not_a_name(name).at(here, "")),
            Some((name, value)) => {
                variables.insert(name.to_owned(), unquoted(value).to_owned());
            }
        }
    }
    if problems.is_empty() { Ok(variables) } else { Err(problems) }
}

fn not_a_name(name: &str) -> Problem {
    Problem::error(
        "invalid-name",
        format!("`{name}` is not the name of a variable: it is empty, or blanks or `=` are in it"),
    )
}

/// Tells whether a text can be the name of a job variable. GitLab lets names begin with a digit, and the older dialect
/// reaches `MY-VAR`; so whatever a person can mean is a name.
pub(super) fn is_variable(name: &str) -> bool {
    !name.is_empty() && !name.contains(|letter: char| letter.is_whitespace() || letter.is_control() || letter == '=')
}

fn unquoted(value: &str) -> &str {
    ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote)).unwrap_or(value)
}

fn place(source: &Arc<Source>, start: usize, end: usize) -> Place {
    Place::new(Arc::clone(source), Span::new(start, end))
}

/// Returns the byte offset of a line and column, both counted from 1.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (before + column.saturating_sub(1)).min(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let variables = parse_lines(&Source::new("vars.env", text)).expect("the file is valid");
        let expected = expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(variables, expected);
    }

    #[test]
    fn lines() {
        check("", &[]);
        check("A=1", &[("A", "1")]);
        check("1A=1\nMY-VAR=2", &[("1A", "1"), ("MY-VAR", "2")]);
        check("# no\n\nA=1\r\nB=two words\n", &[("A", "1"), ("B", "two words")]);
        check("A=\nB==\nC='x y'\nD=\"\"\nE='", &[("A", ""), ("B", "="), ("C", "x y"), ("D", ""), ("E", "'")]);
    }

    #[test]
    fn all_wrong_lines_are_reported() {
        let problems = parse_lines(&Source::new("vars.env", "A=1\nno\nexport B=2\n")).expect_err("two lines are wrong");
        let places: Vec<String> = problems.iter().map(|problem| problem.labels[0].place.to_string()).collect();
        assert_eq!(places, ["vars.env:2:1", "vars.env:3:1"]);
    }

    #[test]
    fn json_of_texts_only() {
        assert!(parse_json(&Source::new("v.json", r#"{"A":"1"}"#)).is_ok());
        for wrong in [r#"{"A":1}"#, r#"{"":"x"}"#, r#"{"A=B":"x"}"#, "[]", "{"] {
            assert!(parse_json(&Source::new("v.json", wrong)).is_err(), "{wrong}");
        }
    }
}
