//! The files of a pipeline: read one after another, and merged.

use std::collections::HashMap;
use std::sync::Arc;

use super::Include;
use super::budget::Budget;
use super::include::{self, Entry, IncludedFile};
use super::merge::{merge, without};
use crate::code;
use crate::excerpt::excerpt;
use crate::findings::Findings;
use crate::parse::job::ignored_documents;
use crate::parse::shape;
use crate::pipeline::MAX_FILES;
use crate::problem::Problem;
use crate::source::{Place, Source, Span};
use crate::yaml::{self, Documents, Spent, Tree, TreeKind};

/// A pipeline whose files are merged.
pub(super) struct Gathered {
    /// All files, the main one first, the others in the order in which they were read.
    pub(super) source: Arc<Source>,
    /// The merged mapping without `include`, its places in `source`; none if a file could not be used.
    pub(super) root: Option<Tree>,
    /// The includes that are not followed.
    pub(super) unread: Vec<(String, Place)>,
    pub(super) problems: Vec<Problem>,
}

/// Reads a pipeline file and all that it includes.
pub(super) fn gather(main: Arc<Source>, include: Include<'_>) -> Gathered {
    let mut files = Files {
        include,
        sources: Vec::new(),
        next_start: 0,
        spent: Spent::default(),
        copies: Budget::of_copies(),
        states: HashMap::new(),
        way: Vec::new(),
        answers: HashMap::new(),
        unread: Vec::new(),
        problems: Vec::new(),
    };
    let root = files.file(&main, None);
    if files.copies.is_spent() {
        let problem = Problem::error(code::DOCUMENT_TOO_LARGE, "merged, the files of the pipeline are too large")
            .at(Place::new(main, Span::default()), "")
            .help("files that are included twice count twice; leave some out");
        files.problems.push(problem);
    }
    Gathered { source: Source::joined(&files.sources), root, unread: files.unread, problems: files.problems }
}

struct Files<'i> {
    include: Include<'i>,
    sources: Vec<Arc<Source>>,
    /// Where the text of the next file will begin in the text of all.
    next_start: usize,
    spent: Spent,
    copies: Budget,
    /// What is known of the files, by their names.
    states: HashMap<String, State>,
    /// Names of the files that are being read, each included by the one before.
    way: Vec<String>,
    /// What was answered to the paths of includes; none where that was an error.
    answers: HashMap<String, Option<Vec<Arc<Source>>>>,
    unread: Vec<(String, Place)>,
    problems: Vec<Problem>,
}

enum State {
    /// It is being read.
    Open,
    /// It was read, and what it includes is merged in; none where that failed.
    Merged(Option<Tree>),
}

impl Files<'_> {
    /// Returns a file with what it includes. A file that was read before is not read again.
    fn file(&mut self, source: &Arc<Source>, at: Option<&Place>) -> Option<Tree> {
        match self.states.get(source.name()) {
            Some(State::Merged(tree)) => return tree.clone(),
            Some(State::Open) => {
                self.problems.push(self.cycle(source.name(), at));
                return None;
            }
            None => {}
        }
        if self.sources.len() == MAX_FILES {
            self.problems.push(too_many_files(at));
            self.states.insert(source.name().to_owned(), State::Merged(None));
            return None;
        }
        let start = self.next_start;
        self.next_start = source.start_behind(start);
        self.sources.push(Arc::clone(source));
        self.states.insert(source.name().to_owned(), State::Open);
        self.way.push(source.name().to_owned());
        let merged = self.read(source).map(|(tree, entries)| self.with_includes(&tree.moved(start), &entries));
        self.way.pop();
        self.states.insert(source.name().to_owned(), State::Merged(merged.clone()));
        merged
    }

    /// Reads the text of a file; its places are those of this text alone.
    fn read(&mut self, source: &Arc<Source>) -> Option<(Tree, Vec<Entry>)> {
        let mut findings = Findings::new(Arc::clone(source));
        let root = yaml::read_file(&mut findings, 2, &mut self.spent)
            .and_then(|documents| root(&documents, self.way.len() == 1, &mut findings));
        let entries = root.as_ref().map(|root| includes(root, &mut findings)).unwrap_or_default();
        match findings.finish(Some(())) {
            Ok(((), problems)) | Err(problems) => self.problems.extend(problems),
        }
        Some((root?, entries))
    }

    fn with_includes(&mut self, own: &Tree, entries: &[Entry]) -> Tree {
        let mut merged: Option<Tree> = None;
        for entry in entries {
            for source in self.sources_of(entry) {
                let Some(tree) = self.file(&source, Some(&entry.place)) else { continue };
                merged = Some(match merged {
                    Some(below) => merge(&below, &tree, &mut self.copies),
                    None => tree,
                });
            }
        }
        let own = match &own.kind {
            TreeKind::Mapping(members) => {
                Tree { kind: TreeKind::Mapping(without(members, &["include"])), span: own.span }
            }
            TreeKind::Scalar(_) | TreeKind::Sequence(_) | TreeKind::Reference(_) => own.clone(),
        };
        match merged {
            Some(below) => merge(&below, &own, &mut self.copies),
            None => own,
        }
    }

    /// Asks for the files of an entry.
    fn sources_of(&mut self, entry: &Entry) -> Vec<Arc<Source>> {
        let path = match &entry.file {
            IncludedFile::Local(path) => path,
            IncludedFile::NotFollowed(words) => {
                self.unread.push((words.clone(), entry.place.clone()));
                return Vec::new();
            }
        };
        if let Some(answer) = self.answers.get(path) {
            return answer.clone().unwrap_or_default();
        }
        let answer = match (self.include)(path) {
            Ok(sources) => {
                if sources.is_empty() {
                    self.problems.push(no_file(path, entry));
                }
                Some(sources)
            }
            Err(reason) => {
                let message = format!("`{}` cannot be included: {}", excerpt(path), excerpt(&reason));
                self.problems.push(
                    Problem::error(code::INCLUDE_FAILED, message)
                        .at(entry.place.clone(), "this file is needed")
                        .help("paths of includes begin at the root of the project"),
                );
                None
            }
        };
        self.answers.insert(path.clone(), answer.clone());
        answer.unwrap_or_default()
    }

    fn cycle(&self, name: &str, at: Option<&Place>) -> Problem {
        let from = self.way.iter().position(|open| open == name).unwrap_or(0);
        let mut way: Vec<String> = self.way[from..].iter().map(|name| format!("`{}`", excerpt(name))).collect();
        way.push(format!("`{}`", excerpt(name)));
        let problem = Problem::error(code::INCLUDE_CYCLE, format!("`{}` includes itself", excerpt(name)))
            .help(format!("the way is {}; leave one of these includes out", way.join(" → ")));
        placed(problem, at, "this leads back")
    }
}

fn no_file(path: &str, entry: &Entry) -> Problem {
    let path = excerpt(path);
    if path.contains('*') {
        Problem::warning(code::INCLUDE_FAILED, format!("no file matches `{path}`"))
            .at(entry.place.clone(), "includes nothing")
            .help("patterns of includes begin at the root of the project; `**` goes into folders")
    } else {
        Problem::error(code::INCLUDE_FAILED, format!("`{path}` cannot be included: there is no such file"))
            .at(entry.place.clone(), "this file is needed")
            .help("paths of includes begin at the root of the project")
    }
}

fn too_many_files(at: Option<&Place>) -> Problem {
    let problem = Problem::error(code::DOCUMENT_TOO_LARGE, format!("the pipeline has more than {MAX_FILES} files"))
        .help(format!("at most {MAX_FILES} files are read, the main one counted"));
    placed(problem, at, "one file too many")
}

fn placed(problem: Problem, at: Option<&Place>, label: &str) -> Problem {
    match at {
        Some(place) => problem.at(place.clone(), label),
        None => problem,
    }
}

/// Returns the mapping of a file: its only document, or the second behind a header with `spec`.
fn root(documents: &Documents, main: bool, findings: &mut Findings) -> Option<Tree> {
    if let Some(rest) = documents.rest {
        ignored_documents(rest, findings);
    }
    let (tree, header) = match documents.trees.as_slice() {
        [] => {
            if main {
                let help = "for example `build: { script: make }`";
                findings.error(code::WRONG_DOCUMENTS, Span::default(), "the pipeline is empty", "", help);
                return None;
            }
            return Some(empty(Span::default()));
        }
        [only] => (only, None),
        [header, tree, ..] => (tree, Some(header)),
    };
    if let Some(header) = header {
        check_header(header, findings);
    }
    if tree.is_null() && !main {
        return Some(empty(tree.span));
    }
    shape::mapping(tree, "a pipeline", "a mapping of keywords and jobs", "build: { script: make }", findings)?;
    Some(tree.clone())
}

fn empty(span: Span) -> Tree {
    Tree { kind: TreeKind::Mapping(Vec::new().into()), span }
}

/// Checks the first of two documents: `spec`, whose inputs only GitLab fills in.
fn check_header(header: &Tree, findings: &mut Findings) {
    let spec = match &header.kind {
        TreeKind::Mapping(members) => members.iter().find(|member| &*member.key.value == "spec"),
        TreeKind::Scalar(_) | TreeKind::Sequence(_) | TreeKind::Reference(_) => None,
    };
    match spec {
        Some(spec) => findings.warning(
            code::NOT_HONOURED,
            spec.key.span,
            "the inputs of a pipeline are not filled in",
            "`$[[ inputs.… ]]` stays as it is written",
            "use variables for what changes from run to run",
        ),
        None => findings.error(
            code::WRONG_DOCUMENTS,
            header.span,
            "a pipeline is one document",
            "another stands behind this one",
            "leave out the line `---` between them; only a header with `spec` may stand in front",
        ),
    }
}

fn includes(root: &Tree, findings: &mut Findings) -> Vec<Entry> {
    match &root.kind {
        TreeKind::Mapping(members) => members
            .iter()
            .find(|member| &*member.key.value == "include")
            .map(|member| include::entries(&member.value, findings))
            .unwrap_or_default(),
        TreeKind::Scalar(_) | TreeKind::Sequence(_) | TreeKind::Reference(_) => Vec::new(),
    }
}
