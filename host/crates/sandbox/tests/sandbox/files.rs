//! Files: what is granted, what is not, and ways round it.

use std::os::unix::fs::symlink;

use stepwell_policy::Access::{Read, Write};
use stepwell_run::FailureKind;

use crate::support::{Call, Ended};

/// Asserts that the guest was refused, and saw the error.
#[track_caller]
fn refused(ended: &Ended) {
    let failure = ended.failure();
    assert!(matches!(failure.kind, FailureKind::Denied | FailureKind::Failed), "{failure:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_shown_without_a_grant() {
    let ended = Call::attack("preopens").file("a", "secret").run().await;
    assert_eq!(ended.text("content"), "");
    refused(&Call::attack("read-path").path("a").file("a", "secret").run().await);
    refused(&Call::attack("read-std").path("/etc/passwd").run().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn guest_paths() {
    let mut call = Call::attack("preopens").file("src/a", "").grant("dist", Write).grant("src", Read);
    call.function_folder = Some(call.work.path().join("src"));
    assert_eq!(call.run().await.text("content"), "/work/dist write\n/work/src read\n/step read");
    let ended = Call::attack("preopens").grant(".", Write).run().await;
    assert_eq!(ended.text("content"), ". write\n/work write");
}

#[tokio::test(flavor = "multi_thread")]
async fn reading() {
    for path in ["src/a", "/work/src/a", "src/./b/../a"] {
        let ended =
            Call::attack("read-path").path(path).file("src/a", "content").file("src/b/c", "").grant("src", Read);
        assert_eq!(ended.run().await.text("content"), "content", "{path}");
    }
    for path in ["a", "./a", "/work/a"] {
        let ended = Call::attack("read-std").path(path).file("a", "content").grant(".", Read).run().await;
        assert_eq!(ended.text("content"), "content", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_for_reading_is_not_written() {
    for what in ["write-path", "remove"] {
        let ended = Call::attack(what).path("src/a").file("src/a", "content").grant("src", Read).run().await;
        refused(&ended);
        assert_eq!(std::fs::read_to_string(ended.work.path().join("src/a")).unwrap(), "content");
    }
    let ended = Call::attack("write-raw").path("new").file("src/a", "").grant("src", Read).run().await;
    refused(&ended);
    assert_eq!(ended.denied(), ["write /work/src/new"]);
    assert!(!ended.work.path().join("src/new").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_folder_is_made_for_writing_alone() {
    let ended = Call::attack("write-path").path("a/b/new").grant("a/b", Write).run().await;
    assert_eq!(ended.text("content"), "written");
    assert_eq!(std::fs::read_to_string(ended.work.path().join("a/b/new")).unwrap(), "written by the guest");
    let ended = Call::attack("none").grant("missing", Read).run().await;
    ended.failed(FailureKind::Failed, "`missing`, which the step needs to read, does not exist in the work dir");
    assert!(ended.failure().hint.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn ways_out_by_name() {
    for path in ["../secret", "../../../etc/passwd", "/etc/passwd", "in/../../secret", "in/../../../etc/passwd"] {
        for what in ["read-raw", "write-raw"] {
            let call = Call::attack(what).path(path).file("secret", "s").file("src/in/a", "").grant("src", Write);
            let ended = call.run().await;
            refused(&ended);
            assert_eq!(std::fs::read_to_string(ended.work.path().join("secret")).unwrap(), "s");
            assert_eq!(ended.denied().len(), 1, "{what} {path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ways_out_by_a_planted_link() {
    for target in ["../secret", "/etc/passwd", "../../secret"] {
        for what in ["read-raw", "write-raw", "read-path", "write-path"] {
            let path = if what.ends_with("raw") { "link" } else { "src/link" };
            let call = Call::attack(what).path(path).file("secret", "s").file("src/a", "").grant("src", Write);
            symlink(target, call.work.path().join("src/link")).unwrap();
            let ended = call.run().await;
            refused(&ended);
            assert_eq!(std::fs::read_to_string(ended.work.path().join("secret")).unwrap(), "s");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_lead_out_are_not_made() {
    for target in ["../secret", "/etc/passwd", "a/../../secret", ".."] {
        let call = Call::attack("symlink").path(target).file("secret", "s").file("src/a", "").grant("src", Write);
        let ended = call.run().await;
        refused(&ended);
        assert!(!ended.work.path().join("src/attack-link").is_symlink(), "{target}");
    }
    let ended = Call::attack("symlink").path("a").file("src/a", "inside").grant("src", Write).run().await;
    assert_eq!(ended.text("content"), "inside");
}

#[tokio::test(flavor = "multi_thread")]
async fn hard_links_are_not_made() {
    let ended = Call::attack("hard-link").path("a").file("src/a", "inside").grant("src", Write).run().await;
    refused(&ended);
    assert!(!ended.work.path().join("src/attack-link").exists());
    assert_eq!(ended.denied(), ["write /work/src/attack-link"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pipes_are_not_opened() {
    for what in ["read-raw", "write-raw"] {
        let call = Call::attack(what).path("pipe").file("src/a", "").grant("src", Write);
        let path = call.work.path().join("src/pipe");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        refused(&call.run().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_are_counted() {
    let ended = Call::attack("fill").path("dist/f").count(1).grant("dist", Write).run().await;
    assert_eq!(ended.number(), 1.0);
    let ended = Call::attack("fill").path("dist/f").count(5).grant("dist", Write).run().await;
    refused(&ended);
    assert!(std::fs::metadata(ended.work.path().join("dist/f")).unwrap().len() <= 1 << 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_counted() {
    let ended = Call::attack("many-files").path("dist").count(20).grant("dist", Write).run().await;
    assert_eq!(ended.number(), 20.0);
    let ended = Call::attack("many-files").path("dist").count(21).grant("dist", Write).run().await;
    refused(&ended);
    assert_eq!(std::fs::read_dir(ended.work.path().join("dist")).unwrap().count(), 20);
}
