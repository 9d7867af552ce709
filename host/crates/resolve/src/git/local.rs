//! Repositories on this machine. They are opened anew for each reference, since an earlier step may have committed.

use std::path::Path;

use git2::{ErrorCode, Oid, Repository};

use super::address::Address;
use super::cache::store::Origin;
use super::failure::Failure;
use super::revision;
use super::session::{Held, Pinned, Session};

/// Finds the commit and puts its tree into the cache, unless it is there.
pub(crate) fn pin(session: &Session, address: &Address, revision: &str) -> Result<Pinned, Failure> {
    let Address::Local(folder) = address else { return Err(Failure::Absent) };
    if session.cancelled.is_cancelled() {
        return Err(Failure::Cancelled);
    }
    let repository = open(folder)?;
    let commit = revision::look_up(&repository, revision)?;
    let cache = session.cache()?;
    let key = cache.key(address);
    let mut notes = match session.lease(&key, commit)? {
        Held::Tree(lease, notes) => return Ok(Pinned { commit, lease, notes }),
        Held::Nothing(notes) => notes,
    };
    let shown = address.to_string();
    let watch = session.watch(&shown, None);
    let origin = Origin { key: &key, shown: &shown, repository: &repository, commit };
    let lease = session.keep(&key, commit, cache.insert(&origin, &session.git.settings, &watch)?);
    session.tidy();
    notes.dedup();
    Ok(Pinned { commit, lease, notes })
}

/// Returns the commit that a revision stands for now.
pub(crate) fn current(folder: &Path, revision: &str) -> Option<Oid> {
    revision::look_up(&open(folder).ok()?, revision).ok()
}

fn open(folder: &Path) -> Result<Repository, Failure> {
    Repository::open(folder).map_err(|error| match error.code() {
        ErrorCode::NotFound => Failure::Absent,
        _ => error.into(),
    })
}
