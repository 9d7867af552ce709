//! What a folder is a checkout of, for jobs that run on the machine of their author.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use git2::{Commit, Repository};

/// Digits of a short commit id; GitLab's `CI_COMMIT_SHORT_SHA` has as many.
const SHORT_DIGITS: usize = 8;

/// The commit that a work tree is at. **Trust:** all texts are those of the repository's authors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    /// The root of the work tree, absolute.
    pub root: PathBuf,
    /// The full commit id: 40 hexadecimal digits in lower case.
    pub commit: String,
    /// Its first eight digits.
    pub short_commit: String,
    /// The branch; none if no branch is checked out.
    pub branch: Option<String>,
    /// The tag of exactly this commit; of several the first by name.
    pub tag: Option<String>,
    /// The address of the remote `origin`, without credentials.
    pub origin: Option<String>,
    /// The first line of the commit message.
    pub title: String,
    /// The whole commit message.
    pub message: String,
    /// The author, as `name <address>`.
    pub author: String,
    /// When the commit was made, to the second.
    pub time: SystemTime,
}

impl Checkout {
    /// Looks at the work tree that a folder lies in. None if it lies in none, if there is no commit, or if the repository
    /// cannot be read or belongs to somebody else.
    pub fn find(folder: &Path) -> Option<Self> {
        let repository = Repository::discover(folder).ok()?;
        let head = repository.head().ok()?;
        let commit = head.peel_to_commit().ok()?;
        let branch = head.is_branch().then(|| head.shorthand().ok().map(str::to_owned)).flatten();
        let id = commit.id().to_string();
        Some(Self {
            root: repository.workdir()?.components().collect(),
            short_commit: id[..SHORT_DIGITS].to_owned(),
            commit: id,
            branch,
            tag: tag(&repository, &commit),
            origin: origin(&repository),
            title: text(commit.summary_bytes().unwrap_or_default()),
            message: text(commit.message_bytes()),
            author: format!("{} <{}>", text(commit.author().name_bytes()), text(commit.author().email_bytes())),
            time: time(&commit)?,
        })
    }
}

fn tag(repository: &Repository, commit: &Commit<'_>) -> Option<String> {
    let mut tags = Vec::new();
    for reference in repository.references_glob("refs/tags/*").ok()?.flatten() {
        if reference.peel_to_commit().is_ok_and(|tagged| tagged.id() == commit.id()) {
            tags.extend(reference.shorthand().ok().map(str::to_owned));
        }
    }
    tags.into_iter().min()
}

fn origin(repository: &Repository) -> Option<String> {
    let origin = repository.find_remote("origin").ok()?;
    origin.url().ok().map(without_credentials)
}

/// Leaves out what stands before the last `@` of the host, whatever the scheme; `git@host:path` has a user name that is
/// no secret and that ssh needs.
fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    // A password may hold a slash; a path with an `@` loses its beginning rather than show one.
    rest.rsplit_once('@').map_or_else(|| url.to_owned(), |(_, rest)| format!("{scheme}://{rest}"))
}

fn time(commit: &Commit<'_>) -> Option<SystemTime> {
    let seconds = commit.time().seconds();
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let epoch = SystemTime::UNIX_EPOCH;
    if seconds < 0 { epoch.checked_sub(distance) } else { epoch.checked_add(distance) }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
