//! Figures: distributions, ratios, targets, and how they are printed.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// One figure beside its baseline.
pub(crate) struct Row {
    /// What was measured.
    pub(crate) name: String,
    /// The figure.
    pub(crate) figure: Figure,
    /// What it is compared with, and its figure; none where the target is absolute.
    pub(crate) baseline: Option<(&'static str, Figure)>,
    /// What it should be.
    pub(crate) target: Target,
}

/// A measured quantity.
#[derive(Clone, Copy)]
pub(crate) enum Figure {
    /// Times: median and 99th percentile.
    Time { p50: Duration, p99: Duration },
    /// The 99th percentile alone.
    Tail(Duration),
    /// Steps each second, and the 99th percentile of one.
    Rate { per_second: f64, p99: Duration },
    /// Bytes each second.
    Throughput(f64),
    /// It was not measured.
    Nothing,
    /// Bytes.
    Size(u64),
    /// How often something happened.
    Count(usize),
}

/// What a figure should be.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    /// At most this multiple of the baseline.
    Ratio(f64),
    /// At least this multiple of the baseline.
    RatioAtLeast(f64),
    /// At most so much longer than the baseline.
    Above(Duration),
    /// At most this time at the median.
    AtMost(Duration),
    /// At least so many bytes each second.
    AtLeast(f64),
    /// At most so many bytes.
    Within(u64),
    /// At most so often.
    UpTo(usize),
    /// None is set.
    None,
}

impl Figure {
    /// Sorts times and takes the two percentiles. At least one time.
    pub(crate) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |part: usize| times[(times.len() * part / 100).min(times.len() - 1)];
        Self::Time { p50: at(50), p99: at(99) }
    }

    /// Returns the 99th percentile alone. At least one time.
    pub(crate) fn tail(times: Vec<Duration>) -> Self {
        match Self::of(times) {
            Self::Time { p99, .. } => Self::Tail(p99),
            other => other,
        }
    }

    /// Returns how many steps ended each second, all of them in `wall`. At least one time.
    pub(crate) fn rate(wall: Duration, times: Vec<Duration>) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let per_second = times.len() as f64 / wall.as_secs_f64();
        match Self::of(times) {
            Self::Time { p99, .. } => Self::Rate { per_second, p99 },
            other => other,
        }
    }

    fn number(self) -> f64 {
        match self {
            Self::Tail(p99) => p99.as_secs_f64(),
            Self::Rate { per_second, .. } => per_second,
            Self::Nothing => f64::NAN,
            Self::Time { p50, .. } => p50.as_secs_f64(),
            Self::Throughput(bytes) => bytes,
            #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
            Self::Size(bytes) => bytes as f64,
            #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
            Self::Count(count) => count as f64,
        }
    }

    fn text(self) -> String {
        match self {
            Self::Tail(p99) => time(p99),
            Self::Rate { per_second, p99 } => format!("{per_second:.0}/s, p99 {}", time(p99)),
            Self::Nothing => String::new(),
            Self::Time { p50, p99 } => format!("{} / {}", time(p50), time(p99)),
            Self::Throughput(bytes) => format!("{:.0} MB/s", bytes / 1e6),
            Self::Size(_) => format!("{:.1} MiB", self.number() / f64::from(1 << 20)),
            Self::Count(count) => count.to_string(),
        }
    }

    fn json(self) -> Value {
        match self {
            Self::Tail(p99) => json!({ "p99_us": micros(p99) }),
            Self::Rate { per_second, p99 } => json!({ "per_second": per_second.round(), "p99_us": micros(p99) }),
            Self::Nothing => Value::Null,
            Self::Time { p50, p99 } => json!({ "p50_us": micros(p50), "p99_us": micros(p99) }),
            Self::Throughput(bytes) => json!({ "bytes_per_second": bytes.round() }),
            Self::Size(bytes) => json!({ "bytes": bytes }),
            Self::Count(count) => json!({ "count": count }),
        }
    }
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        self.baseline.map(|(_, baseline)| self.figure.number() / baseline.number())
    }

    fn met(&self) -> Option<bool> {
        let number = self.figure.number();
        match self.target {
            Target::Ratio(most) => self.ratio().map(|ratio| ratio <= most),
            Target::RatioAtLeast(least) => self.ratio().map(|ratio| ratio >= least),
            Target::Above(most) => self.baseline.map(|(_, baseline)| number - baseline.number() <= most.as_secs_f64()),
            Target::AtMost(most) => Some(number <= most.as_secs_f64()),
            Target::AtLeast(least) => Some(number >= least),
            #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
            Target::Within(most) => Some(number <= most as f64),
            #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
            Target::UpTo(most) => Some(number <= most as f64),
            Target::None => None,
        }
    }

    fn target_text(&self) -> String {
        let wanted = match self.target {
            Target::Ratio(most) => format!("<= {most} x"),
            Target::RatioAtLeast(least) => format!(">= {least} x"),
            Target::Above(most) => format!("<= + {}", time(most)),
            Target::AtMost(most) => format!("<= {}", time(most)),
            Target::AtLeast(least) => format!(">= {:.0} MB/s", least / 1e6),
            Target::Within(most) => format!("<= {} MiB", most >> 20),
            Target::UpTo(most) => format!("<= {most}"),
            Target::None => return String::new(),
        };
        format!("{wanted} {}", if self.met() == Some(true) { "met" } else { "MISSED" })
    }
}

/// Times one call.
pub(crate) fn timed<T>(call: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let value = call();
    (start.elapsed(), value)
}

/// Prints the table, then one line of JSON.
pub(crate) fn print(rows: &[Row]) {
    println!("{:<42} {:>22}  {:<24} {:>22} {:>7}  target", "measured (p50 / p99)", "figure", "baseline", "", "ratio");
    for row in rows {
        let (name, baseline) = row.baseline.map_or(("", String::new()), |(name, figure)| (name, figure.text()));
        let ratio = row.ratio().map_or(String::new(), |ratio| format!("{ratio:.2}"));
        let figure = row.figure.text();
        println!("{:<42} {figure:>22}  {name:<24} {baseline:>22} {ratio:>7}  {}", row.name, row.target_text());
    }
    let all: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "name": row.name,
                "figure": row.figure.json(),
                "baseline": row.baseline.map(|(name, figure)| json!({ "name": name, "figure": figure.json() })),
                "ratio": row.ratio(),
                "met": row.met(),
            })
        })
        .collect();
    println!("{}", json!({ "version": 1, "rows": all }));
}

fn micros(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e7).round() / 10.0
}

fn time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 1e-6 {
        format!("{:.0} ns", seconds * 1e9)
    } else if seconds < 1e-3 {
        format!("{:.1} µs", seconds * 1e6)
    } else {
        format!("{:.2} ms", seconds * 1e3)
    }
}
