//! Tables of cases. Unknown keys are errors here: an expectation that is misspelt would hold always.

use std::collections::HashMap;
use std::sync::Arc;

use super::fields::Fields;
use super::node::values_by_name;
use super::step::secrets;
use super::{needs, shape};
use crate::cases::{Case, CaseTable, Ending, Expectation, ExpectedFile};
use crate::code;
use crate::excerpt::excerpt;
use crate::findings::Findings;
use crate::problem::{Problem, Problems, Severity};
use crate::source::{Source, Span, Spanned};
use crate::step::Passes;
use crate::yaml::{self, Documents, Tree};

const EXAMPLE: &str = "cases: [ { name: greets, inputs: { name: Ada }, expect: { outputs: { text: hello } } } ]";

impl CaseTable {
    /// Reads a table of cases: one document with `cases:`.
    ///
    /// # Errors
    /// All problems of the text, in its order, warnings among them.
    pub fn parse(source: Arc<Source>) -> Result<Self, Problems> {
        let mut findings = Findings::new(source);
        let table = yaml::read(&mut findings, 1).and_then(|documents| table(&documents, &mut findings));
        let (mut table, warnings) = findings.finish(table)?;
        table.warnings = warnings;
        Ok(table)
    }
}

fn table(documents: &Documents, findings: &mut Findings) -> Option<CaseTable> {
    if let Some(rest) = documents.rest {
        let message = "there is more than one document";
        findings.error(code::WRONG_DOCUMENTS, rest, message, "from here on", "put all cases into one list");
    }
    let Some(tree) = documents.trees.first() else {
        let start = Span::new(0, 0);
        let help = format!("for example `{EXAMPLE}`");
        findings.error(code::WRONG_DOCUMENTS, start, "the table of cases is empty", "", help);
        return None;
    };
    let members = shape::mapping(tree, "a table of cases", "a mapping with `cases`", EXAMPLE, findings)?;
    let mut fields = Fields::new("a table of cases", members, tree.span);
    let list = fields.required("cases", EXAMPLE, findings);
    fields.finish(Severity::Error, findings);
    let list = list?;
    let items = shape::sequence(list, "`cases`", "a list", EXAMPLE, findings)?;
    if items.is_empty() {
        let help = format!("for example `{EXAMPLE}`");
        findings.error(code::EMPTY_VALUE, list.span, "`cases` is empty", "at least one is needed", help);
    }
    let cases: Vec<Case> = items.iter().filter_map(|item| case(item, findings)).collect();
    check_names(&cases, findings);
    Some(CaseTable { source: Arc::clone(findings.source()), cases, warnings: Problems::default() })
}

/// Cases are spoken of by their names.
fn check_names(cases: &[Case], findings: &mut Findings) {
    let mut first_of: HashMap<&str, Span> = HashMap::new();
    for case in cases {
        if let Some(first) = first_of.insert(&case.name.value, case.name.span) {
            let message = format!("there are two cases `{}`", excerpt(&case.name.value));
            let problem = Problem::error(code::DUPLICATE_NAME, message)
                .at(findings.place(case.name.span), "the second")
                .at(findings.place(first), "the first")
                .help("give each case a name of its own");
            findings.push(problem);
        }
    }
}

fn case(tree: &Tree, findings: &mut Findings) -> Option<Case> {
    let members = shape::mapping(tree, "a case", "a mapping with `name`", "{ name: greets }", findings)?;
    let mut fields = Fields::new("this case", members, tree.span);
    let name = fields
        .required("name", "name: greets", findings)
        .and_then(|tree| shape::filled_text(tree, "the name of a case", "name: greets", findings));
    let inputs = values_by_name(fields.get("inputs"), "inputs", "an input", findings);
    let env = shape::environment(fields.get("env"), findings);
    let files = files(fields.get("files"), findings);
    let secrets = fields.get("secrets").map(|tree| secrets(tree, findings)).unwrap_or_default();
    let allow = fields.get("allow").map(|tree| needs::rights(tree, "`allow`", "allow: { read: [ src ] }", findings));
    let policy = fields
        .get("policy")
        .and_then(|tree| shape::filled_text(tree, "`policy`", "policy: profile:hardened", findings));
    let expect = fields.get("expect").map(|tree| expectation(tree, findings)).unwrap_or_default();
    fields.finish(Severity::Error, findings);
    let passes = Passes { secrets, allow };
    Some(Case { name: name?, inputs, env, files, passes, policy, expect, span: tree.span })
}

fn files(tree: Option<&Tree>, findings: &mut Findings) -> Vec<(Spanned<String>, Spanned<String>)> {
    let Some(tree) = tree else { return Vec::new() };
    let example = "files: { src/a.txt: hello }";
    let members = shape::mapping_or_nothing(tree, "`files`", "a mapping of paths to texts", example, findings);
    members
        .iter()
        .filter_map(|member| {
            let named = check_path(&member.key.value, member.key.span, findings);
            let what = format!("file `{}`", excerpt(&member.key.value));
            let text = shape::text(&member.value, &what, example, findings)?;
            named.then(|| (member.owned_key(), text))
        })
        .collect()
}

/// Tells whether a path stays inside the work dir, and notes it if not.
fn check_path(path: &str, span: Span, findings: &mut Findings) -> bool {
    let inside = !path.is_empty()
        && !path.contains('\0')
        && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    if !inside {
        let message = format!("`{}` is no path of a file in the work dir", excerpt(path));
        let help = "write it from the work dir, with `/` between its parts: `src/a.txt`";
        findings.error(code::INVALID_VALUE, span, message, "leads elsewhere", help);
    }
    inside
}

fn expectation(tree: &Tree, findings: &mut Findings) -> Expectation {
    let example = "expect: { outputs: { text: hello } }";
    let members = shape::mapping_or_nothing(tree, "`expect`", "a mapping", example, findings);
    let mut fields = Fields::new("`expect`", members, tree.span);
    let outputs = fields
        .get("outputs")
        .map(|tree| Spanned::new(values_by_name(Some(tree), "outputs", "an output", findings), tree.span));
    let exports = fields.get("exports").map(|tree| Spanned::new(exports(tree, findings), tree.span));
    let files = expected_files(fields.get("files"), findings);
    let log = fields.get("log").map(|tree| shape::texts(tree, "`log`", "log: [ greeting ]", findings));
    let ending = ending(&mut fields, findings);
    fields.finish(Severity::Error, findings);
    Expectation { ending, outputs, exports, files, log: log.unwrap_or_default() }
}

/// Reads how the call ends: `failure`, `denied`, or neither. What did not end well hands nothing over.
fn ending(fields: &mut Fields<'_>, findings: &mut Findings) -> Ending {
    let endings = [fields.member("failure"), fields.member("denied")];
    let values = [fields.member("outputs"), fields.member("exports")];
    let mut present = endings.into_iter().flatten();
    let Some(first) = present.next() else { return Ending::Success };
    for other in present.chain(values.into_iter().flatten()) {
        let message = format!("`{}` cannot stand beside `{}`", other.key.value, first.key.value);
        let problem = Problem::error(code::CONFLICTING_KEYS, message)
            .at(findings.place(other.key.span), "leave this out")
            .at(findings.place(first.key.span), "the call ends this way")
            .help("a call ends in one way; one that does not end well hands over no outputs and exports");
        findings.push(problem);
    }
    let example = format!("{}: a part of the message", first.key.value);
    let Some(text) = shape::text(&first.value, &format!("`{}`", first.key.value), &example, findings) else {
        return Ending::Success;
    };
    if &*first.key.value == "failure" { Ending::Failure(text) } else { Ending::Denial(text) }
}

fn exports(tree: &Tree, findings: &mut Findings) -> Vec<(Spanned<String>, Spanned<String>)> {
    let example = "exports: { VERSION: 1.2.3 }";
    shape::mapping_or_nothing(tree, "`exports`", "a mapping of names to texts", example, findings)
        .iter()
        .filter_map(|member| {
            let named = shape::check_name(&member.key.value, member.key.span, "a variable", findings);
            let what = format!("export `{}`", excerpt(&member.key.value));
            let value = shape::text(&member.value, &what, example, findings)?;
            named.then(|| (member.owned_key(), value))
        })
        .collect()
}

fn expected_files(tree: Option<&Tree>, findings: &mut Findings) -> Vec<(Spanned<String>, ExpectedFile)> {
    let Some(tree) = tree else { return Vec::new() };
    let example = "files: { dist/a.txt: hello, dist/old.txt: null }";
    let shape = "a mapping of paths to texts, or to null for a file that is not there";
    shape::mapping_or_nothing(tree, "`files`", shape, example, findings)
        .iter()
        .filter_map(|member| {
            let named = check_path(&member.key.value, member.key.span, findings);
            let file = if member.value.is_null() {
                ExpectedFile::Absent(member.value.span)
            } else {
                let what = format!("file `{}`", excerpt(&member.key.value));
                ExpectedFile::Text(shape::text(&member.value, &what, example, findings)?)
            };
            named.then(|| (member.owned_key(), file))
        })
        .collect()
}
