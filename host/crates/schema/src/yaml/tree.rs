//! A YAML value before anybody asks for it as something.

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
        }
    }

    /// Tells whether this is null, a missing value among them.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.kind, TreeKind::Scalar(Scalar { value: ScalarValue::Null, .. }))
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
            TreeKind::Sequence(items) => NodeKind::Array(items.iter().map(Self::to_node).collect()),
            TreeKind::Mapping(members) => {
                NodeKind::Struct(members.iter().map(|member| (member.owned_key(), member.value.to_node())).collect())
            }
        };
        Node { kind, span: self.span }
    }
}

impl Member {
    /// Returns the key with a text of its own.
    pub(crate) fn owned_key(&self) -> Spanned<String> {
        Spanned::new(self.key.value.to_string(), self.key.span)
    }
}
