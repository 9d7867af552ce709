use std::fs;
use std::io::{self, Read};
use std::path::Path;

use flate2::read::GzDecoder;
use stepwell_sdk::fake::Fake;
use stepwell_sdk::{FailureKind, Items, Value};
use tempfile::TempDir;

use super::*;

fn work_dir(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder for the test");
    for (path, content) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("it lies in the folder")).expect("made");
        fs::write(path, content).expect("written");
    }
    folder
}

fn source() -> TempDir {
    let folder = work_dir(&[("src/b.txt", "bee"), ("src/a/x.sh", "#!/bin/sh"), ("src/a.txt", "")]);
    let step = Fake::new(folder.path()).step();
    step.link("b.txt", "src/link").expect("linked");
    step.create_folder("src/empty").expect("made");
    folder
}

/// Runs the function with inputs in JSON.
fn call(work_dir: &TempDir, inputs: &str) -> Result<Response, Failure> {
    call_in(work_dir.path(), inputs)
}

fn call_in(work_dir: &Path, inputs: &str) -> Result<Response, Failure> {
    let inputs: stepwell_sdk::serde_json::Map<_, _> = stepwell_sdk::serde_json::from_str(inputs).expect("it is JSON");
    let value = |json: stepwell_sdk::serde_json::Value| match json {
        stepwell_sdk::serde_json::Value::String(text) => Value::Text(text),
        other => Value::Json(other.to_string()),
    };
    let items = inputs.into_iter().map(|(name, json)| (name, value(json))).collect();
    run(Request::from_items(Items::new(items))?, &mut Fake::new(work_dir).step())
}

fn names(archive: &Path) -> Vec<String> {
    let mut tar = tar::Archive::new(GzDecoder::new(fs::File::open(archive).expect("it is there")));
    let name = |entry: io::Result<tar::Entry<'_, _>>| {
        let entry = entry.expect("it is whole");
        let header = entry.header();
        assert_eq!((header.mtime().expect("set"), header.uid().expect("set")), (content::TIME, 0));
        format!("{} {:o}", String::from_utf8_lossy(&entry.path_bytes()), header.mode().expect("set"))
    };
    tar.entries().expect("it is a tar file").map(name).collect()
}

#[test]
fn entries_are_sorted_and_plain() {
    let folder = source();
    let response = call(&folder, r#"{"source": "src", "executable": ["a/x.sh"]}"#).expect("it packs");
    assert_eq!((response.archive.as_str(), response.files), ("dist/src.tar.gz", 4));
    let archive = folder.path().join(&response.archive);
    assert_eq!(response.bytes, fs::metadata(&archive).expect("it is there").len());
    assert_eq!(names(&archive), ["a/ 755", "a.txt 644", "a/x.sh 755", "b.txt 644", "empty/ 755", "link 777"]);
    assert_eq!(fs::read_dir(folder.path().join("dist")).expect("it is there").count(), 1, "no part is left");
}

#[test]
fn the_same_content_gives_the_same_file() {
    for name in ["x.tar.gz", "x.zip"] {
        let inputs = format!(r#"{{"source": "src", "name": "{name}"}}"#);
        let (one, other) = (source(), source());
        fs::write(other.path().join("src/b.txt"), "bee").expect("written later");
        let digests = [&one, &other].map(|folder| call(folder, &inputs).expect("it packs").sha256);
        assert_eq!(digests[0], digests[1], "{name}");
        assert_eq!(call(&one, &inputs).expect("it packs again").sha256, digests[0], "{name}");
    }
}

#[test]
fn what_was_packed_is_unpacked() {
    for name in ["x.tar.gz", "x.zip"] {
        let folder = source();
        call(&folder, &format!(r#"{{"source": "src", "name": "{name}"}}"#)).expect("it packs");
        let inputs = format!(r#"{{"action": "extract", "source": "dist", "destination": "out", "name": "{name}"}}"#);
        for _ in 0..2 {
            let response = call(&folder, &inputs).expect("it unpacks, also over what is there");
            assert_eq!((response.archive, response.files), (format!("dist/{name}"), 4));
        }
        let out = folder.path().join("out");
        assert_eq!(fs::read_to_string(out.join("b.txt")).expect("it is there"), "bee");
        assert_eq!(fs::read_to_string(out.join("a/x.sh")).expect("it is there"), "#!/bin/sh");
        assert_eq!(fs::read_link(out.join("link")).expect("it is a link"), Path::new("b.txt"));
        assert!(out.join("empty").is_dir(), "{name}");
    }
}

#[test]
fn the_archive_is_not_in_itself() {
    let folder = work_dir(&[("a.txt", "a"), ("dist/b.txt", "b")]);
    for _ in 0..2 {
        let response = call(&folder, r#"{"source": ".", "name": "all.tar.gz"}"#).expect("it packs");
        assert_eq!(names(&folder.path().join(response.archive)), ["a.txt 644", "dist/ 755", "dist/b.txt 644"]);
    }
}

#[test]
fn a_choice_under_a_prefix() {
    let folder = source();
    let inputs = r#"{"source": "src", "include": ["a", "b.txt", "a/x.sh"], "prefix": "app-1.0"}"#;
    let response = call(&folder, inputs).expect("it packs");
    let expected = ["app-1.0/a/ 755", "app-1.0/a/x.sh 644", "app-1.0/b.txt 644"];
    assert_eq!(names(&folder.path().join(response.archive)), expected);
}

#[test]
fn inputs_that_make_no_sense() {
    #[track_caller]
    fn check(inputs: &str, kind: FailureKind, expected: &str) {
        let failure = call(&source(), inputs).expect_err("it makes no sense");
        assert_eq!((failure.kind(), failure.message()), (kind, expected));
    }
    let invalid = FailureKind::InvalidInput;
    check(r#"{"source": "src", "action": "pack"}"#, invalid, "input `action` is `pack`, not `create` or `extract`");
    check(r#"{"source": "src", "name": "x.rar"}"#, invalid, "the ending of `x.rar` names no format");
    check(r#"{"source": "src", "name": "../x.zip"}"#, invalid, "`../x.zip` is no file name for the archive");
    check(r#"{"source": "."}"#, invalid, "input `name` is missing, and the source has no name of its own");
    check(
        r#"{"source": "src", "include": ["../dist"]}"#,
        invalid,
        "input `include` has `../dist`, no path inside the source",
    );
    check(
        r#"{"source": "src", "executable": ["a"]}"#,
        invalid,
        "input `executable` names `src/a`, no file that is packed",
    );
    check(r#"{"source": "src", "include": ["other"]}"#, FailureKind::Failed, "cannot read `src/other`");
    check(r#"{"source": "/etc"}"#, invalid, "input `source` is `/etc`, not a path in the work dir");
    check(r#"{"source": "src", "action": "extract"}"#, invalid, "input `name` is missing");
    check(
        r#"{"source": "src", "action": "extract", "name": "b.txt", "format": "zip"}"#,
        FailureKind::Failed,
        "cannot unpack `src/b.txt`",
    );
}

/// Writes a tar file with entries as they come: name, kind, target or content.
fn hostile_tar(path: &Path, entries: &[(&str, tar::EntryType, &str)]) {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(
        fs::File::create(path).expect("created"),
        flate2::Compression::fast(),
    ));
    for (name, kind, text) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        let content = if *kind == tar::EntryType::Regular { text.as_bytes() } else { &[] };
        if content.is_empty() {
            header.as_old_mut().linkname[..text.len()].copy_from_slice(text.as_bytes());
        }
        header.set_size(content.len() as u64);
        header.set_cksum();
        tar.append(&header, content).expect("written");
    }
    tar.into_inner().and_then(flate2::write::GzEncoder::finish).expect("written");
}

#[test]
fn no_entry_leaves_the_destination() {
    use tar::EntryType::{Block, Fifo, Link, Regular, Symlink};

    #[track_caller]
    fn check(entries: &[(&str, tar::EntryType, &str)], expected: &str) {
        let outer = work_dir(&[("outside.txt", "untouched"), ("work/in/x", "")]);
        let work = outer.path().join("work");
        hostile_tar(&work.join("in/x.tar.gz"), entries);
        let inputs = r#"{"action": "extract", "source": "in", "destination": "out", "name": "x.tar.gz"}"#;
        let failure = call_in(&work, inputs).expect_err("it is refused");
        assert_eq!((failure.message(), failure.causes()), ("cannot unpack `in/x.tar.gz`", &[expected.to_owned()][..]));
        let beside: Vec<_> =
            fs::read_dir(outer.path()).expect("it is there").map(|entry| entry.expect("read")).collect();
        assert_eq!(beside.len(), 2, "nothing appeared beside the work dir");
        assert_eq!(fs::read_to_string(outer.path().join("outside.txt")).expect("it is there"), "untouched");
    }
    check(&[("../outside.txt", Regular, "x")], "entry `../outside.txt` leads out of the destination");
    check(&[("a/../../../outside.txt", Regular, "x")], "entry `a/../../../outside.txt` leads out of the destination");
    check(&[("/tmp/stepwell-outside", Regular, "x")], "entry `/tmp/stepwell-outside` leads out of the destination");
    check(&[("l", Symlink, "/etc")], "entry `l` is a link to `/etc`, out of the destination");
    check(&[("l", Symlink, "../in")], "entry `l` is a link to `../in`, out of the destination");
    check(&[("d/l", Symlink, "../../in")], "entry `d/l` is a link to `../../in`, out of the destination");
    check(
        &[("d/x", Symlink, "."), ("d/l", Symlink, "x/../../in")],
        "entry `d/l` is a link to `x/../../in`, out of the destination",
    );
    check(&[("l", Symlink, "d"), ("l/x", Regular, "x")], "entry `l/x` leads through a link");
    check(&[("h", Link, "../outside.txt")], "entry `h` is neither file, folder nor symbolic link");
    check(&[("p", Fifo, "")], "entry `p` is neither file, folder nor symbolic link");
    check(&[("b", Block, "")], "entry `b` is neither file, folder nor symbolic link");
    check(&[("d/x", Regular, "x"), ("d", Regular, "x")], "entry `d` would replace a folder or a device");
}

#[test]
fn the_archive_is_not_replaced_by_what_is_in_it() {
    let folder = work_dir(&[("out/x", "")]);
    let archive = folder.path().join("out/x.tar.gz");
    hostile_tar(&archive, &[("./x.tar.gz", tar::EntryType::Regular, "forged")]);
    let bytes = fs::read(&archive).expect("read");
    let inputs = r#"{"action": "extract", "source": "out", "destination": "./out", "name": "x.tar.gz"}"#;
    let failure = call(&folder, inputs).expect_err("it is refused");
    assert_eq!(failure.causes(), ["entry `./x.tar.gz` would replace the archive itself"]);
    assert_eq!(fs::read(&archive).expect("read"), bytes);
}

#[test]
fn of_two_entries_of_one_name_the_later_stays() {
    use tar::EntryType::{Regular, Symlink};

    let folder = work_dir(&[("in/x", ""), ("outside.txt", "untouched")]);
    let entries = [("a", Regular, "first"), ("a", Symlink, "b"), ("a", Regular, "last"), ("A", Regular, "twin")];
    hostile_tar(&folder.path().join("in/x.tar.gz"), &entries);
    let inputs = r#"{"action": "extract", "source": "in", "destination": "out", "name": "x.tar.gz"}"#;
    call(&folder, inputs).expect("it unpacks");
    assert_eq!(fs::read_to_string(folder.path().join("out/a")).expect("it is there"), "last");
    assert!(!folder.path().join("out/b").exists(), "nothing was written through the link");
}

#[test]
fn sizes_that_are_not_true() {
    let folder = work_dir(&[("in/x", "")]);
    for size in [1_u64 << 40, 1 << 62, u64::MAX] {
        let path = folder.path().join("in/x.tar.gz");
        let mut gzip =
            flate2::write::GzEncoder::new(fs::File::create(path).expect("created"), flate2::Compression::fast());
        let mut header = tar::Header::new_gnu();
        header.set_path("big").expect("short");
        header.set_size(size);
        header.set_cksum();
        io::Write::write_all(&mut gzip, header.as_bytes()).expect("written");
        gzip.finish().expect("written");
        let inputs = r#"{"action": "extract", "source": "in", "destination": "out", "name": "x.tar.gz"}"#;
        let failure = call(&folder, inputs).expect_err("there is less than it says");
        assert_eq!(failure.message(), "cannot unpack `in/x.tar.gz`");
    }
}

#[test]
fn a_link_that_was_there_is_not_followed() {
    let outer = work_dir(&[("outside.txt", "untouched"), ("work/in/x", "")]);
    let work = outer.path().join("work");
    hostile_tar(&work.join("in/x.tar.gz"), &[("l", tar::EntryType::Regular, "new")]);
    Fake::new(&work).step().link("../../outside.txt", "out/l").expect("linked");
    let inputs = r#"{"action": "extract", "source": "in", "destination": "out", "name": "x.tar.gz"}"#;
    call_in(&work, inputs).expect("it replaces the link");
    assert_eq!(fs::read_to_string(outer.path().join("outside.txt")).expect("it is there"), "untouched");
    assert_eq!(fs::read_to_string(work.join("out/l")).expect("it is there"), "new");
}

#[test]
fn no_entry_of_a_zip_leaves_the_destination() {
    #[track_caller]
    fn check(entries: &[(&str, u32, &str)], expected: &str) {
        let outer = work_dir(&[("outside.txt", "untouched"), ("work/in/x", "")]);
        let work = outer.path().join("work");
        hostile_zip(&work.join("in/x.zip"), entries);
        let inputs = r#"{"action": "extract", "source": "in", "destination": "out", "name": "x.zip"}"#;
        let failure = call_in(&work, inputs).expect_err("it is refused");
        assert_eq!(failure.causes(), [expected]);
        assert_eq!(fs::read_to_string(outer.path().join("outside.txt")).expect("it is there"), "untouched");
        assert_eq!(fs::read_dir(outer.path()).expect("it is there").count(), 2);
    }
    let long = "x".repeat(5_000);
    check(&[("../outside.txt", 0o100_644, "x")], "entry `../outside.txt` leads out of the destination");
    check(&[("/outside.txt", 0o100_644, "x")], "entry `/outside.txt` leads out of the destination");
    check(&[("a\\..\\..\\b", 0o100_644, "x")], "entry `a\\..\\..\\b` leads out of the destination");
    check(&[("l", 0o120_777, "../in")], "entry `l` is a link to `../in`, out of the destination");
    check(&[("l", 0o120_777, "d"), ("l/x", 0o100_644, "x")], "entry `l/x` leads through a link");
    check(&[("l", 0o120_777, &long)], "entry `l` is a link to a path that is too long");
    check(&[("p", 0o010_644, "")], "entry `p` is neither file, folder nor symbolic link");
    check(&[("b", 0o060_644, "")], "entry `b` is neither file, folder nor symbolic link");
}

/// Writes a zip file with entries as they come: name, mode, content. The mode is put into the central directory, where
/// the writer of the library puts none but its own.
fn hostile_zip(path: &Path, entries: &[(&str, u32, &str)]) {
    use std::io::Write;

    let mut zip = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    for (name, _, content) in entries {
        let options = zip::write::SimpleFileOptions::default().unix_permissions(0o644);
        zip.start_file(*name, options).expect("started");
        zip.write_all(content.as_bytes()).expect("written");
    }
    let mut bytes = zip.finish().expect("finished").into_inner();
    let records = bytes.windows(4).enumerate().filter(|(_, found)| *found == b"PK\x01\x02").map(|(at, _)| at);
    for (at, (_, mode, _)) in records.collect::<Vec<_>>().into_iter().zip(entries) {
        bytes[at + 40..at + 42].copy_from_slice(&u16::try_from(*mode).expect("it fits").to_le_bytes());
    }
    fs::write(path, bytes).expect("written");
}

#[test]
fn a_damaged_archive_is_a_failure() {
    let folder = source();
    call(&folder, r#"{"source": "src"}"#).expect("it packs");
    let archive = folder.path().join("dist/src.tar.gz");
    let mut bytes = Vec::new();
    fs::File::open(&archive).and_then(|mut file| file.read_to_end(&mut bytes)).expect("read");
    fs::write(&archive, &bytes[..bytes.len() / 2]).expect("written");
    let inputs = r#"{"action": "extract", "source": "dist", "destination": "out", "name": "src.tar.gz"}"#;
    let failure = call(&folder, inputs).expect_err("half of it is missing");
    assert_eq!(failure.message(), "cannot unpack `dist/src.tar.gz`");
}
