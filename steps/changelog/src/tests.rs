use std::fs;

use stepwell_sdk::FailureKind;
use stepwell_sdk::fake::Fake;

use super::*;

const ID: &str = "0123456789abcdef0123456789abcdef01234567";

fn request(messages: &[&str]) -> Request {
    Request {
        commits: messages.iter().map(|message| Commit::Message((*message).to_owned())).collect(),
        source: String::new(),
        log: String::new(),
        version: String::new(),
        date: String::new(),
        url: String::new(),
        forge: "gitlab".to_owned(),
        kinds: BTreeMap::new(),
        others: false,
        destination: String::new(),
        name: "CHANGELOG.md".to_owned(),
    }
}

fn call(request: Request) -> Result<Response, Failure> {
    run(request, &mut Fake::new("/nowhere").step())
}

#[test]
fn notes_in_groups() {
    let messages = [
        "fix(cli): mends a",
        "feat: adds b\n\nWhy.\n\nCloses #12\nRefs: #3, !4",
        "docs: words",
        "Merge branch 'x' into 'main'",
        "chore!: drops c",
        "FEAT(api)!: moves d (#7)\n\nBREAKING CHANGE: d is\n elsewhere\nCloses: #7",
    ];
    let response = call(request(&messages)).expect("notes");
    let expected = "### Breaking\n\n- drops c\n- **api:** moves d (#7): d is elsewhere\n\n\
                    ### Added\n\n- adds b (#12, #3, !4)\n\n### Fixed\n\n- **cli:** mends a\n";
    assert_eq!(response.text, expected);
    assert_eq!(response.section, format!("## [Unreleased]\n\n{expected}"));
    assert_eq!((response.commits, response.breaking, response.changed), (4, 2, false));
}

#[test]
fn headings_and_others() {
    let kinds = BTreeMap::from([("docs".to_owned(), "Words".to_owned()), ("fix".to_owned(), String::new())]);
    let request = Request { kinds, others: true, ..request(&["fix: a", "Docs: b", "just c\n\nd", "feat: e", ""]) };
    let response = call(request).expect("notes");
    assert_eq!(response.text, "### Added\n\n- e\n\n### Words\n\n- b\n\n### Other\n\n- just c\n");
    assert_eq!(call(self::request(&["docs: a"])).expect("notes").text, "No changes that concern users.\n");
}

#[test]
fn links() {
    #[track_caller]
    fn check(forge: &str, expected: &str) {
        let commits = vec![Commit::Struct { message: "fix: a #1\n\nFixes #2".to_owned(), id: ID.to_owned() }];
        let url = "https://example.com/g/p".to_owned();
        let request = Request { commits, url, forge: forge.to_owned(), ..request(&[]) };
        assert_eq!(call(request).expect("notes").text, format!("### Fixed\n\n- {expected}\n"));
    }
    let url = "https://example.com/g/p";
    check("gitlab", &format!("a [#1]({url}/-/issues/1) ([#2]({url}/-/issues/2)) ([01234567]({url}/-/commit/{ID}))"));
    check("github", &format!("a [#1]({url}/issues/1) ([#2]({url}/issues/2)) ([01234567]({url}/commit/{ID}))"));
}

#[test]
fn a_log_and_a_changelog() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let fake = Fake::new(folder.path());
    fake.step().write("out/log", format!("{ID}\nfix: a\n\0{ID}\nfeat: b\n\n\0")).expect("written");
    let asked = |version: &str| Request {
        source: "out".to_owned(),
        log: "log".to_owned(),
        version: version.to_owned(),
        date: "2026-01-31".to_owned(),
        destination: "docs".to_owned(),
        ..request(&[])
    };
    let first = run(asked("1.0.0"), &mut fake.step()).expect("notes");
    assert_eq!((first.file.as_str(), first.changed), ("docs/CHANGELOG.md", true));
    assert!(!run(asked("1.0.0"), &mut fake.step()).expect("the same").changed);
    assert!(run(asked("1.1.0"), &mut fake.step()).expect("notes").changed);
    let body = "### Added\n\n- b (01234567)\n\n### Fixed\n\n- a (01234567)\n";
    let expected = format!("# Changelog\n\n## [1.1.0] - 2026-01-31\n\n{body}\n## [1.0.0] - 2026-01-31\n\n{body}");
    assert_eq!(fs::read_to_string(folder.path().join("docs/CHANGELOG.md")).expect("it is there"), expected);
    assert_eq!(fs::read_dir(folder.path().join("docs")).expect("a folder").count(), 1);
}

#[test]
fn logs_that_cannot_be_read() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let fake = Fake::new(folder.path());
    fake.step().write("out/log", "commit 1234\nAuthor: x\n").expect("written");
    fake.step().write("out/large", "x".repeat(1 << 21)).expect("written");
    let failure = |log: &str| {
        let request = Request { source: "out".to_owned(), log: log.to_owned(), ..request(&[]) };
        run(request, &mut fake.step()).expect_err("it fails").to_string()
    };
    assert_eq!(failure("log"), "commit 1 of `out/log` begins with `commit 1234`, no commit id");
    assert_eq!(failure("large"), "commit 1 of `out/large` has more than 1048576 bytes");
    assert!(failure("none").starts_with("cannot read `out/none`"));
}

#[test]
fn notes_that_are_too_long() {
    let message = format!("feat: {}", "x".repeat(1000));
    let failure = call(request(&vec![message.as_str(); 300])).expect_err("they are too long");
    assert_eq!(failure.message(), "the notes of the first 261 commits have more than 261120 bytes");
}

#[test]
fn inputs_that_make_no_sense() {
    #[track_caller]
    fn check(change: impl FnOnce(&mut Request), expected: &str) {
        let mut request = request(&[]);
        change(&mut request);
        let failure = call(request).expect_err("it makes no sense");
        assert_eq!((failure.kind(), failure.message()), (FailureKind::InvalidInput, expected));
    }
    check(|it| it.version = "1\n2".to_owned(), "input `version` is \"1\\n2\", which cannot stand in a heading");
    check(|it| it.url = "javascript:x".to_owned(), "input `url` is `javascript:x`, no address of a project");
    check(|it| it.forge = "x".to_owned(), "input `forge` is `x`");
    check(|it| it.log = "x".to_owned(), "input `source` is missing: the folder of `x`");
    check(
        |it| (it.source, it.log) = ("s".to_owned(), "../x".to_owned()),
        "input `log` is `../x`, no path in the source",
    );
    check(
        |it| it.destination = "d".to_owned(),
        "input `version` is missing: a section of the changelog is for a version",
    );
    check(
        |it| (it.version, it.destination, it.name) = ("1".to_owned(), "d".to_owned(), "../x".to_owned()),
        "input `name` is `../x`, no path in the destination",
    );
    check(
        |it| it.commits = vec![Commit::Struct { message: "fix: a".to_owned(), id: "x".to_owned() }],
        "input `commits`, commit 1: `x` is no commit id",
    );
    check(
        |it| it.kinds = BTreeMap::from([("fix".to_owned(), "a\nb".to_owned())]),
        "input `kinds` has the heading \"a\\nb\" for `fix`, which is more than a line",
    );
    check(
        |it| (it.commits, it.log) = (vec![Commit::Message("fix: a".to_owned())], "x".to_owned()),
        "inputs `commits` and `log` are both given",
    );
}
