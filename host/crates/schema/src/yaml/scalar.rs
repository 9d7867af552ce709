//! The type of a plain scalar, by the table of section 2.7 of the contract.

/// What a scalar is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ScalarValue {
    /// Null.
    Null,
    /// A truth value.
    Boolean(bool),
    /// A number; may be infinite or not a number where the text says so.
    Number(f64),
    /// Its text.
    Text,
}

/// Types the text of a plain scalar. What fits no other row is text, unquoted dates among them.
pub(crate) fn type_plain(text: &str) -> ScalarValue {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => ScalarValue::Null,
        "true" | "True" | "TRUE" => ScalarValue::Boolean(true),
        "false" | "False" | "FALSE" => ScalarValue::Boolean(false),
        ".nan" | ".NaN" | ".NAN" => ScalarValue::Number(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => ScalarValue::Number(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => ScalarValue::Number(f64::NEG_INFINITY),
        _ => number(text).map_or(ScalarValue::Text, ScalarValue::Number),
    }
}

/// Reads a number: whole with an optional base, else decimal. Underscores between digits are dropped, but not in a
/// number that begins with its point.
fn number(text: &str) -> Option<f64> {
    let first = *text.as_bytes().first()?;
    if first == b'.' {
        return decimal(text);
    }
    if !first.is_ascii_digit() && first != b'+' && first != b'-' {
        return None;
    }
    let plain = text.replace('_', "");
    whole(&plain).or_else(|| decimal(&plain))
}

/// Reads a whole number of at most 64 bits: `0x`, `0o`, `0b` in either case, and a leading zero for octal.
fn whole(text: &str) -> Option<f64> {
    let (negative, digits) = match text.strip_prefix(['+', '-']) {
        Some(digits) => (text.starts_with('-'), digits),
        None => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = if let Some(digits) = lower.strip_prefix("0x") {
        (16, digits)
    } else if let Some(digits) = lower.strip_prefix("0o") {
        (8, digits)
    } else if let Some(digits) = lower.strip_prefix("0b") {
        (2, digits)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &lower[1..])
    } else {
        (10, lower.as_str())
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    #[expect(clippy::cast_precision_loss, reason = "the contract rounds whole numbers to the nearest float")]
    let number = magnitude as f64;
    // Zero has no sign: `-0` is the number 0.
    Some(if negative && magnitude != 0 { -number } else { number })
}

/// Reads `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`; none where the number is too large for a float.
fn decimal(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let well_formed = digits(whole)
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
        && (!whole.is_empty() || fraction.is_some_and(|fraction| !fraction.is_empty()));
    if !well_formed {
        return None;
    }
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn number_of(text: &str, expected: f64) {
        assert_eq!(type_plain(text), ScalarValue::Number(expected), "{text}");
    }

    #[track_caller]
    fn text(text: &str) {
        assert_eq!(type_plain(text), ScalarValue::Text, "{text}");
    }

    #[test]
    fn booleans() {
        for word in ["true", "True", "TRUE"] {
            assert_eq!(type_plain(word), ScalarValue::Boolean(true), "{word}");
        }
        for word in ["false", "False", "FALSE"] {
            assert_eq!(type_plain(word), ScalarValue::Boolean(false), "{word}");
        }
        for word in ["yes", "no", "on", "off", "y", "n", "Yes", "tRUE"] {
            text(word);
        }
    }

    #[test]
    fn nulls() {
        for word in ["~", "null", "Null", "NULL", ""] {
            assert_eq!(type_plain(word), ScalarValue::Null, "{word}");
        }
        text("nULL");
    }

    #[test]
    fn whole_numbers() {
        number_of("12", 12.0);
        number_of("-4", -4.0);
        number_of("+5", 5.0);
        number_of("1_000", 1000.0);
        number_of("0x1F", 31.0);
        number_of("0X1f", 31.0);
        number_of("-0x1F", -31.0);
        number_of("0b101", 5.0);
        number_of("0o17", 15.0);
        number_of("017", 15.0);
        number_of("08", 8.0);
        number_of("0", 0.0);
        number_of("00", 0.0);
        number_of("9007199254740993", 9_007_199_254_740_992.0);
        number_of("123456789012345678901", 123_456_789_012_345_680_000.0);
    }

    #[test]
    fn negative_zero_has_no_sign() {
        let ScalarValue::Number(zero) = type_plain("-0") else { panic!("a number") };
        assert!(zero == 0.0 && zero.is_sign_positive());
    }

    #[test]
    fn decimals() {
        number_of("56.77", 56.77);
        number_of("1e3", 1000.0);
        number_of("1E+3", 1000.0);
        number_of(".5", 0.5);
        number_of("-.5", -0.5);
        number_of("6.", 6.0);
        number_of("1_0.5", 10.5);
        number_of("1e-400", 0.0);
    }

    #[test]
    fn not_finite() {
        number_of(".inf", f64::INFINITY);
        number_of("-.inf", f64::NEG_INFINITY);
        assert!(matches!(type_plain(".nan"), ScalarValue::Number(number) if number.is_nan()));
    }

    #[test]
    fn texts() {
        for word in [
            "1e400",
            "0x",
            "0b",
            "0o",
            "0xfffffffffffffffff",
            "2024-02-18",
            "2024-02-18T15:04:05Z",
            "1:30",
            ".",
            "+",
            "-",
            "_1",
            "1.2.3",
            "1e",
            "e5",
            ".e5",
            "0x-1",
            "0x+1",
            "+-5",
            "--5",
            "inf",
            "NaN",
            "infinity",
            "._5",
            "+.",
            "é",
        ] {
            text(word);
        }
    }
}
