//! YAML documents to values, by the scalar rules of the core schema of YAML 1.2.

use std::collections::HashMap;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, StrInput, Tag};
use jaq_json::{Map, Num, Val};
use stepwell_sdk::Failure;

/// Reads the documents of a text and hands each on. The library refuses what is nested deeper than 255 levels.
pub(crate) fn read(text: &str, place: &str, found: &mut dyn FnMut(Val) -> Result<(), Failure>) -> Result<(), Failure> {
    let mut reader = Reader { parser: Parser::new_from_str(text), anchors: HashMap::new(), place };
    loop {
        match reader.next()? {
            (Event::DocumentStart(..), _) => {
                let value = reader.read_next()?;
                found(value)?;
            }
            (Event::StreamEnd, _) => return Ok(()),
            _ => {}
        }
    }
}

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    /// What an anchor stands for; it is not there while its value is read.
    anchors: HashMap<usize, Val>,
    place: &'t str,
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
        let message = match error.kind() {
            ErrorKind::RecursionLimitExceeded => "this is nested too deeply",
            _ => "this is not YAML",
        };
        Failure::failed(format!("{}, line {line}: {message}", self.place)).cause(error.kind())
    }

    fn read_next(&mut self) -> Result<Val, Failure> {
        let (event, line) = self.next()?;
        self.value(event, line)
    }

    fn value(&mut self, event: Event<'t>, line: usize) -> Result<Val, Failure> {
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, tag) => (anchor, self.scalar(&text, style, tag.as_deref(), line)?),
            Event::SequenceStart(_, anchor, _) => (anchor, self.sequence()?),
            Event::MappingStart(_, anchor, _) => (anchor, self.mapping()?),
            Event::Alias(anchor) => {
                let known = self.anchors.get(&anchor).cloned();
                return known.ok_or_else(|| {
                    Failure::failed(format!("{}, line {line}: a value holds itself through an alias", self.place))
                });
            }
            _ => (0, Val::Null),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, value.clone());
        }
        Ok(value)
    }

    fn sequence(&mut self) -> Result<Val, Failure> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd | Event::StreamEnd, _) => return Ok(items.into_iter().collect()),
                (event, line) => items.push(self.value(event, line)?),
            }
        }
    }

    fn mapping(&mut self) -> Result<Val, Failure> {
        let mut members = Map::default();
        loop {
            match self.next()? {
                (Event::MappingEnd | Event::StreamEnd, _) => return Ok(Val::obj(members)),
                (event, line) => {
                    let key = self.value(event, line)?;
                    let value = self.read_next()?;
                    members.insert(key, value);
                }
            }
        }
    }

    fn scalar(&self, text: &str, style: ScalarStyle, tag: Option<&Tag>, line: usize) -> Result<Val, Failure> {
        let kind = tag.and_then(Tag::core_suffix);
        let value = match (kind, style) {
            (None, ScalarStyle::Plain) => plain(text),
            (None | Some("str"), _) => Val::from(text.to_owned()),
            (Some(_), _) => plain(text),
        };
        let fits = match (kind, &value) {
            (Some("int"), Val::Num(number)) => !matches!(number, Num::Float(_) | Num::Dec(_)),
            (Some("float"), value) => matches!(value, Val::Num(_)),
            (Some("bool"), value) => matches!(value, Val::Bool(_)),
            (Some("null"), value) => matches!(value, Val::Null),
            (None | Some("str"), _) => true,
            (Some(_), _) => false,
        };
        if fits {
            return Ok(value);
        }
        let kind = kind.unwrap_or_default();
        Err(Failure::failed(format!("{}, line {line}: `{text:.40}` is no `!!{kind}`", self.place)))
    }
}

/// Types the text of a plain scalar.
fn plain(text: &str) -> Val {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Val::Null,
        "true" | "True" | "TRUE" => Val::Bool(true),
        "false" | "False" | "FALSE" => Val::Bool(false),
        ".nan" | ".NaN" | ".NAN" => Val::from(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Val::from(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Val::from(f64::NEG_INFINITY),
        _ => number(text).map_or_else(|| Val::from(text.to_owned()), Val::Num),
    }
}

fn number(text: &str) -> Option<Num> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(octal) = text.strip_prefix("0o") {
        return digits(octal).then(|| Num::from_str_radix(octal, 8))?;
    }
    if let Some(hexadecimal) = text.strip_prefix("0x") {
        return hexadecimal
            .starts_with(|first: char| first.is_ascii_hexdigit())
            .then(|| Num::from_str_radix(hexadecimal, 16))?;
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits(unsigned) {
        return Num::from_str_radix(text, 10);
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let decimal = (digits(whole) || (whole.is_empty() && digits(fraction)))
        && (fraction.is_empty() || digits(fraction))
        && exponent.is_none_or(digits);
    decimal.then(|| text.parse().ok().map(Num::Float))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let mut found = Vec::new();
        let read = read(text, "a.yml", &mut |value| {
            found.push(value.to_string());
            Ok(())
        });
        assert_eq!(read.map_or_else(|failure| failure.to_string(), |()| found.join(" ")), expected, "{text}");
    }

    #[test]
    fn scalars() {
        check("[1, -2, +3, 0o17, 0x1F, 012, 1.5, -.5, 1e3, 1.]", "[1,-2,3,15,31,12,1.5,-0.5,1000.0,1.0]");
        check(
            "[~, null, true, False, yes, 1_0, 0x, 1e, ., '1', \"2\"]",
            r#"[null,null,true,false,"yes","1_0","0x","1e",".","1","2"]"#,
        );
        check("12345678901234567890123", "12345678901234567890123");
        check("[!!str 1, !!float 1, !!int '3']", r#"["1",1,3]"#);
        check("2020-01-01", r#""2020-01-01""#);
    }

    #[test]
    fn collections() {
        check("b: 1\na: {x: [1, 2]}\n", r#"{"b":1,"a":{"x":[1,2]}}"#);
        check("a\n---\nb\n", r#""a" "b""#);
        check("", "");
        check("a: &x [1]\nb: *x\n", r#"{"a":[1],"b":[1]}"#);
    }

    #[test]
    fn mistakes() {
        check("a: 1\nb: [", "a.yml, line 2: this is not YAML: unclosed bracket '['");
        check("a:\n  - &x [*x]", "a.yml, line 2: a value holds itself through an alias");
        check("- !!int x", "a.yml, line 1: `x` is no `!!int`");
    }
}
