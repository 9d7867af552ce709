//! Sizes and times as people read them.

use std::time::Duration;

/// Returns a number of bytes with a binary unit: `256 MiB`, `255.9 MiB`, `100 B`. Rounded down, so that a peak below a
/// limit never reads like the limit.
pub(crate) fn bytes_text(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["GiB", "MiB", "KiB", "B"];
    let (unit, shift) =
        UNITS.iter().zip([30_u32, 20, 10, 0]).find(|(_, shift)| bytes >> shift > 0).unwrap_or((&"B", 0));
    let whole = bytes >> shift;
    match ((bytes - (whole << shift)) * 10) >> shift {
        0 => format!("{whole} {unit}"),
        tenths => format!("{whole}.{tenths} {unit}"),
    }
}

/// Returns a time in seconds or milliseconds: `20s`, `1.5s`, `50ms`.
pub(crate) fn time_text(time: Duration) -> String {
    if time < Duration::from_secs(1) { format!("{}ms", time.as_millis()) } else { format!("{}s", time.as_secs_f64()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (bytes, text) in [
            (0, "0 B"),
            (100, "100 B"),
            (1 << 10, "1 KiB"),
            (1_536, "1.5 KiB"),
            (256 << 20, "256 MiB"),
            ((256 << 20) - 1, "255.9 MiB"),
            (4 << 30, "4 GiB"),
            (u64::MAX, "17179869183.9 GiB"),
        ] {
            assert_eq!(bytes_text(bytes), text);
        }
    }

    #[test]
    fn times() {
        for (millis, text) in [(50, "50ms"), (1_000, "1s"), (1_500, "1.5s"), (120_000, "120s")] {
            assert_eq!(time_text(Duration::from_millis(millis)), text);
        }
    }
}
