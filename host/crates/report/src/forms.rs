//! The forms in which a secret text may turn up in a log.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// Shortest form that is looked for, in bytes. Anything shorter would turn up in innocent text all the time; the step
/// ABI draws the same line for what a guest may ask to be masked.
pub(crate) const MIN_BYTES: usize = 4;

/// Shortest line of a secret of several lines that is looked for by itself, in characters: the length from which the
/// contract masks sensitive values (section 4.7).
const MIN_LINE_CHARS: usize = 8;

/// Beginnings of tokens that say what sort of token it is and nothing more. They stay visible (section 5.10 of the
/// contract). The list is the one that GitLab Runner masks by.
const TOKEN_PREFIXES: [&str; 13] = [
    "glpat-",
    "gloas-",
    "gldt-",
    "glrt-",
    "glrtr-",
    "glcbt-",
    "glptt-",
    "glft-",
    "glimt-",
    "glagent-",
    "glsoat-",
    "glffct-",
    "GR1348941",
];

/// What `encodeURIComponent` of JavaScript leaves as it is.
const COMPONENT: AsciiSet = UNRESERVED.remove(b'!').remove(b'*').remove(b'\'').remove(b'(').remove(b')');

/// What a path keeps beyond [`UNRESERVED`], as `quote` of Python does it.
const PATH: AsciiSet = UNRESERVED.remove(b'/');

/// RFC 3986, section 2.3.
const UNRESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The parts of a secret text that are looked for, each as it is: the whole without line breaks at its ends and without
/// the prefix of a known sort of token, and each line that is long enough.
///
/// Without its prefix a token is found in other surroundings as well, and the prefix stays visible by itself.
pub(crate) fn parts(text: &str) -> BTreeSet<&str> {
    let whole = without_token_prefix(text.trim_matches(['\r', '\n']));
    let lines = whole.lines().map(without_token_prefix).filter(|line| line.chars().count() >= MIN_LINE_CHARS);
    lines.chain([whole]).filter(|part| part.len() >= MIN_BYTES).collect()
}

/// The encoded forms of a text that differ from the text itself, none shorter than [`MIN_BYTES`]: base64, percent-encoded
/// and JSON-escaped.
pub(crate) fn encoded_forms(text: &str) -> BTreeSet<Vec<u8>> {
    let mut forms = BTreeSet::new();
    forms.extend(base64_forms(text.as_bytes()));
    forms.extend(percent_forms(text));
    forms.extend(json_forms(text));
    forms.retain(|form| form.len() >= MIN_BYTES && form != text.as_bytes());
    forms
}

fn without_token_prefix(text: &str) -> &str {
    let rest = TOKEN_PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix));
    rest.filter(|rest| rest.len() >= MIN_BYTES).unwrap_or(text)
}

/// What of a text can be recognised in the base64 form of any longer text around it: three alignments, two alphabets,
/// each with something behind the text and with the end of the encoded data behind it.
fn base64_forms(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    [STANDARD, URL_SAFE].into_iter().flat_map(move |alphabet| {
        (0..3).flat_map(move |shift| {
            let encoded = alphabet.encode([&[0; 2][..shift], bytes].concat()).into_bytes();
            // A character holds 6 bits. The first one without bits of what stands before, and the end of the last one
            // without bits of what may follow.
            let start = (8 * shift).div_ceil(6);
            let end = 8 * (shift + bytes.len()) / 6;
            [encoded[start..end.max(start)].to_vec(), encoded[start..].to_vec()]
        })
    })
}

fn percent_forms(text: &str) -> impl Iterator<Item = Vec<u8>> {
    let strict = percent_encode(text.as_bytes(), &UNRESERVED).to_string();
    let component = percent_encode(text.as_bytes(), &COMPONENT).to_string();
    let path = percent_encode(text.as_bytes(), &PATH).to_string();
    let lower = lower_escapes(&strict);
    let form = strict.replace("%20", "+");
    [strict, component, path, lower, form].into_iter().map(String::into_bytes)
}

/// Writes the digits of percent escapes in lower case.
fn lower_escapes(encoded: &str) -> String {
    let mut pieces = encoded.split('%');
    let mut lower = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        // A percent sign in encoded text always has two digits behind it.
        let (digits, rest) = piece.split_at_checked(2).unwrap_or((piece, ""));
        lower.push('%');
        lower.push_str(&digits.to_ascii_lowercase());
        lower.push_str(rest);
    }
    lower
}

/// The inside of a JSON string: as most libraries write it, with `<`, `>` and `&` escaped as Go does it, and in ASCII
/// alone as Python does it.
fn json_forms(text: &str) -> impl Iterator<Item = Vec<u8>> {
    let quoted = serde_json::Value::from(text).to_string();
    let plain = quoted[1..quoted.len() - 1].to_owned();
    let for_html = plain.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    let ascii = ascii_escapes(&plain);
    [plain, for_html, ascii].into_iter().map(String::into_bytes)
}

fn ascii_escapes(text: &str) -> String {
    let mut ascii = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii() {
            ascii.push(character);
        } else {
            let units =
                character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
            ascii.push_str(&units);
        }
    }
    ascii
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_parts(text: &str, expected: &[&str]) {
        assert_eq!(parts(text).into_iter().collect::<Vec<_>>(), expected, "{text:?}");
    }

    #[track_caller]
    fn check_form(text: &str, expected: &str) {
        let forms = encoded_forms(text);
        let texts = forms.iter().map(|form| String::from_utf8_lossy(form)).collect::<Vec<_>>();
        assert!(texts.iter().any(|form| form == expected), "{expected:?} is not among {texts:?}");
    }

    #[test]
    fn a_text_is_looked_for_whole_and_by_its_lines() {
        check_parts("", &[]);
        check_parts("abc", &[]);
        check_parts("abcd", &["abcd"]);
        check_parts("abcd\n", &["abcd"]);
        check_parts("\r\nabc\r\n", &[]);
        check_parts("short\nlong enough\r\nseven77", &["long enough", "short\nlong enough\r\nseven77"]);
    }

    #[test]
    fn token_prefixes_stay_out() {
        check_parts("glpat-x1y2z3", &["x1y2z3"]);
        check_parts("glpat-x1y", &["glpat-x1y"]);
        check_parts("GR1348941abcd", &["abcd"]);
        check_parts("xglpat-x1y2z3", &["xglpat-x1y2z3"]);
    }

    #[test]
    fn base64_in_any_surroundings() {
        for before in ["", "x", "xy", "xyz", "user:"] {
            for after in ["", "x", "xy", "xyz"] {
                let whole = STANDARD.encode(format!("{before}secret text{after}"));
                let forms = encoded_forms("secret text");
                let found = forms.iter().any(|form| whole.contains(&*String::from_utf8_lossy(form)));
                assert!(found, "{before} {after}");
            }
        }
        check_form("secret", "c2VjcmV0");
        check_form("secret1", "c2VjcmV0MQ==");
        check_form("subjects?_d", "c3ViamVjdHM_X2Q=");
        check_form("subjects?_d", "c3ViamVjdHM/X2Q=");
    }

    #[test]
    fn percent_and_json() {
        check_form("a b/c!", "a%20b%2Fc%21");
        check_form("a b/c!", "a%20b%2fc%21");
        check_form("a b/c!", "a%20b/c%21");
        check_form("a b/c!", "a%20b%2Fc!");
        check_form("a b/c!", "a+b%2Fc%21");
        check_form("say \"hi\"", "say \\\"hi\\\"");
        check_form("a<b>&c", "a\\u003cb\\u003e\\u0026c");
        check_form("käse😀", "k\\u00e4se\\ud83d\\ude00");
    }

    #[test]
    fn plain_texts_have_base64_forms_only() {
        // Three alignments; of one of them the end of the data looks as everything else.
        assert_eq!(encoded_forms("abcdef").len(), 5);
    }
}
