//! Compiled code between processes: each sandbox here stands for a process.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use stepwell_run::EventKind;
use stepwell_sandbox::Sandbox;

use crate::support::{Call, Ended};

async fn run(cache: &Path) -> (Ended, bool) {
    let scratch = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::builder(scratch.path()).instances(2).cache_folder(cache).build().unwrap();
    let ended = Call::of("minimal").input("number", 1.0).run_in(&sandbox).await;
    assert_eq!(ended.number(), 2.0);
    let compiled = ended.count(|kind| matches!(kind, EventKind::Busy { .. })) == 1;
    assert_eq!(ended.count(|kind| matches!(kind, EventKind::BusyOver)) == 1, compiled);
    (ended, compiled)
}

async fn compiles(cache: &Path) -> bool {
    run(cache).await.1
}

fn entry(cache: &Path) -> PathBuf {
    let mut entries = std::fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path());
    entries.find(|path| path.file_name().unwrap() != "key").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn compiled_once() {
    let parent = tempfile::tempdir().unwrap();
    let cache = parent.path().join("cache");
    assert!(compiles(&cache).await);
    assert!(!compiles(&cache).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_and_foreign_code_is_not_run() {
    let parent = tempfile::tempdir().unwrap();
    let (mine, theirs) = (parent.path().join("mine"), parent.path().join("theirs"));
    assert!(compiles(&mine).await);
    assert!(compiles(&theirs).await);
    let path = entry(&mine);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(&path, bytes).unwrap();
    assert!(compiles(&mine).await);
    assert!(!compiles(&mine).await, "the damaged entry is replaced");
    std::fs::copy(entry(&theirs), &path).unwrap();
    assert!(compiles(&mine).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_others_can_read_is_left_out() {
    let parent = tempfile::tempdir().unwrap();
    let cache = parent.path().join("cache");
    assert!(compiles(&cache).await);
    std::fs::set_permissions(&cache, std::fs::Permissions::from_mode(0o755)).unwrap();
    let sandbox = Sandbox::builder(parent.path()).instances(2).cache_folder(&cache).build().unwrap();
    assert!(sandbox.cache_unusable().unwrap().to_string().contains("not private"));
    assert!(compiles(&cache).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_at_the_same_time_compile_once() {
    let scratch = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::builder(scratch.path()).instances(8).build().unwrap();
    let call = || Call::of("minimal").input("number", 1.0);
    let (a, b, c) = tokio::join!(call().run_in(&sandbox), call().run_in(&sandbox), call().run_in(&sandbox));
    let compiled = |ended: &Ended| ended.count(|kind| matches!(kind, EventKind::Busy { .. }));
    assert_eq!(compiled(&a) + compiled(&b) + compiled(&c), 1);
}
