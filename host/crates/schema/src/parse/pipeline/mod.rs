//! Pipelines: from the text of a `.gitlab-ci.yml` to jobs that have everything merged in.
//!
//! The stages follow each other, and each needs the whole of the one before: the files are read and merged (`files`,
//! `include`, `merge`), then jobs are laid over those that they extend (`extends`), then references are followed in the
//! keys that have a meaning here (`references`), then jobs are read (`job`). That is GitLab's order, so a reference finds
//! what a job has by `extends`, and a file may extend what another file has.
//!
//! Places are those in the text of all files ([`Source::joined`]), so readers of steps need not know that there are
//! several.

mod budget;
mod defaults;
mod extends;
mod files;
mod include;
mod job;
mod keywords;
mod merge;
mod references;
mod script;
mod stages;
mod variables;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use self::budget::Budget;
use self::defaults::Defaults;
use self::extends::Extended;
use self::job::Surroundings;
use self::references::References;
use self::stages::Stages;
use crate::code;
use crate::findings::Findings;
use crate::pipeline::PIPELINE_KEYS;
use crate::pipeline::{Included, Pipeline, PipelineJob, PipelineVariable};
use crate::problem::{Problem, Problems, Severity};
use crate::source::{Place, Source, Span};
use crate::yaml::{Member, Tree, TreeKind};

/// Answers the path or pattern of an `include: local` with the files that it means, or with the reason why not.
type Include<'i> = &'i mut dyn FnMut(&str) -> Included;

/// Most includes that are not followed and that a message names.
const MAX_UNREAD: usize = 20;

impl Pipeline {
    /// Reads a pipeline with the files that it includes.
    ///
    /// `include` is asked for the path of each `include: local`, once for each path: as it is written, from the root of
    /// the project with or without a slash in front, maybe a pattern with `*` and `**`. Each file that it answers has a name
    /// by which it is known when it is included again. Paths are the user's: whether one may be read is for `include` to
    /// say.
    ///
    /// Includes of other kinds are not followed, with one warning. What may stand in one of them (a job to extend, a
    /// stage, the target of a reference) is then a warning where it is missing, too.
    ///
    /// The limits of [`crate::yaml`] hold for all files together, and again for what the jobs hold in the end, defaults
    /// and references merged in; there are at most [`MAX_FILES`](crate::pipeline::MAX_FILES) files.
    ///
    /// # Errors
    /// All problems of one stage, warnings among them: of reading the files, or of what they mean. Those of the main file
    /// come first, then file by file in the order in which they were read.
    pub fn load(source: Arc<Source>, include: &mut dyn FnMut(&str) -> Included) -> Result<Self, Problems> {
        let files = files::gather(source, include);
        let mut findings = Findings::new(Arc::clone(&files.source));
        let readable = files.problems.iter().all(|problem| problem.severity == Severity::Warning);
        files.problems.into_iter().for_each(|problem| findings.push(problem));
        // With a file missing, much would be reported that is only a consequence.
        let pipeline = files.root.filter(|_| readable).map(|root| pipeline(&root, files.unread, &mut findings));
        let (mut pipeline, warnings) = findings.finish(pipeline)?;
        pipeline.warnings = warnings;
        Ok(pipeline)
    }
}

/// What is known of a pipeline while it is read.
struct Reading {
    /// The includes that are not followed.
    unread: Vec<(String, Place)>,
    copies: Budget,
    jobs: Budget,
}

impl Reading {
    /// Tells whether something that is missing may stand in an include that is not followed.
    fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    /// Returns what those includes say, not more of them than anybody reads.
    fn unread_words(&self) -> Vec<String> {
        let mut words: Vec<String> = self.unread.iter().take(MAX_UNREAD).map(|(words, _)| words.clone()).collect();
        if self.unread.len() > MAX_UNREAD {
            words.push(format!("and {} more", self.unread.len() - MAX_UNREAD));
        }
        words
    }

    /// Notes that something is missing: an error, or a warning where it may stand in an include that is not followed.
    fn missing(&self, findings: &mut Findings, problem: impl FnOnce(&Findings) -> (Problem, String)) {
        let severity = if self.has_unread() { Severity::Warning } else { Severity::Error };
        if !findings.has_room(severity) {
            return;
        }
        let (problem, help) = problem(findings);
        let help = match severity {
            Severity::Error => help,
            Severity::Warning => {
                format!("it may stand in an include that is not followed: {}", self.unread_words().join(", "))
            }
        };
        findings.push(Problem { severity, ..problem.help(help) });
    }
}

fn pipeline(root: &Tree, unread: Vec<(String, Place)>, findings: &mut Findings) -> Pipeline {
    let members: &[Member] = match &root.kind {
        TreeKind::Mapping(members) => members,
        TreeKind::Scalar(_) | TreeKind::Sequence(_) | TreeKind::Reference(_) => &[],
    };
    let mut reading = Reading { unread, copies: Budget::of_copies(), jobs: Budget::of_jobs() };
    warn_of_unread(&reading, findings);
    let jobs: Vec<&Member> = members.iter().filter(|member| !PIPELINE_KEYS.contains(&&*member.key.value)).collect();
    let extended = extends::extend(&jobs, &mut reading, findings);
    let mut references = References::new(values(members, &extended), &mut reading);
    let stages = Stages::read(members, &mut references, findings);
    let defaults = Defaults::read(members, &mut references, findings);
    let variables = global_variables(members, &mut references, findings);
    let surroundings = Surroundings { defaults: &defaults, stages: &stages, variables: &variables };
    let mut visible = visible_jobs(&jobs, &extended, &surroundings, &mut references, findings);
    visible.sort_by_key(|job| stages.place_of(&job.stage));
    if jobs.iter().all(|member| is_hidden(member)) && !reading.has_unread() {
        no_jobs(findings);
    }
    if reading.copies.is_spent() || reading.jobs.is_spent() {
        too_large(findings);
    }
    if findings.has_errors() {
        // Nobody will have the jobs, and their warnings belong to the problems of the pipeline.
        let warnings = visible.iter_mut().flat_map(|job| std::mem::take(&mut job.warnings));
        warnings.for_each(|warning| findings.push(warning));
    }
    Pipeline {
        source: Arc::clone(findings.source()),
        stages: stages.into_names(),
        jobs: visible,
        unread: reading.unread_words(),
        warnings: Problems::default(),
    }
}

fn is_hidden(member: &Member) -> bool {
    member.key.value.starts_with('.')
}

/// Returns what references may lead to: everything at the top, jobs with what they extend.
fn values(members: &[Member], extended: &HashMap<Rc<str>, Extended>) -> HashMap<Rc<str>, Tree> {
    members
        .iter()
        .map(|member| {
            let tree = extended.get(&member.key.value).map_or(&member.value, |extended| &extended.tree);
            (Rc::clone(&member.key.value), tree.clone())
        })
        .collect()
}

fn global_variables(
    members: &[Member],
    references: &mut References<'_>,
    findings: &mut Findings,
) -> Arc<[PipelineVariable]> {
    members
        .iter()
        .find(|member| &*member.key.value == "variables")
        .and_then(|member| references.resolve(&member.value, findings))
        .map(|tree| variables::variables(&tree, findings))
        .unwrap_or_default()
        .into()
}

fn visible_jobs(
    jobs: &[&Member],
    extended: &HashMap<Rc<str>, Extended>,
    surroundings: &Surroundings<'_>,
    references: &mut References<'_>,
    findings: &mut Findings,
) -> Vec<PipelineJob> {
    // What was said so far is about the pipeline as a whole.
    let of_pipeline = findings.take_warnings();
    let mut visible = Vec::new();
    for member in jobs.iter().filter(|member| !is_hidden(member)) {
        let Some(extended) = extended.get(&member.key.value) else { continue };
        let job = job::job(&member.key, extended, surroundings, references, findings);
        let warnings = findings.take_warnings();
        match job {
            Some(job) => visible.push(PipelineJob { warnings: Problems(warnings), ..job }),
            None => warnings.into_iter().for_each(|warning| findings.push(warning)),
        }
        if references.reading.jobs.is_spent() || references.reading.copies.is_spent() {
            break;
        }
    }
    of_pipeline.into_iter().for_each(|warning| findings.push(warning));
    visible
}

fn warn_of_unread(reading: &Reading, findings: &mut Findings) {
    if !reading.has_unread() {
        return;
    }
    let words = reading.unread_words();
    let mut problem =
        Problem::warning(code::INCLUDE_NOT_FOLLOWED, format!("includes that are not followed: {}", words.join(", ")))
            .help("only `include: local` without `inputs` and variables is read; what the others hold is missing here");
    for (_, place) in reading.unread.iter().take(MAX_UNREAD) {
        problem = problem.at(place.clone(), "not followed");
    }
    findings.push(problem);
}

fn no_jobs(findings: &mut Findings) {
    findings.error(
        code::UNKNOWN_JOB,
        Span::default(),
        "the pipeline has no job",
        "",
        "a job is a mapping at the top, for example `build: { script: make }`; names that begin with a dot are templates",
    );
}

fn too_large(findings: &mut Findings) {
    findings.error(
        code::DOCUMENT_TOO_LARGE,
        Span::default(),
        "with everything merged in, the jobs of this pipeline are too large",
        "",
        "jobs that extend or refer to large templates take all of them each; move commands into script files",
    );
}
