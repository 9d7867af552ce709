//! Outgoing requests of a job's steps, against a server with TLS on loopback.

#[expect(
    dead_code,
    clippy::unwrap_used,
    reason = "it belongs to the tests of the http crate, which use the rest of it"
)]
#[path = "../host/crates/http/tests/http/server.rs"]
mod server;

use std::fs;

use self::server::{Server, ok};
use crate::support::{Place, Ran, guest};

const SECRET: &str = "hunter2-hunter2-hunter2";

/// A job that uploads with a secret in a header, and whose function prints whatever it can reach.
fn upload(port: u16) -> Place {
    let place = Place::new();
    place.write("upload/outgoing.wasm", fs::read(guest("outgoing")).expect("the guest is built")).write(
        "upload/func.yml",
        format!(
            "spec:\n  inputs:\n    authority: {{ type: string, default: \"\" }}\n    scheme: {{ type: string, default: https }}\n    \
             path: {{ type: string, default: / }}\n    method: {{ type: string, default: GET }}\n    \
             secret: {{ type: string, default: \"\" }}\n    form: {{ type: string, default: bearer }}\n    \
             header: {{ type: string, default: authorization }}\n    value: {{ type: string, default: \"{{}}\" }}\n    \
             body: {{ type: string, default: \"\" }}\n    dump: {{ type: boolean, default: false }}\n  \
             outputs:\n    status: {{ type: number }}\n    content: {{ type: string }}\n  needs:\n    \
             write: [ . ]\n    http: [ {{ host: 127.0.0.1, port: {port}, methods: [ POST ] }} ]\n    \
             secrets: [ {{ name: token, use: header, host: 127.0.0.1 }} ]\n---\nwasm: {{ module: ./outgoing.wasm }}\n"
        ),
    );
    place.write(
        "job.yml",
        format!(
            "run:\n  - name: upload\n    func: ./upload\n    inputs: {{ authority: \"127.0.0.1:{port}\", method: POST, \
             body: \"what is uploaded\", secret: token, dump: true }}\n    secrets: {{ token: \"${{{{ vars.TOKEN }}}}\" }}\n"
        ),
    );
    place
}

fn run(place: &Place, arguments: &[&str]) -> Ran {
    let variable = format!("TOKEN={SECRET}");
    let mut command =
        place.command([&["run", "job.yml", "--var", &variable, "--events", "events.jsonl"], arguments].concat());
    Ran::from(command.env("SSL_CERT_FILE", server::authority()).output().expect("it starts"))
}

#[test]
fn only_the_server_sees_a_secret() {
    let server = Server::secure(|_| ok("thanks"));
    let place = upload(server.port());
    let ran = run(&place, &["--allow-http", &format!("127.0.0.1:{}", server.port())]);
    ran.code(0).logs("answer thanks").never_shows(SECRET);
    let seen = server.seen();
    assert_eq!(seen[0].header("authorization"), Some(&*format!("Bearer {SECRET}")));
    assert_eq!(seen[0].body, b"what is uploaded");
    let dump = fs::read(place.work().join("dump")).expect("the guest has dumped its memory");
    let has = |text: &str| dump.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(has("what is uploaded") && !has(SECRET));
    assert!(!place.read("events.jsonl").contains(SECRET));
}

#[test]
fn what_nobody_allows_is_not_sent() {
    let server = Server::secure(|_| ok("thanks"));
    let place = upload(server.port());
    run(&place, &[]).code(4).says("no-policy").says("nothing has run");
    // A policy lets the function ask for the host; that its address is not public is another matter.
    place.write("team.cedar", "permit (principal, action == Action::\"connect\", resource);\n");
    let ran = run(&place, &["--policy", "profile:local", "--policy", "team.cedar"]);
    ran.code(1);
    assert!(server.seen().is_empty());
}

#[test]
fn secrets_are_bound_by_the_job() {
    let place = upload(1);
    let job = place.read("job.yml");
    place.write("job.yml", job.replace("secrets:", "env:"));
    run(&place, &["--allow-http", "127.0.0.1:1"]).code(3).says("secret `token` required, but not passed");
    place.write("job.yml", job.replace("token: \"$", "tokn: \"$"));
    run(&place, &["--allow-http", "127.0.0.1:1"]).code(3).says("did you mean `token`?");
}
