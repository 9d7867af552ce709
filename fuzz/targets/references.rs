//! References to functions, as steps write them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stepwell_fuzz::text;
use stepwell_schema::reference::{InvalidReference, split_file, without_written_credentials};
use stepwell_schema::{GitReference, OciReference, Reference};

/// A password. It is like no text that parsing makes of anything else.
const SECRET: &str = "tsksafprq-61";

/// What stands in place of credentials.
const MASKED: &str = "[MASKED]";

/// Longest text that an error quotes of a reference: eighty characters, each escaped, and an ellipsis.
const MAX_QUOTED_BYTES: usize = 80 * 10 + 3;

fuzz_target!(|bytes: &[u8]| {
    let text = text(bytes);
    let parsed = Reference::parse(&text);
    assert_eq!(parsed, Reference::parse(&text), "two readings differ");
    match parsed {
        Ok(reference) => check(&reference, &text),
        Err(error) => check_error(&error, &text),
    }
    check_split(&text);
    assert_eq!(without_written_credentials(&text).len(), text.len());
    credentials(&text);
    long_forms(&text);
});

fn check_split(text: &str) {
    match split_file(text) {
        (folder, None) => assert!(folder == text && !text.ends_with(".yml")),
        (folder, Some(file)) => {
            assert!(file.ends_with(".yml") && !file.contains('/'), "{file:?}");
            // The root is a folder whose name is a slash; everywhere else the slash is left out.
            let folder = if folder == "/" { "" } else { folder };
            let without_slash = text.strip_suffix(file).map(|rest| rest.strip_suffix('/').unwrap_or(rest));
            assert!(without_slash == Some(folder) || text.starts_with("//"), "{text:?}");
        }
    }
}

fn check(reference: &Reference, text: &str) {
    let written = reference.to_string();
    match reference {
        Reference::Dynamic { text: kept } => {
            assert!(text.contains("${{"));
            assert_eq!(kept, text);
        }
        Reference::File { path } => {
            assert!(path.starts_with(['.', '/']) && !path.contains("//"), "{path:?}");
            assert!(path == "/" || !path.ends_with('/'), "{path:?}");
        }
        Reference::BuiltIn { name, .. } => assert!(!name.is_empty() && !name.contains(char::is_whitespace)),
        Reference::Git(git) => check_git(git),
        Reference::Oci(oci) => check_oci(oci),
    }
    // What was short has a short form, which means the same unless credentials were left out of it. A host that is called
    // `-` can be written without its scheme only, since the path begins behind `/-/`.
    let is_long = matches!(reference, Reference::Git(_) | Reference::Oci(_)) && written.starts_with('{');
    assert!(!is_long || written.contains("https://-/"), "{written:?}");
    if !is_long && !written.contains(MASKED) {
        assert_eq!(Reference::parse(&written).as_ref(), Ok(reference), "{written:?}");
    }
}

fn check_git(git: &GitReference) {
    assert!(!git.revision.is_empty() && !git.revision.contains('@'), "{git:?}");
    assert!(["https://", "http://", "file://", "ssh://"].iter().any(|scheme| git.url.starts_with(scheme)), "{git:?}");
    assert!(!git.url.ends_with('/'), "{git:?}");
    check_below(&git.directory);
    check_file(git.file.as_deref());
}

fn check_oci(oci: &OciReference) {
    assert!(!oci.registry.is_empty() && !oci.repository.is_empty() && !oci.tag.is_empty(), "{oci:?}");
    check_below(&oci.directory);
    check_file(oci.file.as_deref());
}

/// Checks that a folder stays below its root, going through its parts one by one.
fn check_below(folder: &str) {
    let mut depth = 0_i64;
    for part in folder.split('/') {
        assert!(part != "." && (!part.is_empty() || folder.is_empty()), "{folder:?}");
        depth += if part == ".." { -1 } else { 1 };
        assert!(depth >= 0, "{folder:?}");
    }
}

fn check_file(file: Option<&str>) {
    assert!(file.is_none_or(|file| file.ends_with(".yml") && !file.contains('/')), "{file:?}");
}

fn check_error(error: &InvalidReference, text: &str) {
    match error {
        InvalidReference::Empty => assert!(text.trim().is_empty()),
        InvalidReference::Unrecognised(quoted)
        | InvalidReference::MissingRevision(quoted)
        | InvalidReference::LeavesTree(quoted) => {
            assert!(quoted.len() <= MAX_QUOTED_BYTES, "{} bytes", quoted.len());
            assert!(!quoted.contains(char::is_control), "{quoted:?}");
        }
    }
}

/// Puts the text behind an address with a password: neither a reference nor an error shows that.
fn credentials(text: &str) {
    // The text may hold it too, its first letter maybe as the last one of `project` or of an escape.
    if text.contains(&SECRET[1..]) {
        return;
    }
    for address in ["https://user:", "user:", "https://"] {
        let whole = format!("{address}{SECRET}@host/project{text}");
        let shown = match Reference::parse(&whole) {
            Ok(reference) => reference.to_string(),
            Err(error) => error.to_string(),
        };
        assert!(!shown.contains(SECRET), "{shown:?}");
        let written = without_written_credentials(&whole);
        assert_eq!(written.len(), whole.len(), "{written:?}");
        assert!(!written.contains(SECRET), "{written:?}");
        // Where the text ends the address, what is shown of it is the address with the credentials exchanged.
        if let Ok(Reference::Git(git)) = Reference::parse(&whole) {
            let credentials = format!("{}{SECRET}", address.strip_prefix("https://").unwrap_or(address));
            assert_eq!(git.shown_url().len() + credentials.len(), git.url.len() + MASKED.len(), "{git:?}");
        }
    }
}

/// Members of long forms are written by users too, each on its own.
fn long_forms(text: &str) {
    let mut members = text.splitn(4, '\n');
    let mut member = || members.next().unwrap_or_default().to_owned();
    let (url, revision, directory, file) = (member(), member(), member(), member());
    let file = (!file.is_empty()).then_some(file);
    let git = GitReference::from_members(url.clone(), revision.clone(), &directory, file.clone());
    let written = Reference::Git(git).to_string();
    assert!(!written.is_empty());
    let oci = OciReference::from_members("host:1".to_owned(), url, revision, &directory, file);
    let reference = Reference::Oci(oci);
    let written = reference.to_string();
    if !written.starts_with("{oci:") {
        assert_eq!(Reference::parse(&written), Ok(reference), "{written:?}");
    }
}
