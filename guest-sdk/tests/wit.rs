//! Released interfaces never change: modules built against them are out there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Each released version with the digest of its folder. A new version is a new line; no line is ever edited.
const RELEASED: &[(&str, &str)] = &[("0.1.0", "c0118a5b5c6222e9e4f980bc257c78fcaff69b1131f3db102e6c4ef891992f34")];

#[test]
fn released_interfaces_are_what_they_were() {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("wit");
    let found: BTreeMap<String, String> = folders(&wit).map(|folder| (name(&folder), digest(&folder))).collect();
    let expected = RELEASED.iter().map(|(version, digest)| ((*version).to_owned(), (*digest).to_owned())).collect();
    assert_eq!(found, expected, "a released folder was changed, or a new one has no line here");
}

#[test]
fn the_sdk_is_built_against_a_released_one() {
    let version = stepwell_sdk::ABI.rsplit('@').next().expect("it names a version");
    assert!(RELEASED.iter().any(|(released, _)| *released == version), "{version}");
}

fn folders(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("it can be read").path())
}

fn name(path: &Path) -> String {
    path.file_name().expect("it has a name").to_string_lossy().into_owned()
}

/// Returns the digest over names, lengths and contents of the files, sorted by name.
fn digest(folder: &Path) -> String {
    let files: BTreeMap<String, Vec<u8>> =
        folders(folder).map(|path| (name(&path), fs::read(&path).expect("a version holds files only"))).collect();
    let mut hasher = Sha256::new();
    for (name, content) in &files {
        hasher.update(format!("{name} {}\n", content.len()));
        hasher.update(content);
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
