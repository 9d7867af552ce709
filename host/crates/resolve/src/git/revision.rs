//! What stands behind the `@` of a reference, by its form.

use git2::{ErrorCode, ObjectType, Oid, Reference, Repository};
use stepwell_plan::KnownRevisions;

use super::failure::Failure;

/// The digits of a full commit id.
const FULL_DIGITS: usize = 40;
/// The least digits of an abbreviated one; section 3.3 of the contract.
const LEAST_DIGITS: usize = 8;
/// Most commits that a message about an ambiguous abbreviation lists.
const MAX_CANDIDATES: usize = 10;

/// Returns the commit id that a text is, if it is a full one.
pub(crate) fn full_id(text: &str) -> Option<Oid> {
    (text.len() == FULL_DIGITS && is_hexadecimal(text)).then(|| Oid::from_str(text).ok()).flatten()
}

/// Tells whether a text may be an abbreviated commit id.
pub(crate) fn is_abbreviation(text: &str) -> bool {
    (LEAST_DIGITS..FULL_DIGITS).contains(&text.len()) && is_hexadecimal(text)
}

fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Looks a revision up in a repository that holds everything: as a full commit id, a tag, a branch, an abbreviated id.
pub(crate) fn look_up(repository: &Repository, revision: &str) -> Result<Oid, Failure> {
    if let Some(commit) = full_id(revision).and_then(|id| commit(repository, id)) {
        return Ok(commit);
    }
    for folder in ["refs/tags", "refs/heads"] {
        match repository.find_reference(&format!("{folder}/{revision}")) {
            Ok(reference) => return Ok(reference.peel_to_commit()?.id()),
            Err(error) if matches!(error.code(), ErrorCode::NotFound | ErrorCode::InvalidSpec) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if is_abbreviation(revision) {
        return expand(repository, revision);
    }
    Err(unknown(repository, Vec::new()))
}

/// Returns the only commit whose id begins with these digits.
pub(crate) fn expand(repository: &Repository, digits: &str) -> Result<Oid, Failure> {
    let odb = repository.odb()?;
    let digits = digits.to_ascii_lowercase();
    let mut candidates = Vec::new();
    match odb.exists_prefix(Oid::from_str(&digits)?, digits.len()) {
        Ok(id) => candidates.extend(commit(repository, id)),
        Err(error) if error.code() == ErrorCode::NotFound => {}
        // Other kinds of object may begin with the same digits, so that the commit is the only one still.
        Err(error) if error.code() == ErrorCode::Ambiguous => {
            let mut same = Vec::new();
            odb.foreach(|id| {
                if id.to_string().starts_with(&digits) {
                    same.push(*id);
                }
                true
            })?;
            same.sort_unstable();
            same.dedup();
            candidates.extend(same.into_iter().filter_map(|id| commit(repository, id)));
        }
        Err(error) => return Err(error.into()),
    }
    match candidates[..] {
        [commit] => Ok(commit),
        _ => Err(unknown(repository, candidates.iter().take(MAX_CANDIDATES).map(Oid::to_string).collect())),
    }
}

/// Returns an id if it is that of a commit which is there.
fn commit(repository: &Repository, id: Oid) -> Option<Oid> {
    let (_, kind) = repository.odb().ok()?.read_header(id).ok()?;
    (kind == ObjectType::Commit).then_some(id)
}

fn unknown(repository: &Repository, candidates: Vec<String>) -> Failure {
    let names = |glob: &str| -> Vec<String> {
        let Ok(references) = repository.references_glob(glob) else { return Vec::new() };
        let short = |reference: Reference<'_>| Some(super::excerpt::excerpt(reference.shorthand().ok()?));
        references.flatten().filter_map(short).take(KnownRevisions::MAX_NAMES).collect()
    };
    let known = KnownRevisions { tags: names("refs/tags/*"), branches: names("refs/heads/*"), candidates };
    Failure::Unknown { known: Box::new(known), is_local: true }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn forms() {
        let full = "0123456789abcdefABCDEF0123456789abcdef01";
        assert_eq!(full_id(full).map(|id| id.to_string()), Some(full.to_lowercase()));
        assert_eq!(full_id(&full[..39]), None);
        assert_eq!(full_id(&full.replace('0', "g")), None);
        assert!(is_abbreviation(&full[..39]) && is_abbreviation("01234567"));
        for text in ["0123456", full, "0123456g", "v1", ""] {
            assert!(!is_abbreviation(text), "{text}");
        }
    }

    /// Makes commits and blobs until two commits, and a commit and a blob, have ids that begin with the same eight digits.
    /// Among 200,000 of each that is all but certain, and always the same.
    fn alike(repository: &Repository) -> [[Oid; 2]; 2] {
        let odb = repository.odb().unwrap();
        let tree = odb.write(ObjectType::Tree, b"").unwrap();
        let content = |kind, number: u32| match kind {
            ObjectType::Commit => {
                format!("tree {tree}\nauthor a <a> 0 +0000\ncommitter a <a> 0 +0000\n\n{number}\n").into_bytes()
            }
            _ => number.to_string().into_bytes(),
        };
        let mut commits = HashMap::new();
        let (mut two_commits, mut commit_and_blob) = (None, None);
        for number in 0..200_000 {
            let id = Oid::hash_object(ObjectType::Commit, &content(ObjectType::Commit, number)).unwrap();
            if let Some(other) = commits.insert(id.to_string()[..LEAST_DIGITS].to_owned(), number) {
                two_commits.get_or_insert((other, number));
            }
        }
        for number in 0..200_000 {
            let id = Oid::hash_object(ObjectType::Blob, &content(ObjectType::Blob, number)).unwrap();
            if let Some(commit) = commits.get(&id.to_string()[..LEAST_DIGITS]) {
                commit_and_blob.get_or_insert((*commit, number));
            }
        }
        let write = |kind, number| odb.write(kind, &content(kind, number)).unwrap();
        let ((one, two), (commit, blob)) = (two_commits.unwrap(), commit_and_blob.unwrap());
        [
            [write(ObjectType::Commit, one), write(ObjectType::Commit, two)],
            [write(ObjectType::Commit, commit), write(ObjectType::Blob, blob)],
        ]
    }

    #[test]
    fn abbreviations_that_stand_for_more_than_one_object() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(folder.path()).unwrap();
        let [mut commits, [commit, blob]] = alike(&repository);
        let abbreviated = |id: Oid| id.to_string()[..LEAST_DIGITS].to_owned();
        assert_eq!(abbreviated(commit), abbreviated(blob));
        assert_eq!(look_up(&repository, &abbreviated(commit)).unwrap(), commit);
        assert!(look_up(&repository, &blob.to_string()).is_err());
        commits.sort_unstable();
        let Err(Failure::Unknown { known, .. }) = look_up(&repository, &abbreviated(commits[0]).to_uppercase()) else {
            panic!("one of two was taken");
        };
        assert_eq!(known.candidates, commits.map(|id| id.to_string()));
        assert_eq!(look_up(&repository, &commits[1].to_string()[..39]).unwrap(), commits[1]);
    }
}
