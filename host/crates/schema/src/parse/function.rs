//! Function files: two documents that must fit each other.

use std::collections::HashMap;
use std::sync::Arc;

use super::definition::definition_document;
use super::job::ignored_documents;
use super::spec::spec_document;
use crate::code;
use crate::findings::Findings;
use crate::function::{Definition, DefinitionKind, Function, OutputsSpec, Sequence, Spec};
use crate::name::MAX_NAME_BYTES;
use crate::problem::{Problem, Problems};
use crate::source::{Source, Span, Spanned};
use crate::yaml::{self, Documents, Tree, TreeKind};

impl Function {
    /// Reads a function file: two YAML documents, specification and definition. Later documents are ignored.
    ///
    /// # Errors
    /// All problems of the file, in its order, warnings among them.
    pub fn parse(source: Arc<Source>) -> Result<Self, Problems> {
        let mut findings = Findings::new(source);
        let function = yaml::read(&mut findings, 2).and_then(|documents| function(&documents, &mut findings));
        let (mut function, warnings) = findings.finish(function)?;
        function.warnings = warnings;
        Ok(function)
    }
}

fn function(documents: &Documents, findings: &mut Findings) -> Option<Function> {
    if let Some(rest) = documents.rest {
        ignored_documents(rest, findings);
    }
    let (spec_tree, definition_tree) = two_documents(documents, findings)?;
    let spec = spec_document(spec_tree, findings);
    let definition = definition_document(definition_tree, findings);
    let (spec, definition) = (spec?, definition?);
    check_outputs(&spec, &definition, findings);
    if let DefinitionKind::Wasm(_) = definition.kind {
        check_wasm_names(&spec, findings);
    }
    let source = Arc::clone(findings.source());
    Some(Function { source, spec, definition, warnings: Problems::default() })
}

fn two_documents<'t>(documents: &'t Documents, findings: &mut Findings) -> Option<(&'t Tree, &'t Tree)> {
    let help = "a function file is `spec:`, a line `---`, then `exec:`, `run:` or `wasm:`";
    let wrong = |span: Span, message: &str, label: &str, findings: &mut Findings| {
        findings.error(code::WRONG_DOCUMENTS, span, message, label, help);
    };
    match documents.trees.as_slice() {
        [] => wrong(Span::new(0, 0), "the file is empty", "", findings),
        [only] => {
            let label = if has_key(only, "spec") { "the definition is missing behind it" } else { "the only document" };
            wrong(only.span, "a function file has two documents, this one has one", label, findings);
        }
        [first, second, ..] if has_key(second, "spec") && !has_key(first, "spec") => {
            wrong(second.span, "the two documents are in the wrong order", "this one comes first", findings);
        }
        [first, second, ..] => return Some((first, second)),
    }
    None
}

fn has_key(tree: &Tree, key: &str) -> bool {
    matches!(&tree.kind, TreeKind::Mapping(members) if members.iter().any(|member| &*member.key.value == key))
}

/// `outputs: delegate` and `delegate` belong together (section 5.8); a module hands over declared outputs only.
fn check_outputs(spec: &Spec, definition: &Definition, findings: &mut Findings) {
    let mismatch = |span: Span, message: &str, label: &str, help: &str, findings: &mut Findings| {
        findings.error(code::DELEGATE_MISMATCH, span, message, label, help);
    };
    match (&spec.outputs, &definition.kind) {
        (OutputsSpec::Delegate(span), DefinitionKind::Sequence(Sequence { delegate: None, .. })) => mismatch(
            *span,
            "`outputs: delegate` needs `delegate` in the definition",
            "of which step?",
            "add `delegate: NAME` beside `run`, or declare the outputs",
            findings,
        ),
        (OutputsSpec::Declared(_), DefinitionKind::Sequence(Sequence { delegate: Some(delegate), .. })) => mismatch(
            delegate.span,
            "`delegate` needs `outputs: delegate` in the specification",
            "its outputs would go nowhere",
            "write `spec: { outputs: delegate }`, or leave `delegate` out",
            findings,
        ),
        (OutputsSpec::Delegate(span), DefinitionKind::Wasm(_)) => mismatch(
            *span,
            "a module cannot hand on the outputs of a step",
            "only with `run` or `exec`",
            "declare the outputs",
            findings,
        ),
        (OutputsSpec::Delegate(_), DefinitionKind::Sequence(_) | DefinitionKind::Exec(_))
        | (OutputsSpec::Declared(_), _) => {}
    }
}

/// Checks names that a module receives: variables of upper-case names must differ, and the step ABI bounds their length.
fn check_wasm_names(spec: &Spec, findings: &mut Findings) {
    let mut first_of: HashMap<String, &Spanned<String>> = HashMap::new();
    for (name, _) in &spec.inputs {
        check_name_length(name, findings);
        if let Some(first) = first_of.insert(name.value.to_ascii_uppercase(), name) {
            let message = format!("inputs `{}` and `{}` differ in case only", first.value, name.value);
            let problem = Problem::error(code::NAMES_DIFFER_IN_CASE, message)
                .at(findings.place(name.span), "the same in upper case")
                .at(findings.place(first.span), "as this one")
                .help("a module may receive inputs as variables in upper case; rename one of them");
            findings.push(problem);
        }
    }
    if let OutputsSpec::Declared(outputs) = &spec.outputs {
        outputs.iter().for_each(|(name, _)| check_name_length(name, findings));
    }
}

fn check_name_length(name: &Spanned<String>, findings: &mut Findings) {
    if name.value.len() > MAX_NAME_BYTES {
        findings.error(
            code::INVALID_NAME,
            name.span,
            format!("the name has {} bytes", name.value.len()),
            "too long",
            format!("names that a module receives have at most {MAX_NAME_BYTES} bytes"),
        );
    }
}
