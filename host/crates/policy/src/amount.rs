//! Sizes and times as people read them.

use std::time::Duration;

/// Writes a size in the largest binary unit that it fills: `64 MiB`; with one decimal where it is not whole: `1.5 GiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let Some((unit, size)) = UNITS.into_iter().find(|(_, size)| bytes >= *size) else {
        return format!("{bytes} B");
    };
    let (whole, tenths) = (bytes / size, bytes % size * 10 / size);
    if bytes.is_multiple_of(size) { format!("{whole} {unit}") } else { format!("{whole}.{tenths} {unit}") }
}

/// Writes a time: `1m 30s`.
pub(crate) fn time(time: Duration) -> String {
    humantime::format_duration(time).to_string()
}
