//! What git servers answer, what trees of other people's repositories hold, addresses, and the lists of the cache.
//!
//! The first byte of an input says which of them the rest is.

#![no_main]

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;
use libfuzzer_sys::fuzz_target;
use stepwell_fuzz::text;
use stepwell_resolve::git::fuzzing;

/// A password. It is like no text that parsing makes of anything else.
const SECRET: &str = "tsksafprq-61";

/// Longest message about an answer: two hundred characters of the server's, each escaped, and the words around them.
const MAX_MESSAGE_BYTES: usize = 200 * 10 + 200;

/// Most names that a message lists, of tags and of branches.
const MAX_KNOWN: usize = 2 * 1_000;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else { return };
    match kind {
        b'a' => advertisement(rest),
        b'b' => pack(rest, true),
        b'p' => pack(rest, false),
        b'm' => manifest(&text(rest)),
        b'l' => links(rest),
        _ => address(&text(bytes)),
    }
});

fn advertisement(bytes: &[u8]) {
    let [whole, cut] = [bytes.len().max(1), 3].map(|length| block_on(fuzzing::advertisement(answer(bytes, length))));
    match (whole, cut) {
        (Ok(whole), Ok(cut)) => {
            assert_eq!(whole, cut, "cut anywhere it says the same");
            assert!(whole.names.is_sorted() && whole.objects <= whole.names.len());
            assert!(whole.names.len() <= bytes.len() / 40);
            assert!(whole.known.len() <= MAX_KNOWN && !whole.known.iter().any(|name| name.contains('\n')));
            assert!(whole.capabilities.iter().all(|capability| !capability.is_empty()));
        }
        (whole, cut) => check_refused(whole, cut),
    }
}

fn pack(bytes: &[u8], has_bands: bool) {
    let [whole, cut] = [bytes.len().max(1), 3].map(|length| block_on(fuzzing::pack(answer(bytes, length), has_bands)));
    match (whole, cut) {
        (Ok(whole), Ok(cut)) => {
            assert_eq!(whole, cut, "cut anywhere it is the same");
            assert!(whole.len() <= bytes.len());
        }
        (whole, cut) => check_refused(whole, cut),
    }
}

fn check_refused<T: std::fmt::Debug, E: std::error::Error>(whole: Result<T, E>, cut: Result<T, E>) {
    let (whole, cut) = (whole.expect_err("refused").to_string(), cut.expect_err("refused").to_string());
    assert_eq!(whole, cut, "cut anywhere it is refused for the same reason");
    assert!(whole.len() <= MAX_MESSAGE_BYTES && !whole.contains('\n'), "{whole:?}");
}

fn manifest(text: &str) {
    let Some((entries, written)) = fuzzing::manifest(text) else { return };
    assert!(entries < text.lines().count());
    assert_eq!(fuzzing::manifest(&written), Some((entries, written.clone())), "what is written is read");
}

fn address(text: &str) {
    check_address(text);
    if text.contains(SECRET) {
        return;
    }
    for start in ["https://user:", "http://", "user:"] {
        match fuzzing::address(&format!("{start}{SECRET}@{text}")) {
            Ok((shown, _)) => assert!(!shown.contains(SECRET), "{shown:?}"),
            Err(error) => assert!(!error.to_string().contains(SECRET), "{error}"),
        }
    }
}

fn check_address(text: &str) {
    match fuzzing::address(text) {
        Ok((shown, _)) if !shown.starts_with("file://") => {
            let again = fuzzing::address(&shown).expect("what is shown is an address");
            assert_eq!(again, (shown, false), "without credentials it is shown the same");
        }
        Ok(_) => {}
        Err(error) => assert!(error.to_string().len() <= MAX_MESSAGE_BYTES),
    }
}

/// Reads the lines of an input as `PATH>TARGET`; what the check lets pass is followed by other means.
fn links(bytes: &[u8]) {
    let links: BTreeMap<&[u8], &[u8]> = bytes
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let at = line.iter().position(|byte| *byte == b'>')?;
            Some((&line[..at], &line[at + 1..]))
        })
        .filter(|(path, _)| path.split(|byte| *byte == b'/').all(|part| !matches!(part, b"" | b"." | b"..")))
        .collect();
    // No entry of a tree lies beneath a link.
    let is_beneath = |path: &[u8], folder: &[u8]| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with(b"/"));
    let is_tree = links.keys().all(|path| !links.keys().any(|folder| is_beneath(path, folder)));
    let listed: Vec<(&[u8], &[u8])> = links.iter().map(|(path, target)| (*path, *target)).collect();
    match fuzzing::check_links(&listed) {
        Ok(()) if is_tree => links.keys().for_each(|path| assert!(stays_inside(path, &links), "{path:?} of {links:?}")),
        Ok(()) => {}
        Err((path, _)) => assert!(links.contains_key(path.as_slice())),
    }
}

/// Follows a link part by part, as a system does; a way of too many links leads nowhere.
fn stays_inside(path: &[u8], links: &BTreeMap<&[u8], &[u8]>) -> bool {
    let mut at: Vec<&[u8]> = Vec::new();
    let mut ahead: VecDeque<&[u8]> = path.split(|byte| *byte == b'/').collect();
    let mut followed = 0;
    while let Some(part) = ahead.pop_front() {
        match part {
            b"" | b"." => {}
            b".." => {
                if at.pop().is_none() {
                    return false;
                }
            }
            name => {
                at.push(name);
                let Some(target) = links.get(at.join(&b'/').as_slice()) else { continue };
                at.pop();
                followed += 1;
                if followed > 40 {
                    return true;
                }
                if target.starts_with(b"/") {
                    return false;
                }
                for part in target.rsplit(|byte| *byte == b'/') {
                    ahead.push_front(part);
                }
            }
        }
    }
    true
}

/// An answer whose body comes in chunks of a length.
fn answer(bytes: &[u8], length: usize) -> reqwest::Response {
    let chunks = bytes.chunks(length).map(Bytes::copy_from_slice).collect();
    http::Response::new(reqwest::Body::wrap(Chunks(chunks))).into()
}

struct Chunks(VecDeque<Bytes>);

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Poll::Ready(self.0.pop_front().map(|chunk| Ok(Frame::data(chunk))))
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    // Waiting for an answer needs a clock, though these answers are always there.
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}
