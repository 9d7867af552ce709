//! The states of a step and of a job, and the one function that changes them.

use std::fmt;

use serde::Serialize;

/// Where a step, or a job, is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Known, not started.
    #[default]
    Pending,
    /// Started, not known to have ended.
    Running,
    /// Ended well.
    Succeeded,
    /// Known to have ended badly.
    Failed,
    /// Ended because the job was cancelled.
    Cancelled,
    /// Ended by a time limit.
    TimedOut,
    /// Will not run, because something before it ended the list.
    Skipped,
    /// Not known whether it ended.
    Lost,
}

/// What happens to a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It starts.
    Start,
    /// It ends well.
    Succeed,
    /// It is known to have ended badly.
    Fail,
    /// It ends because the job was cancelled.
    Cancel,
    /// A time limit ends it.
    TimeOut,
    /// It will not run.
    Skip,
    /// Contact with it is lost.
    Lose,
}

/// A change that cannot happen to a step in that state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a step that is {from} cannot {change:?}")]
pub struct IllegalChange {
    /// The state it is in.
    pub from: Status,
    /// What was to happen.
    pub change: Change,
}

impl Status {
    /// All states.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::TimedOut,
        Self::Skipped,
        Self::Lost,
    ];

    /// Returns the state after a change.
    ///
    /// # Errors
    /// The change cannot happen in this state.
    pub const fn change(self, change: Change) -> Result<Self, IllegalChange> {
        match (self, change) {
            (Self::Pending, Change::Start) => Ok(Self::Running),
            (Self::Pending, Change::Skip) => Ok(Self::Skipped),
            // A step whose loading fails never started.
            (Self::Pending | Self::Running, Change::Fail) => Ok(Self::Failed),
            (Self::Pending | Self::Running, Change::Cancel) => Ok(Self::Cancelled),
            (Self::Running, Change::Succeed) => Ok(Self::Succeeded),
            (Self::Running, Change::TimeOut) => Ok(Self::TimedOut),
            (Self::Running, Change::Lose) => Ok(Self::Lost),
            (from, change) => Err(IllegalChange { from, change }),
        }
    }

    /// Tells whether nothing can happen any more.
    pub const fn is_final(self) -> bool {
        match self {
            Self::Pending | Self::Running => false,
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::TimedOut | Self::Skipped | Self::Lost => true,
        }
    }

    /// Returns the word that people and files see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed-out",
            Self::Skipped => "skipped",
            Self::Lost => "lost",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
