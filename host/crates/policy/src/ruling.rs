//! What policies answer.

use std::sync::Arc;

use crate::decision::Verdict;
use crate::rule::DecidedBy;

/// The answer of all policies to one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// Allow or deny.
    pub verdict: Verdict,
    /// What decided.
    pub decided_by: DecidedBy,
    /// Why, for people: a lower-case fragment without full stop, from the policy's `@reason` where it has one.
    pub reason: Arc<str>,
}

impl Ruling {
    pub(crate) fn denied(decided_by: DecidedBy, reason: impl Into<Arc<str>>) -> Self {
        Self { verdict: Verdict::Denied, decided_by, reason: reason.into() }
    }
}
