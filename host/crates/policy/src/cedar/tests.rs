use std::sync::Arc;

use cedar_policy::{Entities, PolicySet, Request, Schema, SchemaWarning};
use stepwell_schema::Severity;

use super::attribute::{Attribute, Attributes};
use super::load::{VALIDATOR, misfits, places};
use super::*;
use crate::facts::{FunctionFacts, Subject};
use crate::question::{Act, Deed};
use crate::work_path::WorkPath;

fn function(protocol: &'static str, pinned: bool) -> Arc<FunctionFacts> {
    Arc::new(FunctionFacts {
        name: "example.com/org/project@v1".to_owned(),
        protocol,
        host: "example.com".to_owned(),
        path: "org/project".to_owned(),
        digest: "sha256:9f2c".to_owned(),
        pinned,
        kind: "wasm",
        module: Some("sha256:77e0".to_owned()),
    })
}

fn path(text: &str) -> WorkPath {
    WorkPath::parse(text, std::path::Path::new("/work")).unwrap()
}

fn question(act: Act) -> Question {
    let deed = Deed::Function { function: function("git", true), act };
    Question { job: Arc::new(Subject::of_source("job.yml")), deed }
}

fn script() -> Question {
    Question { deed: Deed::Script, ..question(Act::Run) }
}

/// One act of each kind.
fn acts() -> Vec<Act> {
    let name = || "NAME".to_owned();
    let host = || "api.example.com".to_owned();
    vec![
        Act::Run,
        Act::Exec { program: "cargo".to_owned() },
        Act::Read { path: path("src/a") },
        Act::Write { path: path("."), bytes: 10, files: u64::MAX },
        Act::Connect { host: host(), port: 443, methods: vec!["GET".to_owned()], paths: vec!["/v1/*".to_owned()] },
        Act::UseSecret { name: name(), host: host() },
        Act::RevealSecret { name: name() },
        Act::ReadEnv { name: name() },
        Act::Export { name: name() },
    ]
}

fn load(text: &str) -> Result<(Engine, Problems), Problems> {
    Engine::load(&[Source::new("p.cedar", text)])
}

fn engine(text: &str) -> Engine {
    load(text).unwrap_or_else(|problems| panic!("{problems}")).0
}

fn profile(name: &str) -> Engine {
    engine(PROFILES.iter().find(|(known, _)| *known == name).unwrap().1)
}

/// Checks who decides: identifiers, a denial with `!` in front.
#[track_caller]
fn check(engine: &Engine, question: &Question, expected: &str) {
    let ruling = engine.rule(question);
    let mark = if ruling.verdict == Verdict::Denied { "!" } else { "" };
    assert_eq!(format!("{mark}{}", ruling.decided_by), expected, "{question:?}");
}

/// Checks all problems of a text: severity, code, place, underlined text and message.
#[track_caller]
fn check_problems(text: &str, expected: &[&str]) {
    let problems = match load(text) {
        Ok((_, warnings)) => warnings,
        Err(problems) => problems,
    };
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| {
            let mark = if problem.severity == Severity::Warning { "warning " } else { "" };
            let place = problem.labels.first().map(|label| &label.place);
            let under = place.map(|place| &place.source.text()[place.span.start..place.span.end]).unwrap_or_default();
            format!("{mark}{}: {problem} `{under}`", problem.code)
        })
        .collect();
    assert_eq!(lines, expected);
}

#[test]
fn the_schema_and_every_question_fit() {
    let (schema, warnings) = Schema::from_cedarschema_str(SCHEMA).unwrap();
    assert_eq!(warnings.map(|warning: SchemaWarning| warning.to_string()).collect::<Vec<_>>(), Vec::<String>::new());
    let names = Names::new();
    for asked in acts().into_iter().map(question).chain([script()]) {
        let (request, entities) = names.request(&asked, names.resource(&asked), Seen::ALL).unwrap();
        let (principal, action, resource) =
            (request.principal().unwrap(), request.action().unwrap(), request.resource().unwrap());
        let context = request.context().unwrap().clone();
        Request::new(principal.clone(), action.clone(), resource.clone(), context, Some(&schema)).unwrap();
        Entities::from_entities(entities.iter().cloned(), Some(&schema)).unwrap();
    }
}

#[test]
fn the_profile_local() {
    let local = profile("local");
    let expected = [
        "local-run",
        "local-exec",
        "workspace-read",
        "workspace-write",
        "!no-policy",
        "local-use-secret",
        "!no-policy",
        "env-by-name",
        "local-export",
    ];
    for (act, expected) in acts().into_iter().zip(expected) {
        check(&local, &question(act), expected);
    }
    check(&local, &script(), "local-exec");
}

#[test]
fn the_profile_hardened() {
    let hardened = profile("hardened");
    let expected = [
        "hardened-run",
        "!no-policy",
        "workspace-read",
        "workspace-write",
        "!no-policy",
        "hardened-use-secret",
        "!hardened-no-reveal",
        "env-by-name",
        "hardened-export",
    ];
    for (act, expected) in acts().into_iter().zip(expected) {
        check(&hardened, &question(act), expected);
    }
    check(&hardened, &script(), "!no-policy");
    let moving = Deed::Function { function: function("git", false), act: Act::Run };
    check(&hardened, &Question { deed: moving, ..script() }, "!hardened-pinned");
}

#[test]
fn the_text_that_is_offered_permits_just_that() {
    for asked in acts().into_iter().map(question).chain([script()]) {
        let offered = engine(&asked.permit());
        check(&offered, &asked, "p.cedar:1:1");
        let others = acts().into_iter().map(question).chain([script()]).filter(|other| *other != asked);
        others.for_each(|other| check(&offered, &other, "!no-policy"));
    }
    let read = question(Act::Read { path: path("a\"b\\c\n") });
    check(&engine(&read.permit()), &read, "p.cedar:1:1");
}

#[test]
fn what_conditions_see() {
    let check = |condition: &str, act: Act| {
        let action = question(act.clone()).action();
        let policy = format!("permit (principal, action == Action::\"{action}\", resource) when {{ {condition} }};");
        check(&engine(&policy), &question(act), "p.cedar:1:1");
    };
    check("principal.tenant == \"local\" && principal.source like \"*.yml\"", Act::Run);
    check("resource.host == \"example.com\" && resource.path like \"org/*\" && resource.protocol == \"git\"", Act::Run);
    check("context.kind == \"wasm\" && context has module && context.module == \"sha256:77e0\"", Act::Run);
    check(
        "!context.script && context has function && context.function.pinned",
        Act::Exec { program: "cargo".to_owned() },
    );
    check("resource in Path::\"src\" && resource in Path::\".\"", Act::Read { path: path("src/a/b") });
    check("resource in Path::\"src\"", Act::Read { path: path("src") });
    check("!(resource in Path::\"sr\")", Act::Read { path: path("src") });
    check("context.bytes <= 10 && context.files > 9", Act::Write { path: path("."), bytes: 10, files: u64::MAX });
    let connect = || acts().remove(4);
    check("resource.port == 443 && [\"GET\", \"HEAD\"].containsAll(context.methods)", connect());
    check("resource.name like \"*.example.com\" && context.paths.contains(\"/v1/*\")", connect());
}

#[test]
fn forbids_win_wherever_they_stand() {
    let read = question(Act::Read { path: path("a") });
    let permit = "@id(\"p\") permit (principal, action, resource);";
    let named = "@id(\"n\") permit (principal, action == Action::\"read\", resource == Path::\"a\");";
    let forbid = "@id(\"f\") forbid (principal, action, resource) when { resource == Path::\"a\" };";
    let forbid_named = "@id(\"g\") forbid (principal, action, resource == Path::\"a\");";
    check(&engine(&[named, permit].concat()), &read, "n, p");
    check(&engine(&[named, forbid].concat()), &read, "!f");
    check(&engine(&[forbid_named, permit].concat()), &read, "!g");
    check(&engine(&[forbid_named, named, permit, forbid].concat()), &read, "!g, f");
    check(&engine(""), &read, "!no-policy");
}

#[test]
fn a_policy_that_breaks_down_denies() {
    let write = question(Act::Write { path: path("a"), bytes: u64::MAX, files: 1 });
    let text = "@id(\"p\") permit (principal, action, resource);
        @id(\"f\") forbid (principal, action == Action::\"write\", resource) when { context.bytes * 2 < 5 };";
    check(&engine(text), &write, "!f");
}

#[test]
fn mistakes_have_a_place() {
    check_problems(
        "permit (principal, action, resource)",
        &["policy-syntax: p.cedar:1:37: unexpected end of input ``"],
    );
    check_problems(
        "permit (principal, action == Action::\"reed\", resource);",
        &["policy-schema: p.cedar:1:30: unrecognized action `Action::\"reed\"` `Action::\"reed\"`"],
    );
    check_problems(
        "\n// x; permit\npermit (principal, action == Action::\"run\", resource) when { resource.hots == \"a\" };",
        &["policy-schema: p.cedar:3:62: attribute `hots` on entity type `Function` not found `resource.hots`"],
    );
    check_problems(
        "permit (principal, action == Action::\"read\", resource == Folder::\"a\");",
        &["policy-schema: p.cedar:1:58: unrecognized entity type `Folder` `Folder`"],
    );
    check_problems(
        "permit (principal == ?principal, action, resource);",
        &["policy-template: p.cedar:1:1: a policy with slots belongs to nobody \
           `permit (principal == ?principal, action, resource);`"],
    );
    check_problems(
        "permit (principal, action == Action::\"read\", resource) when { principal.tenant == principal.source && false };",
        &[
            "warning policy-odd: p.cedar:1:1: policy is impossible: the policy expression evaluates to false for all valid \
           requests `permit (principal, action == Action::\"read\", resource) when { principal.tenant == \
           principal.source && false };`",
        ],
    );
    check_problems(
        "@id(\"a\") permit (principal, action, resource); @id(\"a\") forbid (principal, action, resource);",
        &[
            "policy-id: p.cedar:1:48: two policies have the `@id` `a` `@id(\"a\") forbid (principal, action, resource);`",
        ],
    );
}

#[test]
fn places_are_those_of_the_policies() {
    let text = "// permit (principal, action, resource);\n\npermit (principal, action, resource); // one\n  \
        forbid (principal, action, resource) when { principal.source == \"//\" };";
    let engine = engine(text);
    let ids: Vec<&str> = engine.policies.iter().map(|loaded| loaded.place[0].id.as_str()).collect();
    assert_eq!(ids, ["p.cedar:3:1", "p.cedar:4:3"]);
}

#[test]
fn only_what_conditions_look_at_is_made() {
    #[track_caller]
    fn check(action: &str, head: &str, condition: &str, expected: Seen) {
        let text = format!("permit (principal, action == Action::\"{action}\", {head}) when {{ {condition} }};");
        assert_eq!(engine(&text).singles[0].seen, expected, "{text}");
    }
    let of = Attributes::of;
    let nothing = Seen::default();
    let around = Seen { around: true, ..nothing };
    let host = Seen { resource: of(Attribute::Host), ..nothing };
    let digest = Seen { function: of(Attribute::Digest), ..nothing };
    check("read", "resource == Path::\"src\"", "true", nothing);
    check("read", "resource in Path::\"src\"", "true", around);
    check("read", "resource is Path in Path::\"src\"", "true", around);
    check("read", "resource", "resource in Path::\"src\"", around);
    check("read", "resource", "resource is Path in Path::\"src\"", around);
    check("read", "resource", "resource == Path::\"src\" || principal == Job::\"a\"", nothing);
    check("read", "resource", "principal.tenant == \"context\"", Seen { job: of(Attribute::Tenant), ..nothing });
    check("read", "resource", "context.function.digest == \"a\"", digest);
    check("read", "resource", "context[\"function\"][\"digest\"] == \"a\"", digest);
    check("run", "resource", "resource.host like \"a*\"", host);
    check(
        "run",
        "resource",
        "!(resource.pinned && context.kind == \"a\")",
        Seen { resource: of(Attribute::Pinned), context: of(Attribute::Kind), ..nothing },
    );
    check("run", "resource", "context has module", Seen { context: of(Attribute::Module), ..nothing });
    let all = Seen { function: Attributes::ALL, ..nothing };
    check("exec", "resource", "context has function && context.function.digest == \"a\"", all);
    check("exec", "resource", "context has function.digest", digest);
    // What an attribute is taken from cannot be told here.
    check("run", "resource", "(if resource.pinned then resource else resource).host == \"a\"", Seen::ALL);
}

#[test]
fn long_policies_hold() {
    let engine = engine(&format!(
        "@id(\"long\") permit (principal, action == Action::\"read\", resource in Path::\"src\")\n\
         when {{ context.function.protocol == \"git\" && principal.tenant == \"local\" }} // {}\n;",
        "-".repeat(shelf::MAX_TEXT_BYTES)
    ));
    assert_eq!((&engine.singles[0].condition, engine.singles[0].seen), (&known::Condition::Unknown, Seen::ALL));
    check(&engine, &question(Act::Read { path: path("src/lib") }), "long");
    check(&engine, &question(Act::Read { path: path("srcs") }), "!no-policy");
}

#[test]
fn the_profiles_that_we_ship_fit_the_schema() {
    for (name, text) in PROFILES {
        let source = Source::new(name, text);
        let set: PolicySet = source.text().parse().unwrap();
        let found = misfits(&VALIDATOR, &source, &set, &places(&source, &set));
        assert!(found.is_empty(), "{name}: {found:?}");
    }
}
