//! What others have written, as a message may quote it.

use stepwell_schema::excerpt_within;

/// Most characters that are quoted: two lines of a terminal.
const MAX_CHARACTERS: usize = 200;

/// Returns a text on one line, control characters escaped, cut with `…` when too long.
pub(crate) fn excerpt(text: &str) -> String {
    excerpt_within(text.trim(), MAX_CHARACTERS)
}

/// The same for bytes that need not be text.
pub(crate) fn excerpt_of_bytes(bytes: &[u8]) -> String {
    // More bytes than characters are looked at, and not all of a huge text.
    excerpt(&String::from_utf8_lossy(&bytes[..bytes.len().min(4 * MAX_CHARACTERS + 1)]))
}
