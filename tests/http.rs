//! Outgoing requests of a job's steps, against a server with TLS on loopback.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::markdown::{blocks, section};
use crate::support::server::{self, Server, ok};
use crate::support::{Place, Ran, guest, workspace_root};
use crate::worker::worker_of;

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
    let what = "method: POST, body: \"what is uploaded\", secret: token, dump: true";
    place.write("job.yml", job(port, what));
    place
}

/// A job whose request is as these inputs say.
fn job(port: u16, inputs: &str) -> String {
    format!(
        "run:\n  - name: upload\n    func: ./upload\n    inputs: {{ authority: \"127.0.0.1:{port}\", {inputs} }}\n    \
         secrets: {{ token: \"${{{{ vars.TOKEN }}}}\" }}\n"
    )
}

/// Prepares a run that trusts the servers.
fn command(place: &Place, arguments: &[&str]) -> std::process::Command {
    let variable = format!("TOKEN={SECRET}");
    let mut command =
        place.command([&["run", "job.yml", "--var", &variable, "--events", "events.jsonl"], arguments].concat());
    command.env("SSL_CERT_FILE", server::authority());
    command
}

fn run(place: &Place, arguments: &[&str]) -> Ran {
    Ran::from(command(place, arguments).output().expect("it starts"))
}

/// Where guests run.
const ISOLATIONS: [&str; 2] = ["in-process", "worker"];

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

#[test]
fn only_the_server_sees_a_secret() {
    for isolation in ISOLATIONS {
        let server = Server::secure(|_| ok("thanks"));
        let place = upload(server.port());
        let destination = format!("127.0.0.1:{}", server.port());
        let ran = run(&place, &["--allow-http", &destination, "--isolation", isolation]);
        ran.code(0).logs("answer thanks").never_shows(SECRET);
        let seen = server.seen();
        assert_eq!(seen[0].header("authorization"), Some(&*format!("Bearer {SECRET}")));
        assert_eq!(seen[0].body, b"what is uploaded");
        let dump = fs::read(place.work().join("dump")).expect("the guest has dumped its memory");
        assert!(has(&dump, "what is uploaded") && !has(&dump, SECRET));
        assert!(!place.read("events.jsonl").contains(SECRET));
    }
}

/// What came of a run, as far as it does not differ from one run to the next.
fn told(place: &Place, ran: &Ran) -> (Option<i32>, String, BTreeSet<String>) {
    let events = place.read("events.jsonl");
    let denied = events.lines().filter_map(|line| {
        let event: serde_json::Value = serde_json::from_str(line).expect("events are JSON");
        (event["kind"] == "denied").then(|| format!("{} {}", event["capability"], event["asked"]))
    });
    // Placeholders are random, and texts around them masked.
    let kept = |line: &&str| !line.starts_with("placeholder ");
    (ran.code, ran.stdout.lines().filter(kept).collect(), denied.collect())
}

#[test]
fn requests_are_the_same_in_both_isolations() {
    let server = Server::secure(|seen| match seen.head[0].split(' ').nth(1) {
        // About as much as an output may have.
        Some("/large") => ok(&"y".repeat(250_000)),
        Some("/huge") => ok(&"y".repeat(17 << 20)),
        _ => ok(&format!("{} bytes", seen.body.len())),
    });
    let large = format!("method: POST, body: \"{}\"", "x".repeat(700_000));
    let cases = [
        ("method: POST, path: /a?b=c", Some(0)),
        (&*large, Some(0)),
        ("method: POST, path: /large", Some(0)),
        ("method: POST, path: /huge", Some(1)),
        ("method: DELETE", Some(1)),
        ("method: POST, authority: \"127.0.0.1:1\"", Some(1)),
        ("method: POST, authority: evil.test", Some(1)),
        ("method: POST, authority: \"user@evil.test\"", Some(1)),
        ("method: POST, scheme: http", Some(1)),
        ("method: POST, secret: token, value: \"token {}\"", Some(1)),
        ("method: POST, secret: token, path: \"/{}\"", Some(1)),
        ("method: POST, secret: token, form: ann", Some(0)),
        ("method: POST, secret: token, form: \"a:b\"", Some(1)),
        ("method: POST, secret: token, form: reveal", Some(1)),
        ("method: POST, secret: other", Some(1)),
    ];
    for (inputs, code) in cases {
        let run = |isolation: &str| {
            let place = upload(server.port());
            // Of a key that stands twice the document would be refused.
            let text = job(server.port(), inputs);
            let text = match inputs.contains("authority:") {
                true => text.replacen(&format!("authority: \"127.0.0.1:{}\", ", server.port()), "", 1),
                false => text,
            };
            place.write("job.yml", text);
            let destination = format!("127.0.0.1:{}", server.port());
            let ran = run(&place, &["--allow-http", &destination, "--isolation", isolation]);
            ran.never_shows(SECRET);
            told(&place, &ran)
        };
        let [here, there] = ISOLATIONS.map(run);
        assert_eq!(here.0, code, "{inputs:.80}");
        assert!(here == there, "{inputs:.80}: {:?} {:?}", (here.0, &here.2), (there.0, &there.2));
    }
}

/// A server that answers when it is told to, and tells when it was asked, and when whoever asked is gone.
fn waiting() -> (Server, std::sync::mpsc::Sender<()>, Receiver<()>, Receiver<()>) {
    let (go, going) = channel();
    let (ask, asked) = channel();
    let (end, ended) = channel();
    let going = Mutex::new(going);
    let server = Server::start(true, move |wire, _| {
        // The test may be over, which ends everything.
        let _ = ask.send(());
        if going.lock().expect("no other thread has panicked").recv().is_ok() {
            drop(wire.write_all(ok("thanks").as_bytes()).and_then(|()| wire.flush()));
        }
        let mut byte = [0];
        while wire.read(&mut byte).is_ok_and(|read| read > 0) {}
        let _ = end.send(());
    });
    (server, go, asked, ended)
}

#[test]
fn no_worker_ever_holds_a_secret_for_headers() {
    let (server, go, asked, _ended) = waiting();
    let place = upload(server.port());
    let destination = format!("127.0.0.1:{}", server.port());
    let mut command = command(&place, &["--allow-http", &destination, "--isolation", "worker"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    asked.recv().expect("the server is asked");
    let memory = memory(worker_of(child.id()));
    go.send(()).expect("the server waits");
    assert!(child.wait_with_output().expect("it ends").status.success());
    assert_eq!(server.seen()[0].header("authorization"), Some(&*format!("Bearer {SECRET}")));
    // Whoever may not look there is held off by the kernel, as other guests are.
    if let Some(memory) = memory {
        assert!(has(&memory, "what is uploaded") && !has(&memory, SECRET));
    }
}

/// Returns what a process has written into its memory; none where the kernel does not let us look.
fn memory(process: Pid) -> Option<Vec<u8>> {
    const PIECE: u64 = 1 << 20;
    let proc = format!("/proc/{}", process.as_raw_nonzero());
    let maps = fs::read_to_string(format!("{proc}/smaps")).ok()?;
    let mut file = File::open(format!("{proc}/mem")).ok()?;
    let (mut memory, mut area) = (Vec::new(), None);
    for line in maps.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [range, rights, ..] if range.contains('-') && rights.len() == 4 => {
                area = rights.starts_with("rw").then_some(range);
            }
            ["Rss:", resident, _] if resident != "0" => {
                let Some((start, end)) = area.and_then(|range| range.split_once('-')) else { continue };
                let [start, end] = [start, end].map(|text| u64::from_str_radix(text, 16).expect("an address"));
                for start in (start..end).step_by(usize::try_from(PIECE).expect("it is small")) {
                    file.seek(SeekFrom::Start(start)).ok()?;
                    // What is not there any more cannot be read.
                    let _ = (&file).take(PIECE.min(end - start)).read_to_end(&mut memory);
                }
            }
            _ => {}
        }
    }
    (!memory.is_empty()).then_some(memory)
}

#[test]
fn a_request_ends_with_its_worker() {
    let (server, go, asked, ended) = waiting();
    let place = upload(server.port());
    let destination = format!("127.0.0.1:{}", server.port());
    let mut command = command(&place, &["--allow-http", &destination, "--isolation", "worker"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    asked.recv().expect("the server is asked");
    kill_process(worker_of(child.id()), Signal::KILL).expect("the worker runs");
    let ran = Ran::from(child.wait_with_output().expect("it ends"));
    ran.says("the worker of the step was ended by signal 9 (SIGKILL)");
    drop(go);
    ended.recv().expect("the server sees the end");
}

#[test]
fn settings_of_the_operator_say_where_requests_may_go() {
    for isolation in ISOLATIONS {
        let server = Server::secure(|_| ok("thanks"));
        let place = upload(server.port());
        let permit = format!(
            "permit (principal, action == Action::\"connect\", resource == Host::\"127.0.0.1:{}\");\n\
             permit (principal, action == Action::\"useSecret\", resource);\n",
            server.port()
        );
        place.write("team.cedar", permit);
        place.write("operator/authority.pem", fs::read(server::authority()).expect("there is an authority"));
        let run = |settings: &str| {
            place.write("operator/stepwell.toml", settings);
            let policies = ["--policy", "profile:local", "--policy", "team.cedar"];
            let settings = ["--settings", "operator/stepwell.toml", "--isolation", isolation];
            let mut command = command(&place, &[&policies[..], &settings].concat());
            Ran::from(command.env_remove("SSL_CERT_FILE").output().expect("it starts"))
        };
        let authorities = "certificate-authorities = [\"authority.pem\"]\n";
        let networks = "private-networks = [\"127.0.0.0/8\"]\n";
        run(&format!("[http]\n{authorities}{networks}")).code(0).logs("answer thanks").never_shows(SECRET);
        // Each of them is needed.
        run(&format!("[http]\n{authorities}")).code(1).says("DestinationIpProhibited");
        run(&format!("[http]\n{networks}")).code(1).says("TlsCertificateError");
        run(&format!("[http]\n{authorities}{networks}response-bytes = 3\n")).code(1).says("HttpResponseBodySize");
        run("[http]\ncertificate-authorities = [\"none.pem\"]\n").code(7).says("operator/none.pem");
        run("[http]\nproxi = 1\n").code(3).says("operator/stepwell.toml:2:1").says("did you mean `proxy`?");
        assert_eq!(server.seen().len(), 2);
    }
}

#[test]
fn the_settings_that_the_page_shows_are_valid() {
    let page = fs::read_to_string(workspace_root().join("docs/policy.md")).expect("the page is there");
    let shown = blocks(section(&page, "Settings of the operator"));
    let [settings] = &shown[..] else { panic!("not one block: {shown:#?}") };
    let place = Place::new();
    place.write("stepwell.toml", &settings.text);
    place.run(["policy", "check", "--settings", "stepwell.toml"]).code(0);
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
