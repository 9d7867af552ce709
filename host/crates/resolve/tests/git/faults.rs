use std::time::{Duration, Instant};

use stepwell_git_server::{Fault, Server, Stage};
use stepwell_plan::FetchError;

use crate::support::{Machine, check_fetch_error, check_text, noise, repository, resolve, text};

const LIST_TYPE: &str = "application/x-git-upload-pack-advertisement";
const PACK_TYPE: &str = "application/x-git-upload-pack-result";

/// A server whose answers do not fit into any buffer on the way.
fn server() -> (stepwell_git_server::Repository, Server) {
    let repository = repository("one");
    repository.write("large", noise(1 << 20)).commit("large");
    let server = Server::of(&repository);
    (repository, server)
}

#[track_caller]
fn check_fault(server: &Server, stage: Stage, fault: Fault, expected: &FetchError) {
    server.mend();
    server.fail(stage, fault);
    check_fetch_error(Machine::new().resolve(&format!("{}@main", server.url("project.git"))), expected);
}

#[test]
fn statuses() {
    let (_repository, server) = server();
    let credentials_sent = false;
    for (status, expected) in [
        (401, FetchError::Unauthorized { credentials_sent }),
        (403, FetchError::Forbidden { credentials_sent }),
        (404, FetchError::NoSuchRepository { credentials_sent }),
        (410, FetchError::NoSuchRepository { credentials_sent }),
        (407, FetchError::ProxyUnauthorized),
        (500, FetchError::Status(500)),
        (503, FetchError::Status(503)),
        (204, FetchError::Status(204)),
    ] {
        for stage in [Stage::List, Stage::Fetch] {
            check_fault(&server, stage, Fault::Status(status), &expected);
        }
    }
    check_text(
        Machine::new().resolve(&format!("{}@v1", server.url("other.git"))),
        &format!(
            "fetch-failed: fetching git step: `{}`: the server knows no such repository (status 404) | check the address; a \
             private project answers so to those it does not know: then put credentials into the reference, such as \
             `gitlab-ci-token:${{{{ vars.CI_JOB_TOKEN }}}}@host/project@revision`",
            server.url("other.git")
        ),
    );
}

#[test]
fn answers_of_something_else() {
    let (_repository, server) = server();
    let html = Fault::Body("text/html; charset=utf-8", b"<html>".to_vec());
    for stage in [Stage::List, Stage::Fetch] {
        check_fault(&server, stage, html.clone(), &FetchError::Protocol("its content type is `text/html`".to_owned()));
    }
    for (body, expected) in [
        (&b"<html>"[..], "a packet has no valid length"),
        (b"0000", "it names no service"),
        (b"001f# service=git-receive-pack\n0000", "it names another service"),
        (b"001e# service=git-upload-pack\n0000000ahello\n0000", "a line names no object"),
        (b"001e# service=git-upload-pack\n00000002", "a packet has no valid length"),
    ] {
        let fault = Fault::Body(LIST_TYPE, body.to_vec());
        check_fault(&server, Stage::List, fault, &FetchError::Protocol(expected.to_owned()));
    }
    for (body, expected) in [
        (&b"ffff"[..], "a packet has no valid length"),
        (b"0008what", "an unknown line stands before the pack"),
        (b"0008NAK\n0006\x07x", "a piece of the pack has no valid number"),
        (b"0008NAK\n0004", "a piece of the pack has no valid number"),
    ] {
        let fault = Fault::Body(PACK_TYPE, body.to_vec());
        check_fault(&server, Stage::Fetch, fault, &FetchError::Protocol(expected.to_owned()));
    }
}

#[test]
fn packs_that_are_damaged() {
    let (_repository, server) = server();
    for pack in
        [&b"0008NAK\n000c\x01PACKnot0000"[..], b"0008NAK\n0000", b"0008NAK\n0011\x01PACK\0\0\0\x02\xff\xff\xff\xff0000"]
    {
        server.fail(Stage::Fetch, Fault::Body(PACK_TYPE, pack.to_vec()));
        let error = text(&Machine::new().resolve(&format!("{}@main", server.url("project.git"))).unwrap_err());
        assert!(error.contains("the answer is not that of a git server: its pack is damaged"), "{error}");
    }
}

#[test]
fn a_pack_without_the_commit() {
    let (_repository, server) = server();
    // An empty pack, valid as such: head, number of objects, checksum.
    let mut pack = b"PACK\0\0\0\x02\0\0\0\0".to_vec();
    pack.extend([
        0x02, 0x9d, 0x08, 0x82, 0x3b, 0xd8, 0xa8, 0xea, 0xb5, 0x10, 0xad, 0x6a, 0xc7, 0x5c, 0x82, 0x3c, 0xfd, 0x3e,
        0xd3, 0x1e,
    ]);
    let mut body = b"0008NAK\n0025\x01".to_vec();
    body.extend(pack);
    body.extend(b"0000");
    server.fail(Stage::Fetch, Fault::Body(PACK_TYPE, body));
    let error = text(&Machine::new().resolve(&format!("{}@main", server.url("project.git"))).unwrap_err());
    assert!(error.contains("fetch-failed"), "{error}");
}

#[test]
fn servers_that_say_why() {
    let (_repository, server) = server();
    let message = FetchError::Refused("access denied or \\u{1b}".to_owned());
    let mut body = b"001e# service=git-upload-pack\n0000".to_vec();
    body.extend(b"001cERR access denied or \x1b\n\n");
    check_fault(&server, Stage::List, Fault::Body(LIST_TYPE, body), &message);
    let body = b"0008NAK\n0019\x03access denied or \x1b\n\n".to_vec();
    check_fault(&server, Stage::Fetch, Fault::Body(PACK_TYPE, body), &message);
}

#[test]
fn connections_that_break_off() {
    let (_repository, server) = server();
    for stage in [Stage::List, Stage::Fetch] {
        for bytes in [0, 2, 20, 100] {
            server.mend();
            server.fail(stage, Fault::BreakOff(bytes));
            let error = Machine::new().resolve(&format!("{}@main", server.url("project.git"))).unwrap_err();
            assert!(text(&error).contains("the connection broke off"), "{stage:?} {bytes}: {}", text(&error));
        }
    }
}

#[test]
fn nobody_listens() {
    let error = text(&Machine::new().resolve("http://127.0.0.1:1/a@main").unwrap_err());
    assert!(error.contains("the server cannot be reached: Connection refused"), "{error}");
    assert!(error.ends_with("check the address, and the variables `https_proxy` and `no_proxy`"), "{error}");
    let error = text(&Machine::new().resolve("http://nobody.invalid/a@main").unwrap_err());
    assert!(error.contains("the server cannot be reached"), "{error}");
}

#[test]
fn servers_that_stall() {
    let (_repository, server) = server();
    let limit = Duration::from_millis(300);
    for (stage, bytes) in [(Stage::List, 0), (Stage::List, 50), (Stage::Fetch, 0), (Stage::Fetch, 100_000)] {
        server.mend();
        server.fail(stage, Fault::Stall(bytes));
        let started = Instant::now();
        let machine = Machine::new().with(|settings| settings.idle_time(limit));
        let result = machine.resolve(&format!("{}@main", server.url("project.git")));
        check_fetch_error(result, &FetchError::Stalled { limit });
        assert!(started.elapsed() < Duration::from_secs(20), "{stage:?} {bytes}");
    }
}

#[test]
fn a_fetch_that_takes_too_long() {
    let (_repository, server) = server();
    server.fail(Stage::Fetch, Fault::Stall(1_000));
    let limit = Duration::from_millis(500);
    let machine = Machine::new().with(|settings| settings.wall_time(limit));
    let result = machine.resolve(&format!("{}@main", server.url("project.git")));
    check_fetch_error(result, &FetchError::TimedOut { limit });
}

#[test]
fn failures_are_remembered_until_they_are_forgotten() {
    let (_repository, server) = server();
    server.fail(Stage::List, Fault::Status(503));
    let machine = Machine::new();
    let job = machine.job();
    for number in 0..50 {
        let result = resolve(&job, &format!("{}@v{number}", server.url("project.git")));
        check_fetch_error(result, &FetchError::Status(503));
    }
    assert_eq!(server.lists(), 1);
    server.mend();
    check_fetch_error(resolve(&job, &format!("{}@main", server.url("project.git"))), &FetchError::Status(503));
    job.forget_failures();
    resolve(&job, &format!("{}@main", server.url("project.git"))).unwrap();
    assert_eq!((server.lists(), server.fetches()), (2, 1));
}
