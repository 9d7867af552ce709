//! References to functions, as written.

use crate::source::Spanned;

/// A reference as written in a step, classified by its form (section 3.1 of the contract). Nothing has been looked up.
#[derive(Clone, Debug, PartialEq)]
pub enum Reference {
    /// A text that holds an expression: evaluated when the step is reached, then classified anew.
    Dynamic {
        /// The text as written.
        text: String,
    },
    /// A path that starts with `.` or `/`.
    File {
        /// The path as written, with forward slashes; repeated and trailing slashes dropped.
        path: String,
    },
    /// `builtin://NAME` or `dist://NAME`.
    BuiltIn {
        /// The part behind `://`.
        name: String,
        /// Whether the old prefix `dist://` was used.
        dist: bool,
    },
    /// A repository at a revision; short or long form.
    Git(GitReference),
    /// An image in a registry; short or long form.
    Oci(OciReference),
}

/// A git reference. In the long form each member may hold expressions.
#[derive(Clone, Debug, PartialEq)]
pub struct GitReference {
    /// Repository address; the short form without scheme has `https://` in front.
    pub url: String,
    /// Tag, branch or commit.
    pub revision: String,
    /// Folder from the repository root; the short form puts `steps` in front. Empty means the root.
    pub directory: String,
    /// File name, if one is named.
    pub file: Option<String>,
}

/// An OCI reference.
#[derive(Clone, Debug, PartialEq)]
pub struct OciReference {
    /// Registry host, with port if any.
    pub registry: String,
    /// Repository in it.
    pub repository: String,
    /// Tag, or `sha256:…`.
    pub tag: String,
    /// Folder in the image; empty means its root.
    pub directory: String,
    /// File name, if one is named.
    pub file: Option<String>,
}

/// Why a text is no reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReference {
    /// Nothing there.
    #[error("the reference is empty")]
    Empty,
    /// Neither a path, nor built in, nor git, nor an image.
    #[error(
        "`{0}` is not a reference: expected a path that starts with `.` or `/`, `builtin://NAME`, `host/project@revision`, or `registry/image:tag`"
    )]
    Unrecognised(String),
}

/// A reference and where it stands.
pub type SpannedReference = Spanned<Reference>;
