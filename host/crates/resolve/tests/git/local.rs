use stepwell_git_server::Repository;
use stepwell_plan::{ResolveError, Resolver};

use crate::support::{Machine, check_text, check_version, function, repository, resolve, resolve_relative};

#[test]
fn a_commit_of_an_earlier_step_is_seen() {
    let repository = repository("one");
    let machine = Machine::new();
    let job = machine.job();
    let reference = format!("{}@main", repository.url());
    let one = check_version(resolve(&job, &reference), "one");
    assert!(job.is_unchanged(&one, &[]));
    repository.write("steps/func.yml", function("two"));
    repository.commit("two");
    assert!(!job.is_unchanged(&one, &[]));
    let two = check_version(resolve(&job, &reference), "two");
    assert!(job.is_unchanged(&two, &[]));
    // What is relative stays in the commit that it was reached from.
    let relative = check_version(resolve_relative(&job, &one, "."), "one");
    assert!(job.is_unchanged(&relative, &[]));
}

#[test]
fn a_repository_or_name_may_come_later() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}/later", folder.path().display());
    let machine = Machine::new();
    let job = machine.job();
    let error = resolve(&job, &format!("{url}@v1")).unwrap_err();
    assert!(matches!(&error, ResolveError::NotFound { tried, .. } if tried.is_empty()), "{error:?}");
    assert!(error.may_come_later());
    let repository = repository("one");
    let error = resolve(&job, &format!("{}@v1", repository.url())).unwrap_err();
    assert!(error.may_come_later());
    repository.tag("v1");
    check_version(resolve(&job, &format!("{}@v1", repository.url())), "one");
}

#[test]
fn bare_repositories_and_escaped_paths() {
    let folder = tempfile::tempdir().unwrap();
    let origin = repository("one");
    let bare = folder.path().join("a b.git");
    origin.git(&["clone", "--quiet", "--bare", ".", bare.to_str().unwrap()]);
    let url = format!("file://{}", bare.display()).replace(' ', "%20");
    check_version(Machine::new().resolve(&format!("{url}@main")), "one");
}

#[test]
fn what_is_not_committed_is_not_there() {
    let repository = repository("one");
    repository.write("steps/func.yml", function("two")).write("steps/a/func.yml", "");
    let machine = Machine::new();
    check_version(machine.resolve(&format!("{}@main", repository.url())), "one");
    let error = machine.resolve(&format!("{}/-/a@main", repository.url())).unwrap_err();
    assert!(matches!(error, ResolveError::NotInTree { .. }), "{error:?}");
}

#[test]
fn formats_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sha256");
    Repository::new().git(&["init", "--quiet", "--object-format=sha256", path.to_str().unwrap()]);
    let result = Machine::new().resolve(&format!("file://{}@main", path.display()));
    assert!(matches!(result, Err(ResolveError::Fetch { .. })), "{result:?}");
    check_text(
        Machine::new().resolve("ssh://git@host/group/project@v1"),
        "fetch-failed: fetching git step: `ssh://[MASKED]@host/group/project`: the scheme `ssh` is not supported: expected \
         `https`, `http` or `file` | write `https://` in front, with credentials by an expression if it is private: \
         `gitlab-ci-token:${{ vars.CI_JOB_TOKEN }}@host/project@revision`",
    );
}
