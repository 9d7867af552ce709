//! One visible job.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use super::defaults::Defaults;
use super::extends::Extended;
use super::keywords::{DEFAULT_STAGE, DEFAULTS_NOT_HONOURED, NOT_HONOURED, TIMEOUT};
use super::references::{Lost, References};
use super::stages::Stages;
use super::{script, variables};
use crate::code;
use crate::excerpt::excerpt;
use crate::findings::Findings;
use crate::job::Job;
use crate::parse::fields::Fields;
use crate::parse::shape;
use crate::parse::step::{self, Names};
use crate::pipeline::{Inherited, NoWork, PIPELINE_KEYS, PipelineJob, PipelineVariable, PipelineWork, ScriptJob};
use crate::problem::{Problem, Problems, Severity};
use crate::source::{Place, Spanned};
use crate::step::Step;
use crate::suggest::did_you_mean;
use crate::yaml::{Member, Tree, TreeKind};

/// Longest name of a job, in characters. GitLab's.
const MAX_NAME_CHARACTERS: usize = 255;

const EXAMPLE: &str = "script: [ make ]";

/// What a job may need to know of the pipeline.
pub(super) struct Surroundings<'s> {
    pub(super) defaults: &'s Defaults,
    pub(super) stages: &'s Stages,
    pub(super) variables: &'s Arc<[PipelineVariable]>,
}

/// Reads a job; none where it cannot be used at all.
pub(super) fn job(
    name: &Spanned<Rc<str>>,
    extended: &Extended,
    surroundings: &Surroundings<'_>,
    references: &mut References<'_>,
    findings: &mut Findings,
) -> Option<PipelineJob> {
    let members = members(name, &extended.tree, findings)?;
    check_name(name, findings);
    let what = format!("job `{}`", excerpt(&name.value));
    let mut fields = Fields::new(what, members, extended.tree.span);
    fields.member("extends");
    let mut reader =
        Reader { fields, references, findings, incomplete: extended.incomplete, partial: false, failed: false };
    let (inherited_defaults, inherited_variables) = reader.inherit();
    let stage = reader.stage(surroundings.stages);
    let own_variables = reader.resolved("variables").map(|(_, tree)| reader.counted(&tree)).unwrap_or_default();
    let mut not_honoured = reader.not_honoured();
    let work = reader.work(name, surroundings.defaults, &inherited_defaults, &mut not_honoured);
    let Reader { fields, findings, .. } = reader;
    // Where nothing is known of a job, its keys were probably meant for something else.
    if work.is_some() || fields.has_known() {
        fields.finish(Severity::Warning, findings);
    }
    surroundings.defaults.add_not_honoured(&inherited_defaults, &mut not_honoured);
    Some(PipelineJob {
        name: name.value.to_string(),
        place: findings.place(name.span),
        stage,
        work: work?,
        not_honoured,
        warnings: Problems::default(),
        own_variables,
        global_variables: Arc::clone(surroundings.variables),
        inherited_variables,
    })
}

/// Returns the keys of a job. What is no mapping was probably meant as a keyword.
fn members<'t>(name: &Spanned<Rc<str>>, tree: &'t Tree, findings: &mut Findings) -> Option<&'t [Member]> {
    if let TreeKind::Mapping(members) = &tree.kind {
        return Some(members);
    }
    if !findings.has_room(Severity::Error) {
        return None;
    }
    let found = tree.describe();
    let name_shown = excerpt(&name.value);
    let (label, help) = match did_you_mean(&name.value, PIPELINE_KEYS) {
        Some(near) => (format!("did you mean `{near}`?"), "a key at the top is a keyword or the name of a job"),
        None => (format!("this is {found}"), "for example `build: { script: make }`"),
    };
    let message = format!("job `{name_shown}` must be a mapping, not {found}");
    findings.error(code::WRONG_SHAPE, name.span, message, label, help);
    None
}

fn check_name(name: &Spanned<Rc<str>>, findings: &mut Findings) {
    let length = name.value.chars().count();
    if name.value.is_empty() || length > MAX_NAME_CHARACTERS {
        findings.error(
            code::INVALID_NAME,
            name.span,
            format!("the name of a job has {length} characters"),
            if length == 0 { "nothing" } else { "too long" },
            format!("a name has from one to {MAX_NAME_CHARACTERS} characters"),
        );
    }
}

/// One of the scripts of a job.
struct Commands<'j> {
    member: &'j Member,
    texts: Vec<Spanned<String>>,
    /// Whether nothing stands there, not even a mistake.
    is_empty: bool,
}

/// The keys of one job while they are read.
struct Reader<'j, 'f, 'r> {
    fields: Fields<'j>,
    references: &'j mut References<'r>,
    findings: &'f mut Findings,
    /// Whether a part of the job stands in an include that is not followed.
    incomplete: bool,
    /// Whether that is so for a part of its commands or steps, so that the rest of them is of no use.
    partial: bool,
    /// Whether a reference led nowhere or a limit was passed, which has been noted or will be.
    failed: bool,
}

impl<'j> Reader<'j, '_, '_> {
    /// Returns what [`Reader::resolved`] does of a key that says what the job does.
    fn resolved_work(&mut self, key: &'static str) -> Option<(&'j Member, Tree)> {
        let before = std::mem::take(&mut self.incomplete);
        let resolved = self.resolved(key);
        self.partial |= self.incomplete;
        self.incomplete |= before;
        resolved
    }

    /// Returns the member of a key and its value, references followed; none where it is missing, null, or a reference
    /// that leads nowhere.
    fn resolved(&mut self, key: &'static str) -> Option<(&'j Member, Tree)> {
        let member = self.fields.member(key).filter(|member| !member.value.is_null())?;
        // Looking for references takes time with the size, and a job may share all of that with others.
        if !self.references.reading.copies.take_tree(&member.value) {
            self.failed = true;
            return None;
        }
        let (tree, lost) = self.references.resolve_noting(&member.value, self.findings);
        self.incomplete |= lost == Lost::NotIncluded;
        self.failed |= lost == Lost::Wrong;
        tree.map(|tree| (member, tree))
    }

    /// Tells whether the value may still be taken into the pipeline.
    fn affords(&mut self, tree: &Tree) -> bool {
        self.references.reading.jobs.take_tree(tree)
    }

    fn counted(&mut self, tree: &Tree) -> Vec<PipelineVariable> {
        if self.affords(tree) { variables::variables(tree, self.findings) } else { Vec::new() }
    }

    fn commands(&mut self, key: &'static str) -> Option<Commands<'j>> {
        let (member, tree) = self.resolved_work(key)?;
        let texts = if self.affords(&tree) { script::commands(&tree, key, self.findings) } else { Vec::new() };
        Some(Commands { member, texts, is_empty: is_empty(&tree) })
    }

    /// Reads `inherit`: which defaults and which global variables.
    fn inherit(&mut self) -> (Inherited, Inherited) {
        let Some((_, tree)) = self.resolved("inherit") else { return Default::default() };
        let members = shape::mapping_or_nothing(
            &tree,
            "`inherit`",
            "a mapping with `default` or `variables`",
            "inherit: { default: false }",
            self.findings,
        );
        let mut fields = Fields::new("`inherit`", members, tree.span);
        let defaults = inherited(fields.get("default"), "default", self.findings);
        let variables = inherited(fields.get("variables"), "variables", self.findings);
        fields.finish(Severity::Warning, self.findings);
        (defaults, variables)
    }

    fn stage(&mut self, stages: &Stages) -> String {
        let stage = self.resolved("stage");
        let (name, span) = match &stage {
            Some((_, tree)) => match shape::text(tree, "`stage`", "stage: build", self.findings) {
                Some(stage) => (stage.value, stage.span),
                None => return DEFAULT_STAGE.to_owned(),
            },
            None => (DEFAULT_STAGE.to_owned(), self.fields.span()),
        };
        if !stages.has(&name) {
            let (unnamed, what) = (stage.is_none(), self.fields.what());
            self.references.reading.missing(self.findings, |findings| {
                (stages.unknown(&name, unnamed, what, findings.place(span)), stages.listed())
            });
        }
        name
    }

    /// Takes the keywords that have no meaning in a run of one job.
    fn not_honoured(&mut self) -> Vec<(String, Place)> {
        let keys = NOT_HONOURED.iter().chain(&DEFAULTS_NOT_HONOURED).chain([&TIMEOUT]);
        let mut found = Vec::new();
        for key in keys {
            let member = self.fields.member(key).filter(|member| !member.value.is_null());
            if let Some(member) = member {
                found.push(((*key).to_owned(), self.findings.place(member.key.span)));
            }
        }
        found
    }

    fn work(
        &mut self,
        name: &Spanned<Rc<str>>,
        defaults: &Defaults,
        inherited: &Inherited,
        not_honoured: &mut Vec<(String, Place)>,
    ) -> Option<PipelineWork> {
        let run = self.resolved_work("run");
        let [before, script, after] = ["before_script", "script", "after_script"].map(|key| self.commands(key));
        let trigger = self.fields.member("trigger").filter(|member| !member.value.is_null());
        if let Some((run, list)) = run {
            let scripts = [before, script, after].map(|commands| commands.map(|commands| commands.member));
            let mut conflicts = false;
            for member in scripts.into_iter().flatten().chain(trigger) {
                self.conflict(run, member, "`run` is a list of steps: make the commands a step of it");
                conflicts = true;
            }
            not_honoured.extend(defaults.unused_scripts(inherited));
            let steps = if self.affords(&list) { step::steps(&list, Names::Expected, self.findings) } else { None };
            if self.partial && !conflicts {
                return Some(PipelineWork::Nothing(NoWork::NotIncluded));
            }
            return steps.filter(|_| !conflicts).map(|steps| PipelineWork::Run(self.run_job(steps)));
        }
        match (script, trigger) {
            (Some(script), Some(trigger)) => {
                self.conflict(script.member, trigger, "a job that starts another pipeline runs no commands itself");
                None
            }
            (Some(_), None) if self.partial => Some(PipelineWork::Nothing(NoWork::NotIncluded)),
            (Some(script), None) if script.is_empty => {
                if !self.failed {
                    self.empty_script(script.member);
                }
                None
            }
            (Some(script), None) => {
                let script = ScriptJob {
                    source: Arc::clone(self.findings.source()),
                    before: self.or_default(before, &defaults.before_script, inherited, "before_script"),
                    script: script.texts,
                    after: self.or_default(after, &defaults.after_script, inherited, "after_script"),
                };
                Some(PipelineWork::Script(script))
            }
            (None, Some(_)) => Some(PipelineWork::Nothing(NoWork::OtherPipeline)),
            (None, None) if self.follows_a_pipeline() => Some(PipelineWork::Nothing(NoWork::OtherPipeline)),
            (None, None) if self.incomplete => Some(PipelineWork::Nothing(NoWork::NotIncluded)),
            (None, None) if self.failed => None,
            (None, None) => {
                self.nothing_to_do(name);
                None
            }
        }
    }

    fn run_job(&self, steps: Vec<Step>) -> Job {
        Job {
            source: Arc::clone(self.findings.source()),
            steps,
            env: Vec::new(),
            outputs: Vec::new(),
            warnings: Problems::default(),
        }
    }

    /// Returns a job's own commands, or those of `default` that it inherits.
    fn or_default(
        &mut self,
        own: Option<Commands<'j>>,
        default: &Option<Tree>,
        inherited: &Inherited,
        key: &'static str,
    ) -> Vec<Spanned<String>> {
        match (own, default) {
            (Some(own), _) => own.texts,
            (None, Some(tree)) if inherited.has(key) && self.affords(tree) => {
                script::commands(tree, key, self.findings)
            }
            (None, _) => Vec::new(),
        }
    }

    /// Tells whether the job stands for another pipeline: `needs` with `pipeline`.
    fn follows_a_pipeline(&mut self) -> bool {
        let has_pipeline = |tree: &Tree| match &tree.kind {
            TreeKind::Mapping(members) => members.iter().any(|member| &*member.key.value == "pipeline"),
            TreeKind::Scalar(_) | TreeKind::Sequence(_) | TreeKind::Reference(_) => false,
        };
        self.fields.get("needs").is_some_and(|tree| match &tree.kind {
            TreeKind::Sequence(items) => items.iter().any(has_pipeline),
            TreeKind::Scalar(_) | TreeKind::Mapping(_) | TreeKind::Reference(_) => has_pipeline(tree),
        })
    }

    fn conflict(&mut self, first: &Member, second: &Member, help: &str) {
        let message = format!("`{}` cannot stand beside `{}`", second.key.value, first.key.value);
        let problem = Problem::error(code::CONFLICTING_KEYS, message)
            .at(self.findings.place(second.key.span), "only one of them")
            .at(self.findings.place(first.key.span), "the other is here")
            .help(help);
        self.findings.push(problem);
    }

    fn empty_script(&mut self, script: &Member) {
        self.findings.error(
            code::EMPTY_VALUE,
            script.value.span,
            "`script` is empty",
            "a command is needed here",
            format!("for example `{EXAMPLE}`"),
        );
    }

    fn nothing_to_do(&mut self, name: &Spanned<Rc<str>>) {
        if !self.findings.has_room(Severity::Error) {
            return;
        }
        let label = match did_you_mean(&name.value, PIPELINE_KEYS) {
            Some(near) => format!("did you mean the keyword `{near}`?"),
            None => "`script`, `run` or `trigger` is missing".to_owned(),
        };
        let message = format!("{} has nothing to do", self.fields.what());
        let help =
            format!("add for example `{EXAMPLE}`; a job that is only extended has a name that begins with a dot");
        self.findings.error(code::MISSING_KEY, name.span, message, label, help);
    }
}

/// Tells whether commands are empty as they are written, and not for a mistake that was noted. A null in a list is one.
fn is_empty(tree: &Tree) -> bool {
    match &tree.kind {
        TreeKind::Sequence(items) => items.iter().all(is_empty),
        TreeKind::Scalar(scalar) => scalar.text.is_empty() && !tree.is_null(),
        TreeKind::Mapping(_) | TreeKind::Reference(_) => false,
    }
}

fn inherited(tree: Option<&Tree>, key: &str, findings: &mut Findings) -> Inherited {
    let Some(tree) = tree.filter(|tree| !tree.is_null()) else { return Inherited::All };
    if let TreeKind::Sequence(_) = &tree.kind {
        let names = shape::texts(tree, &format!("`{key}` of `inherit`"), &format!("{key}: [ image ]"), findings);
        return Inherited::Only(names.into_iter().map(|name| name.value).collect::<HashSet<_>>());
    }
    let all = shape::flag(Some(tree), &format!("`{key}` of `inherit`"), key, findings);
    if all { Inherited::All } else { Inherited::Nothing }
}
