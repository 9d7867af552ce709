use stepwell_git_server::{Fault, Proxy, Server, Stage};
use stepwell_plan::FetchError;
use stepwell_resolve::Proxies;

use crate::support::{Machine, check_fetch_error, check_text, check_version, noise, repository, text};

#[test]
fn http_with_credentials() {
    let repository = repository("one");
    let server =
        Server::builder().repository("group/project.git", &repository).credentials("user", "se@cret/:%").start();
    let machine = Machine::new();
    check_version(
        machine.resolve(&format!("{}@main", server.url_with("user:se%40cret%2F%3A%25", "group/project.git"))),
        "one",
    );
    let requests = server.requests();
    assert!(requests.iter().all(|request| request.credentials == Some(("user".into(), "se@cret/:%".into()))));
    assert!(requests.iter().all(|request| request.user_agent.starts_with("git/")), "{requests:?}");
    let url = server.url("group/project.git");
    check_text(
        machine.resolve(&format!("{url}@main")),
        &format!(
            "fetch-failed: fetching git step: `{url}`: the server asks for credentials (status 401) | put credentials into \
             the reference by an expression, such as `gitlab-ci-token:${{{{ vars.CI_JOB_TOKEN }}}}@host/project@revision`"
        ),
    );
    check_text(
        machine.resolve(&format!("{}@main", server.url_with("user:wrong", "group/project.git"))),
        &format!(
            "fetch-failed: fetching git step: `{url}`: the server does not take the credentials (status 401) | look \
             whether the credentials in the reference are valid and may read this project"
        ),
    );
}

#[test]
fn https_with_an_authority_of_its_own() {
    let repository = repository("one");
    let server = Server::builder().repository("project.git", &repository).tls().start();
    let reference = format!("{}@main", server.url("project.git"));
    let trusting = Machine::new().with(|settings| settings.certificate_authorities(server.authority()));
    check_version(trusting.resolve(&reference), "one");
    let error = text(&Machine::new().resolve(&reference).unwrap_err());
    assert!(error.contains("no secure connection: invalid peer certificate: UnknownIssuer"), "{error}");
    assert!(error.ends_with("`SSL_CERT_FILE` or `GIT_SSL_CAINFO`"), "{error}");
    assert_eq!(server.fetches(), 1);
    // Without TLS on the other side, and the other way round.
    let plain = Server::of(&repository);
    let result = Machine::new().resolve(&format!("https://{}/project.git@main", plain.host()));
    let error = text(&result.unwrap_err());
    assert!(error.contains("the server cannot be reached: tls handshake eof"), "{error}");
    let result = Machine::new().resolve(&format!("http://{}/project.git@main", server.host()));
    assert!(text(&result.unwrap_err()).starts_with("fetch-failed"));
}

#[test]
fn an_authority_file_that_cannot_be_used() {
    let repository = repository("one");
    let server = Server::of(&repository);
    for (file, expected) in [("/nonexistent", "No such file"), ("/etc/hostname", "holds no certificate")] {
        let machine = Machine::new().with(|settings| settings.certificate_authorities(file));
        let error = text(&machine.resolve(&format!("{}@main", server.url("project.git"))).unwrap_err());
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_large_repository_over_tls() {
    let repository = repository("one");
    repository.write("large", noise(3 << 20)).commit("large");
    let server = Server::builder().repository("project.git", &repository).tls().start();
    let machine = Machine::new().with(|settings| settings.certificate_authorities(server.authority()));
    let resolved = check_version(machine.resolve(&format!("{}@main", server.url("project.git"))), "one");
    assert_eq!(std::fs::read(resolved.origin.tree.unwrap().join("large")).unwrap(), noise(3 << 20));
}

#[test]
fn redirections_are_followed_with_credentials_on_the_same_server() {
    let repository = repository("one");
    let server = Server::builder().repository("new.git", &repository).repository("old.git", &repository).start();
    server.fail(Stage::List, Fault::Redirect("/new.git/info/refs?service=git-upload-pack".to_owned()));
    // Followed without end, so the fault hits each of them.
    let result = Machine::new().resolve(&format!("{}@main", server.url("old.git")));
    check_fetch_error(result, &FetchError::Redirect("there are too many in a row"));
    assert_eq!(server.lists(), 6);
}

#[test]
fn redirections_to_another_server_leave_credentials_behind() {
    let repository = repository("one");
    let target = Server::of(&repository);
    let first = Server::builder().start();
    let list = "/info/refs?service=git-upload-pack";
    first.fail(Stage::List, Fault::Redirect(format!("{}{list}", target.url_with("other:login", "project.git"))));
    let url = first.url_with("user:secret", "group/project");
    check_version(Machine::new().resolve(&format!("{url}@main")), "one");
    assert_eq!(first.requests().len(), 1);
    assert!(first.requests()[0].credentials.is_some());
    assert_eq!(target.requests().len(), 2);
    assert!(target.requests().iter().all(|request| request.credentials.is_none()));
}

#[test]
fn redirections_that_are_not_followed() {
    let repository = repository("one");
    let plain = Server::of(&repository);
    let secure = Server::builder().repository("project.git", &repository).tls().start();
    let list = "/info/refs?service=git-upload-pack";
    for (target, why) in [
        (format!("{}{list}", plain.url("project.git")), "it leads from `https` to `http`"),
        (format!("file:///{list}"), "it leads to another scheme than `https` and `http`"),
        (format!("https://{}/login", secure.host()), "it leads to something else than a git repository"),
        (
            format!("https://{}/project.git/info/refs", secure.host()),
            "it leads to something else than a git repository",
        ),
        ("http://[".to_owned(), "it names no valid address"),
    ] {
        secure.fail(Stage::List, Fault::Redirect(target));
        let machine = Machine::new().with(|settings| settings.certificate_authorities(secure.authority()));
        check_fetch_error(machine.resolve(&format!("{}@main", secure.url("project.git"))), &FetchError::Redirect(why));
    }
    secure.mend();
    secure.fail(Stage::Fetch, Fault::Redirect(plain.url("project.git/git-upload-pack")));
    let machine = Machine::new().with(|settings| settings.certificate_authorities(secure.authority()));
    let result = machine.resolve(&format!("{}@main", secure.url("project.git")));
    check_fetch_error(result, &FetchError::Redirect("it comes in the middle of a fetch"));
    assert_eq!(plain.requests(), []);
}

#[test]
fn proxies() {
    let repository = repository("one");
    let plain = Server::of(&repository);
    let secure = Server::builder().repository("project.git", &repository).tls().start();
    let with =
        |proxies| Machine::new().with(|settings| settings.certificate_authorities(secure.authority()).proxies(proxies));
    // Nobody has this name, so only the proxy can lead there.
    let proxy = Proxy::start(&plain.host(), None);
    let machine = with(Proxies { http: Some(proxy.url("")), ..Proxies::default() });
    check_version(machine.resolve("http://git.invalid/project.git@main"), "one");
    assert_eq!(proxy.targets()[0], "http://git.invalid/project.git/info/refs?service=git-upload-pack");

    let proxy = Proxy::start(&secure.host(), Some(("user", "secret")));
    let port = secure.host().rsplit(':').next().unwrap().to_owned();
    for proxies in [
        Proxies { https: Some(proxy.url("user:secret")), ..Proxies::default() },
        Proxies { all: Some(proxy.url("user:secret").replace("http://", "")), ..Proxies::default() },
    ] {
        let machine = with(proxies);
        check_version(machine.resolve(&format!("https://localhost:{port}/project.git@main")), "one");
        assert_eq!(proxy.targets().pop(), Some(format!("localhost:{port}")));
    }
    let wrong = with(Proxies { https: Some(proxy.url("user:wrong")), ..Proxies::default() });
    check_fetch_error(wrong.resolve("https://localhost/project.git@main"), &FetchError::ProxyUnauthorized);

    let unused = Proxy::start("127.0.0.1:1", None);
    for (http, none) in [(unused.url(""), "example.com,127.0.0.0/8"), (unused.url(""), "*"), (String::new(), "")] {
        let machine = with(Proxies { http: Some(http), none: Some(none.to_owned()), ..Proxies::default() });
        check_version(machine.resolve(&format!("{}@main", plain.url("project.git"))), "one");
    }
    assert_eq!(unused.targets(), Vec::<String>::new());
}
