use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stepwell_git_server::{Fault, Repository, Server, Stage};
use stepwell_plan::{Base, ResolveError, Resolver};
use stepwell_resolve::FetchProgress;
use stepwell_schema::Reference;
use tokio_util::sync::CancellationToken;

use crate::support::{Machine, base, check_text, check_version, function, long, noise, repository, resolve};

#[test]
fn fifty_references_are_one_fetch() {
    let repository = Repository::new();
    for number in 0..50 {
        repository.write("steps/func.yml", function(&number.to_string())).commit("next");
        repository.tag(&format!("v{number}"));
    }
    let server = Server::of(&repository);
    let machine = Machine::new();
    let job = machine.job();
    let references: Vec<Reference> =
        (0..50).map(|number| Reference::parse(&format!("{}@v{number}", server.url("project.git"))).unwrap()).collect();
    let base = base();
    job.prefetch(&references.iter().map(|reference| (reference, &base)).collect::<Vec<_>>());
    assert_eq!((server.lists(), server.fetches()), (1, 1));
    for (number, reference) in references.iter().enumerate() {
        check_version(job.resolve(reference, &base), &number.to_string());
    }
    // Names and places that were not asked for before need no new list.
    check_version(resolve(&job, &format!("{}@main", server.url("project.git"))), "49");
    assert_eq!((server.lists(), server.fetches()), (1, 1));
    // Another job asks for the names again, and finds the trees in the cache.
    let job = machine.job();
    job.prefetch(&references.iter().map(|reference| (reference, &base)).collect::<Vec<_>>());
    assert_eq!((server.lists(), server.fetches()), (2, 1));
}

#[test]
fn abbreviations_share_one_history() {
    let repository = repository("one");
    let one = repository.id("HEAD");
    repository.write("steps/func.yml", function("two"));
    let two = repository.commit("two");
    let server = Server::of(&repository);
    let url = server.url("project.git");
    let machine = Machine::new();
    let job = machine.job();
    check_version(resolve(&job, &format!("{url}@{}", &one[..8])), "one");
    check_version(resolve(&job, &format!("{url}@{}", &two[..8])), "two");
    check_version(resolve(&job, &format!("{url}@{one}")), "one");
    assert_eq!((server.lists(), server.fetches()), (1, 1));
}

#[test]
fn prefetching_leaves_alone_what_it_cannot_know() {
    let repository = repository("one");
    let server = Server::of(&repository);
    let url = server.url("project.git");
    let machine = Machine::new();
    let job = machine.job();
    let base = base();
    let references = [
        Reference::parse("./a").unwrap(),
        Reference::parse("builtin://script").unwrap(),
        Reference::parse("${{ vars.X }}").unwrap(),
        Reference::parse("registry/image:1").unwrap(),
        long(&url, "${{ vars.REV }}", "", None),
        long("${{ vars.URL }}", "v1", "", None),
        long("ssh://host/a", "v1", "", None),
        long(&repository.url(), "main", "", None),
    ];
    job.prefetch(&references.iter().map(|reference| (reference, &base)).collect::<Vec<_>>());
    job.prefetch(&[]);
    assert_eq!(server.requests(), []);
    // Folder and file say nothing about what is fetched.
    job.prefetch(&[(&long(&url, "main", "${{ vars.DIR }}", None), &base)]);
    assert_eq!(server.fetches(), 1);
}

#[test]
fn errors_of_prefetching_are_answered_later() {
    let repository = repository("one");
    let server = Server::of(&repository);
    let url = server.url("project.git");
    let machine = Machine::new();
    let job = machine.job();
    let base = base();
    let (good, bad) = (long(&url, "main", "steps", None), long(&url, "v1", "steps", None));
    let elsewhere = long("http://nobody.invalid/a", "v1", "", None);
    job.prefetch(&[(&good, &base), (&bad, &base), (&elsewhere, &base)]);
    check_version(job.resolve(&good, &base), "one");
    check_text(
        job.resolve(&bad, &base),
        "unknown-revision: fetching git step: cannot find version \"v1\" | branches: main",
    );
    assert!(matches!(job.resolve(&elsewhere, &base), Err(ResolveError::Fetch { .. })));
    assert_eq!((server.lists(), server.fetches()), (1, 1));
}

#[test]
fn a_branch_that_moved_is_noticed_by_the_next_job() {
    let repository = repository("one");
    let server = Server::of(&repository);
    let reference = format!("{}@main", server.url("project.git"));
    let machine = Machine::new();
    let job = machine.job();
    check_version(resolve(&job, &reference), "one");
    repository.write("steps/func.yml", function("two")).commit("two");
    check_version(resolve(&job, &reference), "one");
    assert_eq!(server.lists(), 1);
    check_version(machine.resolve(&reference), "two");
}

#[test]
fn a_branch_that_moves_while_it_is_fetched() {
    let repository = repository("one");
    repository.tag("v1");
    let server = Server::of(&repository);
    let url = server.url("project.git");
    let machine = Machine::new();
    let job = machine.job();
    check_version(resolve(&job, &format!("{url}@v1")), "one");
    // The names were listed; then the branch is another one altogether, and what was listed cannot be had any more.
    repository.branch("topic").write("steps/func.yml", function("two")).commit("two");
    let before = repository.id("HEAD");
    let other = Machine::new();
    let listed = other.job();
    check_version(resolve(&listed, &format!("{url}@v1")), "one");
    repository.write("steps/func.yml", function("three")).git(&[
        "commit",
        "--quiet",
        "--all",
        "--amend",
        "--message",
        "x",
    ]);
    assert_ne!(repository.id("HEAD"), before);
    check_version(resolve(&listed, &format!("{url}@topic")), "three");
    assert_eq!(server.lists(), 3);
}

#[test]
fn a_cached_commit_needs_no_server() {
    let repository = repository("one");
    let commit = repository.id("HEAD");
    let server = Server::of(&repository);
    let reference = format!("{}@{commit}", server.url("project.git"));
    let machine = Machine::new();
    check_version(machine.resolve(&reference), "one");
    let requests = server.requests().len();
    check_version(machine.resolve(&reference), "one");
    assert_eq!(server.requests().len(), requests);
    drop(server);
    assert_eq!(check_version(machine.resolve(&reference), "one").notes, Vec::<String>::new());
}

#[test]
fn a_tag_is_taken_from_the_cache_when_the_server_cannot_be_reached() {
    let repository = repository("one");
    let abbreviation = repository.id("HEAD")[..9].to_owned();
    repository.tag("v1");
    let server = Server::of(&repository);
    let url = server.url("project.git");
    let machine = Machine::new();
    for revision in ["v1", "main", &abbreviation] {
        check_version(machine.resolve(&format!("{url}@{revision}")), "one");
    }
    let commit = repository.id("HEAD");
    server.fail(Stage::List, Fault::Stall(0));
    let impatient = machine.job_with(|settings| settings.idle_time(Duration::from_millis(300)));
    let cached = check_version(resolve(&impatient, &format!("{url}@v1")), "one");
    assert_eq!(
        cached.notes,
        [format!("`{url}`: nothing came for 0.3 s; `v1` is taken from the cache, as it was last seen")]
    );
    assert_eq!(cached.origin.commit, Some(commit));
    // Not when the server answers.
    server.fail(Stage::List, Fault::Status(404));
    assert!(machine.resolve(&format!("{url}@v1")).is_err());
    drop(server);
    let job = machine.job();
    for revision in ["v1", &abbreviation] {
        let cached = check_version(resolve(&job, &format!("{url}@{revision}")), "one");
        assert!(cached.notes[0].contains("is taken from the cache"), "{:?}", cached.notes);
    }
    // A branch may have moved.
    for revision in ["main", "v2"] {
        assert!(matches!(resolve(&job, &format!("{url}@{revision}")), Err(ResolveError::Fetch { .. })), "{revision}");
    }
}

#[test]
fn several_jobs_fetch_at_the_same_time() {
    let repositories: Vec<Repository> = (0..4).map(|number| repository(&number.to_string())).collect();
    let builder = repositories.iter().enumerate().fold(Server::builder(), |builder, (number, repository)| {
        builder.repository(&format!("{number}.git"), repository)
    });
    let server = builder.start();
    let machine = Machine::new();
    let resolver = machine.resolver();
    let results = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let job = resolver.for_job(CancellationToken::new(), None);
                let urls: Vec<String> = (0..4).map(|number| server.url(&format!("{number}.git"))).collect();
                scope.spawn(move || {
                    let base = base();
                    let references: Vec<Reference> =
                        urls.iter().map(|url| Reference::parse(&format!("{url}@main")).unwrap()).collect();
                    job.prefetch(&references.iter().map(|reference| (reference, &base)).collect::<Vec<_>>());
                    references.iter().map(|reference| job.resolve(reference, &base)).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(results.len(), 32);
    for (index, result) in results.into_iter().enumerate() {
        check_version(result, &(index % 4).to_string());
    }
    assert_eq!(machine.cache().list().unwrap().len(), 4);
    assert!(machine.cache().verify().unwrap().iter().all(|(_, damage)| damage.is_none()));
}

#[test]
fn cancellation_ends_a_fetch_that_stalls() {
    let repository = repository("one");
    repository.write("large", noise(1 << 20)).commit("large");
    let server = Server::of(&repository);
    for stage in [Stage::List, Stage::Fetch] {
        server.mend();
        server.fail(stage, Fault::Stall(1_000));
        let cancelled = CancellationToken::new();
        let (has_begun, begun) = mpsc::channel();
        let of_sink = Mutex::new(has_begun);
        let sink = Arc::new(move |_: &FetchProgress| {
            let _ = of_sink.lock().unwrap().send(());
        });
        let machine = Machine::new();
        let job = machine.resolver().for_job(cancelled.clone(), Some(sink));
        let reference = format!("{}@main", server.url("project.git"));
        let result = std::thread::scope(|scope| {
            let thread = scope.spawn(|| resolve(&job, &reference));
            begun.recv().unwrap();
            cancelled.cancel();
            thread.join().unwrap()
        });
        assert!(matches!(result, Err(ResolveError::Cancelled)), "{result:?}");
        // Nothing is begun after that.
        let requests = server.requests().len();
        assert!(matches!(resolve(&job, "http://127.0.0.1:1/a@main"), Err(ResolveError::Cancelled)));
        assert_eq!(server.requests().len(), requests);
    }
}

#[test]
fn progress_is_reported() {
    let repository = repository("one");
    repository.write("large", noise(1 << 20)).commit("large");
    let server = Server::of(&repository);
    let reports = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&reports);
    let machine = Machine::new();
    let job = machine.resolver().for_job(
        CancellationToken::new(),
        Some(Arc::new(move |report: &FetchProgress| sink.lock().unwrap().push(report.clone()))),
    );
    let url = server.url("project.git");
    resolve(&job, &format!("{}@main", url.replace("://", "://user:secret@"))).unwrap();
    let reports = reports.lock().unwrap();
    assert!(reports.iter().all(|report| report.repository == url));
    assert!(reports.len() >= 2 && !reports[0].finished);
    let last = reports.last().unwrap();
    assert!(last.finished && last.received_bytes > 1 << 20);
    assert_eq!((last.received_objects, last.total_objects), (5, Some(5)));
    assert_eq!(reports.iter().filter(|report| report.finished).count(), 1);
}

#[test]
fn a_job_without_cache_leaves_nothing_behind() {
    let repository = repository("one");
    let server = Server::of(&repository);
    let machine = Machine::without_cache();
    let job = machine.job();
    let resolved = check_version(resolve(&job, &format!("{}@main", server.url("project.git"))), "one");
    let root = resolved.origin.tree.clone().unwrap();
    assert!(root.starts_with(machine.scratch_folder()));
    assert_eq!(resolved.base(), Base::Tree { folder: root.join("steps"), root: root.clone() });
    drop(job);
    // What is still held keeps its tree.
    assert!(root.exists());
    drop(resolved);
    assert_eq!(std::fs::read_dir(machine.scratch_folder()).unwrap().count(), 0);
}
