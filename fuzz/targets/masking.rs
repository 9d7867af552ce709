//! Logs of steps with secrets in them, in chunks that are cut anywhere.
//!
//! The pieces of an input but the last are secrets, the last one is a log.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stepwell_fuzz::{pieces, text};
use stepwell_report::{MASKED, Masker};

/// Most pieces of one input.
const MAX_PIECES: usize = 6;

/// Shortest text that is masked.
const MIN_MASKED_BYTES: usize = 4;

fuzz_target!(|bytes: &[u8]| {
    let text = text(bytes);
    let pieces = pieces(&text, MAX_PIECES);
    let Some((log, secrets)) = pieces.split_last() else { return };
    let masker = Masker::new();
    secrets.iter().for_each(|secret| masker.add(secret));
    let masked = masker.mask_bytes(log.as_bytes());
    for chunk in [1, 3, 7] {
        assert_eq!(in_chunks(&masker, log.as_bytes(), chunk), masked, "cut after every {chunk} bytes");
    }
    check(log, &masked, secrets);
});

fn in_chunks(masker: &Masker, log: &[u8], length: usize) -> Vec<u8> {
    let mut masked = Vec::new();
    let mut stream = masker.stream();
    log.chunks(length).for_each(|chunk| stream.feed(chunk, &mut masked));
    stream.finish(&mut masked);
    masked
}

fn check(log: &str, masked: &[u8], secrets: &[&str]) {
    let masked = std::str::from_utf8(masked).expect("whole characters are masked");
    // Every secret that is replaced has four bytes at least.
    assert!(masked.len() <= log.len() / MIN_MASKED_BYTES * MASKED.len() + log.len(), "{} bytes", masked.len());
    let long = |secret: &&&str| secret.trim_matches(['\r', '\n']).len() >= MIN_MASKED_BYTES;
    if secrets.iter().filter(long).count() == 0 {
        assert_eq!(masked, log);
    }
    for secret in secrets.iter().filter(long) {
        let secret = secret.trim_matches(['\r', '\n']);
        // A known prefix stays, and the word for what is masked may itself be like a secret.
        let is_like_mask = MASKED.contains(secret) || secret.contains(['[', ']']);
        assert!(is_like_mask || !masked.contains(secret), "{secret:?} is in {masked:?}");
    }
}
