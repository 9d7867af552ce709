//! Paths of requests, in the form in which patterns of grants are compared with them.

/// A path that means the same to everyone who reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestPath {
    /// With all escapes resolved once.
    decoded: Vec<u8>,
    /// Whether a reader that resolves escapes earlier or twice sees other segments.
    ambiguous: bool,
}

impl RequestPath {
    /// Reads a path as it stands in a request.
    ///
    /// # Errors
    /// It is not absolute, has segments `.` or `..` in any spelling, a backslash, a control character or half an escape.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if !text.starts_with('/') {
            return Err("has no absolute path");
        }
        let decoded = decode(text.as_bytes()).ok_or("has half an escape in its path")?;
        if decoded.iter().any(|byte| byte.is_ascii_control() || *byte == b'\\') {
            return Err("has a control character or backslash in its path");
        }
        // Servers of Java leave out what follows a semicolon before they look at a segment.
        let bare = |segment: &[u8]| segment.split(|byte| *byte == b';').next().is_some_and(|s| s == b"." || s == b"..");
        if decoded.split(|byte| *byte == b'/').any(bare) {
            return Err("has `.` or `..` in its path");
        }
        let slashes = |text: &[u8]| text.iter().filter(|byte| **byte == b'/').count();
        let twice = decode(&decoded).is_none_or(|twice| twice != decoded);
        let ambiguous = twice || slashes(&decoded) != slashes(text.as_bytes());
        Ok(Self { decoded, ambiguous })
    }

    /// Tells whether a pattern covers it. An ambiguous path is covered by none.
    pub(crate) fn is_covered_by(&self, pattern: &str) -> bool {
        !self.ambiguous && matches(pattern.as_bytes(), &self.decoded)
    }
}

/// Resolves escapes once; none where one is cut short or has other digits than hexadecimal ones.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        decoded.push(if byte == b'%' { digit(rest.next()?)? << 4 | digit(rest.next()?)? } else { byte });
    }
    Some(decoded)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Compares a text with a pattern in which `*` stands for any text. Takes time in proportion to the product of both
/// lengths at most.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    // The last star, and how much of the text it stands for so far.
    let mut star: Option<(usize, usize)> = None;
    while seen < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(byte) if *byte == text[seen] => {
                at += 1;
                seen += 1;
            }
            Some(_) | None => {
                let Some((place, taken)) = star else { return false };
                star = Some((place, taken + 1));
                at = place + 1;
                seen = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(path: &str, pattern: &str, expected: bool) {
        assert_eq!(RequestPath::parse(path).unwrap().is_covered_by(pattern), expected, "{path} {pattern}");
    }

    #[test]
    fn patterns() {
        check("/v1/a", "/v1/*", true);
        check("/v1/", "/v1/*", true);
        check("/v1", "/v1/*", false);
        check("/v1/a/b", "/v1/*", true);
        check("/v10", "/v1/*", false);
        check("/V1/a", "/v1/*", false);
        check("/v1/a", "/v1/a", true);
        check("/v1/ab", "/v1/a", false);
        check("/a/x/c/x/c", "/a/*/c", true);
        check("/a/x/c/d", "/a/*/c", false);
        check("/%76%31/a", "/v1/*", true);
        check("/a%20b", "/a b", true);
        check("/aaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "/*a*a*a*a*a*a*a*a*a*c", false);
    }

    #[test]
    fn ambiguous_paths_are_covered_by_nothing() {
        check("/v1/a%2fb", "/v1/*", false);
        check("/v1%2Fa", "/*", false);
        check("/v1/%252e%252e/a", "/v1/*", false);
        check("/v1/100%25", "/v1/*", false);
    }

    #[test]
    fn refused_paths() {
        for path in [
            "",
            "*",
            "v1",
            "http://other.test/",
            "/v1/../admin",
            "/v1/..",
            "/v1/%2e%2e/admin",
            "/v1/.%2E/admin",
            "/v1/%2e%2e%2fadmin",
            "/./v1",
            "/v1/..;/admin",
            "/v1/..%3bx/admin",
            "/v1\\..\\admin",
            "/v1%5c..%5cadmin",
            "/v1%0d%0aX:1",
            "/v1%00",
            "/v1%",
            "/v1%2",
            "/v1%zz",
        ] {
            assert!(RequestPath::parse(path).is_err(), "{path}");
        }
    }

    proptest! {
        #[test]
        fn a_text_in_its_parts_matches(parts in prop::collection::vec("[a-c/]{0,4}", 1..5), fills in prop::collection::vec("[a-c/]{0,4}", 5)) {
            let mut text = parts[0].clone();
            parts[1..].iter().zip(&fills).for_each(|(part, fill)| text.push_str(&format!("{fill}{part}")));
            prop_assert!(matches(parts.join("*").as_bytes(), text.as_bytes()));
        }

        #[test]
        fn without_a_star_only_the_text_itself_matches(pattern in "[ab]{0,4}", text in "[ab]{0,4}") {
            prop_assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), pattern == text);
        }
    }
}
