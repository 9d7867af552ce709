//! The manifest: lines of `DIGEST  PATH`, as `sha256sum` writes and reads them.

use std::fmt::{self, Display};

use stepwell_sdk::Failure;

use crate::algorithm::Algorithm;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// In lower-case hexadecimal.
    pub(crate) digest: String,
    /// Relative to the work dir.
    pub(crate) path: String,
}

impl Display for Line {
    /// Writes the line without its end. A path with a line feed, a carriage return or a backslash is escaped, and the
    /// line then begins with a backslash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { digest, path } = self;
        if !path.contains(['\\', '\n', '\r']) {
            return write!(f, "{digest}  {path}");
        }
        write!(f, "\\{digest}  {}", path.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r"))
    }
}

/// Returns the text of a manifest.
pub(crate) fn text(lines: &[Line]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Returns the lines of a manifest. Empty ones are left out.
///
/// # Errors
///
/// A failure that names the manifest and the first line that has another form, or another number of digits than the
/// algorithm.
pub(crate) fn parse(text: &str, algorithm: Algorithm, manifest: &str) -> Result<Vec<Line>, Failure> {
    let numbered = text.lines().enumerate().filter(|(_, line)| !line.is_empty());
    numbered
        .map(|(number, line)| {
            parse_line(line, algorithm).ok_or_else(|| {
                Failure::failed(format!("line {} of `{manifest}` is not one of a digest and a path", number + 1))
                    .cause(format!("a digest has {} hexadecimal digits here", algorithm.digits()))
            })
        })
        .collect()
}

fn parse_line(line: &str, algorithm: Algorithm) -> Option<Line> {
    let (escaped, line) = line.strip_prefix('\\').map_or((false, line), |rest| (true, rest));
    let (digest, rest) = line.split_once(' ')?;
    // A second blank means text, a star binary: there is no difference here.
    let path = rest.strip_prefix([' ', '*']).filter(|path| !path.is_empty())?;
    let hexadecimal = digest.len() == algorithm.digits() && digest.bytes().all(|digit| digit.is_ascii_hexdigit());
    let path = if escaped { unescape(path)? } else { path.to_owned() };
    hexadecimal.then(|| Line { digest: digest.to_ascii_lowercase(), path })
}

fn unescape(path: &str) -> Option<String> {
    let mut text = String::new();
    let mut characters = path.chars();
    while let Some(character) = characters.next() {
        text.push(match character {
            '\\' => match characters.next()? {
                'n' => '\n',
                'r' => '\r',
                '\\' => '\\',
                _ => return None,
            },
            other => other,
        });
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_of_sha256sum() {
        #[track_caller]
        fn check(line: &str, expected: Option<&str>) {
            assert_eq!(parse_line(line, Algorithm::Sha256).map(|line| line.path).as_deref(), expected, "{line}");
        }
        let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        check(&format!("{digest}  dist/a b"), Some("dist/a b"));
        check(&format!("{digest} *dist/a"), Some("dist/a"));
        check(&format!("{}  dist/a", digest.to_uppercase()), Some("dist/a"));
        check(&format!("\\{digest}  a\\nb\\\\c"), Some("a\nb\\c"));
        check(&format!("\\{digest}  a\\xb"), None);
        check(&format!("{digest} dist/a"), None);
        check(&format!("{digest}  "), None);
        check(&format!("{digest}0  a"), None);
        check(&format!("{}g  a", &digest[1..]), None);
        check("", None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(path in "[^\0]{1,20}") {
            let line = Line { digest: "0f".repeat(32), path };
            let text = text(std::slice::from_ref(&line));
            prop_assert_eq!(text.lines().count(), 1);
            prop_assert_eq!(parse(&text, Algorithm::Sha256, "m").expect("it is whole"), vec![line]);
        }
    }
}
