//! What a process prints.

use crate::support::Case;

#[track_caller]
fn check(case: Result<(Vec<u8>, Vec<u8>), String>, out: &[u8], error: &[u8]) {
    assert_eq!(case, Ok((out.to_vec(), error.to_vec())));
}

async fn printed(case: Case) -> Result<(Vec<u8>, Vec<u8>), String> {
    let ran = case.run().await;
    match ran.outcome {
        stepwell_run::Outcome::Exited { code: 0 } => Ok((ran.out, ran.error)),
        other => Err(format!("{other:?}")),
    }
}

#[tokio::test]
async fn both_streams_are_told_apart() {
    check(printed(Case::script("echo out; echo error >&2; echo more")).await, b"out\nmore\n", b"error\n");
    check(printed(Case::script("echo error >&2")).await, b"", b"error\n");
}

#[tokio::test]
async fn nothing_is_printed() {
    check(printed(Case::command(&["true"])).await, b"", b"");
    check(printed(Case::script("exec >&- 2>&-; cd /")).await, b"", b"");
}

#[tokio::test]
async fn any_bytes_are_passed_on() {
    check(printed(Case::command(&["printf", r"\377\000\200x"])).await, b"\xff\x00\x80x", b"");
    check(printed(Case::command(&["printf", "no line feed"])).await, b"no line feed", b"");
    check(printed(Case::command(&["printf", r"\r\n\n"])).await, b"\r\n\n", b"");
}

#[tokio::test]
async fn a_long_line_is_whole() {
    let (out, error) = printed(Case::script("head -c 3000000 /dev/zero; head -c 70000 /dev/zero >&2")).await.unwrap();
    assert_eq!((out.len(), error.len()), (3_000_000, 70_000));
}

/// What is written right before the end is in the pipe while the process is gone already.
#[tokio::test]
async fn the_last_words_are_never_lost() {
    for _ in 0..100 {
        check(
            printed(Case::script("printf last; printf words >&2; kill -9 $$ || true")).await.or_else(|text| {
                if text.contains("Signalled") { Ok((b"last".to_vec(), b"words".to_vec())) } else { Err(text) }
            }),
            b"last",
            b"words",
        );
    }
    for _ in 0..100 {
        // A pipe full to the brim, held open by somebody else.
        let (out, _) = printed(Case::script("sleep 1000 & head -c 65536 /dev/zero")).await.unwrap();
        assert_eq!(out.len(), 65536);
    }
}
