//! The keys of one mapping: which are known, which are taken, and what is said about the others.

use crate::code;
use crate::excerpt::excerpt;
use crate::findings::Findings;
use crate::problem::{Problem, Severity};
use crate::source::Span;
use crate::suggest::did_you_mean;
use crate::yaml::{Member, Tree};

/// A mapping whose known keys are asked for one after another.
pub(super) struct Fields<'t> {
    /// What the mapping is, for messages: `spec`, `input `x``.
    what: String,
    members: &'t [Member],
    known: Vec<&'static str>,
    hidden: Vec<&'static str>,
    span: Span,
}

impl<'t> Fields<'t> {
    pub(super) fn new(what: impl Into<String>, members: &'t [Member], span: Span) -> Self {
        Self { what: what.into(), members, known: Vec::new(), hidden: Vec::new(), span }
    }

    /// Returns what the mapping is, for messages.
    pub(super) fn what(&self) -> &str {
        &self.what
    }

    /// Returns where the mapping stands.
    pub(super) fn span(&self) -> Span {
        self.span
    }

    /// Returns the member of a known key.
    pub(super) fn member(&mut self, key: &'static str) -> Option<&'t Member> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.members.iter().find(|member| &*member.key.value == key)
    }

    /// Returns the value of a known key.
    pub(super) fn get(&mut self, key: &'static str) -> Option<&'t Tree> {
        self.member(key).map(|member| &member.value)
    }

    /// Returns the value of a known key, and notes it if it is missing.
    pub(super) fn required(&mut self, key: &'static str, example: &str, findings: &mut Findings) -> Option<&'t Tree> {
        let value = self.get(key);
        if value.is_none() {
            self.missing(key, example, findings);
        }
        value
    }

    /// Notes that a key is missing.
    pub(super) fn missing(&self, key: &str, example: &str, findings: &mut Findings) {
        findings.error(
            code::MISSING_KEY,
            self.span,
            format!("{} has no `{key}`", self.what),
            format!("`{key}` is missing"),
            format!("add it, for example `{example}`"),
        );
    }

    /// Returns the member of a key that messages do not offer, since it is refused, old or without meaning.
    pub(super) fn hidden(&mut self, key: &'static str) -> Option<&'t Member> {
        self.hidden.push(key);
        self.members.iter().find(|member| &*member.key.value == key)
    }

    /// Takes a key without meaning if its value is as expected; else it stays unknown.
    pub(super) fn hidden_if(&mut self, key: &'static str, expected: impl Fn(&Tree) -> bool) {
        if self.members.iter().any(|member| &*member.key.value == key && expected(&member.value)) {
            self.hidden.push(key);
        }
    }

    /// Tells whether the mapping has any of the keys that were asked for.
    pub(super) fn has_known(&self) -> bool {
        self.members.iter().any(|member| self.known.contains(&&*member.key.value))
    }

    /// Notes every key that was not asked for.
    pub(super) fn finish(self, severity: Severity, findings: &mut Findings) {
        let asked = |key: &str| self.known.contains(&key) || self.hidden.contains(&key);
        for member in self.members.iter().filter(|member| !asked(&member.key.value)) {
            if !findings.has_room(severity) {
                return;
            }
            let problem = self.unknown(member, severity, findings);
            findings.push(problem);
        }
    }

    fn unknown(&self, member: &Member, severity: Severity, findings: &Findings) -> Problem {
        let key = &*member.key.value;
        let label = match (did_you_mean(key, self.known.iter().copied()), severity) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, Severity::Error) => "not known here".to_owned(),
            (None, Severity::Warning) => "not known here, and ignored".to_owned(),
        };
        let known = self.known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        let problem = Problem::error(code::UNKNOWN_KEY, format!("{} has no key `{}`", self.what, excerpt(key)))
            .at(findings.place(member.key.span), label)
            .help(format!("keys known here: {known}"));
        Problem { severity, ..problem }
    }
}
