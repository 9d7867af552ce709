//! From YAML text to a tree that knows where each part stood; the only module that names the YAML library.
//!
//! The library is `granit-parser`, the event layer below `serde-saphyr`; both are maintained together. It was taken over
//! `saphyr-parser` because it gives *byte* offsets for every event of a text (the other counts characters, and our
//! [`crate::Span`] is bytes), bounds nesting and lookahead itself, forbids unsafe code, and gives aliases as tokens with
//! a place of their own. Nothing above the events is used: how plain scalars are typed is our contract's (section 2.7),
//! not YAML 1.2's.
//!
//! What an alias stands for keeps the place where it is written, so that a mistake in it points at the text to change.

mod read;
mod scalar;
mod tree;

pub(crate) use read::{Documents, Spent, read, read_file};
pub(crate) use scalar::{ScalarValue, type_plain};
pub(crate) use tree::{Member, Scalar, Style, Tree, TreeKind};

/// Longest text of a document, in bytes, all its files together. Job lists of the largest projects stay below 1 MiB; the
/// rest is head-room.
pub const MAX_DOCUMENT_BYTES: usize = 4 << 20;

/// Most nodes of all documents of a text, or of several files, together, with each alias counted as what it stands for. A text of
/// [`MAX_DOCUMENT_BYTES`] without aliases that holds more than this is not written by people.
pub const MAX_NODES: usize = 250_000;

/// Most bytes of scalar text, with each alias counted as what it stands for. Four times the longest text.
pub const MAX_SCALAR_BYTES: usize = 16 << 20;

/// Deepest nesting of lists and mappings, with aliases followed. Twice what the step ABI lets a value have, so that
/// every value that a step can take has room in a document.
pub const MAX_DEPTH: usize = 64;
