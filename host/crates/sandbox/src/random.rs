//! The random numbers that a step sees.

use std::convert::Infallible;

use rand_core::TryRng;
use sha2::{Digest as _, Sha256};
use stepwell_schema::Random;
use wasmtime_wasi::WasiCtxBuilder;

/// Most random bytes for one call, in bytes: the guest names the size and the host allocates it.
const MAX_BYTES: u64 = 64 << 10;

/// Gives the context random numbers of the given kind. The seed matters for [`Random::Seeded`] only.
pub(crate) fn add(builder: &mut WasiCtxBuilder, random: Random, seed: &[&[u8]]) {
    builder.max_random_size(MAX_BYTES);
    match random {
        Random::None => {
            builder.secure_random(Zeros).insecure_random(Zeros).insecure_random_seed(0);
        }
        Random::Seeded => {
            let (secure, insecure) = (Seeded::new(b"secure", seed), Seeded::new(b"insecure", seed));
            let mut first = [0; 16];
            Seeded::new(b"seed", seed).fill(&mut first);
            builder.secure_random(secure).insecure_random(insecure).insecure_random_seed(u128::from_le_bytes(first));
        }
        // The builder's own source is the operating system's, seeded anew for each context.
        Random::Secure => {}
    }
}

struct Zeros;

impl TryRng for Zeros {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(0)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill(0);
        Ok(())
    }
}

/// Numbers that follow from a seed: SHA-256 of the seed and a counter, so that the sequence never depends on the
/// version of a library.
struct Seeded {
    start: Sha256,
    counter: u64,
    block: [u8; 32],
    used: usize,
}

impl Seeded {
    fn new(purpose: &[u8], seed: &[&[u8]]) -> Self {
        let mut start = Sha256::new();
        for part in [&b"stepwell random 1"[..], purpose].iter().chain(seed) {
            start.update((part.len() as u64).to_le_bytes());
            start.update(part);
        }
        Self { start, counter: 0, block: [0; 32], used: 32 }
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            if self.used == self.block.len() {
                self.block = self.start.clone().chain_update(self.counter.to_le_bytes()).finalize().into();
                self.counter += 1;
                self.used = 0;
            }
            *byte = self.block[self.used];
            self.used += 1;
        }
    }
}

impl TryRng for Seeded {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.fill(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(purpose: &[u8], seed: &[&[u8]]) -> [u8; 80] {
        let mut bytes = [0; 80];
        Seeded::new(purpose, seed).fill(&mut bytes);
        bytes
    }

    #[test]
    fn a_seed_decides_all_numbers() {
        assert_eq!(numbers(b"a", &[b"step"]), numbers(b"a", &[b"step"]));
        assert_ne!(numbers(b"a", &[b"step"]), numbers(b"b", &[b"step"]));
        assert_ne!(numbers(b"a", &[b"st", b"ep"]), numbers(b"a", &[b"ste", b"p"]));
    }

    #[test]
    fn blocks_differ() {
        let bytes = numbers(b"a", &[]);
        assert_ne!(bytes[..32], bytes[32..64]);
    }
}
