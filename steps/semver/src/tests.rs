use proptest::prelude::*;
use stepwell_sdk::FailureKind;
use stepwell_sdk::fake::Fake;

use super::*;

fn request(version: &str) -> Request {
    Request {
        version: version.to_owned(),
        versions: Vec::new(),
        other: String::new(),
        range: String::new(),
        check: false,
        bump: String::new(),
        prerelease: String::new(),
        build: String::new(),
        commits: Vec::new(),
        source: String::new(),
        log: String::new(),
    }
}

fn call(request: Request) -> Result<Response, Failure> {
    run(request, &mut Fake::new("/nowhere").step())
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[track_caller]
fn refused(request: Request, kind: FailureKind, expected: &str) {
    let failure = call(request).expect_err("it fails");
    assert_eq!((failure.kind(), failure.to_string().as_str()), (kind, expected));
}

#[test]
fn parts_of_a_version() {
    let response = call(request("v1.2.3-rc.1+build.5")).expect("a version");
    assert_eq!(response.version, "1.2.3-rc.1+build.5");
    assert_eq!((response.major, response.minor, response.patch), (1, 2, 3));
    assert_eq!((response.prerelease.as_str(), response.build.as_str()), ("rc.1", "build.5"));
    assert_eq!((response.bump.as_str(), response.next.as_str()), ("none", ""));
    assert!(response.satisfies);
}

#[test]
fn the_order_of_two() {
    #[track_caller]
    fn check(version: &str, other: &str, expected: i8) {
        let request = Request { other: other.to_owned(), ..request(version) };
        assert_eq!(call(request).expect("versions").order, expected, "{version} {other}");
    }
    check("1.2.3", "1.2.4", -1);
    check("1.10.0", "v1.9.0", 1);
    check("1.0.0", "1.0.0-rc.1", 1);
    check("1.0.0-rc.2", "1.0.0-rc.10", -1);
    check("1.0.0+1", "1.0.0+2", 0);
}

#[test]
fn ranges() {
    #[track_caller]
    fn check(version: &str, range: &str, expected: bool) {
        let request = Request { range: range.to_owned(), ..request(version) };
        assert_eq!(call(request).expect("a range").satisfies, expected, "{version} {range}");
    }
    check("1.2.3", "^1.2", true);
    check("2.0.0", "^1.2", false);
    check("2.0.0", ">=1.2, <2 || 2.*", true);
    check("1.2.3-rc.1", "^1.2", false);
    check("1.2.3-rc.1", ">=1.2.3-rc.0", true);
    check("1.2.3", "=1.2.3", true);
    let checked = |version: &str| Request { range: "^1".to_owned(), check: true, ..request(version) };
    assert!(call(checked("1.9.0")).is_ok());
    refused(checked("2.0.0"), FailureKind::Failed, "`2.0.0` does not satisfy `^1`");
}

#[test]
fn tags_of_a_repository() {
    let versions = texts(&["v1.10.0", "nightly", "v1.9.0", "2.0.0-rc.1", "v1.2"]);
    let response =
        call(Request { versions: versions.clone(), bump: "minor".to_owned(), range: "<2".to_owned(), ..request("") });
    let response = response.expect("versions");
    assert_eq!(response.sorted, ["v1.9.0", "v1.10.0", "2.0.0-rc.1"]);
    assert_eq!((response.version.as_str(), response.next.as_str()), ("1.10.0", "v1.11.0"));
    refused(
        Request { versions, range: "^7".to_owned(), ..request("") },
        FailureKind::Failed,
        "none of 5 in input `versions` is a version that is asked for",
    );
}

#[test]
fn next_versions() {
    #[track_caller]
    fn check(version: &str, bump: &str, word: &str, expected: &str) {
        let request = Request { bump: bump.to_owned(), prerelease: word.to_owned(), ..request(version) };
        assert_eq!(call(request).map_or_else(|failure| failure.to_string(), |it| it.next), expected);
    }
    check("1.2.3", "major", "", "2.0.0");
    check("v1.2.3", "minor", "", "v1.3.0");
    check("1.2.3+5", "patch", "", "1.2.4");
    check("1.2.3", "prerelease", "rc", "1.2.4-rc.1");
    check("1.2.4-rc.1", "prerelease", "", "1.2.4-rc.2");
    check("1.2.4-rc.9", "prerelease", "rc", "1.2.4-rc.10");
    check("1.2.4-beta.3", "prerelease", "rc", "1.2.4-rc.1");
    check("1.2.4-rc", "prerelease", "rc", "1.2.4-rc.1");
    check("1.2.3", "minor", "rc", "1.3.0-rc.1");
    check("1.3.0-rc.1", "minor", "rc", "1.3.0-rc.2");
    check("1.3.0-rc.1", "minor", "", "1.3.0");
    check("1.3.1-rc.1", "minor", "", "1.4.0");
    check("2.0.0-rc.1", "major", "", "2.0.0");
    check("1.3.0-rc.1", "patch", "", "1.3.0");
    check("1.3.0-rc.1", "release", "", "1.3.0");
    check("1.3.0", "none", "", "1.3.0");
    check("1.3.0", "release", "", "`1.3.0` would follow `1.3.0`, and is not greater");
    check("1.2.4-rc.3", "prerelease", "beta", "`1.2.4-beta.1` would follow `1.2.4-rc.3`, and is not greater");
    check("1.2.3", "prerelease", "", "input `prerelease` is missing: the word of the pre-release");
    check("1.2.3", "minor", "r c", "input `prerelease` is `r c`: unexpected character in pre-release identifier");
    check("1.2.3", "up", "", "input `bump` is `up`");
}

#[test]
fn by_commits() {
    #[track_caller]
    fn check(version: &str, messages: &[&str], bump: &str, next: &str) {
        let commits = messages.iter().map(|message| Commit::Message((*message).to_owned())).collect();
        let response = call(Request { commits, bump: "auto".to_owned(), ..request(version) }).expect("commits");
        assert_eq!((response.bump.as_str(), response.next.as_str()), (bump, next), "{messages:?}");
    }
    check("1.2.3", &["fix: a", "feat(x): b"], "minor", "1.3.0");
    check("1.2.3", &["fix: a", "docs: b"], "patch", "1.2.4");
    check("1.2.3", &["fix!: a", "feat: b"], "major", "2.0.0");
    check("1.2.3", &["fix: a\n\nBREAKING CHANGE: b\n"], "major", "2.0.0");
    check("1.2.3", &["docs: a", "Merge branch 'x'", ""], "none", "1.2.3");
    check("0.2.3", &["feat!: a"], "minor", "0.3.0");
    check("0.2.3", &["feat: a"], "patch", "0.2.4");
}

#[test]
fn by_a_log_of_git() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let fake = Fake::new(folder.path());
    let id = "0123456789abcdef0123456789abcdef01234567";
    fake.step().write("out/log", format!("{id}\nfix: a\n\0{id}\nfeat: b\n\nwhy\n\0{id}\n\0")).expect("written");
    fake.step().write("out/other", "commit 1234\n").expect("written");
    fake.step().write("out/large", "x".repeat(1 << 21)).expect("written");
    let asked = |log: &str| Request {
        bump: "auto".to_owned(),
        source: "out".to_owned(),
        log: log.to_owned(),
        ..request("v1.2.3")
    };
    assert_eq!(run(asked("log"), &mut fake.step()).expect("a log").next, "v1.3.0");
    let failure = |log: &str| run(asked(log), &mut fake.step()).expect_err("no log").to_string();
    assert_eq!(failure("other"), "commit 1 of `out/other` begins with `commit 1234`, no commit id");
    assert_eq!(failure("large"), "commit 1 of `out/large` has more than 1048576 bytes");
    assert!(failure("none").starts_with("cannot read `out/none`"));
}

#[test]
fn commits_are_texts_or_structs() {
    let items = vec![
        ("version".to_owned(), stepwell_sdk::Value::Text("1.0.0".to_owned())),
        ("bump".to_owned(), stepwell_sdk::Value::Text("auto".to_owned())),
        (
            "commits".to_owned(),
            stepwell_sdk::Value::Json(r#"["fix: a", {"id": "x", "message": "feat: b"}]"#.to_owned()),
        ),
    ];
    let (outputs, _) = Fake::new("/nowhere").run(items, run).expect("it runs");
    assert!(outputs.contains(&("next".to_owned(), stepwell_sdk::Value::Text("1.1.0".to_owned()))));
}

#[test]
fn inputs_that_make_no_sense() {
    let invalid = FailureKind::InvalidInput;
    refused(request(""), invalid, "input `version` is missing");
    refused(
        request("1.2"),
        invalid,
        "input `version` is `1.2`, no version: unexpected end of input while parsing minor version number",
    );
    refused(
        request("18014398509481984.0.0"),
        invalid,
        "input `version` is `18014398509481984.0.0`, no version: a part of it is beyond 2^53",
    );
    refused(
        Request { range: ">=1 <2".to_owned(), ..request("1.0.0") },
        invalid,
        "input `range` is `>=1 <2`, no range: expected comma after major version number, found '<'",
    );
    refused(
        Request { other: "x".to_owned(), ..request("1.0.0") },
        invalid,
        "input `other` is `x`, no version: unexpected character 'x' while parsing major version number",
    );
    refused(
        Request { bump: "auto".to_owned(), ..request("1.0.0") },
        invalid,
        "input `bump` is `auto`, but neither `commits` nor `log` is given",
    );
    refused(
        Request { build: "1".to_owned(), ..request("1.0.0") },
        invalid,
        "input `build` is given, but `bump` is not given",
    );
    refused(
        Request { log: "x".to_owned(), ..request("1.0.0") },
        invalid,
        "input `log` is given, but `bump` is not `auto`",
    );
}

proptest! {
    #[test]
    fn the_next_version_is_greater(major in 0..5_u64, minor in 0..3_u64, patch in 0..3_u64, pre in 0..4_u64, bump in 0..4_usize) {
        let pre = if pre == 0 { String::new() } else { format!("-rc.{pre}") };
        let version = format!("{major}.{minor}.{patch}{pre}");
        let bump = ["major", "minor", "patch", "prerelease"][bump];
        let request = Request { bump: bump.to_owned(), prerelease: "rc".to_owned(), ..request(&version) };
        let next = Tag::parse("next", &call(request).expect("it rises").next).expect("a version");
        prop_assert!(next.version > Tag::parse("version", &version).expect("a version").version);
    }
}
