//! The rule of the head comment, put to the library with policies as operators write them.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::{AuthorizationError, Authorizer, Decision, PolicyId, PolicySet, Response};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, TestRunner};
use stepwell_schema::Source;

use super::super::seen::Seen;
use super::super::{Answers, Engine};
use super::*;
use crate::facts::Subject;
use crate::question::quoted;
use crate::work_path::WorkPath;

/// Texts that stand in questions and in policies, so that they often are the same.
const TEXTS: &[&str] = &["a", "b", "ab", "a/b", "a/b/a", ".", "", "ü\"\\*"];
/// Patterns, as they are written.
const PATTERNS: &[&str] = &["", "*", "a", "a*", "*b", "a*b", "a*a", "**", "a*/*", "*\\*", "ü*\\\\\\*"];
const ATTRIBUTES: &[&str] = &["name", "protocol", "host", "path", "digest"];

fn text() -> impl Strategy<Value = &'static str> {
    select(TEXTS)
}

/// Returns comparisons of a text.
fn comparison(of: impl Strategy<Value = String> + 'static) -> BoxedStrategy<String> {
    let operator = select(vec!["==", "!=", "like", "mirrored"]);
    (of, operator, text(), select(PATTERNS))
        .prop_map(|(of, operator, text, pattern)| match operator {
            "like" => format!("{of} like \"{pattern}\""),
            "mirrored" => format!("{} == {of}", quoted(text)),
            operator => format!("{of} {operator} {}", quoted(text)),
        })
        .boxed()
}

fn written(texts: &'static [&'static str]) -> BoxedStrategy<String> {
    select(texts).prop_map(str::to_owned).boxed()
}

fn attribute(of: &'static str) -> BoxedStrategy<String> {
    comparison(select(ATTRIBUTES).prop_map(move |attribute| format!("{of}.{attribute}")))
}

/// Returns conditions that only some actions have.
fn own(action: Action) -> BoxedStrategy<String> {
    let function = || prop_oneof![3 => attribute("context.function"), 1 => written(&["context.function.pinned"])];
    match action {
        Action::Run => prop_oneof![
            4 => attribute("resource"),
            1 => comparison(Just("context.kind".to_owned())),
            1 => written(&["resource.pinned", "context has module", "context has module && context.module == \"a\""]),
        ]
        .boxed(),
        Action::Exec => prop_oneof![
            written(&["context.script", "context has function"]),
            function().prop_map(|condition| format!("context has function && {condition}")),
            function().prop_map(|condition| format!("!(context has function) || {condition}")),
        ]
        .boxed(),
        Action::Write => prop_oneof![
            function(),
            written(&["context.bytes * 2 < 5", "context.files > 9", "0 < context.bytes + context.files"]),
        ]
        .boxed(),
        Action::Connect => prop_oneof![
            function(),
            comparison(Just("resource.name".to_owned())),
            written(&["resource.port == 443", "context.methods.contains(\"a\")", "[\"a\"].containsAll(context.paths)"]),
        ]
        .boxed(),
        Action::UseSecret => prop_oneof![function(), comparison(Just("context.host".to_owned()))].boxed(),
        Action::Read | Action::RevealSecret | Action::ReadEnv | Action::Export => function().boxed(),
    }
}

/// Returns names of resources of an action.
fn resource(action: Action) -> impl Strategy<Value = String> {
    let id = prop_oneof![9 => text().prop_map(str::to_owned), 1 => text().prop_map(|host| format!("{host}:443"))];
    id.prop_map(move |id| format!("{}::{}", action.resource_kind(), quoted(&id)))
}

fn job() -> impl Strategy<Value = String> {
    text().prop_map(|id| format!("Job::{}", quoted(id)))
}

fn condition(action: Action) -> impl Strategy<Value = String> {
    let kind = action.resource_kind();
    let part = prop_oneof![
        6 => own(action),
        1 => comparison(written(&["principal.tenant", "principal.source"])),
        1 => job().prop_map(|job| format!("principal == {job}")),
        2 => (select(vec!["==", "!=", "in"]), resource(action))
            .prop_map(|(operator, name)| format!("resource {operator} {name}")),
        1 => resource(action).prop_map(move |name| format!("resource is {kind} in {name}")),
        1 => written(&["true", "false", "action == Action::\"read\"", "principal is Job"]),
        1 => Just(format!("{} + 1 > 0", i64::MAX)),
    ];
    part.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| format!("!({inner})")),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left}) && ({right})")),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left}) || ({right})")),
            (inner.clone(), inner.clone(), inner)
                .prop_map(|(test, one, other)| format!("if {test} then {one} else {other}")),
        ]
    })
}

/// Returns policies, most of them about one of some actions; the schema refuses a few.
fn policy(actions: Vec<Action>) -> impl Strategy<Value = String> {
    select(actions).prop_flat_map(|action| {
        let kind = action.resource_kind();
        let about = prop_oneof![
            8 => Just(format!("action == Action::\"{action}\"")),
            1 => Just("action".to_owned()),
            1 => Just("action in [Action::\"read\", Action::\"write\"]".to_owned()),
        ];
        let principal = prop_oneof![
            6 => Just("principal".to_owned()),
            1 => (select(vec!["==", "in", "is Job in"]), job()).prop_map(|(how, job)| format!("principal {how} {job}")),
            1 => Just("principal is Job".to_owned()),
        ];
        let head = prop_oneof![
            3 => Just("resource".to_owned()),
            1 => resource(action).prop_map(|name| format!("resource == {name}")),
            1 => resource(action).prop_map(|name| format!("resource in {name}")),
            1 => Just(format!("resource is {kind}")),
            1 => resource(action).prop_map(move |name| format!("resource is {kind} in {name}")),
        ];
        let clauses = proptest::collection::vec((select(vec!["when", "unless"]), condition(action)), 0..3);
        (select(vec!["permit", "forbid"]), principal, about, head, clauses).prop_map(
            |(effect, principal, about, head, clauses)| {
                let clauses: Vec<String> =
                    clauses.into_iter().map(|(word, condition)| format!(" {word} {{ {condition} }}")).collect();
                format!("{effect} ({principal}, {about}, {head}){};", clauses.concat())
            },
        )
    })
}

fn path() -> impl Strategy<Value = WorkPath> {
    text().prop_map(|text| WorkPath::parse(text, std::path::Path::new("/work")).expect("none of them leads out"))
}

fn act(action: Action) -> BoxedStrategy<Act> {
    let name = || text().prop_map(str::to_owned);
    let names = || subsequence(vec!["a".to_owned(), "b".to_owned()], 0..=2);
    let number = || select(vec![0, 1, 10, u64::MAX]);
    match action {
        Action::Run => Just(Act::Run).boxed(),
        Action::Exec => name().prop_map(|program| Act::Exec { program }).boxed(),
        Action::Read => path().prop_map(|path| Act::Read { path }).boxed(),
        Action::Write => {
            (path(), number(), number()).prop_map(|(path, bytes, files)| Act::Write { path, bytes, files }).boxed()
        }
        Action::Connect => (name(), names(), names())
            .prop_map(|(host, methods, paths)| Act::Connect { host, port: 443, methods, paths })
            .boxed(),
        Action::UseSecret => (name(), name()).prop_map(|(name, host)| Act::UseSecret { name, host }).boxed(),
        Action::RevealSecret => name().prop_map(|name| Act::RevealSecret { name }).boxed(),
        Action::ReadEnv => name().prop_map(|name| Act::ReadEnv { name }).boxed(),
        Action::Export => name().prop_map(|name| Act::Export { name }).boxed(),
    }
}

fn function() -> impl Strategy<Value = FunctionFacts> {
    (text(), text(), text(), text(), text(), text(), any::<bool>(), proptest::option::of(text())).prop_map(
        |(name, protocol, host, path, digest, kind, pinned, module)| FunctionFacts {
            name: name.to_owned(),
            protocol,
            host: host.to_owned(),
            path: path.to_owned(),
            digest: digest.to_owned(),
            pinned,
            kind,
            module: module.map(str::to_owned),
        },
    )
}

fn question(actions: Vec<Action>) -> impl Strategy<Value = Question> {
    let deed = (select(actions), any::<bool>()).prop_flat_map(|(action, script)| match (action, script) {
        (Action::Exec, true) => Just(Deed::Script).boxed(),
        _ => (function(), act(action))
            .prop_map(|(function, act)| Deed::Function { function: Arc::new(function), act })
            .boxed(),
    });
    (text(), text(), deed).prop_map(|(tenant, source, deed)| Question {
        job: Arc::new(Subject { tenant: tenant.to_owned(), source: source.to_owned() }),
        deed,
    })
}

fn load(text: &str) -> Option<Engine> {
    Engine::load(&[Source::new("p.cedar", text)]).ok().map(|(engine, _)| engine)
}

/// Puts a question to the library.
fn library(engine: &Engine, set: &PolicySet, question: &Question, seen: Seen) -> Response {
    let resource = engine.names.resource(question);
    let (request, entities) = engine.names.request(question, resource, seen).expect("every question can be put");
    Authorizer::new().is_authorized(&request, set, &entities)
}

/// Returns the numbers of policies that are satisfied and break down.
fn numbers(answer: &Response) -> (BTreeSet<usize>, BTreeSet<usize>) {
    let number = |id: &PolicyId| AsRef::<str>::as_ref(id).parse::<usize>().expect("policies are numbered");
    let broken = answer.diagnostics().errors().map(|error| match error {
        AuthorizationError::PolicyEvaluationError(error) => number(error.policy_id()),
    });
    (answer.diagnostics().reason().map(number).collect(), broken.collect())
}

/// How often what was seen.
#[derive(Default)]
struct Counts {
    refused: Cell<usize>,
    known_false: Cell<usize>,
    known_true: Cell<usize>,
    unknown: Cell<usize>,
    broken: Cell<usize>,
    allowed: Cell<usize>,
    forbidden: Cell<usize>,
}

fn count(cell: &Cell<usize>) {
    cell.set(cell.get() + 1);
}

/// Checks what is known of each policy by itself, and that it is answered the same with only what it looks at.
fn check_known(engine: &Engine, question: &Question, counts: &Counts) -> Result<(), TestCaseError> {
    for (single, loaded) in engine.singles.iter().zip(&engine.policies) {
        let about = super::super::shelf::may_be_about(
            &loaded.policy.action_constraint(),
            engine.names.action(question.action()),
        );
        let [answer, part] = [Seen::ALL, single.seen].map(|seen| library(engine, &single.set, question, seen));
        let satisfied = answer.diagnostics().reason().next().is_some();
        let broken = answer.diagnostics().errors().next().is_some();
        prop_assert_eq!(&answer, &part, "{} {:?}", loaded.policy, question);
        match single.condition.holds(question) {
            Some(holds) => {
                count(if holds { &counts.known_true } else { &counts.known_false });
                prop_assert_eq!((satisfied, broken), (holds && about, false), "{} {:?}", loaded.policy, question);
            }
            None => count(&counts.unknown),
        }
    }
    Ok(())
}

/// Checks the answer against that of the library to all policies at once.
fn check_answers(engine: &Engine, question: &Question, counts: &Counts) -> Result<(), TestCaseError> {
    let numbered = engine.policies.iter().enumerate();
    let numbered = numbered.map(|(number, loaded)| loaded.policy.new_id(PolicyId::new(number.to_string())));
    let all = library(engine, &PolicySet::from_policies(numbered).expect("numbers differ"), question, Seen::ALL);
    let Answers { broken, forbids, permits } = engine.answers(question).expect("every question can be put");
    let allowed = forbids.is_empty() && !permits.is_empty();
    let decision = if allowed { Decision::Allow } else { Decision::Deny };
    // The library names no permits where a policy forbids.
    let reasons = if forbids.is_empty() { &permits } else { &forbids };
    prop_assert_eq!(decision, all.decision(), "{:?}", question);
    prop_assert_eq!(
        (reasons.iter().copied().collect(), broken.iter().copied().collect()),
        numbers(&all),
        "{:?}",
        question
    );
    prop_assert!([&broken, &forbids, &permits].into_iter().all(|numbers| numbers.is_sorted()));
    for (happened, cell) in
        [(!broken.is_empty(), &counts.broken), (allowed, &counts.allowed), (!forbids.is_empty(), &counts.forbidden)]
    {
        if happened {
            count(cell);
        }
    }
    Ok(())
}

#[test]
fn answers_are_those_of_the_library() {
    let counts = Counts::default();
    // Few actions, so that policies and questions are about the same.
    let case = subsequence(Action::ALL.to_vec(), 1..=2).prop_flat_map(|actions| {
        let policies = proptest::collection::vec(policy(actions.clone()), 1..12);
        (policies, proptest::collection::vec(question(actions), 12))
    });
    TestRunner::new(Config { failure_persistence: None, ..Config::default() })
        .run(&case, |(policies, questions)| {
            let (valid, refused): (Vec<String>, Vec<String>) =
                policies.into_iter().partition(|policy| load(policy).is_some());
            refused.iter().for_each(|_| count(&counts.refused));
            let engine = load(&valid.join("\n")).expect("each of them is valid");
            for question in &questions {
                check_known(&engine, question, &counts)?;
                check_answers(&engine, question, &counts)?;
            }
            Ok(())
        })
        .unwrap();
    let Counts { refused, known_false, known_true, unknown, broken, allowed, forbidden } = counts;
    let cells = [known_false, known_true, unknown, broken, allowed, forbidden];
    let happened = cells.map(Cell::into_inner);
    assert!(happened.iter().all(|&times| times > 20), "something hardly happens: {happened:?}, refused {refused:?}");
}

/// Checks whether a condition of a policy about calling is known to hold for a function `example.com/a/b@v1` of a job
/// `job.yml`: true, false, or not.
#[track_caller]
fn check(condition: &str, expected: Option<bool>) {
    let text = format!("permit (principal, action == Action::\"run\", resource) when {{ {condition} }};");
    let function = FunctionFacts {
        name: "example.com/a/b@v1".to_owned(),
        protocol: "git",
        host: "example.com".to_owned(),
        path: "a/b".to_owned(),
        digest: "sha256:00".to_owned(),
        pinned: false,
        kind: "wasm",
        module: None,
    };
    let deed = Deed::Function { function: Arc::new(function), act: Act::Run };
    let question = Question { job: Arc::new(Subject::of_source("job.yml")), deed };
    assert_eq!(load(&text).unwrap().singles[0].condition.holds(&question), expected, "{condition}");
}

#[test]
fn what_is_known() {
    check("resource.host == \"example.com\"", Some(true));
    check("resource.host != \"example.com\"", Some(false));
    check("\"gitlab.com\" == resource.host", Some(false));
    check("resource.path like \"a/*\"", Some(true));
    check("resource.path like \"b/*\"", Some(false));
    check("resource.path like \"a*/*b\"", None);
    check("resource.path like \"a*/*c\"", Some(false));
    check("resource.path like \"a/b/*\"", Some(false));
    check("resource.protocol like \"gi*t\"", Some(true));
    check("resource.protocol like \"git*t\"", Some(false));
    check("resource.pinned", Some(false));
    check("principal.tenant == \"local\" && principal == Job::\"job.yml\"", Some(true));
    check("context.kind == \"exec\" || resource.protocol == \"oci\"", Some(false));
    check("!(context.kind == \"exec\")", Some(true));
}

#[test]
fn behind_what_is_unknown_nothing_is_known() {
    check("resource.digest == resource.path && resource.host == \"other\"", None);
    check("resource.host == \"other\" && resource.digest == resource.path", Some(false));
    check("resource.digest == resource.path || resource.host == \"example.com\"", None);
    check("resource.host == \"example.com\" || resource.digest == resource.path", Some(true));
    check("if resource.pinned then false else false", None);
}

#[test]
fn rows_may_be_long() {
    let row = |parts: usize| vec!["resource.host == \"other\""; parts].join(" || ");
    check(&row(MAX_DEPTH - 1), Some(false));
    check(&row(MAX_DEPTH * 2), None);
}

/// The library makes the tree of a policy by calls that nest as often as the policy has parts.
#[test]
fn rows_of_any_length_are_loaded() {
    let sum = |parts: usize| format!("1 == {}", vec!["1"; parts].join("+"));
    check(&sum(950), None);
    check(&sum(5_000), None);
}
