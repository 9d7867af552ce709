use std::fs;

use stepwell_sdk::FailureKind;
use stepwell_sdk::fake::Fake;
use tempfile::TempDir;

use super::*;

/// Of the three letters `abc`, from the standard.
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const ABC_512: &str = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
/// Of nothing.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn work_dir() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let step = Fake::new(folder.path()).step();
    step.write("dist/abc", "abc").expect("written");
    step.write("dist/sub/empty", "").expect("written");
    step.write("other", "x").expect("written");
    step.link("abc", "dist/link").expect("linked");
    folder
}

fn path(path: &str) -> WorkPath {
    path.parse().expect("it lies in the work dir")
}

fn request(action: Action, root: &str, paths: &[&str]) -> Request {
    Request {
        action,
        root: path(root),
        paths: paths.iter().map(|one| path(one)).collect(),
        manifest: None,
        algorithm: Algorithm::Sha256,
    }
}

fn call(folder: &TempDir, request: Request) -> Result<Response, Failure> {
    run(request, &mut Fake::new(folder.path()).step())
}

fn read(folder: &TempDir, path: &str) -> String {
    fs::read_to_string(folder.path().join(path)).expect("it is there")
}

#[test]
fn all_files_of_a_folder() {
    let folder = work_dir();
    let fake = Fake::new(folder.path());
    // Twice: the manifest of the first time is not in the second.
    for _ in 0..2 {
        let response = run(request(Action::Create, "dist", &[]), &mut fake.step()).expect("it writes");
        assert_eq!((response.manifest.as_str(), response.files), ("dist/SHA256SUMS", 2));
        assert_eq!(read(&folder, "dist/SHA256SUMS"), format!("{ABC}  dist/abc\n{EMPTY}  dist/sub/empty\n"));
        let of_manifest = Algorithm::Sha256.of_file(&fake.step(), "dist/SHA256SUMS").expect("read");
        assert_eq!(response.digest, of_manifest);
    }
    assert_eq!(fake.records()[0].message, "`dist/link` is a link and is left out");
    let verified = call(&folder, request(Action::Verify, "dist", &[])).expect("all match");
    assert_eq!((verified.manifest.as_str(), verified.files), ("dist/SHA256SUMS", 2));
}

#[test]
fn one_file_gives_its_own_digest() {
    let folder = work_dir();
    let response = call(&folder, request(Action::Create, "dist", &["./dist/abc"])).expect("it writes");
    assert_eq!((response.digest.as_str(), response.files), (ABC, 1));
    let request = Request {
        algorithm: Algorithm::Sha512,
        manifest: Some(path("sums")),
        ..request(Action::Create, ".", &["dist/abc", "dist/abc"])
    };
    let response = call(&folder, request).expect("it writes");
    assert_eq!((response.manifest.as_str(), response.digest.as_str()), ("sums", ABC_512));
    assert_eq!(read(&folder, "sums"), format!("{ABC_512}  dist/abc\n"));
}

#[test]
fn each_mismatch_is_named() {
    let folder = work_dir();
    call(&folder, request(Action::Create, ".", &["dist", "other"])).expect("it writes");
    fs::write(folder.path().join("dist/abc"), "").expect("written");
    fs::remove_file(folder.path().join("dist/sub/empty")).expect("removed");
    let failure = call(&folder, request(Action::Verify, ".", &[])).expect_err("two do not match");
    assert_eq!(failure.message(), "2 of 3 files do not match `SHA256SUMS`");
    let expected = [format!("`dist/abc` has the digest {EMPTY}, not {ABC}"), "`dist/sub/empty` is missing".to_owned()];
    assert_eq!(failure.causes(), expected);
}

#[test]
fn what_makes_no_sense() {
    #[track_caller]
    fn check(request: Request, kind: FailureKind, expected: &str) {
        let failure = call(&work_dir(), request).expect_err("it makes no sense");
        assert_eq!((failure.kind(), failure.message()), (kind, expected));
    }
    let invalid = FailureKind::InvalidInput;
    check(
        Request { manifest: Some(path("sums")), ..request(Action::Create, "dist", &[]) },
        invalid,
        "input `manifest` names `sums`, which does not lie in the root `dist`",
    );
    check(
        request(Action::Create, "dist", &["other"]),
        invalid,
        "input `paths` names `other`, which does not lie in the root `dist`",
    );
    check(request(Action::Create, ".", &["nothing"]), FailureKind::Failed, "cannot read `nothing`");
    check(
        request(Action::Create, ".", &["dist/link"]),
        FailureKind::Failed,
        "there is no file to put into `SHA256SUMS`",
    );
    check(request(Action::Verify, ".", &[]), FailureKind::Failed, "cannot read `SHA256SUMS`");
    check(
        Request { manifest: Some(path("other")), ..request(Action::Verify, ".", &[]) },
        FailureKind::Failed,
        "line 1 of `other` is not one of a digest and a path",
    );
}

#[test]
fn inputs_that_cannot_be() {
    #[track_caller]
    fn check(name: &str, value: &str, expected: &str) {
        let failure = Step::fake().run([(name, value)], run).expect_err("it cannot be");
        assert_eq!((failure.kind(), failure.message()), (FailureKind::InvalidInput, expected));
    }
    check("action", "check", "input `action` is `check`, not `create` or `verify`");
    check("algorithm", "md5", "input `algorithm` is `md5`, not `sha256` or `sha512`");
    check("manifest", "../sums", "input `manifest` is `../sums`, not a path in the work dir");
    check("root", "/etc", "input `root` is `/etc`, not a path in the work dir");
}

#[test]
fn a_manifest_cannot_reach_what_is_not_granted() {
    let folder = work_dir();
    fs::write(folder.path().join("sums"), format!("{EMPTY}  ../secret\n")).expect("written");
    let request = Request { manifest: Some(path("sums")), ..request(Action::Verify, ".", &[]) };
    assert_eq!(call(&folder, request).expect_err("it is denied").kind(), FailureKind::Denied);
}
