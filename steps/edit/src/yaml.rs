//! Editing YAML by its lossless syntax tree. What it holds is told by a parser of its own, which also bounds the depth of
//! what reaches the tree.

use std::collections::HashMap;
use std::str::FromStr;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, StrInput};
use stepwell_sdk::{Failure, serde_json};
use yaml_edit::path::YamlPath;
use yaml_edit::{ScalarValue, YamlFile, YamlValue};

use crate::difference::Edit;
use crate::format::unfit;
use crate::value_path::Part;

/// Returns the values of a text. The library refuses what is nested deeper than 255 levels.
pub(crate) fn read(text: &str, file: &str) -> Result<serde_json::Value, Failure> {
    let mut reader = Reader { parser: Parser::new_from_str(text), anchors: HashMap::new(), file, values: 0 };
    let mut whole = None;
    loop {
        match reader.next()? {
            (Event::DocumentStart(..), line) if whole.is_some() => {
                return Err(Failure::failed(format!("`{file}`, line {line}: a second document begins"))
                    .hint("files of one document are edited"));
            }
            (Event::DocumentStart(..), _) => {
                let (event, line) = reader.next()?;
                whole = Some(reader.value(event, line)?);
            }
            (Event::StreamEnd, _) => {
                return whole.ok_or_else(|| {
                    Failure::failed(format!("`{file}` holds no value")).hint("an empty struct is `{}`")
                });
            }
            _ => {}
        }
    }
}

/// Returns the text with all edits done.
pub(crate) fn edit(text: &str, file: &str, edits: &[Edit]) -> Result<String, Failure> {
    let tree = YamlFile::from_str(text)
        .map_err(|error| Failure::failed(format!("`{file}` has a form that cannot be edited")).caused_by(&error))?;
    let document = tree.document().ok_or_else(|| Failure::failed(format!("`{file}` holds no document")))?;
    for edit in edits {
        let done = match edit {
            Edit::Set(path, value) => set(&document, &written(&path.0), value),
            Edit::Delete(path) => {
                document.try_remove_path(&written(&path.0)).map(|_| ()).map_err(|error| error.to_string())
            }
            Edit::Insert(path, index, value) => insert(&document, &path.0, *index, value),
        };
        done.map_err(|error| unfit(file, edit).cause(error))?;
    }
    Ok(tree.to_string())
}

/// Sets a value. A text in double quotes stays in them.
fn set(document: &yaml_edit::Document, path: &str, value: &serde_json::Value) -> Result<(), String> {
    let quoted = document.try_get_path(path).is_ok_and(|old| old.to_string().starts_with('"'));
    let value = match value {
        serde_json::Value::String(text) if quoted => YamlValue::Scalar(ScalarValue::double_quoted(text)),
        other => input(other),
    };
    document.try_set_path(path, value).map_err(|error| error.to_string())
}

fn insert(
    document: &yaml_edit::Document,
    path: &[Part],
    index: usize,
    value: &serde_json::Value,
) -> Result<(), String> {
    let sequence = match path {
        [] => document.as_sequence(),
        path => document.try_get_path(&written(path)).map_err(|error| error.to_string())?.as_sequence().cloned(),
    };
    let sequence = sequence.ok_or("it is no sequence")?;
    if index == sequence.len() {
        sequence.push(input(value))
    } else {
        sequence.insert(index, input(value))
    }
    Ok(())
}

/// Returns a path as the library reads it: every character of a key that is not plain stands behind a backslash.
fn written(path: &[Part]) -> String {
    let mut text = String::new();
    for (place, part) in path.iter().enumerate() {
        match part {
            Part::Index(index) => text.push_str(&format!("[{index}]")),
            Part::Key(key) => {
                if place > 0 {
                    text.push('.');
                }
                for (place, character) in key.chars().enumerate() {
                    let plain = character.is_alphabetic() || (character.is_numeric() && place > 0);
                    text.extend((!plain).then_some('\\').into_iter().chain([character]));
                }
            }
        }
    }
    text
}

fn input(value: &serde_json::Value) -> YamlValue {
    match value {
        serde_json::Value::Null => YamlValue::Scalar(ScalarValue::null()),
        serde_json::Value::Bool(boolean) => YamlValue::from(*boolean),
        serde_json::Value::Number(number) => number.as_i64().map_or_else(
            || number.as_f64().map_or_else(|| YamlValue::from(number.to_string()), YamlValue::from),
            YamlValue::from,
        ),
        serde_json::Value::String(text) => YamlValue::from(text.as_str()),
        serde_json::Value::Array(items) => YamlValue::Sequence(items.iter().map(input).collect()),
        serde_json::Value::Object(members) => {
            YamlValue::Mapping(members.iter().map(|(key, value)| (key.clone(), input(value))).collect())
        }
    }
}

/// Most values that a file may hold, aliases counted as what they stand for.
const MAX_VALUES: usize = 2_000_000;

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    /// What an anchor stands for, and how many values that are; it is not there while it is read.
    anchors: HashMap<usize, (serde_json::Value, usize)>,
    file: &'t str,
    values: usize,
}

impl<'t> Reader<'t> {
    /// Returns the next event with its line.
    fn next(&mut self) -> Result<(Event<'t>, usize), Failure> {
        match self.parser.next_event() {
            None => Ok((Event::StreamEnd, 0)),
            Some(Ok((event, span))) => Ok((event, span.start.line())),
            Some(Err(error)) => Err(self.syntax_failure(&error)),
        }
    }

    fn syntax_failure(&self, error: &ScanError) -> Failure {
        let line = error.marker().line();
        Failure::failed(format!("`{}`, line {line}: this is not YAML that can be read", self.file)).cause(error.kind())
    }

    fn spend(&mut self, values: usize) -> Result<(), Failure> {
        self.values = self.values.saturating_add(values);
        if self.values <= MAX_VALUES {
            return Ok(());
        }
        Err(Failure::failed(format!("`{}` holds more than {MAX_VALUES} values", self.file)))
    }

    fn value(&mut self, event: Event<'t>, line: usize) -> Result<serde_json::Value, Failure> {
        let before = self.values;
        self.spend(1)?;
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                (anchor, if plain { scalar(&text) } else { serde_json::Value::String(text.into_owned()) })
            }
            Event::SequenceStart(_, anchor, _) => (anchor, self.sequence()?),
            Event::MappingStart(_, anchor, _) => (anchor, self.mapping()?),
            Event::Alias(anchor) => {
                let Some((value, values)) = self.anchors.get(&anchor).cloned() else {
                    let problem = format!("`{}`, line {line}: a value holds itself through an alias", self.file);
                    return Err(Failure::failed(problem));
                };
                self.spend(values)?;
                return Ok(value);
            }
            _ => (0, serde_json::Value::Null),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, (value.clone(), self.values - before));
        }
        Ok(value)
    }

    fn sequence(&mut self) -> Result<serde_json::Value, Failure> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd | Event::StreamEnd, _) => return Ok(items.into()),
                (event, line) => items.push(self.value(event, line)?),
            }
        }
    }

    fn mapping(&mut self) -> Result<serde_json::Value, Failure> {
        let mut members = serde_json::Map::new();
        loop {
            match self.next()? {
                (Event::MappingEnd | Event::StreamEnd, _) => return Ok(members.into()),
                (Event::Scalar(key, ..), line) => {
                    let (event, value_line) = self.next()?;
                    let value = self.value(event, value_line)?;
                    if members.insert(key.to_string(), value).is_some() {
                        return Err(Failure::failed(format!(
                            "`{}`, line {line}: the key `{key:.80}` is there twice",
                            self.file
                        )));
                    }
                }
                (_, line) => {
                    return Err(Failure::failed(format!("`{}`, line {line}: a key is no text", self.file)));
                }
            }
        }
    }
}

/// Types the text of a plain scalar by the core schema of YAML 1.2. What JSON cannot say stays a text.
fn scalar(text: &str) -> serde_json::Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => serde_json::Value::Null,
        "true" | "True" | "TRUE" => true.into(),
        "false" | "False" | "FALSE" => false.into(),
        _ => number(text).unwrap_or_else(|| text.into()),
    }
}

fn number(text: &str) -> Option<serde_json::Value> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let starts = unsigned.strip_prefix('.').unwrap_or(unsigned).starts_with(|first: char| first.is_ascii_digit());
    let digits = |digits: &str, radix| {
        let plain = digits.starts_with(|first: char| first.is_ascii_alphanumeric());
        plain.then(|| u64::from_str_radix(digits, radix).ok()).flatten().map(serde_json::Value::from)
    };
    if let Some(octal) = text.strip_prefix("0o") {
        return digits(octal, 8);
    }
    if let Some(hexadecimal) = text.strip_prefix("0x") {
        return digits(hexadecimal, 16);
    }
    let whole = || text.parse::<i64>().ok().map(serde_json::Value::from);
    let large = || text.parse::<u64>().ok().map(serde_json::Value::from);
    let decimal = || text.parse::<f64>().ok().filter(|number| number.is_finite()).map(serde_json::Value::from);
    starts.then(|| whole().or_else(large).or_else(decimal)).flatten()
}
