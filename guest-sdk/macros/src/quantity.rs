//! Sizes, counts, times and ports, as a function file takes them. Each comes back as JSON.

use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, Lit, Result};

use crate::text::quoted;

/// Units of sizes, of powers of 1000 and of 1024.
const SIZES: [&str; 9] = ["B", "KB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB"];

/// Units of times.
const TIMES: [&str; 4] = ["ms", "s", "m", "h"];

/// The largest whole number up to which all are exact in a 64-bit float: 2^53.
const EXACT: u64 = 1 << 53;

/// Reads a size: a number of bytes, or a text with a unit.
pub(crate) fn size(expr: &Expr) -> Result<String> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) if has_unit(&text.value(), &SIZES) => Ok(quoted(&text.value())),
        _ => whole(expr, 0, EXACT)
            .ok_or_else(|| Error::new(expr.span(), "a size is a text such as `\"64MiB\"` or `\"500KB\"`")),
    }
}

/// Reads a count.
pub(crate) fn count(expr: &Expr) -> Result<String> {
    whole(expr, 0, EXACT).ok_or_else(|| Error::new(expr.span(), "this is a whole number"))
}

/// Reads a port.
pub(crate) fn port(expr: &Expr) -> Result<String> {
    whole(expr, 1, u64::from(u16::MAX)).ok_or_else(|| Error::new(expr.span(), "a port is a number from 1 to 65535"))
}

/// Reads a time: texts with units, the larger first.
pub(crate) fn duration(expr: &Expr) -> Result<String> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) if is_time(&text.value()) => Ok(quoted(&text.value())),
        _ => Err(Error::new(expr.span(), "a time is a text such as `\"20s\"`, `\"500ms\"` or `\"1h 30m\"`")),
    }
}

fn whole(expr: &Expr, least: u64, most: u64) -> Option<String> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => number.base10_parse::<u64>().ok(),
        _ => None,
    }
    .filter(|number| (least..=most).contains(number))
    .map(|number| number.to_string())
}

fn has_unit(text: &str, units: &[&str]) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    digits > 0 && units.contains(&text[digits..].trim_start_matches(' '))
}

fn is_time(text: &str) -> bool {
    !text.is_empty() && text.split(' ').all(|part| has_unit(part, &TIMES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(read: fn(&Expr) -> Result<String>, text: &str, expected: Option<&str>) {
        let expr = syn::parse_str(text).expect("the test's own text is Rust");
        assert_eq!(read(&expr).ok().as_deref(), expected, "{text}");
    }

    #[test]
    fn sizes() {
        check(size, "\"64MiB\"", Some("\"64MiB\""));
        check(size, "\"500 KB\"", Some("\"500 KB\""));
        check(size, "1_024", Some("1024"));
        for wrong in ["\"64\"", "\"MiB\"", "\"64Mb\"", "64.5", "-1", "\"\"", "9_007_199_254_740_993"] {
            check(size, wrong, None);
        }
    }

    #[test]
    fn times() {
        check(duration, "\"1h 30m\"", Some("\"1h 30m\""));
        check(duration, "\"500ms\"", Some("\"500ms\""));
        for wrong in ["\"\"", "\"5\"", "5", "\"5 m\"", "\"5d\""] {
            check(duration, wrong, None);
        }
    }

    #[test]
    fn ports_and_counts() {
        check(port, "8443", Some("8443"));
        check(port, "0", None);
        check(port, "65536", None);
        check(count, "0", Some("0"));
        check(count, "\"1\"", None);
    }
}
