//! The two algorithms.

use std::io::{BufRead, BufReader};

use sha2::{Digest, Sha256, Sha512};
use stepwell_sdk::{Access, Failure, Step, Value};

/// How much is read at once. Each call of the host moves up to 64 KiB.
const BUFFER_BYTES: usize = 64 * 1024;

/// How a digest is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Value)]
pub(crate) enum Algorithm {
    Sha256,
    Sha512,
}

impl Algorithm {
    /// Returns the usual file name of a manifest.
    pub(crate) fn manifest_name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA256SUMS",
            Self::Sha512 => "SHA512SUMS",
        }
    }

    /// Returns the number of hexadecimal digits of a digest.
    pub(crate) fn digits(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }

    /// Returns the digest of a file, in lower-case hexadecimal.
    pub(crate) fn of_file(self, step: &Step, path: &str) -> Result<String, Failure> {
        match self {
            Self::Sha256 => digest::<Sha256>(step, path),
            Self::Sha512 => digest::<Sha512>(step, path),
        }
    }
}

fn digest<D: Digest>(step: &Step, path: &str) -> Result<String, Failure> {
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, step.open(path)?);
    let mut hasher = D::new();
    loop {
        step.check_cancelled()?;
        let bytes = reader.fill_buf().map_err(|error| Failure::of_file(Access::Read, path, &error))?;
        if bytes.is_empty() {
            break;
        }
        hasher.update(bytes);
        let length = bytes.len();
        reader.consume(length);
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
