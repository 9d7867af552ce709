//! Problems of a plan: what resolvers say in the form of problems, and all of them in order.

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::Arc;

use stepwell_schema::suggest::did_you_mean;
use stepwell_schema::{Place, Problem, Problems, Source};

use crate::code;
use crate::resolver::ResolveError;

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
