//! What was expected against what came: every difference with its place, and the text that would take it away.

use std::collections::BTreeMap;
use std::sync::Arc;

use stepwell_expr::Values;
use stepwell_report::MASKED;
use stepwell_schema::{Case, CaseTable, Ending, ExpectedFile, Node, Place, Problem, Span, Spanned, Value};

use super::call::{Called, Ended};

/// The code of a difference.
const DIFFERENT: &str = "unexpected";

/// Longest text of a value that is shown in a message, in characters.
const MAX_SHOWN: usize = 300;

/// All differences of one case; none where everything was as expected.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) differences: Vec<Difference>,
}

/// One difference.
#[derive(Debug)]
pub(super) struct Difference {
    pub(super) problem: Problem,
    /// What would have to stand where; none where that is not for a program to say.
    pub(super) correction: Option<Correction>,
}

/// A new text for a part of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Correction {
    pub(super) span: Span,
    pub(super) text: String,
}

impl Judged {
    /// Tells whether all was as expected.
    pub(super) fn holds(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Compares a call with what its case expects.
pub(super) fn judge(table: &CaseTable, case: &Case, called: &Called) -> Judged {
    let mut judge = Judge { table, case, called, judged: Judged::default() };
    if judge.ending() {
        judge.outputs();
        judge.exports();
    }
    judge.files();
    judge.log();
    judge.judged
}

struct Judge<'c> {
    table: &'c CaseTable,
    case: &'c Case,
    called: &'c Called,
    judged: Judged,
}

impl Judge<'_> {
    fn differs(&mut self, span: Span, message: String, correction: Option<String>) {
        let source = Arc::clone(&self.table.source);
        // The first line is enough to see which it is.
        let text = source.text().get(span.start..span.end).unwrap_or_default();
        let first = text.split('\n').next().unwrap_or_default();
        let shown = Span::new(span.start, span.start + first.len());
        let message = format!("case `{}`: {message}", self.case.name.value);
        self.judged.differences.push(Difference {
            problem: Problem::error(DIFFERENT, message).at(Place::new(source, shown), "expected here"),
            correction: correction.map(|text| Correction { span, text }),
        });
    }

    /// Compares how the call ended, and tells whether it ended well as expected.
    fn ending(&mut self) -> bool {
        let name = self.case.name.span;
        match (&self.case.expect.ending, &self.called.ended) {
            (Ending::Success, Ended::Succeeded) => return true,
            (Ending::Failure(part), Ended::Failed(text)) | (Ending::Denial(part), Ended::Denied(text)) => {
                if !text.contains(&part.value) {
                    self.differs(part.span, format!("the message is `{}`", shown(text)), Some(quoted(text)));
                }
            }
            (Ending::Success, ended) => self.differs(name, format!("it {}", described(ended)), None),
            (Ending::Failure(part) | Ending::Denial(part), ended) => {
                self.differs(part.span, format!("it {}", described(ended)), None);
            }
        }
        false
    }

    fn outputs(&mut self) {
        let Some(expected) = &self.case.expect.outputs else { return };
        let wanted: BTreeMap<&str, (&Node, Span)> =
            expected.value.iter().map(|(name, node)| (&*name.value, (node, node.span))).collect();
        let lines = differing(&wanted, &self.called.outputs);
        if lines.is_empty() {
            return;
        }
        let span = lines.iter().find_map(|(span, _)| *span).unwrap_or(expected.span);
        let message = lines.into_iter().map(|(_, line)| line).collect::<Vec<_>>().join("\n");
        let correction = outputs_text(&self.called.outputs);
        self.differs_as_a_whole(span, expected.span, message, correction);
    }

    fn exports(&mut self) {
        let Some(expected) = &self.case.expect.exports else { return };
        let wanted: BTreeMap<&str, &str> =
            expected.value.iter().map(|(name, value)| (&*name.value, &*value.value)).collect();
        let found: BTreeMap<&str, &str> = self.called.exports.iter().map(|(name, value)| (&**name, &**value)).collect();
        if wanted == found {
            return;
        }
        let text = flow(self.called.exports.iter().map(|(name, value)| (name.as_str(), quoted(value))));
        self.differs(expected.span, format!("the exports are {}", shown(&text)), Some(text));
    }

    fn files(&mut self) {
        let case = self.case;
        for (path, expected) in &case.expect.files {
            let found = self.called.files.get(&path.value).and_then(Option::as_ref);
            let path = &path.value;
            match (expected, found) {
                (ExpectedFile::Absent(_), None) => {}
                (ExpectedFile::Text(Spanned { value, .. }), Some(found)) if value == found => {}
                (ExpectedFile::Absent(span), Some(_)) => self.differs(*span, format!("file `{path}` is there"), None),
                (ExpectedFile::Text(text), None) => {
                    self.differs(text.span, format!("file `{path}` is not there"), None)
                }
                (ExpectedFile::Text(text), Some(found)) => {
                    let message = format!("file `{path}` is {}", shown(&quoted(found)));
                    self.differs(text.span, message, Some(quoted(found)));
                }
            }
        }
    }

    fn log(&mut self) {
        let case = self.case;
        for part in &case.expect.log {
            if !self.called.log.contains(&part.value) {
                self.differs(part.span, format!("the log does not hold `{}`", shown(&part.value)), None);
            }
        }
    }

    /// As [`Judge::differs`], where a part is shown but the whole is corrected.
    fn differs_as_a_whole(&mut self, part: Span, whole: Span, message: String, correction: Option<String>) {
        self.differs(part, message, None);
        if let (Some(last), Some(text)) = (self.judged.differences.last_mut(), correction) {
            last.correction = Some(Correction { span: whole, text });
        }
    }
}

/// Returns a line for each output that is not as expected, and where that stands.
fn differing(wanted: &BTreeMap<&str, (&Node, Span)>, found: &Values) -> Vec<(Option<Span>, String)> {
    let mut lines = Vec::new();
    for (name, (node, span)) in wanted {
        let line = match found.get(*name) {
            None => format!("there is no output `{name}`"),
            Some(output) if output.value == node.to_value() => continue,
            Some(output) if output.sensitive => format!("output `{name}` is {MASKED}, another value"),
            Some(output) => format!("output `{name}` is {}", shown(&value_text(&output.value))),
        };
        lines.push((Some(*span), line));
    }
    for (name, output) in found.iter().filter(|(name, _)| !wanted.contains_key(name.as_str())) {
        let value = if output.sensitive { MASKED.to_owned() } else { shown(&value_text(&output.value)) };
        lines.push((None, format!("output `{name}` is {value}, and nothing is said of it")));
    }
    lines
}

/// Returns all outputs as they would stand in the table; none where one of them is sensitive.
fn outputs_text(outputs: &Values) -> Option<String> {
    let open = outputs.values().all(|output| !output.sensitive);
    open.then(|| flow(outputs.iter().map(|(name, output)| (name.as_str(), value_text(&output.value)))))
}

fn flow<'n>(members: impl Iterator<Item = (&'n str, String)>) -> String {
    let members = members.map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>();
    if members.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", members.join(", ")) }
}

/// Returns a value as JSON that is YAML too.
fn value_text(value: &Value) -> String {
    value.to_json().map_or_else(|error| error.to_string(), |json| as_yaml(&json.to_string()))
}

fn quoted(text: &str) -> String {
    as_yaml(&serde_json::Value::from(text).to_string())
}

/// Escapes what JSON writes as it is and YAML has no place for, or takes for a line break; it stands in texts only.
fn as_yaml(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for next in json.chars() {
        match next {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                text += &format!("\\u{:04x}", u32::from(next));
            }
            other => text.push(other),
        }
    }
    text
}

fn shown(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

fn described(ended: &Ended) -> String {
    match ended {
        Ended::Succeeded => "succeeded".to_owned(),
        Ended::Failed(text) => format!("failed: {}", shown(text)),
        Ended::Denied(text) => format!("was denied: {}", shown(text)),
        Ended::Broken(text) => format!("could not run: {}", shown(text)),
    }
}

#[cfg(test)]
mod tests {
    use stepwell_expr::Marked;
    use stepwell_schema::Source;

    use super::*;

    fn check(expect: &str, called: &Called) -> (Vec<String>, Vec<Option<String>>) {
        let text = format!("cases: [ {{ name: a, expect: {{ {expect} }} }} ]");
        let table = CaseTable::parse(Source::new("cases.yml", text)).unwrap_or_else(|problems| panic!("{problems}"));
        let judged = judge(&table, &table.cases[0], called);
        let said = judged.differences.iter().map(|difference| difference.problem.message.clone()).collect();
        let corrected = judged.differences.into_iter().map(|difference| difference.correction.map(|to| to.text));
        (said, corrected.collect())
    }

    #[track_caller]
    fn differs(expect: &str, called: &Called, message: &str, correction: Option<&str>) {
        let (said, corrected) = check(expect, called);
        assert_eq!(said, [format!("case `a`: {message}")]);
        assert_eq!(corrected, [correction.map(str::to_owned)]);
    }

    fn called() -> Called {
        let outputs = Values::from([("n".to_owned(), Marked::plain(1.0)), ("t".to_owned(), Marked::plain("x"))]);
        let exports = BTreeMap::from([("V".to_owned(), "1".to_owned())]);
        let files = BTreeMap::from([("a".to_owned(), Some("y\n".to_owned())), ("b".to_owned(), None)]);
        Called { outputs, exports, files, log: "some words\n".to_owned(), ..Called::default() }
    }

    #[test]
    fn as_expected() {
        let all = "outputs: { n: 1, t: x }, exports: { V: 1 }, files: { a: \"y\\n\", b: ~ }, log: [ some, words ]";
        assert!(check(all, &called()).0.is_empty());
        assert!(check("", &called()).0.is_empty());
        let failed = Called { ended: Ended::Failed("wasm: it is odd".to_owned()), ..Called::default() };
        assert!(check("failure: odd", &failed).0.is_empty());
    }

    #[test]
    fn every_difference_and_its_correction() {
        let all = "{ n: 1, t: \"x\" }";
        differs("outputs: { n: 1, t: y }", &called(), "output `t` is \"x\"", Some(all));
        differs("outputs: { n: 1 }", &called(), "output `t` is \"x\", and nothing is said of it", Some(all));
        differs("outputs: { n: 1, t: x, z: 1 }", &called(), "there is no output `z`", Some(all));
        differs("exports: {}", &called(), "the exports are { V: \"1\" }", Some("{ V: \"1\" }"));
        differs("files: { a: x }", &called(), "file `a` is \"y\\n\"", Some("\"y\\n\""));
        differs("files: { b: x }", &called(), "file `b` is not there", None);
        differs("files: { a: ~ }", &called(), "file `a` is there", None);
        differs("log: [ none ]", &called(), "the log does not hold `none`", None);
        differs("failure: x", &called(), "it succeeded", None);
        let denied = Called { ended: Ended::Denied("read src".to_owned()), ..Called::default() };
        differs("", &denied, "it was denied: read src", None);
        differs("denied: write", &denied, "the message is `read src`", Some("\"read src\""));
    }

    #[test]
    fn texts_are_written_as_yaml_has_them() {
        for text in ["", "a\"b\\", "\n\t\u{0}", "\u{7f}\u{85}\u{2028}\u{feff}", "é😀"] {
            let node =
                Node::parse(Source::new("value.yml", quoted(text))).unwrap_or_else(|problems| panic!("{problems}"));
            assert_eq!(node.to_value(), Value::from(text));
        }
    }

    #[test]
    fn sensitive_outputs_are_not_shown() {
        let outputs = Values::from([("s".to_owned(), Marked::sensitive("hidden"))]);
        let called = Called { outputs, ..Called::default() };
        differs("outputs: { s: other }", &called, "output `s` is [MASKED], another value", None);
    }
}
