//! How deep values may be nested, and how deep a text is before something reads it that knows no bound.

/// How deep values may be nested: far deeper than what people write, and safe on the guest's stack, of which reading,
/// comparing, writing and dropping take some for each level.
pub(crate) const MAX_DEPTH: usize = 256;

/// Returns the place of the first bracket that opens more than [`MAX_DEPTH`] levels; none if there is none.
///
/// Brackets in strings and comments do not count. Texts that are neither JSON nor programs give any answer.
pub(crate) fn too_deep(text: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut place = 0;
    while let Some(byte) = text.get(place) {
        match byte {
            b'[' | b'{' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Some(place);
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => place = end_of_string(text, place + 1),
            b'#' => place = end_of_line(text, place),
            _ => {}
        }
        place += 1;
    }
    None
}

/// Returns the place of the quote that ends a string, or the end of the text.
fn end_of_string(text: &[u8], mut place: usize) -> usize {
    while let Some(byte) = text.get(place) {
        match byte {
            b'"' => break,
            b'\\' => place += 2,
            _ => place += 1,
        }
    }
    place
}

fn end_of_line(text: &[u8], start: usize) -> usize {
    text[start..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |length| start + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_that_count() {
        #[track_caller]
        fn check(text: &str, expected: Option<usize>) {
            assert_eq!(too_deep(text.as_bytes()), expected);
        }
        let (open, close) = ("[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
        check(&format!("{open}{close}"), None);
        check(&format!("{open}{close}{open}{close}"), None);
        check(&format!("{open}{{}}{close}"), Some(MAX_DEPTH));
        check(&format!("{open}\"[\\\"[\\\\\",1{close}"), None);
        check(&format!("{open}# [[\n{close}"), None);
        check(&format!("{open}\"a\\"), None);
        check(&format!("]]]{open}["), Some(MAX_DEPTH + 3));
        check("", None);
    }
}
