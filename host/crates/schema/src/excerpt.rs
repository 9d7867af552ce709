//! User text inside messages: one line, of bounded length.

/// Longest excerpt, in characters: what fits a line of a terminal together with the message around it.
const MAX_CHARACTERS: usize = 80;

/// Returns the text as a message may quote it: control characters escaped, cut with `…` when too long.
pub(crate) fn excerpt(text: &str) -> String {
    excerpt_within(text, MAX_CHARACTERS)
}

/// Returns the text on one line for a message: control characters escaped, and after so many characters cut with `…`.
pub fn excerpt_within(text: &str, max_characters: usize) -> String {
    let mut excerpt = String::new();
    for (index, character) in text.chars().enumerate() {
        if index == max_characters {
            excerpt.push('…');
            break;
        }
        if character.is_control() {
            excerpt.extend(character.escape_default());
        } else {
            excerpt.push(character);
        }
    }
    excerpt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpts_are_one_short_line() {
        assert_eq!(excerpt("é\nb\u{1b}"), "é\\nb\\u{1b}");
        assert_eq!(excerpt(&"x".repeat(200)).chars().count(), MAX_CHARACTERS + 1);
    }
}
