//! Values, of documents and on their own.

use std::sync::Arc;

use super::shape;
use crate::code;
use crate::findings::Findings;
use crate::node::{Node, NodeKind};
use crate::problem::Problems;
use crate::source::{Source, Span, Spanned};
use crate::yaml::{self, Tree};

impl Node {
    /// Reads one YAML or JSON value. A text without any value is null.
    ///
    /// # Errors
    /// The text is not YAML, holds more than one document, or breaks a rule for keys, tags or sizes.
    pub fn parse(source: Arc<Source>) -> Result<Self, Problems> {
        let mut findings = Findings::new(source);
        let documents = yaml::read(&mut findings, 1);
        if let Some(rest) = documents.as_ref().and_then(|documents| documents.rest) {
            findings.error(
                code::WRONG_DOCUMENTS,
                rest,
                "there is more than one value",
                "a second document begins here",
                "give one value only",
            );
        }
        let node = documents.map(|documents| {
            let nothing = Self { kind: NodeKind::Null, span: Span::new(0, 0) };
            documents.trees.first().map_or(nothing, Tree::to_node)
        });
        findings.finish(node).map(|(node, _)| node)
    }
}

/// Reads values by name, such as the inputs of a step or the outputs of a list.
pub(super) fn values_by_name(
    tree: Option<&Tree>,
    key: &str,
    what: &str,
    findings: &mut Findings,
) -> Vec<(Spanned<String>, Node)> {
    let Some(tree) = tree else { return Vec::new() };
    let example = format!("{key}: {{ name: value }}");
    let members =
        shape::mapping_or_nothing(tree, &format!("`{key}`"), "a mapping of names to values", &example, findings);
    members
        .iter()
        .filter(|member| shape::check_name(&member.key.value, member.key.span, what, findings))
        .map(|member| (member.owned_key(), member.value.to_node()))
        .collect()
}
