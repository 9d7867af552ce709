//! References in steps: a text, or a mapping with `git` or `oci`.

use super::fields::Fields;
use super::shape;
use crate::code;
use crate::excerpt::excerpt;
use crate::findings::Findings;
use crate::name::is_name;
use crate::problem::{Problem, Severity};
use crate::reference::{GitReference, OciReference, Reference, SpannedReference};
use crate::source::Spanned;
use crate::yaml::{Tree, TreeKind};

const FORMS: &str = "a path such as `./greet`, `builtin://NAME`, `host/project@revision`, `registry/image:tag`, or a \
                     mapping with `git` or `oci`";

/// Reads what stands behind `step` or `func`.
pub(super) fn reference(key: &str, tree: &Tree, findings: &mut Findings) -> Option<SpannedReference> {
    let reference = match &tree.kind {
        TreeKind::Scalar(scalar) => match Reference::parse(&scalar.text) {
            Ok(reference) => Some(reference),
            Err(error) => {
                let help = format!("expected {FORMS}");
                let label = forgotten_dot(&scalar.text).unwrap_or_else(|| "not a reference".to_owned());
                findings.error(code::INVALID_REFERENCE, tree.span, error.to_string(), label, help);
                None
            }
        },
        TreeKind::Mapping(members) => long_form(Fields::new(format!("`{key}`"), members, tree.span), findings),
        TreeKind::Sequence(_) | TreeKind::Reference(_) => {
            shape::wrong_shape(tree, &format!("`{key}`"), "a text or a mapping", &format!("{key}: ./greet"), findings);
            None
        }
    };
    reference.map(|reference| Spanned::new(reference, tree.span))
}

/// Offers the path that a bare word was probably meant to be.
fn forgotten_dot(text: &str) -> Option<String> {
    is_name(&text.replace('-', "_")).then(|| format!("did you mean `./{}`?", excerpt(text)))
}

fn long_form(mut fields: Fields<'_>, findings: &mut Findings) -> Option<Reference> {
    let git = fields.member("git");
    let oci = fields.member("oci");
    let reference = match (git, oci) {
        (Some(git), None) => git_form(&git.value, findings).map(Reference::Git),
        (None, Some(oci)) => oci_form(&oci.value, findings).map(Reference::Oci),
        (Some(first), Some(second)) => {
            let problem = Problem::error(code::CONFLICTING_KEYS, "`git` and `oci` cannot be in one reference")
                .at(findings.place(second.key.span), "only one of them")
                .at(findings.place(first.key.span), "the other is here")
                .help("a function comes from one place");
            findings.push(problem);
            None
        }
        (None, None) => {
            let message = format!("{} has neither `git` nor `oci`", fields.what());
            let help = format!("expected {FORMS}");
            findings.error(code::MISSING_KEY, fields.span(), message, "where does the function come from?", help);
            None
        }
    };
    fields.finish(Severity::Warning, findings);
    reference
}

fn git_form(tree: &Tree, findings: &mut Findings) -> Option<GitReference> {
    let example = "git: { url: gitlab.com/group/project, rev: v1 }";
    let members = shape::mapping(tree, "`git`", "a mapping with `url` and `rev`", example, findings)?;
    let mut fields = Fields::new("`git`", members, tree.span);
    let url = required(&mut fields, "url", "url: gitlab.com/group/project", findings);
    let revision = required(&mut fields, "rev", "rev: v1", findings);
    let directory = optional(&mut fields, "dir", findings).unwrap_or_default();
    let file = optional(&mut fields, "file", findings);
    fields.finish(Severity::Warning, findings);
    Some(GitReference::from_members(url?, revision?, &directory, file))
}

fn oci_form(tree: &Tree, findings: &mut Findings) -> Option<OciReference> {
    let example = "oci: { registry: registry.example.com, repository: group/image, tag: \"1.0\" }";
    let shape = "a mapping with `registry`, `repository` and `tag`";
    let members = shape::mapping(tree, "`oci`", shape, example, findings)?;
    let mut fields = Fields::new("`oci`", members, tree.span);
    let registry = required(&mut fields, "registry", "registry: registry.example.com", findings);
    let repository = required(&mut fields, "repository", "repository: group/image", findings);
    let tag = required(&mut fields, "tag", "tag: latest", findings);
    let directory = optional(&mut fields, "dir", findings).unwrap_or_default();
    let file = optional(&mut fields, "file", findings);
    fields.finish(Severity::Warning, findings);
    Some(OciReference::from_members(registry?, repository?, tag?, &directory, file))
}

fn required(fields: &mut Fields<'_>, key: &'static str, example: &str, findings: &mut Findings) -> Option<String> {
    let tree = fields.required(key, example, findings)?;
    shape::filled_text(tree, &format!("`{key}`"), example, findings).map(|text| text.value)
}

/// Returns an optional text; an empty one counts as missing.
fn optional(fields: &mut Fields<'_>, key: &'static str, findings: &mut Findings) -> Option<String> {
    let tree = fields.get(key).filter(|tree| !tree.is_null())?;
    let text = shape::text(tree, &format!("`{key}`"), &format!("{key}: text"), findings)?;
    (!text.value.is_empty()).then_some(text.value)
}
