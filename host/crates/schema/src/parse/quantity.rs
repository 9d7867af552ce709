//! Sizes, counts, durations, ports and digests.

use std::time::Duration;

use super::shape;
use crate::code;
use crate::digest::Digest;
use crate::excerpt::excerpt;
use crate::findings::Findings;
use crate::source::{Span, Spanned};
use crate::yaml::{Scalar, ScalarValue, Tree, TreeKind};

/// Reads a size: a whole number of bytes, or a number with a unit of powers of 1000 (`MB`) or 1024 (`MiB`).
pub(super) fn size(tree: &Tree, what: &str, findings: &mut Findings) -> Option<u64> {
    let scalar = scalar(tree, what, "a size", "64MiB", findings)?;
    let size = whole(scalar).or_else(|| sized(&scalar.text));
    if size.is_none() {
        let help = "a whole number of bytes, or a number with a unit: `64MiB`, `2GiB`, `500KB`";
        invalid(tree.span, what, &scalar.text, "not a size", help, findings);
    }
    size
}

/// Text that begins with a digit only: the library takes a leading point, and saturates what no `u64` holds.
fn sized(text: &str) -> Option<u64> {
    let text = text.trim();
    let starts_well = text.starts_with(|first: char| first.is_ascii_digit());
    text.parse::<bytesize::ByteSize>().ok().filter(|size| starts_well && size.0 < u64::MAX).map(|size| size.0)
}

/// Reads a count.
pub(super) fn count(tree: &Tree, what: &str, findings: &mut Findings) -> Option<u64> {
    let scalar = scalar(tree, what, "a whole number", "100", findings)?;
    let count = whole(scalar);
    if count.is_none() {
        invalid(tree.span, what, &scalar.text, "not a count", "a whole number from 0 up, such as `100`", findings);
    }
    count
}

/// Reads a port.
pub(super) fn port(tree: &Tree, findings: &mut Findings) -> Option<u16> {
    let scalar = scalar(tree, "`port`", "a number", "443", findings)?;
    let port = whole(scalar).and_then(|number| u16::try_from(number).ok()).filter(|port| *port != 0);
    if port.is_none() {
        invalid(tree.span, "`port`", &scalar.text, "not a port", "a whole number from 1 to 65535", findings);
    }
    port
}

/// Reads a duration; a bare number has no meaning, since nobody can see its unit.
pub(super) fn duration(tree: &Tree, what: &str, findings: &mut Findings) -> Option<Duration> {
    let scalar = scalar(tree, what, "a duration", "20s", findings)?;
    let duration = humantime::parse_duration(scalar.text.trim()).ok();
    let duration = duration.filter(|_| !matches!(scalar.value, ScalarValue::Number(_)));
    if duration.is_none() {
        let (label, help) = if let ScalarValue::Number(_) = scalar.value {
            (
                "write a unit",
                format!("`{0}s` for seconds, `{0}m` for minutes, `{0}ms` for milliseconds", excerpt(&scalar.text)),
            )
        } else {
            ("not a duration", "a number with a unit: `500ms`, `20s`, `2m`, `1h 30m`".to_owned())
        };
        invalid(tree.span, what, &scalar.text, label, &help, findings);
    }
    duration
}

/// Reads a SHA-256 digest, with or without `sha256:`.
pub(super) fn digest(tree: &Tree, findings: &mut Findings) -> Option<Spanned<Digest>> {
    let scalar = scalar(tree, "`sha256`", "a digest", "sha256: 9f2c…", findings)?;
    let digest = scalar.text.parse().ok();
    if digest.is_none() {
        let help = "64 hexadecimal digits, as `sha256sum` prints them";
        invalid(tree.span, "`sha256`", &scalar.text, "not a digest", help, findings);
    }
    digest.map(|digest| Spanned::new(digest, tree.span))
}

fn scalar<'t>(tree: &'t Tree, what: &str, shape: &str, example: &str, findings: &mut Findings) -> Option<&'t Scalar> {
    match &tree.kind {
        TreeKind::Scalar(scalar) if scalar.value != ScalarValue::Null => Some(scalar),
        TreeKind::Scalar(_) | TreeKind::Sequence(_) | TreeKind::Mapping(_) | TreeKind::Reference(_) => {
            shape::wrong_shape(tree, what, shape, example, findings);
            None
        }
    }
}

/// Returns a number that is whole, not negative and exact.
fn whole(scalar: &Scalar) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53, beyond which not every whole number is a float
    match scalar.value {
        ScalarValue::Number(number) if number.fract() == 0.0 && (0.0..=EXACT).contains(&number) =>
        {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and within 0..=2^53")]
            Some(number as u64)
        }
        _ => None,
    }
}

fn invalid(span: Span, what: &str, text: &str, label: &str, help: &str, findings: &mut Findings) {
    findings.error(code::INVALID_QUANTITY, span, format!("{what} cannot be `{}`", excerpt(text)), label, help);
}
