//! Listings of preview 1 in the order of names.
//!
//! wasmtime writes a listing into the memory of whoever asks, so here it is asked to write into memory of our own, from
//! which the guest is told what it asked for.

use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p1::types::{Dircookie, Errno, Error, Fd};
use wasmtime_wasi::p1::wasi_snapshot_preview1::WasiSnapshotPreview1 as _;
use wiggle::{GuestMemory, GuestPtr};

/// Bytes of an entry before its name: number of the next (8), inode (8), length of the name (4), kind (1), filling (3).
const HEAD_BYTES: usize = 24;
/// Where the length of the name stands in them.
const NAME_LENGTH_AT: usize = 16;
/// Room for a first look, in bytes: some thousand names.
const FIRST_BYTES: usize = 64 << 10;
/// Largest listing that is sorted, in bytes. wasmtime holds as many names in memory at a time.
const MAX_BYTES: usize = 64 << 20;

/// Returns the entries of a folder from the one that a cookie names, sorted by name, in as many bytes as the guest has
/// room for. The last entry may be cut, as the interface wants it.
///
/// # Errors
/// Those of `fd_readdir`; `overflow` for a folder whose listing is longer than [`MAX_BYTES`].
pub(crate) async fn list(wasi: &mut WasiP1Ctx, fd: Fd, room_bytes: usize, cookie: Dircookie) -> Result<Vec<u8>, Error> {
    let whole = read(wasi, fd).await?;
    let skipped = usize::try_from(cookie).map_err(|_| Errno::Overflow)?;
    let mut listing: Vec<u8> = sorted(&whole)
        .into_iter()
        .zip(1_u64..)
        .skip(skipped)
        .flat_map(|(entry, next)| [&next.to_le_bytes(), &entry[size_of::<u64>()..]].concat())
        .take(room_bytes)
        .collect();
    listing.shrink_to_fit();
    Ok(listing)
}

/// Reads a listing whole.
async fn read(wasi: &mut WasiP1Ctx, fd: Fd) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; FIRST_BYTES];
    loop {
        let room = u32::try_from(bytes.len()).map_err(|_| Errno::Overflow)?;
        let mut memory = GuestMemory::Unshared(&mut bytes);
        let used = wasi.fd_readdir(&mut memory, fd, GuestPtr::new(0), room, 0).await?;
        if used < room {
            bytes.truncate(used as usize);
            return Ok(bytes);
        }
        if bytes.len() >= MAX_BYTES {
            return Err(Errno::Overflow.into());
        }
        bytes = vec![0; bytes.len() * 2];
    }
}

/// Returns the entries of a whole listing: the folder itself and the one above it, then all others by name.
fn sorted(mut listing: &[u8]) -> Vec<&[u8]> {
    let mut entries = Vec::new();
    while let Some(length) = listing.get(NAME_LENGTH_AT..).and_then(|rest| rest.first_chunk::<4>()) {
        let end = (HEAD_BYTES + u32::from_le_bytes(*length) as usize).min(listing.len());
        let (entry, rest) = listing.split_at(end);
        entries.push(entry);
        listing = rest;
    }
    entries.sort_by_key(|entry| {
        let name = entry.get(HEAD_BYTES..).unwrap_or_default();
        (name != b"." && name != b"..", name)
    });
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(next: u64, name: &str) -> Vec<u8> {
        let length = u32::try_from(name.len()).unwrap();
        [&next.to_le_bytes()[..], &[7; 8], &length.to_le_bytes(), &[3, 0, 0, 0], name.as_bytes()].concat()
    }

    #[test]
    fn entries_come_by_name_after_the_two_that_every_folder_has() {
        let names = [".", "..", "b", "-", "a-long-name", ""];
        let listing: Vec<u8> = names.iter().zip(1..).flat_map(|(name, next)| entry(next, name)).collect();
        let found: Vec<_> =
            sorted(&listing).into_iter().map(|entry| std::str::from_utf8(&entry[HEAD_BYTES..]).unwrap()).collect();
        assert_eq!(found, [".", "..", "", "-", "a-long-name", "b"]);
    }

    #[test]
    fn what_is_no_listing_is_no_panic() {
        let listing = entry(1, "name");
        for length in 0..listing.len() {
            assert!(sorted(&listing[..length]).len() <= 1);
        }
        assert_eq!(sorted(&[0xff; 100]).len(), 1);
    }
}
