//! `!reference`: values taken from elsewhere in the pipeline.

use std::collections::HashMap;
use std::rc::Rc;

use super::Reading;
use crate::code;
use crate::excerpt::excerpt;
use crate::findings::Findings;
use crate::parse::shape;
use crate::problem::{Problem, Severity};
use crate::source::{Span, Spanned};
use crate::suggest::did_you_mean;
use crate::yaml::{MAX_DEPTH, Member, Tree, TreeKind};

/// Most references that lead to each other, as GitLab documents it.
const MAX_LEVELS: usize = 10;

/// Most keys with which a mistaken one is compared.
const MAX_COMPARED: usize = 1_000;

const EXAMPLE: &str = "!reference [.setup, script]";

/// Puts in the place of references what they lead to.
pub(super) struct References<'r> {
    /// The values at the top level by their keys, `extends` followed.
    root: HashMap<Rc<str>, Tree>,
    pub(super) reading: &'r mut Reading,
    /// The references that are being followed, each found in the value of the one before.
    way: Vec<String>,
    lost: Lost,
}

/// What could not be put in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lost {
    /// Nothing: every reference led to a value.
    #[default]
    Nothing,
    /// What may stand in an include that is not followed.
    NotIncluded,
    /// A reference that leads nowhere, or too far.
    Wrong,
}

impl<'r> References<'r> {
    pub(super) fn new(root: HashMap<Rc<str>, Tree>, reading: &'r mut Reading) -> Self {
        Self { root, reading, way: Vec::new(), lost: Lost::Nothing }
    }

    /// Returns a value with its references followed. A list that a reference in a list leads to is put in item by item.
    /// None where the value itself is a reference that leads nowhere; such parts of it are left out. All of that has been
    /// noted.
    pub(super) fn resolve(&mut self, tree: &Tree, findings: &mut Findings) -> Option<Tree> {
        self.resolve_noting(tree, findings).0
    }

    /// Does the same, and tells whether anything was left out.
    pub(super) fn resolve_noting(&mut self, tree: &Tree, findings: &mut Findings) -> (Option<Tree>, Lost) {
        self.lost = Lost::Nothing;
        let resolved = self.resolve_at(tree, 0, findings);
        (resolved, self.lost)
    }

    fn resolve_at(&mut self, tree: &Tree, depth: usize, findings: &mut Findings) -> Option<Tree> {
        if !holds_reference(tree) {
            return Some(tree.clone());
        }
        if depth > MAX_DEPTH {
            findings.error(
                code::DOCUMENT_TOO_LARGE,
                tree.span,
                "with its references followed, this is nested too deeply",
                format!("more than {MAX_DEPTH} levels"),
                "refer to a smaller part",
            );
            return None;
        }
        let kind = match &tree.kind {
            TreeKind::Scalar(_) => tree.kind.clone(),
            TreeKind::Reference(keys) => {
                let value = self.follow(keys, tree.span, depth, findings);
                if value.is_none() && self.lost == Lost::Nothing {
                    self.lost = Lost::Wrong;
                }
                return value;
            }
            TreeKind::Sequence(items) => {
                let mut resolved = Vec::with_capacity(items.len());
                for item in &**items {
                    let value = self.resolve_at(item, depth + 1, findings);
                    match (&item.kind, value.as_ref().map(|value| &value.kind)) {
                        (TreeKind::Reference(_), Some(TreeKind::Sequence(inner))) => {
                            resolved.extend(inner.iter().cloned());
                        }
                        _ => resolved.extend(value),
                    }
                }
                TreeKind::Sequence(resolved.into())
            }
            TreeKind::Mapping(members) => {
                let mut resolved = Vec::with_capacity(members.len());
                for member in &**members {
                    let Some(value) = self.resolve_at(&member.value, depth + 1, findings) else { continue };
                    resolved.push(Member { key: member.key.clone(), value });
                }
                TreeKind::Mapping(resolved.into())
            }
        };
        Some(Tree { kind, span: tree.span })
    }

    fn follow(&mut self, keys: &[Tree], span: Span, depth: usize, findings: &mut Findings) -> Option<Tree> {
        let path = path(keys, span, findings)?;
        let words = path.iter().map(|key| &*key.value).collect::<Vec<_>>().join(", ");
        if self.way.contains(&words) {
            let mut way: Vec<String> = self.way.iter().map(|words| format!("`[{}]`", excerpt(words))).collect();
            way.push(format!("`[{}]`", excerpt(&words)));
            findings.error(
                code::ENDLESS_REFERENCE,
                span,
                format!("`!reference [{}]` leads to itself", excerpt(&words)),
                "this leads back",
                format!("the way is {}; write one of the values out", way.join(" → ")),
            );
            return None;
        }
        if self.way.len() == MAX_LEVELS {
            findings.error(
                code::ENDLESS_REFERENCE,
                span,
                "references lead over too many levels",
                format!("more than {MAX_LEVELS} levels"),
                "refer to what stands at the end of the way",
            );
            return None;
        }
        self.way.push(words);
        let value = self.look_up(&path, depth, findings);
        self.way.pop();
        value
    }

    /// Goes from key to key, and follows references on the way.
    fn look_up(&mut self, path: &[Spanned<Rc<str>>], depth: usize, findings: &mut Findings) -> Option<Tree> {
        let (first, rest) = path.split_first()?;
        let Some(mut tree) = self.root.get(&first.value).cloned() else {
            self.unknown_job(first, findings);
            return None;
        };
        for key in rest {
            if let TreeKind::Reference(keys) = &tree.kind {
                tree = self.follow(&Rc::clone(keys), tree.span, depth, findings)?;
            }
            tree = member(&tree, key, findings)?;
        }
        if tree.is_null() {
            let key = path.last().unwrap_or(first);
            let message = format!("`{}` has no value to refer to", excerpt(&key.value));
            findings.error(code::REFERENCE_NOT_FOUND, key.span, message, "leads to nothing", "give it a value");
            return None;
        }
        if !self.reading.copies.take_tree(&tree) {
            return None;
        }
        self.resolve_at(&tree, depth, findings)
    }

    fn unknown_job(&mut self, key: &Spanned<Rc<str>>, findings: &mut Findings) {
        if self.reading.has_unread() {
            self.lost = self.lost.max(Lost::NotIncluded);
        }
        self.reading.missing(findings, |findings| {
            let mut known: Vec<&str> = self.root.keys().map(|name| &**name).collect();
            known.sort_unstable();
            let near = did_you_mean(&key.value, known.into_iter().take(MAX_COMPARED));
            let label =
                near.map_or_else(|| "not in this pipeline".to_owned(), |near| format!("did you mean `{near}`?"));
            let message = format!("there is no `{}` to refer to", excerpt(&key.value));
            let problem = Problem::error(code::REFERENCE_NOT_FOUND, message).at(findings.place(key.span), label);
            let help = "the first of the keys is the name of a job or a keyword at the top of a file of this pipeline";
            (problem, help.to_owned())
        });
    }
}

fn holds_reference(tree: &Tree) -> bool {
    match &tree.kind {
        TreeKind::Scalar(_) => false,
        TreeKind::Reference(_) => true,
        TreeKind::Sequence(items) => items.iter().any(holds_reference),
        TreeKind::Mapping(members) => members.iter().any(|member| holds_reference(&member.value)),
    }
}

fn path(keys: &[Tree], span: Span, findings: &mut Findings) -> Option<Vec<Spanned<Rc<str>>>> {
    if keys.is_empty() {
        let help = format!("for example `{EXAMPLE}`");
        findings.error(code::EMPTY_VALUE, span, "this `!reference` names nothing", "keys are needed here", help);
        return None;
    }
    // All of them are looked at, for all problems at once.
    let path: Vec<_> = keys
        .iter()
        .filter_map(|key| match &key.kind {
            TreeKind::Scalar(scalar) => Some(Spanned::new(Rc::clone(&scalar.text), key.span)),
            TreeKind::Sequence(_) | TreeKind::Mapping(_) | TreeKind::Reference(_) => {
                shape::wrong_shape(key, "a key of `!reference`", "a text", EXAMPLE, findings);
                None
            }
        })
        .collect();
    (path.len() == keys.len()).then_some(path)
}

/// Returns the value of a key of a mapping, and notes it if there is none.
fn member(tree: &Tree, key: &Spanned<Rc<str>>, findings: &mut Findings) -> Option<Tree> {
    let members: &[Member] = match &tree.kind {
        TreeKind::Mapping(members) => members,
        TreeKind::Scalar(_) | TreeKind::Sequence(_) | TreeKind::Reference(_) => &[],
    };
    if let Some(member) = members.iter().find(|member| member.key.value == key.value) {
        return Some(member.value.clone());
    }
    if !findings.has_room(Severity::Error) {
        return None;
    }
    let known = members.iter().take(MAX_COMPARED).map(|member| &*member.key.value);
    let label = match did_you_mean(&key.value, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None if members.is_empty() => format!("what stands in front of it is {}", tree.describe()),
        None => "not there".to_owned(),
    };
    let message = format!("there is no `{}` to refer to", excerpt(&key.value));
    let names: Vec<String> =
        members.iter().take(20).map(|member| format!("`{}`", excerpt(&member.key.value))).collect();
    let help = if names.is_empty() { "leave it out".to_owned() } else { format!("keys there: {}", names.join(", ")) };
    findings.error(code::REFERENCE_NOT_FOUND, key.span, message, label, help);
    None
}
