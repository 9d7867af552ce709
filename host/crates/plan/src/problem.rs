//! Problems of a plan: what resolvers say in the form of problems, and all of them in order.

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::Arc;

use stepwell_schema::suggest::did_you_mean;
use stepwell_schema::{Place, Problem, Problems, Source};

use crate::code;
use crate::fetch::{FetchError, FetchLimit};
use crate::resolver::{KnownRevisions, ResolveError};

/// Where GitLab's functions for OCI images are, by their new and their old name; section 7 of the contract.
const OCI_FOLDERS: [&str; 2] = ["function/oci/", "step/oci/"];

/// Most names that a message lists: about two lines of a terminal.
const MAX_LISTED: usize = 20;

/// Puts what a resolver says into a problem. `at` is where the reference stands; none where it stands in no document.
pub fn resolve_problem(error: &ResolveError, at: Option<&Place>) -> Problem {
    let message = error.to_string();
    let (code, label, help) = match error {
        ResolveError::NotFound { tried, .. } => {
            (code::NOT_THERE_YET, String::new(), (tried.len() > 1).then(|| format!("tried {}", tried.join(", "))))
        }
        ResolveError::UnknownBuiltIn { name, known } => {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let help = if OCI_FOLDERS.iter().any(|folder| name.starts_with(folder)) {
                Some("functions that build and publish OCI images are not part of this version".to_owned())
            } else {
                nearest(name, known.iter().copied()).map(|nearest| format!("did you mean `{nearest}`?"))
            };
            (code::UNKNOWN_FUNCTION, format!("built-in functions: {}", listed(&known)), help)
        }
        ResolveError::NotInTree { folder, tried, .. } => {
            (code::NOT_IN_TREE, String::new(), not_in_tree_help(folder, tried))
        }
        ResolveError::UnknownRevision { revision, known, url, .. } => {
            (code::UNKNOWN_REVISION, format!("in `{url}`"), Some(revision_help(revision, known)))
        }
        ResolveError::Fetch { cause, .. } => (code::FETCH_FAILED, String::new(), fetch_help(cause)),
        ResolveError::Cancelled => (code::CANCELLED, String::new(), None),
        ResolveError::Escapes { .. } => (code::PATH_ESCAPES, String::new(), None),
        ResolveError::TooLarge { .. } => (code::FILE_TOO_LARGE, String::new(), None),
        ResolveError::Unreadable { .. } => (code::UNREADABLE, String::new(), None),
        ResolveError::Unsupported { .. } => (code::UNSUPPORTED_REFERENCE, String::new(), None),
    };
    // A problem has no source, so the cause goes into its text.
    let message = error.source().map_or(message.clone(), |cause| format!("{message}: {cause}"));
    let mut problem = Problem::error(code, message);
    problem.help = help;
    match at {
        Some(at) => problem.at(at.clone(), label),
        None => problem,
    }
}

/// The short form looks below `steps`, which is easily forgotten.
fn not_in_tree_help(folder: &str, tried: &[String]) -> Option<String> {
    let in_steps = folder == "steps" || folder.starts_with("steps/");
    let short_form =
        "the short form looks below the folder `steps`; for another one write `{git: {url: …, rev: …, dir: …}}`";
    match (in_steps, tried.len() > 1) {
        (true, true) => Some(format!("tried {}; {short_form}", tried.join(", "))),
        (true, false) => Some(short_form.to_owned()),
        (false, true) => Some(format!("tried {}", tried.join(", "))),
        (false, false) => None,
    }
}

/// Shortest abbreviated commit id, in digits; section 3.3 of the contract.
const MIN_ABBREVIATION: usize = 8;

fn revision_help(revision: &str, known: &KnownRevisions) -> String {
    let KnownRevisions { tags, branches, candidates } = known;
    if !candidates.is_empty() {
        return format!("it stands for each of {}: write more digits", texts(candidates));
    }
    let mut sentences = Vec::new();
    let is_hexadecimal = !revision.is_empty() && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
    if let Some(nearest) = nearest(revision, tags.iter().chain(branches).map(String::as_str)) {
        sentences.push(format!("did you mean `{nearest}`?"));
    } else if is_hexadecimal && revision.len() < MIN_ABBREVIATION {
        sentences.push(format!("an abbreviated commit id has at least {MIN_ABBREVIATION} digits"));
    } else if revision == "HEAD" || revision.starts_with("refs/") {
        sentences.push("a revision is the bare name of a tag or branch, or a commit id".to_owned());
    }
    for (kind, names) in [("tags", tags), ("branches", branches)] {
        if !names.is_empty() {
            sentences.push(format!("{kind}: {}", texts(names)));
        }
    }
    if sentences.is_empty() { "the repository has no tags and no branches".to_owned() } else { sentences.join("; ") }
}

fn texts(names: &[String]) -> String {
    listed(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Says what can be done about a failed fetch.
fn fetch_help(error: &FetchError) -> Option<String> {
    const CREDENTIALS: &str = "`gitlab-ci-token:${{ vars.CI_JOB_TOKEN }}@host/project@revision`";
    let help = match error {
        FetchError::UnsupportedScheme { scheme } if scheme.starts_with("ssh") || scheme.starts_with("git") => {
            format!("write `https://` in front, with credentials by an expression if it is private: {CREDENTIALS}")
        }
        FetchError::Unauthorized { credentials_sent: false } => {
            format!("put credentials into the reference by an expression, such as {CREDENTIALS}")
        }
        FetchError::Unauthorized { credentials_sent: true } | FetchError::Forbidden { credentials_sent: true } => {
            "look whether the credentials in the reference are valid and may read this project".to_owned()
        }
        FetchError::Forbidden { credentials_sent: false } => {
            format!("if the project is private, put credentials into the reference, such as {CREDENTIALS}")
        }
        FetchError::NoSuchRepository { credentials_sent: false } => format!(
            "check the address; a private project answers so to those it does not know: then put credentials into the \
             reference, such as {CREDENTIALS}"
        ),
        FetchError::NoSuchRepository { credentials_sent: true } => {
            "check the address, and whether the credentials may read this project".to_owned()
        }
        FetchError::ProxyUnauthorized => "put user name and password into the address of the proxy".to_owned(),
        FetchError::Protocol(_) | FetchError::Redirect(_) => {
            "check that the address is that of a git repository".to_owned()
        }
        FetchError::Unreachable(_) => "check the address, and the variables `https_proxy` and `no_proxy`".to_owned(),
        FetchError::Tls(_) => {
            "name a file with the server's certificate authority by `SSL_CERT_FILE` or `GIT_SSL_CAINFO`".to_owned()
        }
        FetchError::Stalled { .. } => "the limit is the idle time of fetches".to_owned(),
        FetchError::TimedOut { .. } => "the limit is the wall time of fetches".to_owned(),
        FetchError::OverLimit { limit, .. } => {
            let name = match limit {
                FetchLimit::ReceivedBytes => "the received bytes of a fetch",
                FetchLimit::TreeBytes => "the bytes of a tree",
                FetchLimit::Files => "the files of a tree",
                FetchLimit::Depth => "the depth of a tree",
            };
            format!("the limit is {name}")
        }
        FetchError::OtherOwner => {
            "make it yours, or name it under `safe.directory` in the configuration of git".to_owned()
        }
        FetchError::InvalidAddress(_)
        | FetchError::UnsupportedScheme { .. }
        | FetchError::Status(_)
        | FetchError::Refused(_)
        | FetchError::BrokenOff(_)
        | FetchError::UnsafeEntry { .. }
        | FetchError::Repository(_)
        | FetchError::Storage { .. } => return None,
    };
    Some(help)
}

/// Sorts by document, `first` before the others in the order in which they came, and by place; drops what is there
/// twice.
pub(crate) fn in_document_order(problems: Vec<Problem>, first: &Arc<Source>) -> Problems {
    let mut documents: HashMap<*const Source, usize> = HashMap::from([(Arc::as_ptr(first), 0)]);
    let mut keyed: Vec<((usize, usize), Problem)> = Vec::with_capacity(problems.len());
    for problem in problems {
        let key = problem.labels.first().map_or((usize::MAX, 0), |label| {
            let next = documents.len();
            (*documents.entry(Arc::as_ptr(&label.place.source)).or_insert(next), label.place.span.start)
        });
        keyed.push((key, problem));
    }
    keyed.sort_by_key(|(key, _)| *key);
    keyed.dedup_by(|(_, next), (_, kept)| next == kept);
    Problems(keyed.into_iter().map(|(_, problem)| problem).collect())
}

/// Most known names that a mistaken one is compared with.
const MAX_COMPARED: usize = 1_000;

/// Returns the known name nearest to a mistaken one, if one is near.
pub(crate) fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    did_you_mean(name, known.into_iter().take(MAX_COMPARED))
}

/// Joins names with commas; leaves out what is beyond [`MAX_LISTED`] and says so.
pub(crate) fn listed(names: &[&str]) -> String {
    let shown = names[..names.len().min(MAX_LISTED)].join(", ");
    match names.len().saturating_sub(MAX_LISTED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
