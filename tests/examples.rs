//! The shipped functions and the examples, run for real.

use std::fs;

use crate::support::markdown::blocks;
use crate::support::{Place, files, shipped, workspace_root};

#[test]
fn the_release_example_makes_what_native_tools_accept() {
    let place = Place::new();
    place.examples();
    let ran = place.run(["run", "examples/release/job.yml"]);
    ran.code(0).logs("dist/guest-sdk.tar.gz: OK").logs("archive dist/guest-sdk.tar.gz");
    for step in ["pack", "sums", "notes", "verify", "show"] {
        ran.says(step);
    }
    assert!(place.read("dist/RELEASE.md").contains("# Guest SDK 0.1.0"));
    let unpacked = place.work().join("unpacked");
    fs::create_dir(&unpacked).expect("a folder");
    #[expect(clippy::disallowed_methods, reason = "tar judges what the sandbox wrote")]
    let status = std::process::Command::new("tar")
        .args(["--extract", "--file", "dist/guest-sdk.tar.gz", "--directory", "unpacked"])
        .current_dir(place.work())
        .status()
        .expect("tar is there");
    assert!(status.success());
    assert_eq!(files(&unpacked.join("guest-sdk")), files(&place.work().join("guest-sdk")));
}

#[test]
fn the_same_release_is_the_same_bytes() {
    let archive = || {
        let place = Place::new();
        place.examples();
        place.run(["run", "examples/release/job.yml"]).code(0);
        fs::read(place.work().join("dist/guest-sdk.tar.gz")).expect("the archive is there")
    };
    assert_eq!(archive(), archive());
}

/// Takes the policy with this identifier out of a text.
fn without(policies: &str, id: &str) -> String {
    let kept = policies.split("\n\n").filter(|policy| !policy.contains(&format!("@id(\"{id}\")")));
    kept.collect::<Vec<_>>().join("\n\n")
}

#[test]
fn the_release_example_under_the_profile_hardened() {
    let place = Place::new();
    place.examples();
    let hardened = ["examples/release/job.yml", "--policy", "profile:hardened"];
    let with = |policy: &'static str| [&hardened[..], &["--policy", policy]].concat();
    let plan = place.run([vec!["plan"], with("examples/release/release.cedar")].concat());
    plan.code(0).logs("sha256:").logs("write  dist").logs("allowed   workspace-write");
    place.run([vec!["run"], with("examples/release/release.cedar")].concat()).code(0);

    fs::remove_dir_all(place.work().join("dist")).expect("the run has made it");
    let policies = place.read("examples/release/release.cedar");
    place.write("fewer.cedar", without(&policies, "release-show"));
    let refused = place.run([vec!["run"], with("fewer.cedar")].concat());
    refused.code(4).says("step `show` is denied: exec").says("nothing has run").says("permit (principal");
    assert!(!place.work().join("dist").exists());

    let explained = place.run([vec!["explain"], with("fewer.cedar"), vec!["show"]].concat()).code(4).stdout.clone();
    let line = &explained[explained.find("permit (").expect("the text to add is shown")..];
    place.write("fewer.cedar", format!("{}\n{line}", without(&policies, "release-show")));
    place.run([vec!["run"], with("fewer.cedar")].concat()).code(0);
}

#[test]
fn the_denied_example_explains_its_refusal() {
    let place = Place::new();
    place.examples();
    let ran = place.run(["run", "examples/denied/job.yml"]);
    ran.code(1).says("greet").says("read").says("/etc/passwd").says("private.txt").says("spec.needs.read");
    let passwd = fs::read_to_string("/etc/passwd").expect("every machine has one");
    ran.never_shows(passwd.lines().next().expect("it has a line")).never_shows("4f1c-private");
}

#[test]
fn an_archive_goes_there_and_back() {
    for format in ["tar.gz", "zip"] {
        let place = Place::new();
        place.write("in/a.txt", "one").write("in/sub/b.bin", [0, 159, 146, 150]).write("in/empty", "");
        place.write(
            "job.yml",
            format!(
                "run:\n  - {{ name: pack, func: 'builtin://stepwell/archive', inputs: {{ source: in, destination: out, format: {format} }} }}\n  - name: unpack\n    func: builtin://stepwell/archive\n    inputs: {{ action: extract, source: out, name: in.{format}, destination: back }}\n"
            ),
        );
        place.run(["run", "job.yml"]).code(0);
        assert_eq!(files(&place.work().join("back")), files(&place.work().join("in")), "{format}");
    }
}

#[test]
fn a_manifest_that_does_not_hold_names_the_file() {
    let place = Place::new();
    place.write("data/a.txt", "one").write("data/b.txt", "two");
    place.write(
        "job.yml",
        "run:\n  - { name: sums, func: 'builtin://stepwell/checksum', inputs: { root: data } }\n  - { name: change, script: 'echo changed > data/b.txt' }\n  - { name: verify, func: 'builtin://stepwell/checksum', inputs: { action: verify, root: data } }\n",
    );
    place.run(["run", "job.yml"]).code(1).says("verify").says("data/b.txt");
}

#[test]
fn the_embedding_example_runs_three_jobs() {
    #[expect(clippy::disallowed_methods, reason = "the example is a program")]
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_embed-under-test"))
        .env_clear()
        .output()
        .expect("the example starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    for who in ["Ada", "Grace", "Barbara"] {
        assert!(text.contains(&format!("{who:8} Hello {who}!\n")), "{text}");
        assert!(text.contains(&format!("{who:8}        succeeded\n")), "{text}");
    }
}

/// Where the page of a function has a folder `example` beside it, the job finds what is in there; `guest-sdk` is there for
/// all.
#[test]
fn the_job_on_the_page_of_each_shipped_function_runs() {
    let mut failed = Vec::new();
    for folder in shipped() {
        let place = Place::new();
        place.copy("guest-sdk", "guest-sdk");
        if workspace_root().join(&folder).join("example").exists() {
            place.copy(&format!("{folder}/example"), ".");
        }
        let page = fs::read_to_string(workspace_root().join(&folder).join("README.md")).expect("each has a page");
        let job = blocks(&page).into_iter().find(|block| block.language == "yaml").expect("a page shows a job");
        place.write("job.yml", job.text);
        let ran = place.run(["run", "job.yml"]);
        if ran.code != Some(0) {
            failed.push(format!("{folder}\n{}{}", ran.stdout, ran.stderr));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn a_query_that_never_ends_and_one_that_is_nested_too_deeply() {
    let place = Place::new();
    place.write("in/deep.json", format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)));
    let ask = |inputs: &str| {
        let step = format!("name: ask, func: 'builtin://stepwell/query', inputs: {{ source: in, {inputs} }}");
        let allow = "allow: { read: [in], limits: { cpu: 1s } }";
        place.write("job.yml", format!("run: [ {{ {step}, {allow} }} ]\n"));
        place.run(["run", "job.yml"])
    };
    ask("program: 'def f: f; f'").code(124).says("processor time limit of 1s reached");
    ask("program: 'def f: 1 + f; f'").code(1).says("stack limit of");
    ask("program: '.', files: [deep.json]").code(1).says("`in/deep.json`, line 1: this is nested too deeply");
    ask("program: 'reduce range(10000) as $i (null; [.])'").code(1).says("result 1 is nested deeper than 31 levels");
}

#[test]
fn every_example_is_valid() {
    let place = Place::new();
    place.examples();
    place.run(["check", "examples"]).code(0);
}
