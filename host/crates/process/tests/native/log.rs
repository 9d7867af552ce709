//! What a process prints.

use crate::support::{Case, Ran};

#[track_caller]
fn check(ran: &Ran, out: &[u8], error: &[u8]) {
    assert_eq!((&ran.out[..], &ran.error[..]), (out, error), "{:?}", ran.outcome);
}

#[tokio::test]
async fn both_streams_are_told_apart() {
    check(&Case::script("echo out; echo error >&2; echo more").run().await, b"out\nmore\n", b"error\n");
    check(&Case::script("echo error >&2").run().await, b"", b"error\n");
}

#[tokio::test]
async fn nothing_is_printed() {
    check(&Case::command(&["true"]).run().await, b"", b"");
    check(&Case::script("exec >&- 2>&-; cd /").run().await, b"", b"");
}

#[tokio::test]
async fn any_bytes_are_passed_on() {
    check(&Case::command(&["printf", r"\377\000\200x"]).run().await, b"\xff\x00\x80x", b"");
    check(&Case::command(&["printf", "no line feed"]).run().await, b"no line feed", b"");
    check(&Case::command(&["printf", r"\r\n\n"]).run().await, b"\r\n\n", b"");
}

#[tokio::test]
async fn a_long_line_is_whole() {
    let ran = Case::script("head -c 3000000 /dev/zero; head -c 70000 /dev/zero >&2").run().await;
    assert_eq!((ran.out.len(), ran.error.len()), (3_000_000, 70_000));
}

/// What is written right before the end is in the pipe while the process is gone already.
#[tokio::test]
async fn the_last_words_are_never_lost() {
    for _ in 0..100 {
        check(&Case::script("printf last; printf words >&2; kill -9 $$").run().await, b"last", b"words");
    }
    for _ in 0..100 {
        // A pipe full to the brim, held open by somebody else.
        let ran = Case::script("sleep 1000 & head -c 65536 /dev/zero").run().await;
        assert_eq!(ran.out.len(), 65536);
    }
}
