//! The arrows between crates, read from `cargo metadata`, against the table of the architecture.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::workspace_root;

/// What each crate may use of ours. ARCHITECTURE.md holds the same table with reasons.
const MAY_USE: &[(&str, &[&str])] = &[
    ("stepwell-schema", &[]),
    ("stepwell-expr", &["stepwell-schema"]),
    ("stepwell-policy", &["stepwell-schema"]),
    ("stepwell-plan", &["stepwell-schema", "stepwell-expr", "stepwell-policy"]),
    ("stepwell-run", &["stepwell-schema", "stepwell-expr", "stepwell-policy", "stepwell-plan"]),
    ("stepwell-private", &[]),
    ("stepwell-resolve", &["stepwell-schema", "stepwell-plan", "stepwell-private"]),
    ("stepwell-process", &["stepwell-schema", "stepwell-run"]),
    ("stepwell-http", &["stepwell-policy"]),
    ("stepwell-confine", &[]),
    (
        "stepwell-sandbox",
        &[
            "stepwell-schema",
            "stepwell-policy",
            "stepwell-private",
            "stepwell-run",
            "stepwell-http",
            "stepwell-confine",
        ],
    ),
    ("stepwell-report", &["stepwell-schema", "stepwell-run"]),
    (
        "stepwell",
        &[
            "stepwell-schema",
            "stepwell-expr",
            "stepwell-policy",
            "stepwell-plan",
            "stepwell-run",
            "stepwell-resolve",
            "stepwell-process",
            "stepwell-sandbox",
            "stepwell-report",
        ],
    ),
    ("stepwell-git-server", &[]),
    ("stepwell-sdk-macros", &[]),
    ("stepwell-sdk", &["stepwell-sdk-macros"]),
    ("stepwell-example-stranger", &["stepwell-sdk"]),
    ("stepwell-step-archive", &["stepwell-sdk"]),
    ("stepwell-step-changelog", &["stepwell-sdk", "stepwell-step-parts"]),
    ("stepwell-step-checksum", &["stepwell-sdk"]),
    ("stepwell-step-coverage", &["stepwell-sdk", "stepwell-step-parts"]),
    ("stepwell-step-edit", &["stepwell-sdk"]),
    ("stepwell-step-junit", &["stepwell-sdk", "stepwell-step-parts"]),
    ("stepwell-step-parts", &["stepwell-sdk"]),
    ("stepwell-step-query", &["stepwell-sdk"]),
    ("stepwell-step-report", &["stepwell-sdk"]),
    ("stepwell-step-sbom", &["stepwell-sdk", "stepwell-step-parts"]),
    ("stepwell-step-secret-scan", &["stepwell-sdk", "stepwell-step-parts"]),
    ("stepwell-step-semver", &["stepwell-sdk", "stepwell-step-parts"]),
    ("stepwell-step-template", &["stepwell-sdk"]),
];

/// Foreign crates that one crate alone may name.
const OWNED: &[(&str, &[&str])] = &[
    ("wasmtime", &["stepwell-sandbox"]),
    ("wasmtime-wasi", &["stepwell-sandbox"]),
    ("wasmtime-wasi-http", &["stepwell-sandbox"]),
    ("landlock", &["stepwell-confine"]),
    ("seccompiler", &["stepwell-confine"]),
    ("clap", &["stepwell"]),
    // The errors of the policy language say their places through its trait.
    ("miette", &["stepwell", "stepwell-policy"]),
    ("cedar-policy", &["stepwell-policy"]),
    // The build script writes the manifests of the SDK that projects get.
    ("toml", &["stepwell", "stepwell-policy", "stepwell-step-query", "stepwell-step-sbom"]),
    ("granit-parser", &["stepwell-schema", "stepwell-step-edit", "stepwell-step-query"]),
    ("git2", &["stepwell-resolve"]),
    ("reqwest", &["stepwell-resolve", "stepwell-http"]),
];

/// The crates that may reach what is heavy; each other compiles and is tested in seconds.
const MAY_REACH_HEAVY: [&str; 2] = ["stepwell-sandbox", "stepwell"];

/// What takes minutes to compile, for tests and builds as well.
const HEAVY: [&str; 3] = ["wasmtime", "wasmtime-wasi", "cranelift-codegen"];

/// The package that sees everything.
const TESTS: &str = "stepwell-tests";

#[test]
fn crates_use_only_what_their_layer_may() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    let mut wrong = Vec::new();
    for (name, uses) in dependencies() {
        if name == TESTS {
            continue;
        }
        let Some(allowed) = allowed.get(name.as_str()) else {
            wrong.push(format!("{name} has no line in MAY_USE"));
            continue;
        };
        for used in uses.iter().filter(|used| used.starts_with("stepwell") && !allowed.contains(&used.as_str())) {
            wrong.push(format!("{name} may not use {used}"));
        }
        for (owned, owners) in OWNED {
            if uses.contains(*owned) && !owners.contains(&name.as_str()) {
                wrong.push(format!("{name} may not use {owned}, which belongs to {}", owners.join(", ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn light_crates_reach_nothing_heavy() {
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let metadata = metadata(&["--filter-platform", &platform]);
    let names: BTreeMap<String, String> =
        list(&metadata["packages"]).iter().map(|package| (text(&package["id"]), text(&package["name"]))).collect();
    let uses: BTreeMap<String, Vec<String>> = list(&metadata["resolve"]["nodes"])
        .iter()
        .map(|node| (text(&node["id"]), list(&node["dependencies"]).iter().map(text).collect()))
        .collect();
    let reached_by = |name: &str| {
        let start = names.iter().find(|(_, known)| *known == name).map(|(id, _)| id.clone());
        reached(start.unwrap_or_else(|| panic!("there is no crate {name}")), &uses)
    };
    for light in MAY_USE.iter().map(|(name, _)| *name).filter(|name| !MAY_REACH_HEAVY.contains(name)) {
        let heavy: Vec<String> =
            reached_by(light).iter().map(|id| names[id].clone()).filter(|name| HEAVY.contains(&&**name)).collect();
        assert!(heavy.is_empty(), "{light} reaches {}", heavy.join(", "));
    }
    assert!(reached_by(MAY_REACH_HEAVY[0]).iter().any(|id| names[id] == HEAVY[0]), "the check finds nothing");
}

#[test]
fn every_source_file_opens_with_what_it_is_for() {
    let root = workspace_root();
    let mut silent = Vec::new();
    for folder in ["host", "guest-sdk", "steps", "examples", "tests"] {
        visit(&root.join(folder), &mut |path| {
            // Tests say by their names what they are for.
            let is_test = path.ends_with("tests.rs") || path.parent().is_some_and(|folder| within(folder, "tests"));
            if is_test && !path.starts_with(root.join("tests")) {
                return;
            }
            let text = fs::read_to_string(path).expect("a source file is text");
            if !text.starts_with("//!") {
                silent.push(path.display().to_string());
            }
        });
    }
    assert!(silent.is_empty(), "no head comment in\n{}", silent.join("\n"));
}

#[test]
fn every_crate_of_the_host_forbids_or_fences_unsafe_code() {
    let crates = workspace_root().join("host/crates");
    for entry in fs::read_dir(crates).expect("the crates are there") {
        let path = entry.expect("a folder entry").path().join("src/lib.rs");
        let text = fs::read_to_string(&path).expect("every crate has a lib.rs");
        let fenced = text.contains("#![forbid(unsafe_code)]") || text.contains("#![deny(unsafe_code)]");
        assert!(fenced, "{} neither forbids nor fences unsafe code", path.display());
    }
}

/// Returns what `cargo metadata` says.
fn metadata(arguments: &[&str]) -> Value {
    #[expect(clippy::disallowed_methods, reason = "cargo itself knows the arrows")]
    let output = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(arguments)
        .current_dir(workspace_root())
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo writes JSON")
}

/// Returns a package and everything that it uses, directly or not; dependencies of tests and builds are among `uses`.
fn reached(start: String, uses: &BTreeMap<String, Vec<String>>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![start];
    while let Some(package) = open.pop() {
        if found.insert(package.clone()) {
            open.extend(uses.get(&package).into_iter().flatten().cloned());
        }
    }
    found
}

/// Normal dependencies of each workspace member, by package name.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = metadata(&["--no-deps"]);
    list(&metadata["packages"])
        .iter()
        .map(|package| {
            let normal = list(&package["dependencies"]).iter().filter(|dependency| dependency["kind"].is_null());
            (text(&package["name"]), normal.map(|dependency| text(&dependency["name"])).collect())
        })
        .collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn within(path: &Path, folder: &str) -> bool {
    path.iter().any(|part| part == folder)
}

/// Calls a function for each Rust source file beneath a folder, target folders left out.
fn visit(folder: &Path, found: &mut dyn FnMut(&PathBuf)) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("a folder entry").path();
        if path.is_dir() && !path.ends_with("target") {
            visit(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found(&path);
        }
    }
}
