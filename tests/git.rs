//! Git references through the command line, against real servers.

use std::fs;
use std::process::{Command, Stdio};

use stepwell_git_server::{Fault, Proxy, Repository, Server, Stage};

use crate::support::{Place, Ran, files};

fn hello() -> Repository {
    let repository = Repository::new();
    repository
        .write("steps/hello/func.yml", "spec:\n---\nexec: { command: [echo, hello from git] }\n")
        .write("steps/large", vec![7; 300_000])
        .commit("hello");
    repository.tag("v1");
    repository
}

/// Prepares a call with a cache of its own.
fn command(place: &Place, arguments: &[&str]) -> Command {
    let mut command = place.command(arguments);
    command.env("XDG_CACHE_HOME", place.tmp().with_file_name("cache"));
    command
}

fn run(place: &Place, arguments: &[&str]) -> Ran {
    Ran::from(command(place, arguments).output().expect("the program starts"))
}

fn job(place: &Place, reference: &str) {
    place.write("job.yml", format!("run: [{{ name: hello, func: '{reference}' }}]\n"));
}

#[test]
fn a_job_runs_and_its_plan_shows_the_commit() {
    let place = Place::new();
    let repository = hello();
    let server = Server::of(&repository);
    job(&place, &format!("{}/-/hello@v1", server.url("project.git")));
    run(&place, &["run", "job.yml"]).code(0).logs("hello from git\n");
    run(&place, &["plan", "job.yml"]).code(0).logs(&repository.id("v1")[..12]);
    assert_eq!(server.fetches(), 1, "the second run found it in the cache");
    assert_eq!(place.left_over(), Vec::<String>::new());
}

#[test]
fn many_references_to_one_repository_make_one_fetch() {
    let place = Place::new();
    let repository = hello();
    let server = Server::of(&repository);
    let item = |number| format!("  - {{ name: s{number}, func: '{}/-/hello@v1' }}\n", server.url("project.git"));
    place.write("job.yml", format!("run:\n{}", (0..50).map(item).collect::<String>()));
    run(&place, &["run", "job.yml"]).code(0);
    assert_eq!((server.lists(), server.fetches()), (1, 1));
}

#[test]
fn all_problems_of_all_repositories_come_together() {
    let place = Place::new();
    let repository = hello();
    let server = Server::of(&repository);
    place.write(
        "job.yml",
        format!(
            "run:\n  - {{ name: a, func: '{0}/-/hello@v9' }}\n  - {{ name: b, func: '{0}/-/nothing@v1' }}\n  - {{ name: c, func: 'http://127.0.0.1:1/x/y@v1' }}\n",
            server.url("project.git")
        ),
    );
    let ran = run(&place, &["run", "job.yml"]);
    ran.code(3)
        .says("cannot find version \"v9\"")
        .says("tags: v1")
        .says("job.yml:3:")
        .says("job.yml:4:")
        .says("3 problems");
}

#[test]
fn credentials_are_nowhere() {
    let place = Place::new();
    let repository = hello();
    let server = Server::builder().repository("project.git", &repository).credentials("bot", "s3cr3t-token").start();
    let host = server.host();
    let reference = format!("http://bot:${{{{ vars.TOKEN }}}}@{host}/project.git/-/hello@v1");
    job(&place, &reference);
    let results = ["run", "job.yml", "--results", "r.json", "--events", "e.jsonl", "--var"];
    run(&place, &[&results[..], &["TOKEN=s3cr3t-token"]].concat()).code(0).never_shows("s3cr3t");
    for path in ["r.json", "e.jsonl"] {
        assert!(!place.read(path).contains("s3cr3t"), "{path} shows the token");
    }
    let kept = files(&place.tmp().with_file_name("cache"));
    assert!(
        kept.values().all(|content| !String::from_utf8_lossy(content).contains("s3cr3t")),
        "the cache holds the token"
    );
    run(&place, &[&results[..], &["TOKEN=wr0ng-token"]].concat()).code(3).never_shows("wr0ng").says("401");
    job(&place, &format!("http://bot:s3cr3t-token@{host}/project.git/-/hello@v9"));
    run(&place, &["run", "job.yml"]).code(3).never_shows("s3cr3t").says("cannot find version");
    job(&place, &format!("http://{host}/project.git/-/hello@v1"));
    run(&place, &["run", "job.yml"]).code(3).says("put credentials into the reference by an expression");
}

#[test]
fn certificate_authorities_and_proxies_come_from_the_environment() {
    let place = Place::new();
    let repository = hello();
    let server = Server::builder().repository("project.git", &repository).tls().start();
    job(&place, &format!("{}/-/hello@v1", server.url("project.git")));
    run(&place, &["run", "job.yml"]).code(3).says("no secure connection").says("SSL_CERT_FILE");
    for name in ["GIT_SSL_CAINFO", "SSL_CERT_FILE"] {
        let output = command(&place, &["run", "job.yml"]).env(name, server.authority()).output();
        Ran::from(output.expect("it starts")).code(0);
    }
    let plain = Server::of(&repository);
    let proxy = Proxy::start(&plain.host(), None);
    job(&place, "http://git.example.org/project.git/-/hello@v1");
    let output = command(&place, &["run", "job.yml"]).env("http_proxy", proxy.url("")).output();
    Ran::from(output.expect("it starts")).code(0).logs("hello from git");
    assert!(!proxy.targets().is_empty());
}

#[test]
fn a_transfer_that_was_killed_half_way_leaves_a_cache_that_works() {
    let place = Place::new();
    let repository = hello();
    let server = Server::of(&repository);
    job(&place, &format!("{}/-/hello@v1", server.url("project.git")));
    server.fail(Stage::Fetch, Fault::Stall(200));
    let mut child = command(&place, &["run", "job.yml"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    while server.fetches() == 0 {
        std::thread::yield_now();
    }
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    server.mend();
    run(&place, &["run", "job.yml"]).code(0).logs("hello from git");
    run(&place, &["cache", "verify"]).code(0).logs("1 commit verified, 0 damaged");
    assert_eq!(unfinished(&place), 0, "something of the killed process is left");
}

/// Returns how many things in the cache are half made.
fn unfinished(place: &Place) -> usize {
    fs::read_dir(place.tmp().with_file_name("cache").join("stepwell/git/tmp")).expect("it is there").count()
}

#[test]
fn sigterm_ends_a_fetch_that_stalls() {
    let place = Place::new();
    let repository = hello();
    let server = Server::of(&repository);
    job(&place, &format!("{}/-/hello@v1", server.url("project.git")));
    server.fail(Stage::Fetch, Fault::Stall(200));
    let child = command(&place, &["run", "job.yml"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    while server.fetches() == 0 {
        std::thread::yield_now();
    }
    let process = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(process, rustix::process::Signal::TERM).expect("it runs");
    let ran = Ran::from(child.wait_with_output().expect("it ends"));
    ran.code(130).says("cancelled before its first step");
    assert_eq!(place.left_over(), Vec::<String>::new());
    assert_eq!(unfinished(&place), 0);
}

#[test]
fn the_cache_is_listed_verified_and_pruned() {
    let place = Place::new();
    let repository = hello();
    let server = Server::of(&repository);
    job(&place, &format!("{}/-/hello@v1", server.url("project.git")));
    run(&place, &["run", "job.yml"]).code(0);
    run(&place, &["cache", "list"]).code(0).logs(&server.url("project.git")).logs(&repository.id("v1")[..12]);
    let listed: serde_json::Value =
        serde_json::from_str(&run(&place, &["cache", "list", "--json"]).stdout).expect("JSON");
    let digest = listed["entries"][0]["digest"].as_str().expect("a digest");
    let digest = digest.strip_prefix("sha256:").unwrap_or(digest);
    let tree = place.tmp().with_file_name("cache").join(format!("stepwell/git/trees/{digest}/tree"));
    let file = tree.join("steps/hello/func.yml");
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("it is ours");
    fs::write(&file, "spec:\n---\nexec: { command: [echo, evil] }\n").expect("it can be written");
    run(&place, &["cache", "verify"]).code(6).logs("damaged: ");
    run(&place, &["run", "job.yml"]).code(0).logs("hello from git").never_shows("evil");
    assert_eq!(server.fetches(), 2, "what is damaged is fetched anew");
    run(&place, &["cache", "verify"]).code(0);
    run(&place, &["cache", "prune", "--to", "1GiB"]).code(0).logs("0 trees removed");
    run(&place, &["cache", "prune"]).code(0).logs("1 tree removed");
    assert_eq!(run(&place, &["cache", "list"]).code(0).stdout.lines().count(), 1);
}
