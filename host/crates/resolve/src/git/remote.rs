//! What one job has seen of one repository on a server.

use std::collections::HashMap;
use std::sync::Mutex;

use git2::Oid;
use stepwell_plan::FetchError;

use super::address::{Address, RemoteAddress};
use super::advertisement::Advertisement;
use super::cache::{RepositoryKey, Temporary};
use super::failure::Failure;
use super::http::Endpoint;
use super::online;
use super::revision;
use super::session::{Held, Pinned, Session, forget_errors, lock};

/// A repository on a server. Whoever asks for something of it waits until whoever asked before has an answer: then most
/// often there is one for both.
pub(crate) struct Remote {
    pub(crate) address: RemoteAddress,
    pub(crate) key: RepositoryKey,
    seen: Mutex<Seen>,
}

/// What was seen.
#[derive(Default)]
pub(super) struct Seen {
    /// What the repository has, asked for once.
    pub(super) list: Option<(Endpoint, Advertisement)>,
    /// The whole history, where it was needed.
    pub(super) history: Option<Temporary>,
    /// Why nothing more is asked of the server.
    failure: Option<Failure>,
    /// What came of each revision, as written.
    pins: HashMap<String, Result<Pin, Failure>>,
}

/// What a revision stands for, for this job.
#[derive(Clone, Debug)]
pub(super) struct Pin {
    pub(super) commit: Oid,
    pub(super) notes: Vec<String>,
}

impl Remote {
    pub(crate) fn new(address: RemoteAddress, key: RepositoryKey) -> Self {
        Self { address, key, seen: Mutex::default() }
    }

    /// Returns the commit and tree of a revision.
    pub(crate) fn pin(&self, session: &Session, revision: &str) -> Result<Pinned, Failure> {
        let mut seen = lock(&self.seen);
        let mut notes = Vec::new();
        // Twice, since a tree may turn out to be damaged: then it is fetched.
        for _ in 0..2 {
            self.pin_open(session, &mut seen, &[revision]);
            let pin = match seen.pins.get_mut(revision) {
                // What is odd is told once, not for each of fifty references.
                Some(Ok(pin)) => Pin { commit: pin.commit, notes: std::mem::take(&mut pin.notes) },
                Some(Err(failure)) => return Err(failure.clone()),
                None => return Err(Failure::Cancelled),
            };
            notes.extend(pin.notes.iter().cloned());
            match session.lease(&self.key, pin.commit)? {
                Held::Tree(lease, odd) => {
                    notes.extend(odd);
                    notes.dedup();
                    return Ok(Pinned { commit: pin.commit, lease, notes });
                }
                Held::Nothing(odd) => notes.extend(odd),
            }
            self.fetch_again(session, &mut seen, revision, pin.commit);
        }
        let changed = FetchError::Repository("its tree is changed by something else while it is used".to_owned());
        Err(changed.into())
    }

    /// Asks for several revisions at once; what comes of it is remembered.
    pub(crate) fn pin_all(&self, session: &Session, revisions: &[&str]) {
        self.pin_open(session, &mut lock(&self.seen), revisions);
    }

    pub(crate) fn forget_failures(&self) {
        let mut seen = lock(&self.seen);
        seen.failure = None;
        forget_errors(&mut seen.pins);
    }

    fn pin_open(&self, session: &Session, seen: &mut Seen, revisions: &[&str]) {
        let mut open: Vec<&str> = Vec::new();
        for revision in revisions {
            if seen.pins.contains_key(*revision) || open.contains(revision) {
                continue;
            }
            // A full commit id never changes what it stands for, so the cache is enough.
            match revision::full_id(revision).map(|commit| (commit, session.lease(&self.key, commit))) {
                Some((commit, Ok(Held::Tree(_, notes)))) => {
                    seen.pins.insert((*revision).to_owned(), Ok(Pin { commit, notes }));
                }
                Some((_, Err(failure))) => {
                    seen.pins.insert((*revision).to_owned(), Err(failure));
                }
                Some((_, Ok(Held::Nothing(_)))) | None => open.push(revision),
            }
        }
        if !open.is_empty() {
            self.ask(session, seen, &open);
        }
    }

    /// Asks the server, unless that has failed before.
    fn ask(&self, session: &Session, seen: &mut Seen, revisions: &[&str]) {
        let outcome = match seen.failure.clone() {
            Some(failure) => online::Outcome { pins: Vec::new(), failure: Some(failure) },
            None => online::run(session, self, seen, revisions),
        };
        for (revision, pin) in outcome.pins {
            seen.pins.insert(revision, pin);
        }
        if let Some(failure) = outcome.failure {
            for revision in revisions {
                if !seen.pins.contains_key(*revision) {
                    // What the names stand for now is known where they could be listed.
                    let is_unlisted = seen.list.is_none();
                    let last_seen = is_unlisted.then(|| self.last_seen(session, revision, &failure)).flatten();
                    let pin = last_seen.ok_or_else(|| failure.clone());
                    seen.pins.insert((*revision).to_owned(), pin);
                }
            }
            // A job that was cancelled asks no more; were it to, it should be cancelled anew.
            if !matches!(failure, Failure::Cancelled) {
                seen.failure = Some(failure);
            }
        }
    }

    /// Fetches the tree of a commit that was there and is not any more.
    fn fetch_again(&self, session: &Session, seen: &mut Seen, revision: &str, commit: Oid) {
        let id = commit.to_string();
        seen.pins.remove(revision);
        seen.pins.remove(&id);
        self.ask(session, seen, &[&id]);
        let fetched = seen.pins.get(&id).cloned().unwrap_or(Err(Failure::Cancelled));
        seen.pins.insert(revision.to_owned(), fetched);
    }

    /// Returns the commit that a tag or abbreviation stood for when the server could last be reached.
    fn last_seen(&self, session: &Session, revision: &str, failure: &Failure) -> Option<Pin> {
        let Failure::Fetch(error) = failure else { return None };
        if !error.is_unreachable() {
            return None;
        }
        let commit = session.cache().ok()?.last_seen(&self.key, revision).ok()??;
        let Ok(Held::Tree(_, mut notes)) = session.lease(&self.key, commit) else { return None };
        notes.push(format!("`{}`: {error}; `{revision}` is taken from the cache, as it was last seen", self.address));
        Some(Pin { commit, notes })
    }

    pub(super) fn shown(&self) -> String {
        Address::Remote(self.address.clone()).to_string()
    }
}
