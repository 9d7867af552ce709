//! Asking a server for revisions: one list of names for a job, and one fetch for all that is wanted at a time.

use std::collections::BTreeMap;
use std::future::Future;

use git2::{Oid, Repository};
use stepwell_plan::FetchError;

use super::advertisement::Advertisement;
use super::cache::Temporary;
use super::cache::store::Origin;
use super::failure::Failure;
use super::http::{Endpoint, Http};
use super::packets::Packets;
use super::remote::{Pin, Remote, Seen};
use super::revision;
use super::session::{Held, Session};
use super::upload_pack::{self, History};

/// What came of asking.
#[derive(Default)]
pub(super) struct Outcome {
    /// For each revision that there is an answer for.
    pub(super) pins: Vec<(String, Result<Pin, Failure>)>,
    /// Why there is none for the others, and none to be had.
    pub(super) failure: Option<Failure>,
}

/// The folder of the repository that objects are fetched into.
const REPOSITORY: &str = "repository";

/// A commit to be fetched, and for which revisions: as written, what was odd, and whether it is a name that stays.
struct Wanted<'r> {
    commit: Oid,
    revisions: Vec<(&'r str, Vec<String>, bool)>,
}

/// How to get at a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aim {
    /// A name stands for this commit, or its id was given: ask for `want`.
    Commit { want: Oid, commit: Oid, is_lasting: bool },
    /// Somewhere in the history, if at all.
    Search,
    /// Nowhere.
    Unknown,
}

/// Asks, on a thread of its own: whoever calls may stand in a runtime that must not be waited in.
pub(super) fn run(session: &Session, remote: &Remote, seen: &mut Seen, revisions: &[&str]) -> Outcome {
    std::thread::scope(|scope| {
        let work = move || {
            let mut outcome = Outcome::default();
            if let Err(failure) = ask(session, remote, seen, revisions, &mut outcome) {
                outcome.failure = Some(failure);
            }
            outcome
        };
        match std::thread::Builder::new().name("stepwell-git".to_owned()).spawn_scoped(scope, work) {
            Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(error) => {
                let failure = FetchError::Repository(format!("no thread can be started: {error}")).into();
                Outcome { failure: Some(failure), ..Outcome::default() }
            }
        }
    })
}

fn ask(
    session: &Session,
    remote: &Remote,
    seen: &mut Seen,
    revisions: &[&str],
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let watch = session.watch(&remote.shown(), session.progress.clone());
    watch.check()?;
    let http = Http::new(&session.git, &watch)?;
    let result = match ask_once(session, remote, seen, revisions, &http, outcome) {
        // What the names stood for may be gone since they were asked for.
        Err(failure) if failure.is_refusal() => {
            seen.list = None;
            let is_open = |revision: &&str| outcome.pins.iter().all(|(known, _)| known != revision);
            let open: Vec<&str> = revisions.iter().copied().filter(is_open).collect();
            ask_once(session, remote, seen, &open, &http, outcome)
        }
        other => other,
    };
    session.tidy();
    result
}

fn ask_once(
    session: &Session,
    remote: &Remote,
    seen: &mut Seen,
    revisions: &[&str],
    http: &Http<'_>,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let list = match seen.list.take() {
        Some(list) => list,
        None => block_on(list(http, remote))??,
    };
    let (endpoint, advertisement) = seen.list.insert(list);
    let history = &mut seen.history;
    Asking { session, remote, http, endpoint, advertisement, history, outcome }.all(revisions)
}

async fn list(http: &Http<'_>, remote: &Remote) -> Result<(Endpoint, Advertisement), Failure> {
    let mut endpoint = Endpoint::new(&remote.address);
    let response = http.list(&mut endpoint).await?;
    let advertisement = Advertisement::read(&mut Packets::new(response, http.watch)).await?;
    Ok((endpoint, advertisement))
}

/// Runs a future to its end on this thread.
fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| FetchError::Repository(format!("no runtime can be made: {error}")))?;
    let value = runtime.block_on(future);
    // A name that is being looked up cannot be cancelled, and is not waited for.
    runtime.shutdown_background();
    Ok(value)
}

/// One turn of asking.
struct Asking<'a> {
    session: &'a Session,
    remote: &'a Remote,
    http: &'a Http<'a>,
    endpoint: &'a Endpoint,
    advertisement: &'a Advertisement,
    history: &'a mut Option<Temporary>,
    outcome: &'a mut Outcome,
}

impl Asking<'_> {
    fn all(&mut self, revisions: &[&str]) -> Result<(), Failure> {
        let mut wanted = BTreeMap::new();
        let mut searched = Vec::new();
        for &revision in revisions {
            match self.aim(revision) {
                Aim::Unknown => self.answer(revision, Err(self.unknown())),
                Aim::Search => searched.push(revision),
                Aim::Commit { want, commit, is_lasting } => match self.session.lease(&self.remote.key, commit)? {
                    Held::Tree(_, notes) => self.found(revision, commit, notes, is_lasting),
                    Held::Nothing(notes) => {
                        let wanted = wanted.entry(want).or_insert(Wanted { commit, revisions: Vec::new() });
                        wanted.revisions.push((revision, notes, is_lasting));
                    }
                },
            }
        }
        if !wanted.is_empty() {
            self.fetch(&wanted)?;
        }
        if searched.is_empty() { Ok(()) } else { self.search(&searched) }
    }

    fn aim(&self, revision: &str) -> Aim {
        let Self { advertisement, .. } = self;
        if let Some(commit) = revision::full_id(revision) {
            return match advertisement.tip(commit) {
                Some(tip) => Aim::Commit { want: tip.want, commit, is_lasting: false },
                None if advertisement.gives_any_commit() => Aim::Commit { want: commit, commit, is_lasting: false },
                None => Aim::Search,
            };
        }
        if let Some(tip) = advertisement.tag(revision) {
            Aim::Commit { want: tip.want, commit: tip.commit, is_lasting: true }
        } else if let Some(tip) = advertisement.branch(revision) {
            Aim::Commit { want: tip.want, commit: tip.commit, is_lasting: false }
        } else if revision::is_abbreviation(revision) {
            Aim::Search
        } else {
            Aim::Unknown
        }
    }

    /// Fetches commits without their history.
    fn fetch(&mut self, wanted: &BTreeMap<Oid, Wanted<'_>>) -> Result<(), Failure> {
        let temporary = self.temporary()?;
        let repository = Repository::init_bare(temporary.path().join(REPOSITORY))?;
        let ids: Vec<Oid> = wanted.keys().copied().collect();
        let refused = self.download_without_history(&repository, &ids)?;
        for (id, Wanted { commit, revisions }) in wanted {
            if refused.contains(id) {
                self.fetch_refused(*id, revisions)?;
                continue;
            }
            let stored = self.store(&repository, *commit);
            for (revision, notes, is_lasting) in revisions {
                match &stored {
                    Ok(()) => self.found(revision, *commit, notes.clone(), *is_lasting),
                    Err(failure) => self.answer(revision, Err(failure.clone())),
                }
            }
        }
        Ok(())
    }

    /// Downloads objects and returns those that the server does not give.
    fn download_without_history(&self, repository: &Repository, ids: &[Oid]) -> Result<Vec<Oid>, Failure> {
        let failure = match self.download(repository, ids, History::None) {
            Ok(()) => return Ok(Vec::new()),
            Err(failure) if failure.is_refusal() => failure,
            Err(failure) => return Err(failure),
        };
        // Names were promised a moment ago. Other commits may never have been there, and the server does not say which.
        let named = self.advertisement.all();
        let is_name = |id: &Oid| named.binary_search(id).is_ok();
        if ids.iter().all(is_name) {
            return Err(failure);
        }
        let mut refused = Vec::new();
        for id in ids {
            match self.download(repository, &[*id], History::None) {
                Err(failure) if failure.is_refusal() && !is_name(id) => refused.push(*id),
                other => other?,
            }
        }
        Ok(refused)
    }

    /// Answers for a full commit id that the server does not have, though it gives every commit: a tag or branch may have
    /// such a name.
    fn fetch_refused(&mut self, id: Oid, revisions: &[(&str, Vec<String>, bool)]) -> Result<(), Failure> {
        for (revision, ..) in revisions {
            let tag = self.advertisement.tag(revision).map(|tip| (tip, true));
            let named = tag.or_else(|| self.advertisement.branch(revision).map(|tip| (tip, false)));
            match named {
                Some((tip, is_lasting)) if tip.want != id => {
                    let revisions = vec![(*revision, Vec::new(), is_lasting)];
                    self.fetch(&BTreeMap::from([(tip.want, Wanted { commit: tip.commit, revisions })]))?;
                }
                Some(_) | None => self.answer(revision, Err(self.unknown())),
            }
        }
        Ok(())
    }

    /// Looks revisions up in the whole history, which is fetched at most once for a job.
    fn search(&mut self, revisions: &[&str]) -> Result<(), Failure> {
        if self.history.is_none() {
            let temporary = self.temporary()?;
            let repository = Repository::init_bare(temporary.path().join(REPOSITORY))?;
            let all = self.advertisement.all();
            if !all.is_empty() {
                self.download(&repository, &all, History::All)?;
            }
            *self.history = Some(temporary);
        }
        let Some(temporary) = &*self.history else { return Ok(()) };
        let repository = Repository::open(temporary.path().join(REPOSITORY))?;
        for revision in revisions {
            match self.look_up(&repository, revision) {
                Err(failure) => self.answer(revision, Err(failure)),
                Ok((commit, is_lasting)) => match self.session.lease(&self.remote.key, commit)? {
                    Held::Tree(_, notes) => self.found(revision, commit, notes, is_lasting),
                    Held::Nothing(notes) => match self.store(&repository, commit) {
                        Ok(()) => self.found(revision, commit, notes, is_lasting),
                        Err(failure) => self.answer(revision, Err(failure)),
                    },
                },
            }
        }
        Ok(())
    }

    /// Finds what no name stands for; a full id that is no commit may be a name after all.
    fn look_up(&self, repository: &Repository, revision: &str) -> Result<(Oid, bool), Failure> {
        let Some(id) = revision::full_id(revision) else {
            return match revision::expand(repository, revision) {
                Ok(commit) => Ok((commit, true)),
                Err(Failure::Unknown { known, .. }) => Err(self.unknown_of(known.candidates)),
                Err(other) => Err(other),
            };
        };
        if repository.find_commit(id).is_ok() {
            return Ok((id, false));
        }
        let tag = self.advertisement.tag(revision).map(|tip| (tip.commit, true));
        let branch = || self.advertisement.branch(revision).map(|tip| (tip.commit, false));
        tag.or_else(branch).ok_or_else(|| self.unknown())
    }

    fn download(&self, repository: &Repository, ids: &[Oid], history: History) -> Result<(), Failure> {
        block_on(upload_pack::fetch(self.http, self.endpoint, self.advertisement, ids, history, repository))?
    }

    fn temporary(&self) -> Result<Temporary, Failure> {
        let settings = &self.session.git.settings;
        let folder = settings.cache_folder.as_ref().unwrap_or(&settings.scratch_folder);
        self.session.cache()?.temporary().map_err(|cause| Failure::storage(folder, &cause))
    }

    fn store(&self, repository: &Repository, commit: Oid) -> Result<(), Failure> {
        let key = &self.remote.key;
        let shown = self.remote.shown();
        let origin = Origin { key, shown: &shown, repository, commit };
        let lease = self.session.cache()?.insert(&origin, &self.session.git.settings, self.http.watch)?;
        self.session.keep(key, commit, lease);
        Ok(())
    }

    fn found(&mut self, revision: &str, commit: Oid, notes: Vec<String>, is_lasting: bool) {
        if is_lasting && let Ok(cache) = self.session.cache() {
            // Only for times without a connection: that it cannot be kept fails nothing now.
            let _ = cache.see(&self.remote.key, revision, commit);
        }
        self.answer(revision, Ok(Pin { commit, notes }));
    }

    fn answer(&mut self, revision: &str, pin: Result<Pin, Failure>) {
        self.outcome.pins.push((revision.to_owned(), pin));
    }

    fn unknown(&self) -> Failure {
        self.unknown_of(Vec::new())
    }

    fn unknown_of(&self, candidates: Vec<String>) -> Failure {
        let known = stepwell_plan::KnownRevisions { candidates, ..self.advertisement.known() };
        Failure::Unknown { known: Box::new(known), is_local: false }
    }
}
