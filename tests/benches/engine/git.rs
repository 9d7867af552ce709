//! Functions from git repositories, against the same functions in a folder.

use std::fmt::Write as _;
use std::path::Path;

use stepwell::{GitSettings, Host, JobRequest, Status};
use stepwell_git_server::{Repository, Server};

use crate::jobs::{PROGRAM, WARM_UP, job_times, take_turns};
use crate::measure::{Figure, Row, Target};

/// Steps of a job that are counted.
const STEPS: usize = 50;

/// How much longer than a local one a step may take whose function is in the cache.
const ABOVE: std::time::Duration = std::time::Duration::from_millis(2);

fn function() -> String {
    format!("{{}}\n---\nexec: {{ command: [ {PROGRAM} ] }}\n")
}

/// A host that keeps trees, and everything else, in a folder.
fn host(cache: &Path) -> Host {
    let settings = GitSettings::new(cache).cache_folder(cache);
    Host::builder().git(settings).build().expect("the host can be built")
}

/// A job whose functions are looked at when their step is reached, as a runner has it.
fn request(reference: &str, steps: usize) -> JobRequest {
    let mut list = String::new();
    for index in 0..steps {
        writeln!(list, "- {{ name: s{index}, step: '{reference}' }}").expect("a string");
    }
    JobRequest::from_steps("bench.yml", &list).expect("the list is valid").work_dir("/tmp").pinned_when_reached()
}

/// A step by commit id, its tree in the cache and no server there, against one by path.
pub(crate) fn cached_reference() -> Vec<Row> {
    let local = Repository::with(&[("steps/func.yml", &function())]);
    let commit = local.id("HEAD");
    let cache = tempfile::tempdir().expect("a temporary folder");
    let host = host(cache.path());
    let server = Server::of(&local);
    let remote = format!("{}@{commit}", server.url("project.git"));
    assert_eq!(host.run(request(&remote, 1)).expect("it starts").wait().status, Status::Succeeded);
    drop(server);
    let path = local.path().join("steps").display().to_string();
    let (figure, baseline) = take_turns(
        || job_times(&host, request(&remote, STEPS + WARM_UP), WARM_UP),
        || job_times(&host, request(&path, STEPS + WARM_UP), WARM_UP),
    );
    vec![Row {
        name: "exec step by a cached git reference".to_owned(),
        figure,
        baseline: Some(("the same by its path", baseline)),
        target: Target::Above(ABOVE),
    }]
}

/// How often a server is asked for objects by a job with many references to one repository.
pub(crate) fn fetches() -> Vec<Row> {
    let repository = Repository::with(&[("steps/func.yml", &function())]);
    repository.tag("v1");
    let server = Server::of(&repository);
    let cache = tempfile::tempdir().expect("a temporary folder");
    let request = request(&format!("{}@v1", server.url("project.git")), STEPS);
    assert_eq!(host(cache.path()).run(request).expect("it starts").wait().status, Status::Succeeded);
    vec![Row {
        name: format!("fetches of {STEPS} references to a repository"),
        figure: Figure::Count(server.fetches()),
        baseline: None,
        target: Target::UpTo(1),
    }]
}
