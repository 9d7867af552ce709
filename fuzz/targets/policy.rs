//! What policies are made of and asked with: policy files, settings, paths of the work dir and names of hosts.

#![no_main]

use std::path::Path;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use stepwell_fuzz::{pieces, text};
use stepwell_policy::{
    Capability, Ceilings, FunctionFacts, Policy, Request, Settings, Subject, Verdict, WorkPath, host_name,
};
use stepwell_schema::{Problems, Source};

const WORK_DIR: &str = "/job/work";

/// A policy is compiled and asked at length; longer texts are no deeper.
const MAX_POLICY_BYTES: usize = 2_000;

fuzz_target!(|bytes: &[u8]| {
    let text = text(bytes);
    let pieces = pieces(&text, 3);
    let policy = pieces.first().copied().unwrap_or_default();
    path(&text);
    host(&text);
    settings(&text);
    if policy.len() <= MAX_POLICY_BYTES {
        decide(policy, pieces.get(1..).unwrap_or_default());
    }
});

/// A path is in normal form, beneath the work dir, and stays what it is.
fn path(text: &str) {
    let Ok(path) = WorkPath::parse(text, Path::new(WORK_DIR)) else { return };
    let parts: Vec<&str> = path.as_str().split('/').collect();
    assert!(path.is_work_dir() || parts.iter().all(|part| !matches!(*part, "" | "." | "..")), "{path}");
    assert!(!path.as_str().contains('\0'));
    assert_eq!(WorkPath::parse(path.as_str(), Path::new(WORK_DIR)).as_ref(), Ok(&path));
    // What it means does not hang on whether the work dir is written before it.
    let absolute = format!("{WORK_DIR}/{path}");
    if absolute.len() <= stepwell_policy::MAX_PATH_BYTES {
        assert_eq!(WorkPath::parse(&absolute, Path::new(WORK_DIR)), Ok(path));
    }
}

/// A name of a host has one spelling.
fn host(text: &str) {
    if let Ok(name) = host_name(text) {
        assert_eq!(host_name(&name).as_ref(), Ok(&name), "{text:?}");
        assert!(!name.contains(['/', '@', '\\', ' ', '%']) && !name.ends_with('.'), "{name:?}");
    }
}

fn settings(text: &str) {
    match Settings::parse(&Source::new("stepwell.toml", text.to_owned())) {
        Ok(Settings { ceilings, http }) => {
            let most = Ceilings::default();
            assert!(ceilings.memory <= most.memory && ceilings.cpu <= most.cpu && ceilings.wall <= most.wall);
            assert!(ceilings.log <= most.log && ceilings.bytes <= most.bytes && ceilings.files <= most.files);
            assert!(http.time.is_none_or(|time| time <= most.wall));
        }
        Err(problems) => check_refusal(&problems),
    }
}

/// What is asked for under any policy is given only where the policy alone gives it, and is asked for.
fn decide(text: &str, asked: &[&str]) {
    let policy = match Policy::load(&[Source::new("policy.cedar", text.to_owned())]) {
        Ok(policy) => policy,
        Err(problems) => return check_refusal(&problems),
    };
    let requests: Vec<Request> = asked.iter().flat_map(|text| requests(text)).collect();
    let subject = Arc::new(Subject::of_source("job.yml"));
    let decide = || policy.decide(&subject, &function(), &requests, &[], Path::new(WORK_DIR));
    let decisions = decide();
    assert_eq!(decisions, decide(), "two answers differ");
    for root in &decisions.grants.roots {
        let is_asked = requests.iter().zip(&decisions.decisions).any(|(request, decision)| {
            decision.verdict == Verdict::Allowed
                && matches!(&request.capability, Capability::Read { path } | Capability::Write { path, .. }
                    if WorkPath::parse(path, Path::new(WORK_DIR)).is_ok_and(|path| path == root.path))
        });
        assert!(is_asked, "{} was given unasked", root.path);
    }
}

/// There is a reason, and it can be said: asks for lines and columns.
fn check_refusal(problems: &Problems) {
    assert!(problems.has_errors(), "refused without a reason: {problems}");
    assert!(problems.iter().all(|problem| !problem.to_string().is_empty()));
}

fn requests(text: &str) -> Vec<Request> {
    let capabilities = [
        Capability::Read { path: text.to_owned() },
        Capability::Write { path: text.to_owned(), bytes: None, files: None },
        Capability::Env { name: text.to_owned() },
    ];
    capabilities.map(|capability| Request { capability, reason: None, optional: false, place: None }).into()
}

fn function() -> Arc<FunctionFacts> {
    Arc::new(FunctionFacts {
        name: "./pack".to_owned(),
        protocol: "file",
        host: String::new(),
        path: "./pack".to_owned(),
        digest: "sha256:77e0".to_owned(),
        pinned: true,
        kind: "wasm",
        module: None,
    })
}
