//! A finding, without what was found.

use std::fmt::{self, Display};

use sha2::{Digest, Sha256};

/// Hexadecimal digits of a fingerprint: enough to tell findings apart, and those of a UUID.
pub(crate) const FINGERPRINT_DIGITS: usize = 32;

/// Where a secret stands, and its fingerprint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The rule's place among all rules.
    pub(crate) rule: usize,
    /// The rule's identifier.
    pub(crate) rule_id: String,
    /// Relative to the work dir.
    pub(crate) path: String,
    /// From 1.
    pub(crate) line: u64,
    /// Lower-case hexadecimal digits.
    pub(crate) fingerprint: String,
}

impl Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {} {}", self.path, self.line, self.rule_id, self.fingerprint)
    }
}

/// Returns the fingerprint of a secret: it stays the same when lines move, and differs between files and rules. The path
/// is the one in the source.
pub(crate) fn fingerprint(rule_id: &str, path: &str, secret: &[u8]) -> String {
    let mut hasher = Sha256::new();
    for part in [b"secret-scan 1", rule_id.as_bytes(), path.as_bytes(), secret] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let digits: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    digits[..FINGERPRINT_DIGITS].to_owned()
}

/// Returns whether a text has the form of a fingerprint.
pub(crate) fn is_fingerprint(text: &str) -> bool {
    text.len() == FINGERPRINT_DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
