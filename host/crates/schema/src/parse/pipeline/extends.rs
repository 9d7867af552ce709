//! `extends`: jobs laid over other jobs.

use std::collections::HashMap;
use std::rc::Rc;

use super::Reading;
use super::merge::merge;
use crate::code;
use crate::excerpt::excerpt;
use crate::findings::Findings;
use crate::parse::shape;
use crate::problem::Problem;
use crate::source::Spanned;
use crate::suggest::did_you_mean;
use crate::yaml::{Member, Tree, TreeKind};

/// Most levels above a job: GitLab's eleven levels, the job itself counted.
const MAX_LEVELS: usize = 10;

/// Most job names with which a mistaken one is compared.
const MAX_COMPARED: usize = 1_000;

/// A job with what it extends.
#[derive(Clone)]
pub(super) struct Extended {
    pub(super) tree: Tree,
    /// Whether a part of it stands in an include that is not followed.
    pub(super) incomplete: bool,
    /// How many levels are above it.
    levels: usize,
}

/// Follows `extends` in all jobs; the answer has those of which nothing is wrong.
pub(super) fn extend(jobs: &[&Member], reading: &mut Reading, findings: &mut Findings) -> HashMap<Rc<str>, Extended> {
    let by_name = jobs.iter().map(|member| (&*member.key.value, *member)).collect();
    let mut extends = Extends { jobs: by_name, names: jobs, states: HashMap::new(), way: Vec::new(), reading };
    for member in jobs {
        extends.job(member, findings);
    }
    let states = extends.states;
    states
        .into_iter()
        .filter_map(|(name, state)| match state {
            State::Done(extended) => Some((Rc::from(name), extended)),
            State::Open | State::Failed => None,
        })
        .collect()
}

struct Extends<'t, 'r> {
    jobs: HashMap<&'t str, &'t Member>,
    /// The same in the order of the document.
    names: &'r [&'t Member],
    states: HashMap<&'t str, State>,
    /// Names of the jobs that are being extended, each by the next.
    way: Vec<&'t str>,
    reading: &'r mut Reading,
}

enum State {
    Open,
    Done(Extended),
    /// What is wrong has been said.
    Failed,
}

impl<'t> Extends<'t, '_> {
    fn job(&mut self, member: &'t Member, findings: &mut Findings) -> Option<Extended> {
        let name = &*member.key.value;
        match self.states.get(name) {
            Some(State::Done(extended)) => return Some(extended.clone()),
            // Circles are found by whoever extends this one.
            Some(State::Failed | State::Open) => return None,
            None => {}
        }
        self.states.insert(name, State::Open);
        self.way.push(name);
        let extended = self.extended(member, findings);
        self.way.pop();
        self.states.insert(name, extended.clone().map_or(State::Failed, State::Done));
        extended
    }

    fn extended(&mut self, member: &'t Member, findings: &mut Findings) -> Option<Extended> {
        let mut extended = Extended { tree: member.value.clone(), incomplete: false, levels: 0 };
        let TreeKind::Mapping(members) = &member.value.kind else { return Some(extended) };
        let Some(extends) = members.iter().find(|member| &*member.key.value == "extends") else {
            return Some(extended);
        };
        if extends.value.is_null() {
            return Some(extended);
        }
        let parents = parent_names(&extends.value, findings)?;
        let mut base: Option<Tree> = None;
        let mut failed = false;
        for parent in &parents {
            let Some(parent_member) = self.parent(parent, findings) else {
                failed |= !self.reading.has_unread();
                extended.incomplete = true;
                continue;
            };
            let Some(above) = self.job(parent_member, findings) else {
                failed = true;
                continue;
            };
            extended.incomplete |= above.incomplete;
            extended.levels = extended.levels.max(above.levels + 1);
            base = Some(match base {
                Some(base) => merge(&base, &above.tree, &mut self.reading.copies),
                None => above.tree,
            });
        }
        if let Some(base) = base {
            extended.tree = merge(&base, &extended.tree, &mut self.reading.copies);
        }
        if extended.levels > MAX_LEVELS && !failed {
            self.too_deep(parents.first()?, findings);
            failed = true;
        }
        (!failed).then_some(extended)
    }

    /// Returns the job that a name in `extends` means, if it can be extended from here.
    fn parent(&mut self, name: &Spanned<String>, findings: &mut Findings) -> Option<&'t Member> {
        let Some(member) = self.jobs.get(name.value.as_str()).copied() else {
            self.unknown(name, findings);
            return None;
        };
        if !matches!(member.value.kind, TreeKind::Mapping(_)) {
            let message = format!("`{}` cannot be extended: it is {}", excerpt(&name.value), member.value.describe());
            let problem = Problem::error(code::WRONG_SHAPE, message)
                .at(findings.place(name.span), "only a job can be extended")
                .at(findings.place(member.key.span), "this is no job")
                .help("for a list or a text use `!reference` or an alias");
            findings.push(problem);
            self.states.insert(&member.key.value, State::Failed);
            return Some(member);
        }
        if matches!(self.states.get(name.value.as_str()), Some(State::Open)) {
            self.circle(name, findings);
        } else if self.way.len() > MAX_LEVELS && !self.states.contains_key(name.value.as_str()) {
            // Known before it is followed, so that a long chain needs no stack.
            self.too_deep(name, findings);
            self.states.insert(&member.key.value, State::Failed);
        }
        Some(member)
    }

    fn unknown(&self, name: &Spanned<String>, findings: &mut Findings) {
        self.reading.missing(findings, |findings| {
            let known = self.names.iter().take(MAX_COMPARED).map(|member| &*member.key.value);
            let near = did_you_mean(&name.value, known);
            let label =
                near.map_or_else(|| "not in this pipeline".to_owned(), |near| format!("did you mean `{near}`?"));
            let message = format!("there is no job `{}` to extend", excerpt(&name.value));
            let help = match near {
                Some(_) => "templates have names that begin with a dot, and that belongs to the name",
                None => "write the job, or include the file that has it",
            };
            let problem = Problem::error(code::UNKNOWN_JOB, message).at(findings.place(name.span), label);
            (problem, help.to_owned())
        });
    }

    fn circle(&self, name: &Spanned<String>, findings: &mut Findings) {
        let from = self.way.iter().position(|open| *open == name.value).unwrap_or(0);
        let mut way: Vec<String> = self.way[from..].iter().map(|name| format!("`{}`", excerpt(name))).collect();
        way.push(format!("`{}`", excerpt(&name.value)));
        findings.error(
            code::ENDLESS_EXTENDS,
            name.span,
            format!("`{}` extends itself", excerpt(&name.value)),
            "this leads back",
            format!("the way is {}; leave one of these out", way.join(" → ")),
        );
    }

    fn too_deep(&self, name: &Spanned<String>, findings: &mut Findings) {
        let first = self.way.first().copied().unwrap_or(&name.value);
        findings.error(
            code::ENDLESS_EXTENDS,
            name.span,
            format!("`{}` extends jobs over too many levels", excerpt(first)),
            format!("more than {} levels", MAX_LEVELS + 1),
            "let it extend a template nearer to the top, or several at once",
        );
    }
}

fn parent_names(tree: &Tree, findings: &mut Findings) -> Option<Vec<Spanned<String>>> {
    match &tree.kind {
        TreeKind::Sequence(items) => items
            .iter()
            .map(|item| shape::text(item, "an item of `extends`", "extends: [ .build, .linux ]", findings))
            .collect(),
        TreeKind::Scalar(_) => shape::text(tree, "`extends`", "extends: .build", findings).map(|name| vec![name]),
        TreeKind::Mapping(_) | TreeKind::Reference(_) => {
            shape::wrong_shape(tree, "`extends`", "the name of a job or a list of names", "extends: .build", findings);
            None
        }
    }
}
