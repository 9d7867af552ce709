use stepwell_git_server::{Repository, Server};
use stepwell_plan::{FetchError, FetchLimit};
use stepwell_resolve::GitSettings;

use crate::support::{Machine, check_fetch_error, check_text, check_version, files, noise, repository};

/// Checks that a limit holds, and that one more is enough.
#[track_caller]
fn check_limit(repository: &Repository, limit: FetchLimit, enough: u64, set: fn(GitSettings, u64) -> GitSettings) {
    let reference = format!("{}@main", repository.url());
    let machine = Machine::new().with(|settings| set(settings, enough - 1));
    check_fetch_error(machine.resolve(&reference), &FetchError::OverLimit { limit, value: enough - 1 });
    assert!(files(&machine.cache_folder()).iter().all(|file| file.ends_with("key")));
    check_version(Machine::new().with(|settings| set(settings, enough)).resolve(&reference), "one");
}

#[test]
fn bytes_of_a_tree() {
    let repository = repository("one");
    repository.write("large", noise(1_000)).commit("large");
    let function = std::fs::metadata(repository.path().join("steps/func.yml")).unwrap().len();
    check_limit(&repository, FetchLimit::TreeBytes, function + 1_000, GitSettings::tree_bytes);
}

#[test]
fn files_of_a_tree() {
    let repository = repository("one");
    repository.write("a", "").link("b", "a").commit("more");
    // The folder `steps`, its file, and two more.
    check_limit(&repository, FetchLimit::Files, 4, GitSettings::files);
}

#[test]
fn depth_of_a_tree() {
    let repository = repository("one");
    repository.write("a/b/c/d", "").commit("deep");
    check_limit(&repository, FetchLimit::Depth, 3, GitSettings::folder_depth);
}

#[test]
fn a_tree_that_holds_itself_many_times_is_stopped_early() {
    let repository = repository("one");
    let mut tree = repository.tree_by_hand(&[]);
    for _ in 0..30 {
        tree = repository.tree_by_hand(&[("40000", b"a", &tree), ("40000", b"b", &tree)]);
    }
    let commit = repository.git(&["commit-tree", "-m", "bomb", &tree]);
    let result = Machine::new().resolve(&format!("{}@{commit}", repository.url()));
    check_fetch_error(result, &FetchError::OverLimit { limit: FetchLimit::Files, value: 100_000 });
}

#[test]
fn received_bytes() {
    let repository = repository("one");
    repository.write("large", noise(200_000)).commit("large");
    let server = Server::of(&repository);
    let url = server.url("project.git");
    let machine = Machine::new().with(|settings| settings.received_bytes(100_000));
    check_text(
        machine.resolve(&format!("{url}@main")),
        &format!(
            "fetch-failed: fetching git step: `{url}`: the server sends more than 100000 bytes | the limit is the received \
             bytes of a fetch"
        ),
    );
    check_version(
        Machine::new().with(|settings| settings.received_bytes(300_000)).resolve(&format!("{url}@main")),
        "one",
    );
}
