//! Paths of guests against a model: what the engine opens is what a walk that never leaves the folder finds.

use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use stepwell_policy::Access::Write;
use stepwell_run::Stream;

use crate::support::{Call, files_command, module};

/// Most links that a walk follows.
const MAX_LINKS: usize = 40;

/// Reads a file beneath a folder, by hand. None: there is no such file, or the way leads out.
fn walk(root: &Path, path: &str) -> Option<String> {
    let parts = |path: &str| path.split('/').map(str::to_owned).collect::<VecDeque<_>>();
    let (mut at, mut waiting, mut links) = (PathBuf::new(), parts(path), 0);
    while let Some(part) = waiting.pop_front() {
        match part.as_str() {
            "" | "." => {}
            ".." => {
                if !at.pop() {
                    return None;
                }
            }
            name => {
                let found = root.join(&at).join(name);
                let kind = fs::symlink_metadata(&found).ok()?.file_type();
                if kind.is_symlink() {
                    links += 1;
                    let target = fs::read_link(&found).ok()?;
                    if links > MAX_LINKS || target.is_absolute() {
                        return None;
                    }
                    let mut target = parts(target.to_str()?);
                    target.append(&mut waiting);
                    waiting = target;
                } else if kind.is_dir() {
                    at.push(name);
                } else {
                    return if waiting.is_empty() { fs::read_to_string(found).ok() } else { None };
                }
            }
        }
    }
    None
}

fn name() -> impl Strategy<Value = String> {
    "[a-d]"
}

fn path() -> impl Strategy<Value = String> {
    let part = prop_oneof![4 => name(), 2 => Just("..".to_owned()), 1 => Just(".".to_owned())];
    proptest::collection::vec(part, 1..6).prop_map(|parts| parts.join("/"))
}

/// Folders, files and links, each made where nothing is in its way.
fn plant(root: &Path, folders: &[String], files: &[String], links: &[(String, String)]) {
    for folder in folders {
        let _ = fs::create_dir_all(root.join(folder));
    }
    for file in files {
        let _ = fs::OpenOptions::new().write(true).create_new(true).open(root.join(file)).map(|mut opened| {
            use std::io::Write as _;
            write!(opened, "{file}").unwrap();
        });
    }
    for (target, link) in links {
        let _ = symlink(target, root.join(link));
    }
}

fn below() -> impl Strategy<Value = String> {
    proptest::collection::vec(name(), 1..4).prop_map(|parts| parts.join("/"))
}

#[test]
fn guests_find_what_a_walk_beneath_the_folder_finds() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let trees = (
        proptest::collection::vec(below(), 0..6),
        proptest::collection::vec(below(), 0..8),
        proptest::collection::vec((path(), below()), 0..6),
        proptest::collection::vec(path(), 20..40),
    );
    let mut runner = TestRunner::new(Config { cases: 40, ..Config::default() });
    runner
        .run(&trees, |(folders, files, links, asked)| {
            for target in ["wasm32-wasip1", "wasm32-wasip2"] {
                let call = Call::of_module(module("files", files_command(target))).grant("dist", Write);
                let call = call.file("a", "outside").file("b/a", "outside").file("dist/a/a", "inside");
                let root = call.work.path().join("dist");
                plant(&root, &folders, &files, &links);
                let expected: Vec<_> =
                    asked.iter().map(|path| walk(&root, path).unwrap_or_else(|| "-".to_owned())).collect();
                let call =
                    asked.iter().fold(call, |call, path| call.argument("try").argument(&format!("/work/dist/{path}")));
                let ended = runtime.block_on(call.run());
                let said = ended.stream(Stream::Out);
                prop_assert_eq!(said.lines().collect::<Vec<_>>(), expected, "{} {:?}", target, asked);
            }
            Ok(())
        })
        .unwrap();
}
