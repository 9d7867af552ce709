//! Limits on what merging and references may make of texts that are small themselves.

use crate::yaml::{MAX_NODES, MAX_SCALAR_BYTES, Tree, TreeKind};

/// What may still be made. Once it is spent it stays so.
pub(super) struct Budget {
    nodes: usize,
    bytes: usize,
    spent: bool,
}

impl Budget {
    /// For what the jobs hold in the end, each with what it inherits: as much as the files themselves may hold.
    pub(super) fn of_jobs() -> Self {
        Self { nodes: MAX_NODES, bytes: MAX_SCALAR_BYTES, spent: false }
    }

    /// For what is copied on the way. Merging copies the keys of a mapping at every level of `extends`, of which there
    /// are eleven, so it is more than what is left in the end.
    pub(super) fn of_copies() -> Self {
        Self { nodes: 4 * MAX_NODES, bytes: 4 * MAX_SCALAR_BYTES, spent: false }
    }

    /// Tells whether it was too little.
    pub(super) fn is_spent(&self) -> bool {
        self.spent
    }

    /// Takes some nodes; tells whether there were enough.
    pub(super) fn take(&mut self, nodes: usize) -> bool {
        self.take_text(nodes, 0)
    }

    /// Takes all that a value holds, shared parts as often as they are there; tells whether there was enough. Takes no
    /// longer than what is left.
    pub(super) fn take_tree(&mut self, tree: &Tree) -> bool {
        match &tree.kind {
            TreeKind::Scalar(scalar) => self.take_text(1, scalar.text.len()),
            TreeKind::Sequence(items) | TreeKind::Reference(items) => {
                self.take(1) && items.iter().all(|item| self.take_tree(item))
            }
            TreeKind::Mapping(members) => {
                self.take(1)
                    && members
                        .iter()
                        .all(|member| self.take_text(1, member.key.value.len()) && self.take_tree(&member.value))
            }
        }
    }

    fn take_text(&mut self, nodes: usize, bytes: usize) -> bool {
        self.spent |= nodes > self.nodes || bytes > self.bytes;
        if !self.spent {
            self.nodes -= nodes;
            self.bytes -= bytes;
        }
        !self.spent
    }
}
