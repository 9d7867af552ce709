//! Where a step stands in the tree of lists.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// The way from the job to a step: for each list on it, the position of the item (from 0) and its name. The empty path
/// is the job itself. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepPath(Arc<[(usize, String)]>);

impl StepPath {
    /// Returns the path of the job itself.
    pub fn job() -> Self {
        Self::default()
    }

    /// Returns the path of an item of this step's list.
    #[must_use]
    pub fn child(&self, index: usize, name: &str) -> Self {
        Self(self.0.iter().cloned().chain([(index, name.to_owned())]).collect())
    }

    /// Returns the path of the list's owner; none for the job.
    pub fn parent(&self) -> Option<Self> {
        let (_, rest) = self.0.split_last()?;
        Some(Self(rest.into()))
    }

    /// Tells whether this is the job itself.
    pub fn is_job(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the number of lists on the way: 0 for the job, 1 for its items.
    pub fn depth(&self) -> usize {
        self.0.len()
    }

    /// Returns the step's own name; empty for the job.
    pub fn name(&self) -> &str {
        self.0.last().map_or("", |(_, name)| name)
    }

    /// Iterates over position and name, outermost first.
    pub fn segments(&self) -> impl ExactSizeIterator<Item = (usize, &str)> {
        self.0.iter().map(|(index, name)| (*index, name.as_str()))
    }
}

impl fmt::Display for StepPath {
    /// Writes the names with `/` between them; the job is empty.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (_, name)) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("/")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

impl Serialize for StepPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests;
