//! Functions that are written with the guest SDK alone, against a server with TLS on loopback.

use std::fs;

use crate::support::server::{self, Seen, Server};
use crate::support::{Place, Ran, guest};

const SECRET: &str = "correct-horse-battery-staple";

/// More than the host moves in one call, so that files and answers go piece by piece.
const LARGE_BYTES: usize = 300_000;

/// Answers with what it was sent, or with a status that the path names.
fn serve() -> Server {
    Server::secure(|seen: &Seen| {
        let status = if seen.head[0].starts_with("POST /teapot") { "418 I'm a teapot" } else { "201 Created" };
        let body = String::from_utf8_lossy(&seen.body);
        format!("HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    })
}

/// A job of one step that uploads `in/file` to a path of the server.
fn upload(port: u16, path: &str, inputs: &str) -> Place {
    let place = Place::new();
    place.write("in/file", "x".repeat(LARGE_BYTES));
    place.write("upload/upload.wasm", fs::read(guest("upload")).expect("the guest is built")).write(
        "upload/func.yml",
        format!(
            "spec:\n  inputs:\n    url: {{ type: string }}\n    file: {{ type: string }}\n    \
             answer: {{ type: string }}\n    limit: {{ type: number, default: 1000000 }}\n    \
             panic: {{ type: boolean, default: false }}\n  outputs:\n    status: {{ type: number }}\n    \
             kind: {{ type: string, default: none }}\n    bytes: {{ type: number }}\n  needs:\n    \
             read: [ in ]\n    write: [ out ]\n    \
             http: [ {{ host: 127.0.0.1, port: {port}, methods: [ POST ], paths: [ /v1/*, /teapot ] }} ]\n    \
             secrets: [ {{ name: token, use: header, host: 127.0.0.1 }} ]\n---\nwasm: {{ module: ./upload.wasm }}\n"
        ),
    );
    place.write(
        "job.yml",
        format!(
            "run:\n  - name: upload\n    func: ./upload\n    inputs: {{ url: \"https://127.0.0.1:{port}{path}\", \
             file: in/file, answer: out/answer, {inputs} }}\n    secrets: {{ token: \"${{{{ vars.TOKEN }}}}\" }}\n"
        ),
    );
    place
}

fn run(place: &Place, port: u16) -> Ran {
    let (variable, allowed) = (format!("TOKEN={SECRET}"), format!("127.0.0.1:{port}"));
    let mut command = place.command(["run", "job.yml", "--var", &variable, "--allow-http", &allowed]);
    Ran::from(command.env("SSL_CERT_FILE", server::authority()).output().expect("it starts"))
}

#[test]
fn a_file_is_uploaded_and_the_answer_kept() {
    let server = serve();
    let place = upload(server.port(), "/v1/files", "");
    run(&place, server.port()).code(0).never_shows(SECRET);
    let seen = &server.seen()[0];
    assert_eq!(seen.head[0], "POST /v1/files?name=in%2Ffile HTTP/1.1");
    assert_eq!(seen.header("authorization"), Some(&*format!("Bearer {SECRET}")));
    assert_eq!(seen.header("content-length"), Some(&*LARGE_BYTES.to_string()));
    assert!(place.read("out/answer") == "x".repeat(LARGE_BYTES));
}

#[test]
fn failures_say_what_to_do() {
    let server = serve();
    let port = server.port();
    let told = |path: &str, inputs: &str, parts: &[&str]| {
        let ran = run(&upload(port, path, inputs), port);
        parts.iter().for_each(|part| {
            ran.code(1).says(part).never_shows(SECRET);
        });
    };
    let denied = format!("no grant for `POST https://127.0.0.1:{port}/v2`");
    let need = format!("add `{{ host: 127.0.0.1, port: {port}, methods: [POST] }}` under `spec.needs.http`");
    told("/v2", "", &[&denied, &need]);
    told("/teapot", "", &["was answered with status 418"]);
    told("/v1/x", "limit: 1000", &["is too large", "the limit is 1000 bytes"]);
    told("/v1/x", "panic: true", &["the step panicked at", "upload/src/lib.rs:", "told to panic"]);
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn only_what_is_called_is_imported() {
    let imports = |name: &str, interface: &str| {
        let module = fs::read(guest(name)).expect("the guest is built");
        module.windows(interface.len()).any(|bytes| bytes == interface.as_bytes())
    };
    // All guests are built together, so the SDK of each has the feature for requests.
    assert!(imports("upload", "wasi:http/outgoing-handler"));
    assert!(imports("upload", "stepwell:step/secrets"));
    for absent in ["wasi:http/", "stepwell:step/secrets", "stepwell:step/log"] {
        assert!(!imports("minimal", absent), "{absent}");
    }
}
