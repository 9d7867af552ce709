//! Job lists.

use std::sync::Arc;

use super::definition::hide_old_type;
use super::fields::Fields;
use super::node::values_by_name;
use super::shape;
use super::step::{self, Names};
use crate::code;
use crate::findings::Findings;
use crate::job::Job;
use crate::problem::{Problem, Problems, Severity};
use crate::source::{Source, Span};
use crate::yaml::{self, Documents, Member, Tree, TreeKind};

const EXAMPLE: &str = "run: [ { name: greet, script: echo hello } ]";
const LIST: &str = "[ { name: greet, script: echo hello } ]";

impl Job {
    /// Reads a job: one document with `run:`, the two-document form (`{}` or `spec:`, then `run:`), or a bare list.
    /// An item without name is accepted with a warning and has the empty name.
    ///
    /// # Errors
    /// All problems of the text, in its order, warnings among them.
    pub fn parse(source: Arc<Source>) -> Result<Self, Problems> {
        let mut findings = Findings::new(source);
        let job = yaml::read(&mut findings, 2).and_then(|documents| job(&documents, &mut findings));
        let (mut job, warnings) = findings.finish(job)?;
        job.warnings = warnings;
        Ok(job)
    }
}

impl Job {
    /// Reads a job from its list alone: what a runner hands over in the variable `STEPS`. An empty list is a job without
    /// a step.
    ///
    /// # Errors
    /// As [`Job::parse`]; besides a text with anything but one list in it.
    pub fn parse_list(source: Arc<Source>) -> Result<Self, Problems> {
        let mut findings = Findings::new(source);
        let job = yaml::read(&mut findings, 1).and_then(|documents| list(&documents, &mut findings));
        let (mut job, warnings) = findings.finish(job)?;
        job.warnings = warnings;
        Ok(job)
    }
}

fn list(documents: &Documents, findings: &mut Findings) -> Option<Job> {
    if let Some(rest) = documents.rest {
        let message = "there is more than one document";
        findings.error(
            code::WRONG_DOCUMENTS,
            rest,
            message,
            "from here on",
            "write the list of steps and nothing else",
        );
    }
    let Some(tree) = documents.trees.first() else {
        let end = Span::new(0, 0);
        findings.error(code::WRONG_DOCUMENTS, end, "the list of steps is empty", "", format!("for example `{LIST}`"));
        return None;
    };
    let items = shape::sequence(tree, "the job", "a list of steps", LIST, findings).is_some();
    let steps = items.then(|| step::steps(tree, Names::Expected, findings)).flatten()?;
    Some(Job { steps, ..empty_job(findings) })
}

fn job(documents: &Documents, findings: &mut Findings) -> Option<Job> {
    if let Some(rest) = documents.rest {
        ignored_documents(rest, findings);
    }
    match documents.trees.as_slice() {
        [] => {
            let end = Span::new(0, 0);
            findings.error(code::WRONG_DOCUMENTS, end, "the job is empty", "", format!("for example `{EXAMPLE}`"));
            None
        }
        [list] => run_document(list, findings),
        [head, list, ..] => {
            empty_specification(head, findings);
            run_document(list, findings)
        }
    }
}

/// Says that documents behind the last one with a meaning are not read.
pub(super) fn ignored_documents(rest: Span, findings: &mut Findings) {
    findings.warning(
        code::WRONG_DOCUMENTS,
        rest,
        "documents behind the second are not read",
        "ignored from here on",
        "leave them out",
    );
}

/// Checks the first of two documents: a job has an empty specification.
fn empty_specification(head: &Tree, findings: &mut Findings) {
    let members = shape::mapping_or_nothing(head, "the first of two documents", "a mapping", "{}", findings);
    let mut fields = Fields::new("the first document of a job", members, head.span);
    let spec = fields.member("spec");
    fields.finish(Severity::Error, findings);
    if let Some(spec) = spec.filter(|spec| !is_empty(&spec.value)) {
        findings.error(
            code::WRONG_DOCUMENTS,
            spec.key.span,
            "a job has no inputs, outputs or needs",
            "only functions have a specification",
            "this looks like a function file: call it from a job, for example `run: [ { name: it, func: ./it } ]`",
        );
    }
}

/// Tells whether a specification says nothing: null, or a mapping whose members say nothing.
fn is_empty(tree: &Tree) -> bool {
    match &tree.kind {
        TreeKind::Scalar(_) => tree.is_null(),
        TreeKind::Sequence(items) | TreeKind::Reference(items) => items.is_empty(),
        TreeKind::Mapping(members) => members.iter().all(|member| is_empty(&member.value)),
    }
}

fn run_document(tree: &Tree, findings: &mut Findings) -> Option<Job> {
    if let TreeKind::Sequence(_) = &tree.kind {
        let steps = step::steps(tree, Names::Expected, findings)?;
        return Some(Job { steps, ..empty_job(findings) });
    }
    let members = shape::mapping(tree, "a job", "a mapping with `run`, or a list of steps", EXAMPLE, findings)?;
    let mut fields = Fields::new("a job", members, tree.span);
    let run = run_member(&mut fields, findings);
    if run.is_none() {
        fields.missing("run", EXAMPLE, findings);
    }
    let steps = run.and_then(|run| step::steps(&run.value, Names::Expected, findings));
    let env = shape::environment(fields.get("env"), findings);
    let outputs = values_by_name(fields.get("outputs"), "outputs", "an output", findings);
    refuse_function_keys(&mut fields, findings);
    hide_old_type(&mut fields);
    // As in the definition of a function; a key that only holds anchors for the list is one of them.
    fields.finish(Severity::Warning, findings);
    Some(Job { steps: steps?, env, outputs, ..empty_job(findings) })
}

fn empty_job(findings: &Findings) -> Job {
    Job {
        source: Arc::clone(findings.source()),
        steps: Vec::new(),
        env: Vec::new(),
        outputs: Vec::new(),
        warnings: Problems::default(),
    }
}

/// Returns `run`, or `steps`, its old name, with a warning.
pub(super) fn run_member<'t>(fields: &mut Fields<'t>, findings: &mut Findings) -> Option<&'t Member> {
    let run = fields.member("run");
    let old = fields.hidden("steps");
    match (run, old) {
        (Some(run), Some(old)) => {
            let problem = Problem::error(code::CONFLICTING_KEYS, "`run` and `steps` are two names of one key")
                .at(findings.place(old.key.span), "leave this out")
                .at(findings.place(run.key.span), "the list is here")
                .help("write the whole list under `run`");
            findings.push(problem);
        }
        (None, Some(old)) => findings.warning(
            code::RENAMED_KEY,
            old.key.span,
            "`steps` is the old name of `run`",
            "write `run`",
            "both are read; only `run` is documented",
        ),
        (Some(_) | None, None) => {}
    }
    run.or(old)
}

fn refuse_function_keys(fields: &mut Fields<'_>, findings: &mut Findings) {
    for (key, help) in [
        ("delegate", "name what the job gives out under `outputs`"),
        ("exec", "put it into a function file and call that from `run`"),
        ("wasm", "put it into a function file and call that from `run`"),
        ("spec", "a job has no inputs, outputs or needs; leave it out"),
        ("script", "write it as a step: `run: [ { name: it, script: … } ]`"),
        ("before_script", "write it as a step in front of the others"),
        ("after_script", "write it as a step; nothing runs after a failed step"),
    ] {
        if let Some(member) = fields.hidden(key) {
            let message = format!("`{key}` cannot stand beside `run` in a job");
            findings.error(code::UNKNOWN_KEY, member.key.span, message, "not known here", help);
        }
    }
}
