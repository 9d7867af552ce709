//! What `include` says: which files, and what is not followed.

use crate::code;
use crate::excerpt::excerpt;
use crate::findings::Findings;
use crate::parse::fields::Fields;
use crate::parse::shape;
use crate::problem::Severity;
use crate::source::{Place, Span};
use crate::yaml::{Scalar, Tree, TreeKind};

/// One entry of `include`.
pub(super) struct Entry {
    pub(super) file: IncludedFile,
    pub(super) place: Place,
}

/// What an entry includes.
pub(super) enum IncludedFile {
    /// A file of the project; maybe a pattern.
    Local(String),
    /// Anything else, in the words of the document.
    NotFollowed(String),
}

/// The keys that name a file elsewhere, the telling one first.
const ELSEWHERE: [&str; 6] = ["component", "project", "remote", "template", "artifact", "file"];

const EXAMPLE: &str = "include: [ { local: ci/build.yml } ]";

/// Reads what stands behind `include`.
pub(super) fn entries(tree: &Tree, findings: &mut Findings) -> Vec<Entry> {
    match &tree.kind {
        TreeKind::Sequence(items) => items.iter().filter_map(|item| entry(item, findings)).collect(),
        TreeKind::Scalar(_) if tree.is_null() => Vec::new(),
        TreeKind::Scalar(_) | TreeKind::Mapping(_) | TreeKind::Reference(_) => {
            entry(tree, findings).into_iter().collect()
        }
    }
}

fn entry(tree: &Tree, findings: &mut Findings) -> Option<Entry> {
    let file = match &tree.kind {
        TreeKind::Scalar(scalar) if !scalar.text.is_empty() => named(scalar),
        TreeKind::Mapping(members) => {
            return mapping_entry(Fields::new("this include", members, tree.span), findings);
        }
        TreeKind::Scalar(_) | TreeKind::Sequence(_) | TreeKind::Reference(_) => {
            shape::wrong_shape(tree, "an include", "a path or a mapping", EXAMPLE, findings);
            return None;
        }
    };
    Some(Entry { file, place: findings.place(tree.span) })
}

/// A text is the path of a local file, or an address.
fn named(scalar: &Scalar) -> IncludedFile {
    if scalar.text.starts_with("https://") || scalar.text.starts_with("http://") {
        return IncludedFile::NotFollowed(format!("remote: {}", excerpt(&scalar.text)));
    }
    local(&scalar.text)
}

/// A path with variables is known to the server only.
fn local(path: &str) -> IncludedFile {
    if path.contains('$') {
        IncludedFile::NotFollowed(format!("local: {} (with a variable)", excerpt(path)))
    } else {
        IncludedFile::Local(path.to_owned())
    }
}

fn mapping_entry(mut fields: Fields<'_>, findings: &mut Findings) -> Option<Entry> {
    let local_member = fields.member("local");
    let elsewhere = ELSEWHERE.map(|key| fields.member(key)).into_iter().flatten().next();
    for key in ["ref", "job", "integrity", "cache"] {
        fields.member(key);
    }
    let inputs = fields.get("inputs").is_some_and(|tree| !tree.is_null());
    let rules = fields.member("rules");
    let span = fields.span();
    let entry = match (local_member, elsewhere) {
        (Some(member), None) => {
            let path = shape::filled_text(&member.value, "`local`", "local: ci/build.yml", findings)?;
            let file = if inputs {
                IncludedFile::NotFollowed(format!("local: {} (with inputs)", excerpt(&path.value)))
            } else {
                if let Some(rules) = rules {
                    rules_are_not_evaluated(rules.key.span, findings);
                }
                local(&path.value)
            };
            Some((file, path.span))
        }
        (None, Some(member)) => {
            let words = match &member.value.kind {
                TreeKind::Scalar(scalar) => excerpt(&scalar.text),
                TreeKind::Sequence(_) | TreeKind::Mapping(_) | TreeKind::Reference(_) => "…".to_owned(),
            };
            Some((IncludedFile::NotFollowed(format!("{}: {words}", member.key.value)), member.key.span))
        }
        (Some(first), Some(second)) => {
            let message = format!("`local` and `{}` cannot be in one include", second.key.value);
            findings.error(
                code::CONFLICTING_KEYS,
                first.key.span.max(second.key.span),
                message,
                "only one of them",
                "write two entries: an include names one place",
            );
            None
        }
        (None, None) => {
            findings.error(
                code::MISSING_KEY,
                span,
                "this include names no file",
                "`local` is missing",
                format!("for example `{EXAMPLE}`"),
            );
            None
        }
    };
    fields.finish(Severity::Warning, findings);
    entry.map(|(file, span)| Entry { file, place: findings.place(span) })
}

fn rules_are_not_evaluated(span: Span, findings: &mut Findings) {
    findings.warning(
        code::NOT_HONOURED,
        span,
        "`rules` of an include are not evaluated",
        "the file is included in any case",
        "whether a rule holds depends on the pipeline that GitLab starts",
    );
}
