use std::path::Path;
use std::time::{Duration, SystemTime};

use stepwell_git_server::Repository;
use stepwell_resolve::git::checkout::Checkout;

fn find(repository: &Repository, folder: &str) -> Checkout {
    Checkout::find(&repository.path().join(folder)).unwrap()
}

#[test]
fn a_branch() {
    let repository = Repository::new();
    repository.write("a/b/file", "").commit("add a file\n\nSecond line.");
    let checkout = find(&repository, "a/b");
    let id = repository.id("HEAD");
    assert_eq!(
        checkout,
        Checkout {
            root: repository.path().canonicalize().unwrap(),
            short_commit: id[..8].to_owned(),
            commit: id,
            branch: Some("main".to_owned()),
            tag: None,
            origin: None,
            title: "add a file".to_owned(),
            message: "add a file\n\nSecond line.\n".to_owned(),
            author: "Ada Example <ada@example.com>".to_owned(),
            time: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        }
    );
}

#[test]
fn a_tag() {
    let repository = Repository::with(&[("file", "")]);
    repository.tag("older").write("file", "x").commit("second");
    repository.tag("v2").annotated_tag("v1");
    repository.git(&["checkout", "--quiet", "--detach"]);
    let checkout = find(&repository, "");
    assert_eq!((checkout.branch, checkout.tag.as_deref()), (None, Some("v1")));
}

#[test]
fn the_origin_has_no_credentials() {
    let repository = Repository::with(&[("file", "")]);
    for (url, expected) in [
        ("https://user:secret@host/group/project.git", "https://host/group/project.git"),
        ("https://user:sec/ret@host/group/project.git", "https://host/group/project.git"),
        ("https://host/group/project", "https://host/group/project"),
        ("ssh://git@host/group/project", "ssh://host/group/project"),
        ("git@host:group/project", "git@host:group/project"),
    ] {
        repository.config("remote.origin.url", url);
        assert_eq!(find(&repository, "").origin.as_deref(), Some(expected), "{url}");
    }
}

#[test]
fn what_is_no_checkout() {
    let repository = Repository::new();
    assert_eq!(Checkout::find(repository.path()), None);
    assert_eq!(Checkout::find(Path::new("/")), None);
    assert_eq!(Checkout::find(Path::new("/nonexistent")), None);
}
