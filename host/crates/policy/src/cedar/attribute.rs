//! The attributes of entities and entries of the context that the schema has, by name and as sets, and how expressions
//! lead to them.

use cedar_policy::pst;
use pst::Expr;

/// An attribute or entry. Several kinds of things have one of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attribute {
    Tenant,
    Source,
    Name,
    Protocol,
    Host,
    Path,
    Digest,
    Pinned,
    Port,
    Kind,
    Module,
    Script,
    Bytes,
    Files,
    Methods,
    Paths,
}

/// Some attributes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Attributes(u16);

impl Attribute {
    const ALL: [Self; 16] = [
        Self::Tenant,
        Self::Source,
        Self::Name,
        Self::Protocol,
        Self::Host,
        Self::Path,
        Self::Digest,
        Self::Pinned,
        Self::Port,
        Self::Kind,
        Self::Module,
        Self::Script,
        Self::Bytes,
        Self::Files,
        Self::Methods,
        Self::Paths,
    ];

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|attribute| attribute.as_str() == name)
    }

    /// Returns its name in the schema.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Source => "source",
            Self::Name => "name",
            Self::Protocol => "protocol",
            Self::Host => "host",
            Self::Path => "path",
            Self::Digest => "digest",
            Self::Pinned => "pinned",
            Self::Port => "port",
            Self::Kind => "kind",
            Self::Module => "module",
            Self::Script => "script",
            Self::Bytes => "bytes",
            Self::Files => "files",
            Self::Methods => "methods",
            Self::Paths => "paths",
        }
    }
}

impl Attributes {
    pub(super) const NONE: Self = Self(0);
    pub(super) const ALL: Self = Self(u16::MAX);

    pub(super) const fn of(attribute: Attribute) -> Self {
        Self(1 << attribute as u16)
    }

    /// Returns what a name stands for; one that is not known may stand for any.
    pub(super) fn named(name: &str) -> Self {
        Attribute::named(name).map_or(Self::ALL, Self::of)
    }

    /// Returns what is in either.
    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn has(self, attribute: Attribute) -> bool {
        self.0 & Self::of(attribute).0 != 0
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Returns the names of a variable and of the attributes that are taken from it, the variable first; nothing where they
/// are taken from anything else.
pub(super) fn path(expression: &Expr) -> Option<Vec<&str>> {
    let mut names = Vec::new();
    let mut inner = expression;
    while let Expr::GetAttr { expr, attr } = inner {
        names.push(attr.as_str());
        inner = expr;
    }
    let Expr::Var(variable) = inner else { return None };
    names.push(variable_name(variable));
    names.reverse();
    Some(names)
}

fn variable_name(variable: &pst::Var) -> &'static str {
    match variable {
        pst::Var::Principal => "principal",
        pst::Var::Action => "action",
        pst::Var::Resource => "resource",
        pst::Var::Context => "context",
    }
}
