//! Answers to requests, as files and people see them.

use std::fmt;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::capability::Request;
use crate::grants::Grants;
use crate::rule::DecidedBy;

/// Allow or deny.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The step is given it.
    Allowed,
    /// It is not.
    Denied,
    /// The policies deny it, and it is given all the same: they are only tried out (see [`crate::Policy::audit_only`]).
    Audited,
}

/// The answer to one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What was asked.
    pub request: Request,
    /// The answer.
    pub verdict: Verdict,
    /// What decided.
    pub decided_by: DecidedBy,
    /// Why, for people: a lower-case fragment without full stop.
    pub reason: String,
    /// What would change a denial, audited or not, and who may change it.
    pub remedy: Option<String>,
}

/// The answers to all requests of one invocation, with what follows from them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decisions {
    /// One for each request, in the order of the requests; one that the job narrows gives one for each part.
    pub decisions: Vec<Decision>,
    /// The sum of what is allowed.
    pub grants: Grants,
}

impl Decisions {
    /// Iterates over the denials that end the step: those of requests that are not optional.
    pub fn refusals(&self) -> impl Iterator<Item = &Decision> {
        self.decisions.iter().filter(|decision| decision.refuses())
    }
}

impl Decision {
    /// Tells whether this is a denial that ends the step.
    pub fn refuses(&self) -> bool {
        self.verdict == Verdict::Denied && !self.request.optional
    }
}

impl Verdict {
    /// Returns the word that people and files see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Audited => "audited",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Decision {
    /// Writes one line: `write dist 2 GiB, 100 files  allowed  workspace-write`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}  {}", self.request.capability, self.verdict, self.decided_by)
    }
}

impl Serialize for Decision {
    /// Writes an object: what was asked under `capability`, `optional`, the author's `why`, `place`, then `verdict`,
    /// `rule`, `reason` and `remedy`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("capability", &self.request.capability)?;
        map.serialize_entry("optional", &self.request.optional)?;
        if let Some(why) = &self.request.reason {
            map.serialize_entry("why", why)?;
        }
        if let Some(place) = &self.request.place {
            map.serialize_entry("place", &place.to_string())?;
        }
        map.serialize_entry("verdict", self.verdict.as_str())?;
        map.serialize_entry("rule", &self.decided_by.to_string())?;
        map.serialize_entry("reason", &self.reason)?;
        if let Some(remedy) = &self.remedy {
            map.serialize_entry("remedy", remedy)?;
        }
        map.end()
    }
}
