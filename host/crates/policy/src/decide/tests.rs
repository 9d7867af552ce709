use std::time::Duration;

use proptest::prelude::*;
use stepwell_schema::{Clock, Place, Random, Source, Span};

use super::*;
use crate::grants::Limits;

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
    decide(&requests)
}

fn decide(requests: &[Request]) -> Decisions {
    decide_by(&Policy::local(), requests)
}

fn decide_by(policy: &Policy, requests: &[Request]) -> Decisions {
    policy.decide(&job(), &function(), requests, &[], Path::new(WORK_DIR))
}

fn job() -> Arc<Subject> {
    Arc::new(Subject::of_source("job.yml"))
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

fn policy(texts: &[&str]) -> Policy {
    let sources: Vec<_> =
        texts.iter().enumerate().map(|(number, text)| Source::new(format!("{number}.cedar"), *text)).collect();
    Policy::load(&sources).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Checks the rule that decides each request; a leading `!` is a denial.
#[track_caller]
fn check(capabilities: impl IntoIterator<Item = Capability>, rules: &[&str]) -> Decisions {
    let decisions = decide_all(capabilities);
    let found: Vec<String> = decisions
        .decisions
        .iter()
        .map(|decision| match decision.verdict {
            Verdict::Allowed => decision.decided_by.to_string(),
            Verdict::Denied => format!("!{}", decision.decided_by),
            Verdict::Audited => format!("?{}", decision.decided_by),
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

fn http(host: &str) -> Capability {
    Capability::Http { host: host.into(), port: 1, methods: vec!["GET".into()], paths: vec![] }
}

#[test]
fn hosts_and_secrets_are_granted_in_normal_form() {
    let policy = policy(&[PERMIT_ALL]);
    let secret = |host: Option<&str>| Capability::Secret { name: "s".into(), host: host.map(Into::into) };
    let asked = [http("B"), http("a."), secret(None), secret(Some("A"))].map(request);
    let grants = decide_by(&policy, &asked).grants;
    let hosts: Vec<&str> = grants.http.iter().map(|grant| grant.host.as_str()).collect();
    assert_eq!(hosts, ["a", "b"]);
    let secrets: Vec<Option<&str>> = grants.secrets.iter().map(|grant| grant.host.as_deref()).collect();
    assert_eq!(secrets, [None, Some("a")]);
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
    check([memory(crate::MAX_MEMORY_BYTES)], &["limits"]);
    check([memory(crate::MAX_MEMORY_BYTES + 1)], &["!ceiling"]);
    check([wall(crate::MAX_WALL)], &["limits"]);
    check([wall(crate::MAX_WALL + Duration::from_nanos(1))], &["!ceiling"]);
    check([http("h")], &["!no-policy"]);
    check([http("h:80")], &["!invalid-host"]);
    check([Capability::Secret { name: "s".into(), host: None }], &["!no-policy"]);
    check([Capability::Secret { name: "s".into(), host: Some("a/b".into()) }], &["!invalid-host"]);
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
    let decisions = decide(&[optional, request(read("/usr"))]);
    let refused: Vec<String> =
        decisions.refusals().map(|decision| decision.request.capability.subject().into_owned()).collect();
    assert_eq!(refused, ["/usr"]);
}

#[test]
fn denials_say_what_to_do_and_who() {
    let place = Place::new(Source::new("notify/func.yml", "spec:"), Span::new(0, 4));
    let decisions = decide(&[Request { place: Some(place), ..request(read("/etc")) }]);
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

#[test]
fn a_denial_by_default_says_what_to_add() {
    let place = Place::new(Source::new("job.yml", "run:"), Span::new(0, 3));
    let denied = policy(&[]).decide_act(&job(), &function(), Capability::Exec { program: "a \"b\"".into() }, place);
    assert_eq!(denied.to_string(), "exec a \"b\"  denied  no-policy");
    assert_eq!(
        denied.remedy.as_deref(),
        Some(
            "to allow it, whoever runs this engine adds to its policies:\n\
             permit (principal, action == Action::\"exec\", resource == Program::\"a \\\"b\\\"\")\n\
             when { context has function && context.function.digest == \"sha256:77e0\" };"
        )
    );
}

#[test]
fn a_denial_by_a_policy_names_it_and_its_place() {
    let forbid =
        "\n@id(\"no-secrets\") @reason(\"keys lie there\")\nforbid (principal, action, resource in Path::\"keys\");";
    let policy = policy(&[&PERMIT_ALL.replace("@id(\"all\")", ""), forbid]);
    let decisions = decide_by(&policy, &[request(read("keys/a/b")), request(read("src"))]).decisions;
    assert_eq!(decisions[0].to_string(), "read keys/a/b  denied  no-secrets");
    assert_eq!(decisions[0].reason, "keys lie there");
    assert_eq!(
        decisions[0].remedy.as_deref(),
        Some("whoever runs this engine narrows or removes the policy `no-secrets` (1.cedar:2:1)")
    );
    assert_eq!(decisions[1].to_string(), "read src  allowed  0.cedar:1:2");
}

#[test]
fn no_policy_widens_the_rules_of_the_engine() {
    let policy = policy(&[PERMIT_ALL]);
    let asked = [read("/etc"), read("a\0"), env("A=B"), memory(8 << 30), read("a/b"), write("a")];
    let asked: Vec<Request> = asked.into_iter().chain([http("127.1")]).map(request).collect();
    let rules: Vec<String> =
        decide_by(&policy, &asked).decisions.iter().map(|decision| decision.decided_by.to_string()).collect();
    let expected = ["no-rule", "invalid-path", "invalid-name", "ceiling", "read-inside-write", "all", "invalid-host"];
    assert_eq!(rules, expected);
}

#[test]
fn policies_that_are_tried_out_deny_nothing() {
    let policy = policy(&[]).audit_only();
    let decisions = decide_by(&policy, &[request(read("src")), request(read("/etc"))]);
    let lines: Vec<String> = decisions.decisions.iter().map(ToString::to_string).collect();
    assert_eq!(lines, ["read src  audited  no-policy", "read /etc  denied  no-rule"]);
    assert!(decisions.decisions[0].remedy.as_ref().is_some_and(|remedy| remedy.contains("Path::\"src\"")));
    assert_eq!(decisions.grants.roots.len(), 1);
}

#[test]
fn what_the_job_does_not_pass_is_denied() {
    let policy = policy(&[PERMIT_ALL]);
    let passed = [Arc::new(Passed::new([request(read("src/a")), request(read("src/b"))]))];
    let asked = [request(read("src")), request(env("CI"))];
    let decided = policy.decide(&job(), &function(), &asked, &passed, Path::new(WORK_DIR));
    let lines: Vec<String> = decided.decisions.iter().map(ToString::to_string).collect();
    assert_eq!(lines, ["read src/a  allowed  all", "read src/b  allowed  all", "env CI  denied  not-passed"]);
    assert_eq!(
        decided.decisions[2].remedy.as_deref(),
        Some("whoever wrote the job adds `env CI` to `allow` of the step")
    );
}

#[test]
fn ceilings_hold_what_is_asked_and_what_is_not() {
    let ceilings = Ceilings { memory: 1 << 20, bytes: 1 << 10, ..Ceilings::default() };
    let policy = policy(&[PERMIT_ALL]).with_ceilings(ceilings);
    let grants = decide_by(&policy, &[request(write("a"))]).grants;
    assert_eq!((grants.limits.memory, grants.roots[0].bytes), (1 << 20, 1 << 10));
    let denied = &decide_by(&policy, &[request(memory(2 << 20))]).decisions[0];
    assert_eq!(denied.reason, "memory 2 MiB, more than the ceiling of 1 MiB");
}

const PERMIT_ALL: &str = "@id(\"all\") permit (principal, action, resource);";

/// Policies of which any number may hold together.
const POLICIES: [&str; 6] = [
    "permit (principal, action == Action::\"read\", resource in Path::\"a\");",
    "permit (principal, action in [Action::\"read\", Action::\"write\"], resource == Path::\"b\");",
    "permit (principal, action == Action::\"write\", resource) when { context.bytes < 1000 };",
    "permit (principal, action == Action::\"readEnv\", resource) unless { resource == Variable::\"B\" };",
    "forbid (principal, action, resource) when { resource == Path::\"a/b\" };",
    "permit (principal, action, resource);",
];

fn any_policies() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::sample::subsequence(POLICIES.to_vec(), 0..=POLICIES.len())
}

/// Tells whether all that one set of grants gives is given by the other.
fn is_within(inner: &Grants, outer: &Grants) -> bool {
    let covers = |root: &Root| {
        outer.roots.iter().any(|other| {
            let enough = other.bytes >= root.bytes && other.files >= root.files;
            other.path.contains(&root.path)
                && (root.access == Access::Read || (other.access == Access::Write && enough))
        })
    };
    let limits = inner.limits.memory <= outer.limits.memory && inner.limits.log <= outer.limits.log;
    limits && inner.roots.iter().all(covers) && inner.env.iter().all(|name| outer.env.contains(name))
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
    /// Asked ∩ operator ∩ rules: each operand alone, the other two giving all they can, gives at least as much.
    #[test]
    fn an_intersection_never_grants_more_than_each_operand(
        capabilities in proptest::collection::vec(any_capability(), 0..6),
        texts in any_policies(),
        others in any_policies(),
    ) {
        // `a` read and `a/b` written at once may be refused beside each other, whichever policy holds; without reads
        // inside writes the rules look at each request alone.
        let capabilities: Vec<Capability> = capabilities
            .into_iter()
            .filter(|capability| !matches!(capability, Capability::Read { path } if path.contains('/')))
            .collect();
        let requests: Vec<Request> = capabilities.into_iter().map(request).collect();
        let operator = policy(&texts);
        let granted = decide_by(&operator, &requests);
        let by_rules = decide_by(&policy(&[PERMIT_ALL]), &requests);
        for (decision, rules) in granted.decisions.iter().zip(&by_rules.decisions) {
            let allowed = decision.verdict == Verdict::Allowed;
            prop_assert!(!allowed || rules.verdict == Verdict::Allowed || rules.decided_by == DecidedBy::Rule("read-inside-write"));
            if let (true, Ok(Left::ForPolicies(act))) = (
                allowed,
                hard::check(&decision.request.capability, Path::new(WORK_DIR), operator.ceilings()),
            ) {
                prop_assert_eq!(operator.ask_anew(&question(&job(), &function(), act)).verdict, Verdict::Allowed);
            }
        }
        prop_assert!(is_within(&granted.grants, &by_rules.grants) || by_rules.refusals().any(
            |denied| denied.decided_by == DecidedBy::Rule("read-inside-write")));
        // What a further forbid leaves is no more than before it.
        let forbids: Vec<&str> = others.into_iter().filter(|text| text.starts_with("forbid")).collect();
        let narrowed = policy(&[&*texts, &*forbids].concat());
        for (fewer, more) in decide_by(&narrowed, &requests).decisions.iter().zip(&granted.decisions) {
            let beside = more.decided_by == DecidedBy::Rule("read-inside-write");
            prop_assert!(fewer.verdict == Verdict::Denied || more.verdict == Verdict::Allowed || beside);
        }
        // An answer that is kept is the same.
        prop_assert_eq!(decide_by(&operator, &requests), granted);
    }

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
            prop_assert!(capabilities.contains(&env(name)) && stepwell_schema::name::is_name(name));
        }
        let clock_asked = capabilities.contains(&Capability::Clock(Clock::Real));
        prop_assert_eq!(decisions.grants.clock == Clock::Real, clock_asked);
        let limits = decisions.grants.limits;
        prop_assert!(limits.memory <= crate::MAX_MEMORY_BYTES);
        let memory_asked = capabilities.iter().any(|capability| {
            matches!(capability, Capability::Limits { memory: Some(asked), .. } if *asked == limits.memory)
        });
        prop_assert!(memory_asked || limits == Limits::default());
    }
}
