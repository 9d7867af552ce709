//! What only Stepwell understands: for authors whose functions must run under GitLab's engine too.

use std::sync::Arc;

use crate::code;
use crate::function::{DefinitionKind, Function};
use crate::job::Job;
use crate::problem::{Problem, Problems, Severity};
use crate::reference::Reference;
use crate::source::{Place, Source, Span};
use crate::step::{Step, StepAction};

/// The built-in functions that GitLab's engine has as well, or had: see section 3.5 of the contract.
const GITLAB_BUILT_INS: [&str; 2] = ["script", "docker/auth"];

/// Returns everything in a function file that GitLab's engine does not understand, as errors.
pub fn beyond_gitlab(function: &Function) -> Problems {
    let mut finder = Finder::new(&function.source);
    if let Some(span) = function.spec.needs.span {
        finder.push(span, "`needs`", "functions run with all rights of the job there; leave it out");
    }
    match &function.definition.kind {
        DefinitionKind::Exec(_) => {}
        DefinitionKind::Wasm(wasm) => {
            finder.push(wasm.module.span, "the definition kind `wasm`", "write `exec` or `run`");
        }
        DefinitionKind::Sequence(sequence) => sequence.steps.iter().for_each(|step| finder.step(step)),
    }
    finder.finish(&function.warnings)
}

/// Returns everything in a job that GitLab's engine does not understand, as errors.
pub fn job_beyond_gitlab(job: &Job) -> Problems {
    let mut finder = Finder::new(&job.source);
    let beside = job.env.first().map(|(name, _)| ("`env` beside `run`", name.span));
    let outputs = job.outputs.first().map(|(name, _)| ("`outputs` beside `run`", name.span));
    for (what, span) in beside.into_iter().chain(outputs) {
        finder.push(span, what, "only functions have it; a job has its list and nothing else");
    }
    job.steps.iter().for_each(|step| finder.step(step));
    finder.finish(&job.warnings)
}

struct Finder<'s> {
    source: &'s Arc<Source>,
    found: Problems,
}

impl<'s> Finder<'s> {
    fn new(source: &'s Arc<Source>) -> Self {
        Self { source, found: Problems::default() }
    }

    fn push(&mut self, span: Span, what: &str, help: &str) {
        let problem = Problem::error(code::ONLY_STEPWELL, format!("{what} is understood by Stepwell only"));
        let place = Place::new(Arc::clone(self.source), span);
        self.found.push(problem.at(place, "not known to GitLab's engine").help(help));
    }

    fn step(&mut self, step: &Step) {
        let secrets = step.passes.secrets.first().map(|(name, _)| ("`secrets` of a step", name.span));
        let allow = step.passes.allow.as_ref().and_then(|allow| Some(("`allow` of a step", allow.span?)));
        for (what, span) in secrets.into_iter().chain(allow) {
            self.push(span, what, "functions run with all rights of the job there; leave it out");
        }
        let StepAction::Function { reference, .. } = &step.action else { return };
        match &reference.value {
            Reference::BuiltIn { name, .. } if !is_gitlab_built_in(name) => {
                self.push(
                    reference.span,
                    &format!("the built-in function `{name}`"),
                    "refer to a function of your own",
                );
            }
            Reference::Git(git) => {
                if git.url.starts_with("file://") {
                    self.push(reference.span, "a git reference with `file://`", "use `https://`, or a path");
                }
                let members = [Some(&git.revision), Some(&git.directory), git.file.as_ref()];
                if members.into_iter().flatten().any(|member| member.contains("${{")) {
                    let help = "write the whole reference as one text with the expression in it";
                    self.push(reference.span, "an expression in another member of `git` than `url`", help);
                }
            }
            Reference::BuiltIn { .. } | Reference::File { .. } | Reference::Oci(_) | Reference::Dynamic { .. } => {}
        }
    }

    /// What was accepted with a warning, because Stepwell knows what is meant.
    fn finish(mut self, warnings: &Problems) -> Problems {
        let tolerated = [code::RENAMED_KEY, code::MISSING_KEY, code::UNKNOWN_KEY];
        self.found.extend(
            warnings
                .iter()
                .filter(|warning| tolerated.contains(&warning.code))
                .map(|warning| Problem { severity: Severity::Error, ..warning.clone() }),
        );
        self.found
    }
}

fn is_gitlab_built_in(name: &str) -> bool {
    GITLAB_BUILT_INS.contains(&name) || name.starts_with("function/oci/") || name.starts_with("step/oci/")
}
