use stepwell_git_server::{Repository, Server};
use stepwell_plan::{Protocol, ResolveError};

use crate::support::{Machine, check_text, check_version, function, repository, resolve_long, text};

/// Three commits: `one` with the tags `light` and `annotated`, `two`, and `three` on the branches `main` and `next`.
fn history() -> (Repository, [String; 3]) {
    let repository = repository("one");
    let one = repository.id("HEAD");
    repository.tag("light").annotated_tag("annotated");
    repository.write("steps/func.yml", function("two"));
    let two = repository.commit("two");
    repository.write("steps/func.yml", function("three"));
    let three = repository.commit("three");
    repository.git(&["branch", "next"]);
    (repository, [one, two, three])
}

/// Checks revisions by both ways to a repository.
fn check_all(prepare: impl Fn(&Repository), cases: &[(&str, &str)]) {
    let (repository, ids) = history();
    prepare(&repository);
    let server = Server::of(&repository);
    for url in [repository.url(), server.url("project.git")] {
        let machine = Machine::new();
        for (revision, version) in cases {
            let revision = ["ONE", "TWO", "THREE"].iter().zip(&ids).fold((*revision).to_owned(), |text, (name, id)| {
                text.replace(&format!("{name}:8"), &id[..8]).replace(name, id)
            });
            let resolved = check_version(machine.resolve(&format!("{url}@{revision}")), version);
            let index = ["one", "two", "three"].iter().position(|known| known == version).unwrap();
            assert_eq!(resolved.origin.commit.as_ref(), Some(&ids[index]), "{revision}");
        }
    }
}

#[test]
fn tags_branches_and_commits() {
    check_all(|_| {}, &[("light", "one"), ("annotated", "one"), ("main", "three"), ("next", "three")]);
    check_all(|_| {}, &[("ONE", "one"), ("TWO", "two"), ("THREE", "three")]);
    check_all(|_| {}, &[("ONE:8", "one"), ("TWO:8", "two"), ("THREE:8", "three")]);
}

#[test]
fn a_tag_comes_before_a_branch_of_the_same_name() {
    let prepare = |repository: &Repository| {
        repository.git(&["tag", "main", "light"]);
    };
    check_all(prepare, &[("main", "one")]);
}

#[test]
fn a_tag_of_a_tag_is_followed() {
    let prepare = |repository: &Repository| {
        repository.git(&["tag", "--annotate", "--message", "x", "twice", "annotated"]);
    };
    check_all(prepare, &[("twice", "one")]);
}

#[test]
fn a_full_id_is_a_commit_first_and_a_name_after_that() {
    let (repository, [one, ..]) = history();
    repository.git(&["branch", &one, "main"]);
    let no_commit = "1234567890123456789012345678901234567890";
    repository.git(&["tag", no_commit, "main"]);
    let server = Server::of(&repository);
    for url in [repository.url(), server.url("project.git")] {
        check_version(Machine::new().resolve(&format!("{url}@{one}")), "one");
        check_version(Machine::new().resolve(&format!("{url}@{no_commit}")), "three");
    }
    repository.config("uploadpack.allowAnySHA1InWant", "true");
    check_version(Machine::new().resolve(&format!("{}@{no_commit}", server.url("project.git"))), "three");
}

#[test]
fn an_abbreviation_may_be_a_name() {
    let (repository, [one, ..]) = history();
    repository.git(&["branch", &one[..8], "main"]);
    let server = Server::of(&repository);
    for url in [repository.url(), server.url("project.git")] {
        check_version(Machine::new().resolve(&format!("{url}@{}", &one[..8])), "three");
        check_version(Machine::new().resolve(&format!("{url}@{}", &one[..9])), "one");
    }
}

#[test]
fn a_commit_that_only_some_other_name_reaches_is_found() {
    let repository = repository("one");
    repository.branch("topic").write("steps/func.yml", function("two"));
    let two = repository.commit("two");
    repository.write("steps/func.yml", function("three"));
    let three = repository.commit("three");
    repository.git(&["update-ref", "refs/merge-requests/1/head", "HEAD"]);
    repository.git(&["checkout", "--quiet", "main"]);
    repository.git(&["branch", "--quiet", "-D", "topic"]);
    let server = Server::of(&repository);
    let url = server.url("project.git");
    check_version(Machine::new().resolve(&format!("{url}@{three}")), "three");
    assert_eq!(server.fetches(), 1);
    check_version(Machine::new().resolve(&format!("{url}@{two}")), "two");
    check_version(Machine::new().resolve(&format!("{url}@{}", &two[..10])), "two");
}

#[test]
fn a_server_that_gives_any_commit_is_asked_for_it_directly() {
    let (repository, [_, two, _]) = history();
    repository.config("uploadpack.allowAnySHA1InWant", "true");
    let server = Server::of(&repository);
    let machine = Machine::new();
    check_version(machine.resolve(&format!("{}@{two}", server.url("project.git"))), "two");
    assert_eq!((server.lists(), server.fetches()), (1, 1));
    let unknown = "0".repeat(39) + "1";
    check_text(
        machine.resolve(&format!("{}@{unknown}", server.url("project.git"))),
        &format!(
            "unknown-revision: fetching git step: cannot find version \"{unknown}\" | tags: annotated, light; branches: \
             main, next"
        ),
    );
}

#[test]
fn unknown_revisions() {
    let (repository, [one, ..]) = history();
    let server = Server::of(&repository);
    let known = "tags: annotated, light; branches: main, next";
    let bare = "a revision is the bare name of a tag or branch, or a commit id";
    for url in [repository.url(), server.url("project.git")] {
        for (revision, help) in [
            ("HEAD", format!("{bare}; {known}")),
            ("refs/heads/main", format!("{bare}; {known}")),
            (".git", known.to_owned()),
            ("maim", format!("did you mean `main`?; {known}")),
            ("v1.0", known.to_owned()),
            (&one[..7], format!("an abbreviated commit id has at least 8 digits; {known}")),
            ("00000000000", known.to_owned()),
            (&"0".repeat(40), known.to_owned()),
            ("a..b", known.to_owned()),
        ] {
            let expected = format!("unknown-revision: fetching git step: cannot find version \"{revision}\" | {help}");
            check_text(Machine::new().resolve(&format!("{url}@{revision}")), &expected);
        }
    }
}

#[test]
fn what_is_known_is_bounded() {
    let repository = repository("one");
    for number in 0..30 {
        repository.tag(&format!("v{number:02}.0"));
    }
    let error = Machine::new().resolve(&format!("{}@release", repository.url())).unwrap_err();
    assert!(text(&error).ends_with("v18.0, v19.0 and 10 more; branches: main"), "{}", text(&error));
}

#[test]
fn a_repository_without_commits() {
    let repository = Repository::new();
    let server = Server::of(&repository);
    for url in [repository.url(), server.url("project.git")] {
        for revision in ["main", "12345678"] {
            check_text(
                Machine::new().resolve(&format!("{url}@{revision}")),
                &format!(
                    "unknown-revision: fetching git step: cannot find version \"{revision}\" | the repository has no tags \
                     and no branches"
                ),
            );
        }
    }
}

#[test]
fn forms_and_places() {
    let repository = Repository::with(&[
        ("steps/step.yml", "# steps"),
        ("steps/a/func.yml", "# steps/a"),
        ("steps/a/other.yml", "# other"),
        ("func.yml", "# root"),
        ("b/step.yml", "# b"),
    ]);
    let url = repository.url();
    let machine = Machine::new();
    for (short, text, reference) in [
        ("", "# steps", format!("{url}@main")),
        ("/-/a", "# steps/a", format!("{url}/-/a@main")),
        ("/-/a/other.yml", "# other", format!("{url}/-/a/other.yml@main")),
    ] {
        let resolved = machine.resolve(&format!("{url}{short}@main")).unwrap();
        assert_eq!(resolved.source.text(), text);
        assert_eq!(resolved.origin.reference, reference);
        assert_eq!(resolved.origin.protocol, Protocol::Git);
    }
    let job = machine.job();
    for (directory, file, text, reference) in [
        ("", None, "# root", format!("{{git: {{url: {url}, rev: main}}}}")),
        ("b", None, "# b", format!("{{git: {{url: {url}, rev: main, dir: b}}}}")),
        ("steps/a", Some("other.yml"), "# other", format!("{url}/-/a/other.yml@main")),
        ("b/../steps/./a/", None, "# steps/a", format!("{url}/-/a@main")),
        ("", Some("steps/a/other.yml"), "# other", format!("{url}/-/a/other.yml@main")),
    ] {
        let resolved = resolve_long(&job, &url, "main", directory, file).unwrap();
        assert_eq!(resolved.source.text(), text);
        assert_eq!(resolved.origin.reference, reference);
    }
    check_text(
        machine.resolve(&format!("{url}/-/b@main")),
        &format!(
            "not-in-tree: no function file in `steps/b` of `{url}@main`: `func.yml` not found | tried func.yml, step.yml; the \
             short form looks below the folder `steps`; for another one write `{{git: {{url: …, rev: …, dir: …}}}}`"
        ),
    );
    check_text(
        resolve_long(&job, &url, "main", "c", Some("x.yml")),
        &format!("not-in-tree: no function file in `c` of `{url}@main`: `x.yml` not found"),
    );
    for (directory, file) in [("..", None), ("b/../../x", None), ("", Some("../x.yml"))] {
        let result = resolve_long(&job, &url, "main", directory, file);
        assert!(matches!(result, Err(ResolveError::Escapes { .. })), "{result:?}");
    }
}
