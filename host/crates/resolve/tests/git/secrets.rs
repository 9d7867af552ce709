use std::fs;

use stepwell_git_server::{Fault, Proxy, Server, Stage};
use stepwell_plan::Resolver;
use stepwell_resolve::Proxies;

use crate::support::{Machine, check_unreachable, check_version, files, long, repository, resolve, text};

const SECRET: &str = "sEcReT-t0ken";

/// The secret in the forms in which it could be written.
fn forms() -> [String; 3] {
    use base64::Engine as _;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("user:{SECRET}"));
    [SECRET.to_owned(), pair, SECRET.to_lowercase()]
}

#[track_caller]
fn check_none(text: &str) {
    for form in forms() {
        assert!(!text.contains(&form), "{text}");
    }
}

#[track_caller]
fn check_disk(machine: &Machine) {
    let files = files(machine.path());
    assert!(files.len() > 3, "{files:?}");
    for file in files {
        let content = fs::read(&file).unwrap();
        check_none(&format!("{} {}", file.display(), String::from_utf8_lossy(&content)));
    }
}

#[test]
fn credentials_are_nowhere_on_disk() {
    let repository = repository("one");
    repository.annotated_tag("v1");
    let server = Server::builder().repository("project.git", &repository).credentials("user", SECRET).start();
    let url = server.url_with(&format!("user:{SECRET}"), "project.git");
    let machine = Machine::new();
    let job = machine.job();
    let resolved = check_version(resolve(&job, &format!("{url}@v1")), "one");
    check_version(resolve(&job, &format!("{url}@{}", &repository.id("HEAD")[..10])), "one");
    // While the whole history is still there.
    check_disk(&machine);
    check_none(&format!("{resolved:?} {job:?}"));
    check_none(&format!("{:?}", machine.cache().list().unwrap()));
    let without = Machine::without_cache();
    let job = without.job();
    check_version(resolve(&job, &format!("{url}@v1")), "one");
    check_disk(&without);
}

#[test]
fn credentials_are_in_no_error() {
    let repository = repository("one");
    let server = Server::builder().repository("project.git", &repository).credentials("user", SECRET).start();
    let url = server.url_with(&format!("user:{SECRET}"), "project.git");
    let faults = [
        Fault::Status(401),
        Fault::Status(500),
        Fault::BreakOff(10),
        Fault::Redirect("ftp://x".to_owned()),
        Fault::Body("text/html", Vec::new()),
    ];
    for stage in [Stage::List, Stage::Fetch] {
        for fault in &faults {
            server.fail(stage, fault.clone());
            let error = Machine::new().resolve(&format!("{url}@main")).unwrap_err();
            check_none(&format!("{} {error:?} {error}", text(&error)));
        }
        server.mend();
    }
    let error = Machine::new().resolve(&format!("{url}@unknown")).unwrap_err();
    check_none(&format!("{} {error:?}", text(&error)));
    drop(server);
    let error = Machine::new().resolve(&format!("{url}@main")).unwrap_err();
    check_none(&format!("{} {error:?}", text(&error)));
}

#[test]
fn credentials_in_addresses_that_cannot_be_used_are_in_no_error() {
    let machine = Machine::new();
    let job = machine.job();
    for url in [
        format!("ssh://user:{SECRET}@host/a"),
        format!("user:{SECRET}@host:group/a"),
        format!("https://user:{SECRET}@host:port/a"),
        format!("https://user:{SECRET}@host/a?b"),
        format!("https://user:{SECRET}@"),
        format!("https://user:{SECRET}@host/a b"),
    ] {
        let error = job.resolve(&long(&url, "v1", "", None), &crate::support::base()).unwrap_err();
        check_none(&format!("{} {error:?}", text(&error)));
    }
}

#[test]
fn credentials_of_proxies_are_in_no_error() {
    let repository = repository("one");
    let server = Server::of(&repository);
    let proxy = Proxy::start(&server.host(), Some(("user", "other")));
    for proxy in
        [proxy.url(&format!("user:{SECRET}")), format!("what://user:{SECRET}@host"), format!("user:{SECRET}@[")]
    {
        let proxies = Proxies { http: Some(proxy), ..Proxies::default() };
        check_none(&format!("{proxies:?}"));
        let machine = Machine::new().with(|settings| settings.proxies(proxies));
        let error = machine.resolve("http://git.invalid/project.git@main").unwrap_err();
        check_none(&format!("{} {error:?}", text(&error)));
        check_none(&format!("{:?}", machine.resolver()));
    }
}

#[test]
fn content_is_not_served_without_its_credentials() {
    let repository = repository("one");
    let commit = repository.id("HEAD");
    let server = Server::builder().repository("project.git", &repository).credentials("user", SECRET).start();
    let machine = Machine::new();
    let url = server.url_with(&format!("user:{SECRET}"), "project.git");
    check_version(machine.resolve(&format!("{url}@{commit}")), "one");
    drop(server);
    check_version(machine.resolve(&format!("{url}@{commit}")), "one");
    for other in [url.replace(SECRET, "wrong"), url.replace(&format!("user:{SECRET}@"), ""), url.replace("user:", "")] {
        check_unreachable(machine.resolve(&format!("{other}@{commit}")));
    }
}
