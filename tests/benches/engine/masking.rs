//! Throughput of the masker.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Duration;

use stepwell_report::Masker;

use crate::measure::{Figure, Row, Target, timed};

/// Log that is masked in one pass, in bytes.
const LOG_BYTES: usize = 64 << 20;
/// A chunk as it comes out of a pipe.
const CHUNK_BYTES: usize = 64 << 10;
/// Secrets of a job with many of them; each is looked for in several encodings.
const SECRETS: usize = 30;

/// Masks ordinary log text in chunks, against copying the same text.
pub(crate) fn masking() -> Vec<Row> {
    let log = log();
    let masker = Masker::new();
    (0..SECRETS).for_each(|index| masker.add(&format!("s3cret-{index:04}-{:x}", index * 7_919 + 104_729)));
    let mut masked = Vec::with_capacity(2 * CHUNK_BYTES);
    let figure = throughput(&log, |log| {
        let mut stream = masker.stream();
        for chunk in log.chunks(CHUNK_BYTES) {
            masked.clear();
            stream.feed(chunk, &mut masked);
            black_box(&masked);
        }
    });
    let mut copied = Vec::with_capacity(CHUNK_BYTES);
    let baseline = throughput(&log, |log| {
        for chunk in log.chunks(CHUNK_BYTES) {
            copied.clear();
            copied.extend_from_slice(chunk);
            black_box(&copied);
        }
    });
    vec![Row {
        name: format!("masking, {SECRETS} secrets"),
        figure,
        baseline: Some(("copying", baseline)),
        target: Target::AtLeast(500e6),
    }]
}

/// Lines as builds print them.
fn log() -> Vec<u8> {
    let mut text = String::with_capacity(LOG_BYTES + 200);
    let mut line = 0_u64;
    while text.len() < LOG_BYTES {
        let hash = line.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        writeln!(
            text,
            "[{line:>8}] Compiling module-{} v{}.{}.{} ({hash:016x})",
            hash % 977,
            hash % 7,
            hash % 13,
            hash % 31
        )
        .expect("a string takes everything");
        line += 1;
    }
    text.into_bytes()
}

/// The best of five passes: what the machine can do, not what its neighbours leave.
fn throughput(log: &[u8], mut pass: impl FnMut(&[u8])) -> Figure {
    let best = (0..5).map(|_| timed(|| pass(log)).0).min().unwrap_or(Duration::MAX);
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    Figure::Throughput(log.len() as f64 / best.as_secs_f64())
}
