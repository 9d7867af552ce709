//! The one rule for names of steps, inputs, outputs and environment variables.

/// Longest name, in bytes. From the step ABI, section 5.
pub const MAX_NAME_BYTES: usize = 128;

/// Tells whether a text matches `^[a-zA-Z_][a-zA-Z0-9_]*$`.
pub fn is_name(text: &str) -> bool {
    let mut characters = text.bytes();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && characters.all(|next| next.is_ascii_alphanumeric() || next == b'_')
}
