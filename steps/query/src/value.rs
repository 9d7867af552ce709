//! What is asked of values before they are shown or leave.

use std::fmt::{self, Display, Write};

use jaq_json::{Num, Val};

/// Most bytes of a value or text that a message shows.
const MAX_SHOWN_BYTES: usize = 200;

/// Returns the number of the line of a place in a text, from 1.
pub(crate) fn line(text: &[u8], place: usize) -> usize {
    1 + text[..place.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
}

/// Returns the beginning of what something displays as, without making more of it.
pub(crate) fn excerpt(shown: impl Display) -> String {
    struct Beginning(String);
    impl Write for Beginning {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let left = MAX_SHOWN_BYTES.saturating_sub(self.0.len());
            if text.len() <= left {
                self.0.push_str(text);
                return Ok(());
            }
            self.0.push_str(&text[..text.floor_char_boundary(left)]);
            self.0.push('…');
            Err(fmt::Error)
        }
    }
    let mut beginning = Beginning(String::new());
    // An error means only that there is more than is shown.
    let _ = write!(beginning, "{shown}");
    beginning.0
}

/// Returns why a value cannot be written as JSON that is nested at most so deeply.
pub(crate) fn problem(value: &Val, max_depth: usize) -> Option<String> {
    let mut left = vec![(value, 0)];
    while let Some((value, depth)) = left.pop() {
        match value {
            Val::Null | Val::Bool(_) => {}
            Val::Num(number) => {
                if !is_finite(number) {
                    return Some(format!("holds {number}, which JSON cannot say"));
                }
            }
            Val::TStr(bytes) => {
                if str::from_utf8(bytes).is_err() {
                    return Some("holds a text that is not UTF-8".to_owned());
                }
            }
            Val::BStr(_) => return Some("holds bytes, which JSON cannot say".to_owned()),
            Val::Arr(_) | Val::Obj(_) if depth == max_depth => {
                return Some(format!("is nested deeper than {max_depth} levels"));
            }
            Val::Arr(items) => left.extend(items.iter().map(|item| (item, depth + 1))),
            Val::Obj(members) => {
                if let Some(key) = members.keys().find(|key| !matches!(key, Val::TStr(_))) {
                    return Some(format!("has the key {}, which is no text", excerpt(key)));
                }
                left.extend(members.iter().flat_map(|(key, value)| [(key, depth + 1), (value, depth + 1)]));
            }
        }
    }
    None
}

fn is_finite(number: &Num) -> bool {
    match number {
        Num::Int(_) => true,
        Num::Float(number) => number.is_finite(),
        Num::BigInt(_) | Num::Dec(_) => number.to_string().parse::<f64>().is_ok_and(f64::is_finite),
    }
}
