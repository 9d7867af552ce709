//! A YAML value before anybody asks for it as something.

use std::collections::HashMap;
use std::rc::Rc;

use super::scalar::ScalarValue;
use crate::node::{Node, NodeKind};
use crate::source::{Span, Spanned};

/// One value with its place. Cheap to copy, so that aliases cost nothing.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(crate) kind: TreeKind,
    pub(crate) span: Span,
}

/// The kinds of [`Tree`].
#[derive(Clone, Debug)]
pub(crate) enum TreeKind {
    /// A single value.
    Scalar(Scalar),
    /// Values in order.
    Sequence(Rc<[Tree]>),
    /// Values by key, in the order of the document, merge keys resolved; keys are unique texts.
    Mapping(Rc<[Member]>),
    /// `!reference` with the keys that lead to a value; read in pipelines only.
    Reference(Rc<[Tree]>),
}

/// A single value: its text and what it is.
#[derive(Clone, Debug)]
pub(crate) struct Scalar {
    /// The text of a quoted or block scalar unescaped and unfolded, of a plain one as written, of `!!binary` decoded.
    pub(crate) text: Rc<str>,
    /// How it was written.
    pub(crate) style: Style,
    /// What it is, its tag applied.
    pub(crate) value: ScalarValue,
}

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Without quotes.
    Plain,
    /// In single or double quotes.
    Quoted,
    /// As a block after `|` or `>`.
    Block,
}

/// One key with its value.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) key: Spanned<Rc<str>>,
    pub(crate) value: Tree,
}

impl Tree {
    /// Returns the words for what this is, with its article.
    pub(crate) fn describe(&self) -> &'static str {
        match &self.kind {
            TreeKind::Scalar(scalar) => match scalar.value {
                ScalarValue::Null => "nothing",
                ScalarValue::Boolean(_) => "a boolean",
                ScalarValue::Number(_) => "a number",
                ScalarValue::Text => "a text",
            },
            TreeKind::Sequence(_) => "a list",
            TreeKind::Mapping(_) => "a mapping",
            TreeKind::Reference(_) => "a `!reference`",
        }
    }

    /// Tells whether this is null, a missing value among them.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.kind, TreeKind::Scalar(Scalar { value: ScalarValue::Null, .. }))
    }

    /// Tells whether this is a text without a character.
    pub(crate) fn is_empty_text(&self) -> bool {
        matches!(&self.kind, TreeKind::Scalar(Scalar { value: ScalarValue::Text, text, .. }) if text.is_empty())
    }

    /// Returns the value by the scalar rules of section 2.7.
    pub(crate) fn to_node(&self) -> Node {
        let kind = match &self.kind {
            TreeKind::Scalar(scalar) => match scalar.value {
                ScalarValue::Null => NodeKind::Null,
                ScalarValue::Boolean(value) => NodeKind::Boolean(value),
                ScalarValue::Number(number) => NodeKind::Number(number),
                ScalarValue::Text => NodeKind::String(scalar.text.to_string()),
            },
            TreeKind::Sequence(items) | TreeKind::Reference(items) => {
                NodeKind::Array(items.iter().map(Self::to_node).collect())
            }
            TreeKind::Mapping(members) => {
                NodeKind::Struct(members.iter().map(|member| (member.owned_key(), member.value.to_node())).collect())
            }
        };
        Node { kind, span: self.span }
    }

    /// Returns the same value with every place moved by some bytes. What was shared is shared again.
    pub(crate) fn moved(&self, by: usize) -> Self {
        if by == 0 { self.clone() } else { Moving { by, lists: HashMap::new(), mappings: HashMap::new() }.tree(self) }
    }
}

/// Moves places; remembers what it has moved by where that stands in memory, where the old tree holds it meanwhile.
struct Moving {
    by: usize,
    lists: HashMap<*const Tree, Rc<[Tree]>>,
    mappings: HashMap<*const Member, Rc<[Member]>>,
}

impl Moving {
    fn tree(&mut self, tree: &Tree) -> Tree {
        let kind = match &tree.kind {
            TreeKind::Scalar(scalar) => TreeKind::Scalar(scalar.clone()),
            TreeKind::Sequence(items) => TreeKind::Sequence(self.list(items)),
            TreeKind::Reference(keys) => TreeKind::Reference(self.list(keys)),
            TreeKind::Mapping(members) => TreeKind::Mapping(self.mapping(members)),
        };
        Tree { kind, span: self.span(tree.span) }
    }

    fn span(&self, span: Span) -> Span {
        Span::new(span.start + self.by, span.end + self.by)
    }

    fn list(&mut self, items: &Rc<[Tree]>) -> Rc<[Tree]> {
        if let Some(moved) = self.lists.get(&items.as_ptr()).filter(|_| !items.is_empty()) {
            return Rc::clone(moved);
        }
        let moved: Rc<[Tree]> = items.iter().map(|item| self.tree(item)).collect();
        self.lists.insert(items.as_ptr(), Rc::clone(&moved));
        moved
    }

    fn mapping(&mut self, members: &Rc<[Member]>) -> Rc<[Member]> {
        if let Some(moved) = self.mappings.get(&members.as_ptr()).filter(|_| !members.is_empty()) {
            return Rc::clone(moved);
        }
        let moved: Rc<[Member]> = members
            .iter()
            .map(|member| Member {
                key: Spanned::new(Rc::clone(&member.key.value), self.span(member.key.span)),
                value: self.tree(&member.value),
            })
            .collect();
        self.mappings.insert(members.as_ptr(), Rc::clone(&moved));
        moved
    }
}

impl Member {
    /// Returns the key with a text of its own.
    pub(crate) fn owned_key(&self) -> Spanned<String> {
        Spanned::new(self.key.value.to_string(), self.key.span)
    }
}
