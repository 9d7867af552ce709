//! Files under commands of both previews: the same rules, reached by two ways.

use std::os::unix::fs::symlink;
use std::time::Duration;

use stepwell_policy::Access::{Read, Write};
use stepwell_run::{FailureKind, LimitKind, Outcome, Stream};

use crate::support::{Call, Ended, files_command, module};

const TARGETS: [&str; 2] = ["wasm32-wasip1", "wasm32-wasip2"];

fn call(target: &'static str, words: &str) -> Call {
    let call = Call::of_module(module("files", files_command(target)));
    words.split_whitespace().fold(call, |call, word| call.argument(word))
}

/// Runs a command with `dist` to write (1 MiB, 20 files), `src` to read, and a secret beside them.
async fn run(target: &'static str, words: &str) -> Ended {
    prepared(call(target, words)).run().await
}

fn prepared(call: Call) -> Call {
    call.file("src/a", "content").file("dist/old", "old").file("secret", "s").grant("dist", Write).grant("src", Read)
}

#[track_caller]
fn well(ended: &Ended, what: &str) {
    assert!(matches!(ended.outcome, Outcome::Returned(..)), "{what}: {:?}", ended.outcome);
}

#[track_caller]
fn refused(ended: &Ended, what: &str) {
    assert!(
        matches!(&ended.outcome, Outcome::Failed(failure, _) if failure.kind == FailureKind::Failed),
        "{what}: {:?}",
        ended.outcome
    );
    let secret = std::fs::read_to_string(ended.work.path().join("secret")).unwrap();
    assert_eq!(secret, "s", "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_granted_works() {
    for target in TARGETS {
        for words in [
            "read /work/src/a",
            "write /work/dist/new 10 append /work/dist/new 10 rewrite /work/dist/new 10 remove /work/dist/new",
            "mkdir /work/dist/d write /work/dist/d/f 1 rename /work/dist/d/f /work/dist/g remove /work/dist/g rmdir /work/dist/d",
            "write /tmp/f 10 rename /tmp/f /tmp/g",
            "sleep 1",
        ] {
            well(&run(target, words).await, words);
        }
        let ended = run(target, "read /work/src/a").await;
        assert_eq!(ended.stream(Stream::Out), "content\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_granted_is_refused() {
    for target in TARGETS {
        for words in [
            "read /work/secret",
            "read /work/src/../secret",
            "read /work/dist/../../etc/passwd",
            "read /etc/passwd",
            "write /work/src/a 1",
            "write /work/src/new 1",
            "append /work/src/a 1",
            "resize /work/src/a 0",
            "remove /work/src/a",
            "mkdir /work/src/d",
            "rename /work/src/a /work/dist/a",
            "rename /work/dist/old /work/src/a",
            "link /work/src/a /work/dist/a",
            "link /work/dist/old /work/dist/new",
        ] {
            let ended = run(target, words).await;
            refused(&ended, words);
            assert_eq!(std::fs::read_to_string(ended.work.path().join("src/a")).unwrap(), "content");
            assert_eq!(std::fs::read_dir(ended.work.path().join("dist")).unwrap().count(), 1, "{words}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn planted_links_and_pipes() {
    for target in TARGETS {
        for words in [
            "read /work/dist/link",
            "write /work/dist/link 1",
            "append /work/dist/link 1",
            "read /work/dist/absolute",
            "write /work/dist/absolute 1",
            "read /work/dist/folder/secret",
            "read /work/dist/pipe",
            "write /work/dist/pipe 1",
        ] {
            let call = prepared(call(target, words));
            let dist = call.work.path().join("dist");
            symlink("../secret", dist.join("link")).unwrap();
            symlink(call.work.path().join("secret"), dist.join("absolute")).unwrap();
            symlink("..", dist.join("folder")).unwrap();
            let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
            rustix::fs::mknodat(rustix::fs::CWD, dist.join("pipe"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
            refused(&call.run().await, words);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn growth_is_counted() {
    let many = |word: &str, from: u32, to: u32| {
        (from..to).map(|number| format!("{word} /work/dist/f{number} 0 ")).collect::<String>()
    };
    for target in TARGETS {
        for words in [
            "write /work/dist/f 1024",
            "write /work/dist/f 1000 rewrite /work/dist/f 1000 rewrite /work/dist/f 1000",
            "write /work/dist/f 1000 write /work/dist/f 1000",
            "write /work/dist/f 1000 remove /work/dist/f write /work/dist/g 1000",
            "write /work/dist/f 1000 resize /work/dist/f 0 append /work/dist/f 1000",
            "write /work/dist/f 500 write /work/dist/g 500 rename /work/dist/f /work/dist/g append /work/dist/g 500",
            "resize /work/dist/old 1000000",
            &many("write", 0, 20),
            &(many("write", 0, 20) + "remove /work/dist/old mkdir /work/dist/d"),
        ] {
            well(&run(target, words).await, &format!("{target} {words}"));
        }
        for words in [
            "write /work/dist/f 1025",
            "append /work/dist/f 1025",
            "write /work/dist/f 600 write /work/dist/g 600",
            "write /work/dist/f 600 rename /work/dist/f /work/dist/g write /work/dist/f 600",
            "resize /work/dist/old 1099511627776",
            "seek-write /work/dist/old 2000000",
            "write /work/dist/f 600 hold /work/dist/f remove /work/dist/f write /work/dist/g 600",
            &many("write", 0, 21),
            &(many("write", 0, 20) + "mkdir /work/dist/d"),
        ] {
            let ended = run(target, words).await;
            refused(&ended, &format!("{target} {words}"));
            let sizes = std::fs::read_dir(ended.work.path().join("dist"))
                .unwrap()
                .map(|entry| entry.unwrap().metadata().unwrap().len());
            assert!(sizes.sum::<u64>() <= (1 << 20) + 3, "{target} {words}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_descriptor_writes_as_it_was_opened() {
    for target in TARGETS {
        for words in ["hold /work/dist/old rewrite /work/dist/old 1", "hold /work/dist/old append /work/dist/old 1"] {
            let ended = run(target, words).await;
            well(&ended, &format!("{target} {words}"));
            assert!(std::fs::metadata(ended.work.path().join("dist/old")).unwrap().len() >= 1 << 10);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_with_impossible_arguments() {
    let ended = run(TARGETS[0], "raw write-from-nowhere 3").await;
    assert_eq!(ended.failure().kind, FailureKind::Internal);
    for (mib, limited) in [(1, false), (4, false), (5, true), (100, true)] {
        let ended = run(TARGETS[0], &format!("raw long-path {mib}")).await;
        if limited {
            ended.limit_reached(LimitKind::Message, "limit of 4 MiB for the values of one call reached");
        } else {
            refused(&ended, &format!("{mib} MiB"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_are_listed_while_they_change() {
    let many: String = (0..18).map(|number| format!("write /work/dist/f{number} 0 ")).collect();
    for target in TARGETS {
        let ended = run(target, &(many.clone() + "list /work/dist clear /work/dist list /work/dist")).await;
        well(&ended, target);
        assert_eq!(ended.stream(Stream::Out), "19\n0\n", "{target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_are_bounded() {
    for target in TARGETS {
        let many = (0..257).fold(call(target, ""), |call, number| call.input(&format!("i{number}"), "x"));
        many.run().await.limit_reached(LimitKind::Message, "limit of 256 inputs of a step reached (257 given)");
        let large = call(target, "").input("i", "x".repeat(1 << 20));
        let Outcome::LimitReached(reached, _) = large.run().await.outcome else { panic!("it is too large") };
        assert_eq!(reached.limit, LimitKind::Message);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deep_folders_are_removed() {
    let scratch = tempfile::tempdir().unwrap();
    let sandbox = stepwell_sandbox::Sandbox::builder(scratch.path()).instances(2).build().unwrap();
    for target in TARGETS {
        let deep = format!("mkdirs /tmp/{}", "d/".repeat(1_500));
        well(&call(target, &deep).run_in(&sandbox).await, target);
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn naps_take_little_processor_time() {
    for target in TARGETS {
        let mut call = call(target, "nap 300");
        call.grants.limits.cpu = Duration::from_millis(200);
        well(&call.run().await, target);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sleeping_command_is_stopped() {
    for target in TARGETS {
        let mut call = call(target, "sleep 3600000");
        call.grants.limits.wall = Duration::from_millis(100);
        call.run().await.limit_reached(LimitKind::Wall, "time limit of 100ms reached");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn private_folders_are_removed() {
    let scratch = tempfile::tempdir().unwrap();
    let sandbox = stepwell_sandbox::Sandbox::builder(scratch.path()).instances(2).build().unwrap();
    for target in TARGETS {
        let ended = call(target, "write /tmp/f 10 mkdir /out/d").run_in(&sandbox).await;
        well(&ended, target);
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
        let ended = call(target, "remove /out/outputs").run_in(&sandbox).await;
        ended.failed(FailureKind::Internal, "`/out/outputs` was removed");
        let ended = call(target, "remove /out/outputs mkdir /out/outputs").run_in(&sandbox).await;
        ended.failed(FailureKind::Internal, "`/out/outputs` was replaced by something that is not a file");
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
    }
}
