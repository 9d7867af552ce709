//! `default`, and its older form at the top level.

use super::keywords::{DEFAULTS_NOT_HONOURED, OLD_DEFAULTS, TIMEOUT};
use super::references::References;
use super::script;
use crate::code;
use crate::findings::Findings;
use crate::parse::fields::Fields;
use crate::parse::shape;
use crate::pipeline::Inherited;
use crate::problem::{Problem, Severity};
use crate::source::Place;
use crate::yaml::{Member, Tree};

/// What jobs inherit.
#[derive(Default)]
pub(super) struct Defaults {
    /// The commands, read once for their problems; each job reads them again for itself.
    pub(super) before_script: Option<Tree>,
    pub(super) after_script: Option<Tree>,
    /// Where the keys of the two stand.
    scripts: Vec<(String, Place)>,
    /// Keywords without meaning here that jobs inherit by their names.
    not_honoured: Vec<(String, Place)>,
    /// Such keywords that reach every job.
    of_pipeline: Vec<(String, Place)>,
}

impl Defaults {
    /// Reads `default` and what stands beside it among the members at the top.
    pub(super) fn read(root: &[Member], references: &mut References<'_>, findings: &mut Findings) -> Self {
        let mut defaults = Self::default();
        let top = |key: &str| root.iter().find(|member| &*member.key.value == key && !member.value.is_null());
        if let Some(workflow) = top("workflow") {
            defaults.of_pipeline.push(("workflow".to_owned(), findings.place(workflow.key.span)));
        }
        for key in OLD_DEFAULTS {
            if let Some(member) = top(key) {
                defaults.not_honoured.push((key.to_owned(), findings.place(member.key.span)));
            }
        }
        let tree = top("default").and_then(|member| references.resolve(&member.value, findings));
        let span = tree.as_ref().map(|tree| tree.span).unwrap_or_default();
        let members = tree.as_ref().map_or(&[][..], |tree| {
            let example = "default: { before_script: [ make setup ] }";
            shape::mapping_or_nothing(tree, "`default`", "a mapping of keywords", example, findings)
        });
        let mut fields = Fields::new("`default`", members, span);
        defaults.before_script = defaults.commands("before_script", top, &mut fields, references, findings);
        defaults.after_script = defaults.commands("after_script", top, &mut fields, references, findings);
        for key in DEFAULTS_NOT_HONOURED.into_iter().chain([TIMEOUT]) {
            if let Some(member) = fields.member(key).filter(|member| !member.value.is_null()) {
                defaults.not_honoured.push((key.to_owned(), findings.place(member.key.span)));
            }
        }
        fields.finish(Severity::Warning, findings);
        defaults
    }

    fn commands<'t>(
        &mut self,
        key: &'static str,
        top: impl Fn(&str) -> Option<&'t Member>,
        fields: &mut Fields<'_>,
        references: &mut References<'_>,
        findings: &mut Findings,
    ) -> Option<Tree> {
        let inner = fields.member(key).filter(|member| !member.value.is_null());
        let outer = top(key);
        if let (Some(inner), Some(outer)) = (inner, outer) {
            let message = format!("`{key}` stands at the top and in `default`");
            let problem = Problem::error(code::CONFLICTING_KEYS, message)
                .at(findings.place(outer.key.span), "leave this out")
                .at(findings.place(inner.key.span), "the other is here")
                .help("write it in `default` only; at the top it is the older form");
            findings.push(problem);
        }
        let member = inner.or(outer)?;
        let tree = references.resolve(&member.value, findings)?;
        script::commands(&tree, key, findings);
        self.scripts.push((key.to_owned(), findings.place(member.key.span)));
        Some(tree)
    }

    /// Returns the scripts that a job with `run` would inherit and does not run.
    pub(super) fn unused_scripts(&self, inherited: &Inherited) -> impl Iterator<Item = (String, Place)> {
        self.scripts.iter().filter(|(key, _)| inherited.has(key)).cloned()
    }

    /// Adds the keywords that a job inherits to its own.
    pub(super) fn add_not_honoured(&self, inherited: &Inherited, own: &mut Vec<(String, Place)>) {
        let added: Vec<_> = self
            .not_honoured
            .iter()
            .filter(|(key, _)| inherited.has(key) && own.iter().all(|(known, _)| known != key))
            .chain(&self.of_pipeline)
            .cloned()
            .collect();
        own.extend(added);
    }
}
