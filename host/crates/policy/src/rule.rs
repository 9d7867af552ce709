//! What decided: a rule of the engine, or policies of the operator.

use std::fmt;
use std::sync::Arc;

use stepwell_schema::Place;

/// What decided about one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecidedBy {
    /// A rule that no policy widens, by its identifier in kebab case.
    Rule(&'static str),
    /// Policies, in the order of their places; at least one.
    Policies(Arc<[PolicyRef]>),
    /// Nothing: no policy permits it.
    NoPolicy,
}

/// A policy, as people find it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRef {
    /// Its `@id`, or else `FILE:LINE`.
    pub id: String,
    /// Where it stands.
    pub place: Place,
}

impl DecidedBy {
    /// Returns the policies that decided; empty where it was none.
    pub fn policies(&self) -> &[PolicyRef] {
        match self {
            Self::Policies(policies) => policies,
            Self::Rule(_) | Self::NoPolicy => &[],
        }
    }
}

impl fmt::Display for DecidedBy {
    /// Writes the identifiers with commas between them; `no-policy` where nothing permits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(rule) => f.write_str(rule),
            Self::NoPolicy => f.write_str("no-policy"),
            Self::Policies(policies) => policies.iter().enumerate().try_for_each(|(index, policy)| {
                let comma = if index > 0 { ", " } else { "" };
                write!(f, "{comma}{}", policy.id)
            }),
        }
    }
}
