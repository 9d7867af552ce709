//! Foreign text on a terminal: what a step writes is shown, but steers nothing.

use std::iter::Peekable;
use std::str::Chars;

const ESCAPE: char = '\u{1b}';
const BELL: char = '\u{7}';

/// Returns a line of a step's log as a terminal may show it. `line` has no line feed at its end.
///
/// Of escape sequences only colours and simple styles are left, and none without `color`; what they change is undone at
/// the end of the line. Other control characters go, tabs excepted, and so do those that turn the direction of writing.
/// Of a line that was overwritten by carriage returns the last state is shown. What is not UTF-8 becomes U+FFFD.
pub(crate) fn safe_line(line: &[u8], color: bool) -> String {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end_matches('\r');
    let shown = text.rsplit_once('\r').map_or(text, |(_, last)| last);
    let mut safe = String::with_capacity(shown.len());
    let mut styled = false;
    let mut rest = shown.chars().peekable();
    while let Some(character) = rest.next() {
        if character == ESCAPE {
            if let Some(style) = read_escape(&mut rest).filter(|parameters| color && is_safe_style(parameters)) {
                safe.push_str(&format!("{ESCAPE}[{style}m"));
                styled = true;
            }
        } else if character == '\t' || is_harmless(character) {
            safe.push(character);
        }
    }
    if styled {
        safe.push_str("\u{1b}[0m");
    }
    safe
}

/// Returns a text for a line of our own: control characters are shown escaped, and further lines are indented.
pub(crate) fn own_text(text: &str) -> String {
    let line = |line: &str| -> String {
        let shown = |character: char| {
            if is_harmless(character) { character.to_string() } else { character.escape_debug().to_string() }
        };
        line.chars().map(shown).collect()
    };
    text.trim_end().lines().map(line).collect::<Vec<_>>().join("\n    ")
}

fn is_harmless(character: char) -> bool {
    let turns_direction =
        matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !character.is_control() && !turns_direction
}

/// Reads the rest of an escape sequence; returns the parameters of one that sets a style.
fn read_escape(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    match rest.next()? {
        '[' => read_control_sequence(rest),
        // Texts for the terminal itself: they end with a bell or with `ESC \`.
        ']' | 'P' | 'X' | '^' | '_' => {
            while let Some(character) = rest.next() {
                if character == BELL || (character == ESCAPE && rest.next_if_eq(&'\\').is_some()) {
                    break;
                }
            }
            None
        }
        first => {
            // Intermediate characters, then one more.
            let mut last = first;
            while (' '..='/').contains(&last) {
                last = rest.next()?;
            }
            None
        }
    }
}

fn read_control_sequence(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut parameters = String::new();
    for character in rest.by_ref() {
        match character {
            'm' => return Some(parameters),
            '@'..='~' => return None,
            other => parameters.push(other),
        }
    }
    None
}

/// Colours, and styles that keep text readable: nothing hidden, nothing that blinks.
fn is_safe_style(parameters: &str) -> bool {
    let mut numbers = parameters.split(';');
    while let Some(number) = numbers.next() {
        let safe = match number.parse::<u8>() {
            Ok(38 | 48) => is_color(&mut numbers),
            Ok(0..=4 | 7 | 9 | 22..=24 | 27 | 29..=37 | 39..=47 | 49 | 90..=97 | 100..=107) => true,
            Ok(_) => false,
            Err(_) => number.is_empty(),
        };
        if !safe {
            return false;
        }
    }
    true
}

/// Reads the rest of a colour out of 256, or out of all.
fn is_color<'a>(numbers: &mut impl Iterator<Item = &'a str>) -> bool {
    let channels = match numbers.next() {
        Some("5") => 1,
        Some("2") => 3,
        _ => return false,
    };
    numbers.take(channels).filter(|number| number.parse::<u8>().is_ok()).count() == channels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, colored: &str, plain: &str) {
        assert_eq!(safe_line(line.as_bytes(), true), colored, "{line:?}");
        assert_eq!(safe_line(line.as_bytes(), false), plain, "{line:?}");
    }

    #[test]
    fn plain_text_stays() {
        check("", "", "");
        check("a\tb ä 漢", "a\tb ä 漢", "a\tb ä 漢");
        assert_eq!(safe_line(b"a\xffb", true), "a\u{fffd}b");
    }

    #[test]
    fn colours_stay_and_end_with_the_line() {
        check("\x1b[31mred\x1b[0m!", "\x1b[31mred\x1b[0m!\x1b[0m", "red!");
        check("\x1b[1;38;5;200mx", "\x1b[1;38;5;200mx\x1b[0m", "x");
        check("\x1b[48;2;1;2;3mx", "\x1b[48;2;1;2;3mx\x1b[0m", "x");
        check("\x1b[mx", "\x1b[mx\x1b[0m", "x");
    }

    #[test]
    fn everything_else_goes() {
        for sequence in [
            "\x1b[2J",
            "\x1b[1A",
            "\x1b[?25l",
            "\x1b[8m",
            "\x1b[5m",
            "\x1b[38;5m",
            "\x1b[38;2;1;2m",
            "\x1b[38;5;999m",
            "\x1b[31:1m",
            "\x1b]0;title\x07",
            "\x1b]8;;http://x\x1b\\",
            "\x1bP1$r\x1b\\",
            "\x1bc",
            "\x1b(B",
            "\x1b7",
            "\x07",
            "\x08",
            "\x00",
            "\u{9b}",
            "\u{202e}",
            "\u{2066}",
            "\x7f",
        ] {
            check(&format!("a{sequence}b"), "ab", "ab");
        }
        // What does not end takes the rest of the line with it.
        for sequence in ["\x1b", "\x1b[", "\x1b[31", "\x1b]0;t"] {
            check(&format!("a{sequence}"), "a", "a");
        }
    }

    #[test]
    fn of_an_overwritten_line_the_last_state_is_shown() {
        check("10 %\r100 %\r", "100 %", "100 %");
        check("text\r\r", "text", "text");
    }

    #[test]
    fn own_lines_show_control_characters() {
        assert_eq!(own_text("a\x1b[2Jb\u{202e}\n"), "a\\u{1b}[2Jb\\u{202e}");
        assert_eq!(own_text("one\ntwo"), "one\n    two");
    }
}
