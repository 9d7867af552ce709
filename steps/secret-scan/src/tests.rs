use std::fs;

use serde_json::Value;
use stepwell_sdk::FailureKind;
use stepwell_sdk::fake::Fake;
use tempfile::TempDir;

use super::*;
use crate::window::{REACH_BYTES, WINDOW_BYTES};

/// Characters without order, to stand in secrets. The tests put them together, so that this file has none.
const NOISE: &str = "Zk9mQ2xT7vLpW4sHbN8cRy3eJ6gFdUaXo5tKiM0qEhVzCwBnSjYrGfDlPu1kAoIxZQ7RmT2v";

fn gitlab_token() -> String {
    format!("glpat{}{}", '-', &NOISE[..20])
}

fn work_dir(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let step = Fake::new(folder.path()).step();
    for (path, content) in files {
        step.write(path, content).expect("written");
    }
    folder
}

fn request() -> Request {
    Request {
        source: ".".to_owned(),
        include: Vec::new(),
        exclude: Vec::new(),
        gitignore: true,
        rules: Vec::new(),
        allow: Vec::new(),
        baseline: String::new(),
        max_findings: 1000,
        destination: String::new(),
        time: "1970-01-01T00:00:00".to_owned(),
    }
}

/// Returns the findings as the log has them, without fingerprints.
fn found(files: &[(&str, &[u8])], request: Request) -> Vec<String> {
    let folder = work_dir(files);
    let fake = Fake::new(folder.path());
    run(request, &mut fake.step()).expect("it looks through the files");
    let errors = fake.records().into_iter().filter(|record| record.level == Level::Error);
    errors.map(|record| record.message.rsplit_once(' ').expect("a fingerprint").0.to_owned()).collect()
}

fn rule_of(text: &str) -> Option<String> {
    let found = found(&[("f", text.as_bytes())], request());
    assert!(found.len() < 2, "{found:?}");
    found.first().map(|line| line.rsplit_once(' ').expect("a rule").1.to_owned())
}

#[test]
fn what_each_rule_finds() {
    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(rule_of(text).as_deref(), Some(expected), "{text}");
    }
    let noise = |length: usize| NOISE.repeat(3)[..length].to_owned();
    let hex = |length: usize| {
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".repeat(2)[..length].to_owned()
    };
    check(&format!("key AK{}{}", "IA", "QYLPMN5HFIQR7XYA"), "aws-access-key");
    check(&format!("aws_secret_access_key = {}", noise(40)), "aws-secret-key");
    check(&format!("sk-ant{}api03-{}", '-', noise(93)), "anthropic-key");
    check(&format!("AccountName=a;Account{}={}==", "Key", noise(86)), "azure-storage-key");
    check(&format!("dop{}v1_{}", '_', hex(64)), "digitalocean-token");
    check(&format!("dckr{}pat_{}", '_', noise(27)), "docker-token");
    check(&format!("ghp{}{}", '_', noise(36)), "github-token");
    check(&format!("github{}pat_{}", '_', noise(82)), "github-fine-grained-token");
    check(&gitlab_token(), "gitlab-personal-token");
    check(&format!("{}.01.0w0abcdef", gitlab_token()), "gitlab-personal-token");
    check(&format!("gldt{}{}", '-', noise(20)), "gitlab-deploy-token");
    check(&format!("glrt{}{}", '-', noise(20)), "gitlab-runner-token");
    check(&format!("glcbt{}64_{}", '-', noise(20)), "gitlab-job-token");
    check(&format!("glptt{}{}", '-', hex(40)), "gitlab-trigger-token");
    check(&format!("glagent{}{}", '-', noise(50)), "gitlab-other-token");
    check(&format!("AI{}{}", "za", noise(35)), "google-api-key");
    check(&format!("hf{}QwErTyUiOpAsDfGhJkLzXcVbNmQaZwSxEd", '_'), "hugging-face-token");
    check(&format!("npm{}{}", '_', noise(36)), "npm-token");
    check(&format!("sk-{}T3Blbk{}{}", noise(20), "FJ", noise(20)), "openai-key");
    check(&format!("-----BEGIN RSA PRIVATE {}-----\n{}\n{}\n-----END", "KEY", noise(64), noise(64)), "private-key");
    check(&format!("\"-----BEGIN PRIVATE {}-----\\n{}\\n{}\"", "KEY", noise(64), noise(64)), "private-key");
    check(&format!("pypi{}AgEIcHlwaS5vcmc{}", '-', noise(60)), "pypi-token");
    check(&format!("SG{}{}.{}", '.', noise(22), noise(43)), "sendgrid-key");
    check(&format!("xoxb{}123456789012-1234567890123-{}", '-', noise(24)), "slack-token");
    check(&format!("https://hooks.slack.com/{}/T0{}/B0{}/{}", "services", hex(8), hex(8), noise(24)), "slack-webhook");
    check(&format!("sk{}live_{}", '_', noise(24)), "stripe-key");
    check(&format!("hvs{}{}", '.', noise(90)), "vault-token");
    check(&format!("eyJ{}.eyJ{}.{}", noise(20), noise(40), noise(43)), "jwt");
    check(&format!("postgres://app:{}@db.internal/app", noise(12)), "url-password");
    check(&format!("api_key: \"{}\"", noise(32)), "generic-secret");
    check(&format!("DB_PASSWORD='{}'", "v9Kp2-wXz7-Qm4Lt8-Rb"), "generic-secret");
}

#[test]
fn what_is_no_secret() {
    for text in [
        "",
        "password = \"changeme-please-1\"",
        "token: \"${CI_JOB_TOKEN}\"",
        "secret = get_secret(\"name_of_secret\")",
        "password: \"aaaaaaaaaaaaaaa1\"",
        "https://user:password@example.com",
        "https://gitlab-ci-token:${CI_JOB_TOKEN}@gitlab.com/a",
        "AKIAIOSFODNN7EXAMPLE",
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        "-----BEGIN PUBLIC KEY-----",
        "glpat-short",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ] {
        assert_eq!(rule_of(text), None, "{text}");
    }
}

#[test]
fn nothing_that_was_found_is_shown_or_written() {
    let token = gitlab_token();
    let content = format!("one\na = \"{token}\" # {token}\n\nb = {token}\n");
    let folder = work_dir(&[("conf/ä b.ini", content.as_bytes())]);
    let fake = Fake::new(folder.path());
    let with =
        |max_findings| Request { max_findings, destination: "out".to_owned(), source: "conf".to_owned(), ..request() };
    let response = run(with(1), &mut fake.step()).expect("one is allowed");
    assert_eq!((response.findings, response.known, response.files), (1, 0, 1));
    let failure = run(with(0), &mut fake.step()).expect_err("none is allowed");
    assert_eq!(failure.message(), "1 finding, and input `max_findings` allows 0");
    assert!(failure.causes()[0].starts_with("conf/ä b.ini:2: gitlab-personal-token "), "{failure}");
    let read = |path: &str| fs::read_to_string(folder.path().join(path)).expect("it is there");
    let reports = [read(&response.sarif), read(&response.gitlab), read(&response.baseline)];
    let shown = format!("{:?} {failure} {failure:?} {reports:?}", fake.records());
    assert!(!shown.contains(&token[6..]), "{shown}");

    let sarif: Value = serde_json::from_str(&reports[0]).expect("it is JSON");
    let result = &sarif["runs"][0]["results"][0];
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "conf/%C3%A4%20b.ini");
    assert_eq!(place["region"]["startLine"], 2);
    let index = result["ruleIndex"].as_u64().expect("a number") as usize;
    assert_eq!(sarif["runs"][0]["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
    let gitlab: Value = serde_json::from_str(&reports[1]).expect("it is JSON");
    assert_eq!(gitlab["scan"]["type"], "secret_detection");
    let finding = &gitlab["vulnerabilities"][0];
    assert_eq!(finding["location"]["file"], "conf/ä b.ini");
    assert_eq!(finding["id"].as_str().expect("a text").len(), 36);
    assert_eq!(finding["identifiers"][0]["value"], "gitlab-personal-token");
}

#[test]
fn a_baseline_makes_findings_known() {
    let token = gitlab_token();
    let folder = work_dir(&[("a", token.as_bytes())]);
    let step = &mut Fake::new(folder.path()).step();
    run(Request { destination: ".".to_owned(), ..request() }, step).expect("it writes one");
    // The secret moves to another line and is still known; another file is new.
    step.write("a", format!("\n\n{token}")).expect("written");
    step.write("b", &token).expect("written");
    let compared = Request { baseline: "secrets.baseline".to_owned(), ..request() };
    let response = run(compared, step).expect("it compares");
    assert_eq!((response.known, response.findings), (1, 1));
}

#[test]
fn what_is_looked_through() {
    let token = gitlab_token();
    let token = token.as_bytes();
    let utf_16: Vec<u8> = [0xff, 0xfe].into_iter().chain(token.iter().flat_map(|byte| [*byte, 0])).collect();
    let marked = [token, b" # gitleaks:allow\n", token, b" # secret-scan:allow"].concat();
    let files: &[(&str, &[u8])] = &[
        (".env", token),
        (".git/config", token),
        (".gitignore", b"target/\n*.log\n!keep.log\n/only\n[broken\n"),
        ("a.log", token),
        ("binary", &[token, b"\0"].concat()),
        ("keep.log", token),
        ("marked", &marked),
        ("sub/.gitignore", b"x\n!y.log\n"),
        ("sub/only", token),
        ("sub/target/f", token),
        ("sub/x", token),
        ("sub/y.log", token),
        ("utf-16", &utf_16),
    ];
    let paths = |request| {
        let found = found(files, request);
        found.iter().map(|line| line.split(':').next().expect("a path").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(paths(request()), [".env", "keep.log", "sub/only", "sub/y.log", "utf-16"]);
    let all = paths(Request { gitignore: false, ..request() });
    assert_eq!(all, [".env", "a.log", "keep.log", "sub/only", "sub/target/f", "sub/x", "sub/y.log", "utf-16"]);
    let some = Request { include: vec!["**/*.log".to_owned()], exclude: vec!["sub".to_owned()], ..request() };
    assert_eq!(paths(some), ["keep.log"]);
    let allow = ["rule:gitlab-personal-token path:sub/**", "path:.env", "path:utf*"].map(str::to_owned).to_vec();
    assert_eq!(paths(Request { allow, ..request() }), ["keep.log"]);
}

#[test]
fn rules_of_the_job() {
    let own = |id: &str, regex: &str| OwnRule {
        id: id.to_owned(),
        description: String::new(),
        regex: regex.to_owned(),
        keywords: vec!["ACME".to_owned()],
        entropy: 0.0,
    };
    let with = |rules| Request { rules, ..request() };
    assert_eq!(found(&[("f", b"x\nacme_42")], with(vec![own("acme", "acme_([0-9]+)")])), ["f:2: acme"]);
    #[track_caller]
    fn check(rule: OwnRule, expected: &str) {
        let request = Request { rules: vec![rule], ..request() };
        let failure = run(request, &mut Fake::new("/nowhere").step()).expect_err("it is no rule");
        assert_eq!(failure.kind(), FailureKind::InvalidInput);
        assert!(failure.message().starts_with(expected), "{failure}");
    }
    check(own("a b", "x"), "input `rules`, rule `a b`: its id is not one to 100");
    check(own("jwt", "x"), "input `rules`, rule `jwt`: there is one of that id already");
    check(own("x", "("), "input `rules`, rule `x`: its regex: regex parse error");
    check(own("x", "((a{100}){100}){100}"), "input `rules`, rule `x`: its regex: Compiled regex exceeds");
    check(OwnRule { keywords: vec![String::new()], ..own("x", "x") }, "input `rules`, rule `x`: a keyword is empty");
}

#[test]
fn windows_lose_and_double_nothing() {
    let token = gitlab_token();
    // At each edge: where starts of new findings end, where a window ends, and around.
    for place in [WINDOW_BYTES - REACH_BYTES, WINDOW_BYTES, 2 * WINDOW_BYTES - REACH_BYTES] {
        for shift in [0, 1, 5, 13, 25, 26, 27] {
            let mut text = ".\n".repeat(place).into_bytes();
            text.truncate(place - shift);
            text.push(b' ');
            let line = text.iter().filter(|byte| **byte == b'\n').count() + 1;
            text.extend(token.bytes());
            text.extend(b"\n.".repeat(WINDOW_BYTES));
            assert_eq!(
                found(&[("f", &text)], request()),
                [format!("f:{line}: gitlab-personal-token")],
                "{place} {shift}"
            );
        }
    }
    let one_line = "x;".repeat(2 * WINDOW_BYTES) + &token;
    assert_eq!(found(&[("f", one_line.as_bytes())], request()), ["f:1: gitlab-personal-token"]);
}

#[test]
fn too_many_findings_end_it() {
    let text: String = (0..6000).map(|number| format!("glpat{}{number:04}{}\n", '-', &NOISE[..20])).collect();
    let folder = work_dir(&[("f", text.as_bytes())]);
    let failure = run(request(), &mut Fake::new(folder.path()).step()).expect_err("it is too much");
    assert_eq!(failure.message(), "there are more than 5000 findings, the last in `f`");
}

#[test]
fn inputs_that_make_no_sense() {
    #[track_caller]
    fn check(request: Request, kind: FailureKind, expected: &str) {
        let folder = work_dir(&[("f", b"x"), ("b", b"# known\n\nnot a fingerprint")]);
        let failure = run(request, &mut Fake::new(folder.path()).step()).expect_err("it makes no sense");
        assert_eq!((failure.kind(), failure.message()), (kind, expected));
    }
    let invalid = FailureKind::InvalidInput;
    let allow = |entry: &str| Request { allow: vec![entry.to_owned()], ..request() };
    check(allow("hunter2"), invalid, "input `allow`, element 1: it has no known form");
    check(allow("rule:nothing"), invalid, "input `allow`, element 1: there is no rule `nothing`");
    check(allow(""), invalid, "input `allow`, element 1: it is empty");
    check(Request { time: "now".to_owned(), ..request() }, invalid, "input `time` is `now`");
    let baseline = |name: &str| Request { baseline: name.to_owned(), ..request() };
    check(baseline("../b"), invalid, "input `baseline` is `../b`, no path in the source");
    check(baseline("x"), FailureKind::Failed, "cannot read `x`");
    check(baseline("b"), FailureKind::Failed, "b, line 3: it does not begin with a fingerprint");
    let exclude = Request { exclude: vec!["/etc".to_owned()], ..request() };
    check(exclude, invalid, "input `exclude` has `/etc`, no path in the source");
    check(Request { source: "nothing".to_owned(), ..request() }, FailureKind::Failed, "cannot read `nothing`");
}
