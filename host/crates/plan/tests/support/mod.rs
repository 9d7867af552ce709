//! A resolver of files in memory, stricter than the real one: it takes each question of a plan once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use stepwell_plan::{Base, Origin, Plan, PlanOptions, Protocol, ResolveError, Resolved, Resolver, plan};
use stepwell_schema::{Digest, Job, Problems, Reference, Source};

pub(crate) const WORK_DIR: &str = "/job";

/// Files by path from the work dir; built-in functions by `builtin://NAME`.
#[derive(Debug, Default)]
pub(crate) struct Files {
    files: BTreeMap<String, Vec<u8>>,
    asked: Mutex<BTreeSet<String>>,
    changed: Mutex<BTreeSet<String>>,
}

impl Files {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
        Self { files, ..Self::default() }
    }

    /// Makes [`Resolver::is_unchanged`] answer that this file is another.
    pub(crate) fn change(&self, path: &str) {
        self.changed.lock().unwrap().insert(path.to_owned());
    }

    fn text(&self, path: &str) -> Option<String> {
        self.files.get(path).map(|bytes| String::from_utf8(bytes.clone()).unwrap())
    }

    fn ask(&self, question: String) {
        let mut asked = self.asked.lock().unwrap();
        assert!(asked.insert(question.clone()), "asked twice: {question}");
    }

    fn has_changed(&self, path: &str) -> bool {
        self.changed.lock().unwrap().contains(path)
    }

    fn file(&self, path: &str, base: &Base) -> Result<Resolved, ResolveError> {
        let Base::Folder(base) = base else { return Err(ResolveError::Unsupported { kind: "relative" }) };
        let folder = normal(&base.join(path));
        let shown = folder.strip_prefix(WORK_DIR).unwrap().display().to_string();
        let file = if shown.is_empty() { "func.yml".to_owned() } else { format!("{shown}/func.yml") };
        let text = self
            .text(&file)
            .ok_or_else(|| ResolveError::NotFound { folder: folder.clone(), tried: vec!["func.yml".into()] })?;
        Ok(resolved(Protocol::File, Some(folder), format!("./{shown}"), &file, text))
    }

    fn built_in(&self, name: &str) -> Result<Resolved, ResolveError> {
        let reference = format!("builtin://{name}");
        let text = self.text(&reference).ok_or_else(|| ResolveError::UnknownBuiltIn {
            name: name.to_owned(),
            known: self.files.keys().filter_map(|key| key.strip_prefix("builtin://")).map(str::to_owned).collect(),
        })?;
        Ok(resolved(Protocol::BuiltIn, None, reference.clone(), &reference, text))
    }
}

impl Resolver for Files {
    fn resolve(&self, reference: &Reference, base: &Base) -> Result<Resolved, ResolveError> {
        self.ask(format!("{reference:?} from {base:?}"));
        match reference {
            Reference::File { path } => self.file(path, base),
            Reference::BuiltIn { name, .. } => self.built_in(name),
            Reference::Git(_) => Err(ResolveError::Unsupported { kind: "git" }),
            Reference::Oci(_) => Err(ResolveError::Unsupported { kind: "OCI" }),
            Reference::Dynamic { text } => panic!("`{text}` is for the run"),
        }
    }

    fn read_beside(&self, resolved: &Resolved, path: &str, limit_bytes: u64) -> Result<Arc<[u8]>, ResolveError> {
        let folder = resolved.origin.folder.clone().unwrap_or_default();
        let whole = folder.strip_prefix(WORK_DIR).unwrap_or(Path::new("")).join(path).display().to_string();
        self.ask(format!("{whole} beside {}", resolved.origin.reference));
        let bytes = self.files.get(&whole).ok_or(ResolveError::NotFound { folder, tried: vec![path.to_owned()] })?;
        let actual_bytes = bytes.len() as u64;
        if actual_bytes > limit_bytes {
            return Err(ResolveError::TooLarge { path: path.to_owned(), actual_bytes, limit_bytes });
        }
        Ok(bytes.as_slice().into())
    }

    fn is_unchanged(&self, resolved: &Resolved, beside: &[&str]) -> bool {
        let name = resolved.source.name();
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        !self.has_changed(name) && beside.iter().all(|path| !self.has_changed(&format!("{folder}/{path}")))
    }
}

fn resolved(protocol: Protocol, folder: Option<PathBuf>, reference: String, name: &str, text: String) -> Resolved {
    let origin = Origin { protocol, folder, tree: None, commit: None, file: "func.yml".to_owned(), reference };
    Resolved {
        origin,
        digest: Digest::of(text.as_bytes()),
        source: Source::new(name, text),
        notes: Vec::new(),
        stamp: None,
    }
}

fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

pub(crate) fn job(text: &str) -> Job {
    Job::parse(Source::new("job.yml", text)).unwrap()
}

pub(crate) fn plan_with(text: &str, files: &Files, options: &PlanOptions) -> Result<Plan, Problems> {
    plan(&job(text), Path::new(WORK_DIR), files, options)
}

pub(crate) fn plan_of(text: &str, files: &[(&str, &str)]) -> Result<Plan, Problems> {
    plan_with(text, &Files::new(files), &PlanOptions::default())
}

/// Checks all problems of a plan, one a line: code, place with the underlined text, message, label, and help.
#[track_caller]
pub(crate) fn check_problems(text: &str, files: &[(&str, &str)], expected: &[&str]) {
    let problems = plan_of(text, files).expect_err("the plan has no problems");
    assert_eq!(lines(&problems), expected);
}

/// Checks the warnings of a plan that is fine.
#[track_caller]
pub(crate) fn check_warnings(text: &str, files: &[(&str, &str)], expected: &[&str]) -> Plan {
    let plan = plan_of(text, files).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(lines(&plan.warnings), expected);
    plan
}

fn lines(problems: &Problems) -> Vec<String> {
    problems
        .iter()
        .map(|problem| {
            let labels: String = problem
                .labels
                .iter()
                .map(|label| {
                    let span = label.place.span;
                    format!(" | {} `{}` {}", label.place, &label.place.source.text()[span.start..span.end], label.text)
                })
                .collect();
            let help = problem.help.as_ref().map(|help| format!(" | help: {help}")).unwrap_or_default();
            format!("{}: {}{labels}{help}", problem.code, problem.message)
        })
        .collect()
}
