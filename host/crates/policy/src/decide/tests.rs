use std::time::Duration;

use proptest::prelude::*;
use stepwell_schema::{Clock, Place, Random, Source, Span};

use super::*;

const WORK_DIR: &str = "/job/work";

fn read(path: &str) -> Capability {
    Capability::Read { path: path.to_owned() }
}

fn write(path: &str) -> Capability {
    Capability::Write { path: path.to_owned(), bytes: None, files: None }
}

fn env(name: &str) -> Capability {
    Capability::Env { name: name.to_owned() }
}

fn memory(memory: u64) -> Capability {
    Capability::Limits { memory: Some(memory), cpu: None, wall: None, log: None }
}

fn wall(wall: Duration) -> Capability {
    Capability::Limits { memory: None, cpu: None, wall: Some(wall), log: None }
}

fn request(capability: Capability) -> Request {
    Request { capability, reason: None, optional: false, place: None }
}

fn decide_all(capabilities: impl IntoIterator<Item = Capability>) -> Decisions {
    let requests: Vec<Request> = capabilities.into_iter().map(request).collect();
    decide(&requests, Path::new(WORK_DIR))
}

/// Checks the rule that decides each request; a leading `!` is a denial.
#[track_caller]
fn check(capabilities: impl IntoIterator<Item = Capability>, rules: &[&str]) -> Decisions {
    let decisions = decide_all(capabilities);
    let found: Vec<String> = decisions
        .decisions
        .iter()
        .map(|decision| match decision.verdict {
            Verdict::Allowed => decision.rule.to_owned(),
            Verdict::Denied => format!("!{}", decision.rule),
        })
        .collect();
    assert_eq!(found, rules);
    decisions
}

#[track_caller]
fn check_roots(capabilities: impl IntoIterator<Item = Capability>, roots: &[&str]) {
    let found: Vec<String> = decide_all(capabilities)
        .grants
        .roots
        .iter()
        .map(|root| match root.access {
            Access::Read => format!("read {}", root.path),
            Access::Write => format!("write {} {} {}", root.path, root.bytes, root.files),
        })
        .collect();
    assert_eq!(found, roots);
}

#[test]
fn one_request_alone() {
    check([read("src")], &["workspace-read"]);
    check([read(".")], &["workspace-read"]);
    check([read("/job/work/src")], &["workspace-read"]);
    check([read("a/../b")], &["workspace-read"]);
    check([read("..")], &["!no-rule"]);
    check([read("/etc")], &["!no-rule"]);
    check([read("/job/workshop")], &["!no-rule"]);
    check([read("a/../../b")], &["!no-rule"]);
    check([read("a\0")], &["!invalid-path"]);
    check([write("dist")], &["workspace-write"]);
    check([write("../dist")], &["!no-rule"]);
    check([env("CI")], &["env-by-name"]);
    check([env("A=B")], &["!invalid-name"]);
    check([env("")], &["!invalid-name"]);
    check([Capability::Clock(Clock::Real)], &["clock"]);
    check([Capability::Random(Random::Seeded)], &["random"]);
    check([memory(ceiling::MAX_MEMORY_BYTES)], &["limits"]);
    check([memory(ceiling::MAX_MEMORY_BYTES + 1)], &["!ceiling"]);
    check([wall(ceiling::MAX_WALL)], &["limits"]);
    check([wall(ceiling::MAX_WALL + Duration::from_nanos(1))], &["!ceiling"]);
    check([Capability::Http { host: "h".into(), port: 1, methods: vec![], paths: vec![] }], &["!no-rule"]);
    check([Capability::Secret { name: "s".into(), host: None }], &["!no-rule"]);
    check([Capability::Write { path: "d".into(), bytes: Some(u64::MAX), files: None }], &["!ceiling"]);
    check([Capability::Write { path: "d".into(), bytes: None, files: Some(1_000_001) }], &["!ceiling"]);
}

#[test]
fn read_only_inside_writable_is_refused() {
    check([read("a/b"), write("a")], &["!read-inside-write", "workspace-write"]);
    check([write("."), read("a")], &["workspace-write", "!read-inside-write"]);
    check([read("a"), write("a/b")], &["workspace-read", "workspace-write"]);
    check([read("a"), write("a")], &["workspace-read", "workspace-write"]);
    check([read("ab"), write("a")], &["workspace-read", "workspace-write"]);
    // A denied writable folder is no neighbour.
    check([read("a/b"), write("/a")], &["workspace-read", "!no-rule"]);
}

#[test]
fn the_refusal_names_both_folders() {
    let decisions = decide_all([read("a/b"), write("a")]);
    assert_eq!(
        decisions.decisions[0].reason,
        "`a/b` (read) lies inside `a` (write): a read-only part of a writable folder cannot be held"
    );
}

#[test]
fn roots_are_sorted_and_merged() {
    check_roots([read("b"), read("a"), read("./a/")], &["read a", "read b"]);
    check_roots([read("a"), read("a/b"), read("a-b")], &["read a", "read a-b"]);
    check_roots([read("."), read("a")], &["read ."]);
    check_roots([read("a"), write("a")], &["write a 67108864 2000"]);
    check_roots([read("a"), write("a/b")], &["read a", "write a/b 67108864 2000"]);
    check_roots([read("/x"), write("..")], &[]);
    check_roots(
        [
            Capability::Write { path: "a".into(), bytes: Some(1), files: Some(9) },
            Capability::Write { path: "a/".into(), bytes: Some(5), files: Some(3) },
        ],
        &["write a 5 9"],
    );
}

#[test]
fn grants_hold_the_rest() {
    let grants = decide_all([
        env("B"),
        env("A"),
        env("B"),
        Capability::Clock(Clock::Frozen),
        Capability::Random(Random::None),
        memory(1 << 20),
        read("./src"),
    ])
    .grants;
    assert_eq!(grants.env, ["A", "B"]);
    assert_eq!(grants.clock, Clock::Frozen);
    assert_eq!(grants.random, Random::None);
    assert_eq!(grants.limits, Limits { memory: 1 << 20, ..Limits::default() });
    assert_eq!(
        grants.capabilities,
        ["clock:frozen", "env:A", "env:B", "limits", "random:none", "read:./src", "read:src"]
    );
}

#[test]
fn nothing_asked_nothing_given() {
    assert_eq!(decide_all([]), Decisions::default());
}

#[test]
fn optional_denials_do_not_refuse() {
    let optional = Request { optional: true, ..request(read("/etc")) };
    let decisions = decide(&[optional, request(read("/usr"))], Path::new(WORK_DIR));
    let refused: Vec<String> = decisions.refusals().map(|decision| decision.request.capability.subject()).collect();
    assert_eq!(refused, ["/usr"]);
}

#[test]
fn denials_say_what_to_do_and_who() {
    let place = Place::new(Source::new("notify/func.yml", "spec:"), Span::new(0, 4));
    let decisions = decide(&[Request { place: Some(place), ..request(read("/etc")) }], Path::new(WORK_DIR));
    let denied = &decisions.decisions[0];
    assert_eq!(denied.reason, "`/etc` lies outside the job's work dir");
    assert_eq!(
        denied.remedy.as_deref(),
        Some(
            "the function's author asks for a path beneath the job's work dir in `spec.needs.read` of `notify/func.yml`; \
             where the path comes from an input, the job gives another one"
        )
    );
    let decisions = decide_all([memory(8 << 30)]);
    assert_eq!(decisions.decisions[0].reason, "memory 8 GiB, more than the ceiling of 4 GiB");
    let decisions = decide_all([Capability::Secret { name: "s".into(), host: None }]);
    assert_eq!(
        decisions.decisions[0].reason,
        "this version does not enforce needs for secrets yet, so a function that has them is refused"
    );
}

#[test]
fn one_line_and_json() {
    let decision = &decide_all([read("/etc")]).decisions[0];
    assert_eq!(decision.to_string(), "read /etc  denied  no-rule");
    let json = serde_json::to_value(decision).unwrap();
    assert_eq!(json["capability"]["path"], "/etc");
    assert_eq!(json["verdict"], "denied");
    assert_eq!(json["rule"], "no-rule");
    assert_eq!(json["optional"], false);
    assert!(json.get("place").is_none());
}

fn any_path() -> impl Strategy<Value = String> {
    proptest::collection::vec(prop_oneof!["[ab]", Just("..".into()), Just(".".into()), Just(String::new())], 0..5)
        .prop_map(|parts| parts.join("/"))
        .prop_flat_map(|path| {
            prop_oneof![Just(path.clone()), Just(format!("{WORK_DIR}/{path}")), Just(format!("/{path}"))]
        })
}

fn any_capability() -> impl Strategy<Value = Capability> {
    let amount = || proptest::option::of(prop_oneof![0..100_000_u64, any::<u64>()]);
    prop_oneof![
        any_path().prop_map(|path| Capability::Read { path }),
        (any_path(), amount(), amount()).prop_map(|(path, bytes, files)| Capability::Write { path, bytes, files }),
        "[A-C=]{0,2}".prop_map(|name| Capability::Env { name }),
        Just(Capability::Clock(Clock::Real)),
        amount().prop_map(|memory| Capability::Limits { memory, cpu: None, wall: None, log: None }),
        Just(Capability::Secret { name: "s".into(), host: None }),
    ]
}

/// Tells whether some request asks for at least this root.
fn is_asked(root: &Root, capabilities: &[Capability]) -> bool {
    let same = |path: &str| WorkPath::parse(path, Path::new(WORK_DIR)).as_ref() == Ok(&root.path);
    let covers = |capability: &Capability, bytes_asked: u64, files_asked: u64| match capability {
        Capability::Read { path } => same(path) && root.access == Access::Read,
        Capability::Write { path, bytes, files } => {
            same(path)
                && bytes.unwrap_or(Limits::DEFAULT_WRITE_BYTES) >= bytes_asked
                && files.unwrap_or(Limits::DEFAULT_WRITE_FILES) >= files_asked
        }
        _ => false,
    };
    capabilities.iter().any(|capability| covers(capability, root.bytes, 0))
        && capabilities.iter().any(|capability| covers(capability, 0, root.files))
}

proptest! {
    #[test]
    fn grants_never_exceed_requests_nor_the_work_dir(
        capabilities in proptest::collection::vec(any_capability(), 0..8)
    ) {
        let decisions = decide_all(capabilities.clone());
        prop_assert_eq!(decisions.decisions.len(), capabilities.len());
        for root in &decisions.grants.roots {
            prop_assert!(is_asked(root, &capabilities), "{root:?} was not asked for");
            prop_assert!(!root.path.as_str().split('/').any(|part| part == ".."));
            prop_assert!(!root.path.as_str().starts_with('/'));
        }
        for inner in &decisions.grants.roots {
            for outer in &decisions.grants.roots {
                let inside = inner.path != outer.path && outer.path.contains(&inner.path);
                prop_assert!(!(inside && inner.access == Access::Read), "{inner:?} inside {outer:?}");
            }
        }
        for name in &decisions.grants.env {
            prop_assert!(capabilities.contains(&env(name)) && is_name(name));
        }
        let clock_asked = capabilities.contains(&Capability::Clock(Clock::Real));
        prop_assert_eq!(decisions.grants.clock == Clock::Real, clock_asked);
        let limits = decisions.grants.limits;
        prop_assert!(limits.memory <= ceiling::MAX_MEMORY_BYTES);
        let memory_asked = capabilities.iter().any(|capability| {
            matches!(capability, Capability::Limits { memory: Some(asked), .. } if *asked == limits.memory)
        });
        prop_assert!(memory_asked || limits == Limits::default());
    }
}
