//! Paths to values: `services[0].image`, `"key with.dots".a`.

use std::fmt::{self, Display};

use stepwell_sdk::Failure;

/// Most parts of a path; what is added by one is nested as deeply.
const MAX_PARTS: usize = 64;

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// A member of a struct.
    Key(String),
    /// An item of an array, from 0.
    Index(usize),
}

/// Steps down from the whole; none for the whole itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ValuePath(pub(crate) Vec<Part>);

impl ValuePath {
    /// Reads the path in an input.
    pub(crate) fn parse(input: &str, text: &str) -> Result<Self, Failure> {
        match parts(text) {
            Some(parts) if (1..=MAX_PARTS).contains(&parts.len()) => Ok(Self(parts)),
            _ => Err(Failure::invalid_input(format!("input `{input}` has `{text:.200}`, no path of a value"))
                .hint("a path is `a.b[0]`, with double quotes around keys that hold other characters: `a.\"b.c\"`")),
        }
    }

    /// Returns the path of a member or an item.
    pub(crate) fn then(&self, part: Part) -> Self {
        Self(self.0.iter().cloned().chain([part]).collect())
    }
}

fn parts(text: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (digits, after) = inside.split_once(']')?;
            let plain = digits.bytes().all(|digit| digit.is_ascii_digit());
            parts.push(Part::Index(digits.parse().ok().filter(|_| plain)?));
            rest = after;
            continue;
        }
        if !parts.is_empty() {
            rest = rest.strip_prefix('.')?;
        }
        let (key, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => {
                let (key, after) = rest.split_at(rest.find(['.', '[', ']', '"']).unwrap_or(rest.len()));
                (Some(key).filter(|key| !key.is_empty())?, after)
            }
        };
        parts.push(Part::Key(key.to_owned()));
        rest = after;
    }
    Some(parts)
}

impl Display for ValuePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, part) in self.0.iter().enumerate() {
            match part {
                Part::Index(index) => write!(f, "[{index}]")?,
                Part::Key(key) => {
                    let dot = if place == 0 { "" } else { "." };
                    let quote = if key.is_empty() || key.contains(['.', '[', ']', '"']) { "\"" } else { "" };
                    write!(f, "{dot}{quote}{key}{quote}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for text in ["a", "a.b", "a[0].b", "[1]", "[1][2]", "a.\"b.c\"[0]", "\"\".a", "a-b.c/d", "0.1"] {
            let path = ValuePath::parse("set", text).expect("a path");
            assert_eq!(path.to_string(), text);
        }
        for text in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "a[",
            "a[x]",
            "a[-1]",
            "a[+1]",
            "a]",
            "a\"b\"",
            "\"a",
            "[0]a",
            &"a.".repeat(65),
        ] {
            assert!(ValuePath::parse("set", text).is_err(), "{text}");
        }
    }
}
