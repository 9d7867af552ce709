//! The digest of the finished file.

use std::io::{BufRead, BufReader};

use sha2::{Digest, Sha256};
use stepwell_sdk::{Access, Failure, Step};

use crate::content::BUFFER_BYTES;

/// Returns the SHA-256 of a file, in hexadecimal.
pub(crate) fn sha256(step: &Step, path: &str) -> Result<String, Failure> {
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, step.open(path)?);
    let mut hasher = Sha256::new();
    loop {
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
