use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use stepwell_sdk::FailureKind;
use stepwell_sdk::fake::Fake;
use tempfile::TempDir;

use super::*;

const CARGO: &str = r#"
version = 4
[[package]]
name = "app"
version = "0.1.0"
dependencies = ["a 1.0.0", "g"]
[[package]]
name = "a"
version = "1.0.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"
dependencies = ["a 2.0.0 (registry+https://github.com/rust-lang/crates.io-index)"]
[[package]]
name = "a"
version = "2.0.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
[[package]]
name = "g"
version = "0.2.0"
source = "git+https://example.com/g?branch=main#0123abc"
"#;
const NPM: &str = r#"{ "lockfileVersion": 3, "packages": {
  "": { "dependencies": { "a": "^1", "w": "*" }, "devDependencies": { "@s/b": "^2" } },
  "node_modules/a": { "version": "1.0.0", "resolved": "https://registry.npmjs.org/a/-/a-1.0.0.tgz",
    "integrity": "sha512-3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw==", "dependencies": { "c": "1" } },
  "node_modules/a/node_modules/c": { "version": "1.5.0", "peerDependencies": { "missing": "*" } },
  "node_modules/c": { "version": "2.0.0", "dev": true },
  "node_modules/@s/b": { "version": "2.0.0", "dev": true, "dependencies": { "c": "2" }, "optionalDependencies": { "fsevents": "*" } },
  "node_modules/w": { "link": true, "resolved": "packages/w" },
  "packages/w": { "version": "0.0.1", "dependencies": { "a": "^1" } } } }"#;
const YARN: &str = "# yarn lockfile v1\n\n\n\"@s/b@^2.0.0\", \"@s/b@^2.1.0\":\n  version \"2.1.0\"\n  resolved \"https://registry.yarnpkg.com/b\"\n  \
    integrity sha1-qZk+NkcGgWq6PiVxeFDCbJzQ2J0=\n  dependencies:\n    c \"^1.0.0 || ^2\"\n  optionalDependencies:\n    fsevents \"*\"\n\n\
    \"c@^1.0.0 || ^2\":\n  version \"2.0.0\"\n\nx@npm:y@^3:\n  version \"3.0.0\"\n";
const POETRY: &str = r#"
[[package]]
name = "Flask_App"
version = "1.0"
files = [{ file = "flask app[1]-1.0.tar.gz", hash = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" }]
[package.dependencies]
click = ">=8"
[[package]]
name = "click"
version = "8.1"
groups = ["dev"]
"#;
const UV: &str = r#"
version = 1
[[package]]
name = "app"
version = "0.1"
source = { virtual = "." }
dependencies = [{ name = "idna" }]
[[package]]
name = "idna"
version = "3.7"
source = { registry = "https://pypi.org/simple" }
sdist = { url = "https://files.pythonhosted.org/idna-3.7.tar.gz", hash = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", size = 1 }
"#;
const PIP: &str = "# all\nrequests[socks]==2.31.0 ; python_version > '3' \\\n  --hash=sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n\
    -r other.txt\nnumpy>=1 # any\npkg @ git+https://example.com/p@v1\n";
const GO: &str = "module example.com/app\n\ngo 1.22\n\nrequire github.com/A/b v1.0.0\n\nrequire (\n\tgolang.org/x/sys v0.1.0 // indirect\n\texample.com/old v1.0.0\n)\n\n\
    replace example.com/old => example.com/new v2.0.0\n";
const GO_SUM: &str = "github.com/A/b v1.0.0 h1:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=\ngithub.com/A/b v1.0.0/go.mod h1:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=\n";

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
        files: Vec::new(),
        name: "app".to_owned(),
        version: "1".to_owned(),
        destination: "dist".to_owned(),
        file: "bom.json".to_owned(),
        serial: String::new(),
        time: String::new(),
    }
}

fn all() -> TempDir {
    work_dir(&[
        ("Cargo.lock", CARGO.as_bytes()),
        ("package-lock.json", NPM.as_bytes()),
        ("yarn.lock", YARN.as_bytes()),
        ("poetry.lock", POETRY.as_bytes()),
        ("uv.lock", UV.as_bytes()),
        ("requirements-dev.txt", PIP.as_bytes()),
        ("go.mod", GO.as_bytes()),
        ("go.sum", GO_SUM.as_bytes()),
        ("README.md", b"no lock file"),
    ])
}

fn bill(folder: &TempDir, request: Request) -> Value {
    let response = run(request, &mut Fake::new(folder.path()).step()).expect("it writes one");
    let text = fs::read(folder.path().join(&response.file)).expect("it is there");
    assert_eq!(response.sha256, hexadecimal(&Sha256::digest(&text)));
    let bill = serde_json::from_slice(&text).expect("it is JSON");
    check_structure(&bill);
    assert_eq!(list(&bill["components"]).len(), response.components);
    bill
}

fn bill_of(name: &str, content: &str) -> Value {
    bill(&work_dir(&[(name, content.as_bytes())]), request())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("it is a text")
}

/// The rules of the schema of CycloneDX 1.6 that matter for what is written.
fn check_structure(bill: &Value) {
    let keys = |value: &Value, allowed: &[&str]| {
        let keys: Vec<_> = value.as_object().expect("an object").keys().cloned().collect();
        assert!(keys.iter().all(|key| allowed.contains(&key.as_str())), "{keys:?}");
    };
    keys(
        bill,
        &["$schema", "bomFormat", "specVersion", "serialNumber", "version", "metadata", "components", "dependencies"],
    );
    assert_eq!(
        (text(&bill["bomFormat"]), text(&bill["specVersion"]), bill["version"].as_u64()),
        ("CycloneDX", "1.6", Some(1))
    );
    keys(&bill["metadata"], &["timestamp", "tools", "component"]);
    let mut references = BTreeSet::from([text(&bill["metadata"]["component"]["bom-ref"])]);
    for component in list(&bill["components"]) {
        keys(component, &["type", "bom-ref", "name", "version", "scope", "hashes", "purl", "externalReferences"]);
        assert_eq!(text(&component["type"]), "library");
        assert!(!text(&component["name"]).is_empty());
        assert!(["required", "optional", "excluded"].contains(&text(&component["scope"])));
        assert!(references.insert(text(&component["bom-ref"])), "references are unique");
        assert_eq!(component["purl"], component["bom-ref"]);
        assert!(text(&component["purl"]).starts_with("pkg:"));
        check_hashes(&component["hashes"]);
        for file in list(&component["externalReferences"]) {
            keys(file, &["type", "url", "hashes"]);
            assert_eq!(text(&file["type"]), "distribution");
            assert!(text(&file["url"]).bytes().all(|byte| byte > b' ' && !b"\"<>[\\]^`{|}\x7f".contains(&byte)));
            check_hashes(&file["hashes"]);
        }
    }
    let mut described = BTreeSet::new();
    for dependency in list(&bill["dependencies"]) {
        keys(dependency, &["ref", "dependsOn"]);
        assert!(references.contains(text(&dependency["ref"])) && described.insert(text(&dependency["ref"])));
        let on: Vec<_> = list(&dependency["dependsOn"]).iter().map(text).collect();
        assert!(on.iter().all(|on| references.contains(on)), "{on:?}");
        assert_eq!(on.iter().collect::<BTreeSet<_>>().len(), on.len(), "items are unique");
    }
    assert_eq!(described, references);
}

fn check_hashes(hashes: &Value) {
    for hash in list(hashes) {
        let length = match text(&hash["alg"]) {
            "MD5" => 32,
            "SHA-1" => 40,
            "SHA-256" => 64,
            "SHA-384" => 96,
            "SHA-512" => 128,
            other => panic!("`{other}` is no algorithm"),
        };
        let digits = text(&hash["content"]);
        assert!(digits.len() == length && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')));
    }
}

/// Returns what a reference depends on, shortened.
fn needs(bill: &Value, reference: &str) -> Vec<String> {
    let entry = list(&bill["dependencies"]).iter().find(|entry| text(&entry["ref"]) == reference);
    list(&entry.expect("it is there")["dependsOn"]).iter().map(|on| text(on).to_owned()).collect()
}

fn component<'a>(bill: &'a Value, reference: &str) -> &'a Value {
    list(&bill["components"]).iter().find(|entry| text(&entry["bom-ref"]) == reference).expect("it is there")
}

const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[test]
fn packages_of_cargo() {
    let bill = bill_of("Cargo.lock", CARGO);
    let git = "pkg:cargo/g@0.2.0?vcs_url=git%2Bhttps:%2F%2Fexample.com%2Fg%400123abc";
    assert_eq!(needs(&bill, "subject"), ["pkg:cargo/app@0.1.0"]);
    assert_eq!(needs(&bill, "pkg:cargo/app@0.1.0"), ["pkg:cargo/a@1.0.0", git]);
    assert_eq!(needs(&bill, "pkg:cargo/a@1.0.0"), ["pkg:cargo/a@2.0.0"]);
    assert_eq!(component(&bill, "pkg:cargo/a@1.0.0")["hashes"][0]["content"], ABC);
    let first = "[[package]]\nname = \"a\"\nversion = \"1\"\nsource = \"s\"\n[metadata]\n\"checksum a 1 (s)\" = \"";
    let bill = bill_of("Cargo.lock", &format!("{first}{ABC}\""));
    assert_eq!(list(&bill["components"])[0]["hashes"][0]["content"], ABC);
    assert!(list(&bill_of("Cargo.lock", "version = 4")["components"]).is_empty());
}

#[test]
fn packages_of_npm() {
    let bill = bill_of("package-lock.json", NPM);
    assert_eq!(needs(&bill, "subject"), ["pkg:npm/%40s/b@2.0.0", "pkg:npm/a@1.0.0", "pkg:npm/packages/w@0.0.1"]);
    // The nearest one counts.
    assert_eq!(needs(&bill, "pkg:npm/a@1.0.0"), ["pkg:npm/c@1.5.0"]);
    assert_eq!(needs(&bill, "pkg:npm/%40s/b@2.0.0"), ["pkg:npm/c@2.0.0"]);
    assert_eq!(needs(&bill, "pkg:npm/packages/w@0.0.1"), ["pkg:npm/a@1.0.0"]);
    let a = component(&bill, "pkg:npm/a@1.0.0");
    assert_eq!((text(&a["hashes"][0]["alg"]), text(&a["scope"])), ("SHA-512", "required"));
    assert_eq!(text(&component(&bill, "pkg:npm/c@2.0.0")["scope"]), "excluded");
}

#[test]
fn packages_of_yarn() {
    let bill = bill_of("yarn.lock", YARN);
    assert_eq!(needs(&bill, "subject"), ["pkg:npm/%40s/b@2.1.0", "pkg:npm/y@3.0.0"]);
    assert_eq!(needs(&bill, "pkg:npm/%40s/b@2.1.0"), ["pkg:npm/c@2.0.0"]);
    assert_eq!(text(&component(&bill, "pkg:npm/%40s/b@2.1.0")["hashes"][0]["alg"]), "SHA-1");
}

#[test]
fn packages_of_python() {
    let bill = bill_of("poetry.lock", POETRY);
    assert_eq!(needs(&bill, "pkg:pypi/flask-app@1.0"), ["pkg:pypi/click@8.1"]);
    assert_eq!(needs(&bill, "subject"), ["pkg:pypi/flask-app@1.0"]);
    let file = &component(&bill, "pkg:pypi/flask-app@1.0")["externalReferences"][0];
    assert_eq!((text(&file["url"]), text(&file["hashes"][0]["content"])), ("flask%20app%5B1%5D-1.0.tar.gz", ABC));
    assert_eq!(text(&component(&bill, "pkg:pypi/click@8.1")["scope"]), "excluded");

    let bill = bill_of("uv.lock", UV);
    assert_eq!(needs(&bill, "subject"), ["pkg:pypi/idna@3.7"]);
    assert_eq!(list(&bill["components"]).len(), 1);

    let bill = bill_of("requirements.txt", PIP);
    let git = "pkg:pypi/pkg?vcs_url=git%2Bhttps:%2F%2Fexample.com%2Fp%40v1";
    assert_eq!(needs(&bill, "subject"), ["pkg:pypi/numpy", git, "pkg:pypi/requests@2.31.0"]);
    assert_eq!(component(&bill, "pkg:pypi/requests@2.31.0")["hashes"][0]["content"], ABC);
    assert!(component(&bill, "pkg:pypi/numpy")["version"].is_null());
}

#[test]
fn modules_of_go() {
    let bill = bill(&work_dir(&[("go.mod", GO.as_bytes()), ("go.sum", GO_SUM.as_bytes())]), request());
    assert_eq!(needs(&bill, "subject"), ["pkg:golang/example.com/new@v2.0.0", "pkg:golang/github.com/a/b@v1.0.0"]);
    assert_eq!(list(&bill["components"]).len(), 3);
    assert_eq!(component(&bill, "pkg:golang/github.com/a/b@v1.0.0")["hashes"][0]["content"], ABC);
    assert!(bill_of("go.mod", GO)["components"][0]["hashes"].is_null());
}

#[test]
fn the_same_files_give_the_same_bytes() {
    let text = |request: Request| {
        let folder = all();
        run(request, &mut Fake::new(folder.path()).step()).expect("it writes one");
        fs::read_to_string(folder.path().join("dist/bom.json")).expect("it is there")
    };
    assert_eq!(text(request()), text(request()));
    let plain: Value = serde_json::from_str(&text(request())).expect("it is JSON");
    assert!(plain["serialNumber"].is_null() && plain["metadata"]["timestamp"].is_null());
    let of_content = || bill(&all(), Request { serial: "content".to_owned(), ..request() });
    assert_eq!(of_content(), of_content());
    let number = text_of(&of_content()["serialNumber"]);
    assert!(number.starts_with("urn:uuid:") && number.len() == 45 && number.as_bytes()[23] == b'8', "{number}");
    let uuid = "urn:uuid:3E671687-395B-41F5-A30F-A58921A69B79";
    let given = Request { serial: uuid.to_owned(), time: "2026-01-31T12:00:00Z".to_owned(), ..request() };
    let bill = bill(&all(), given);
    assert_eq!(text_of(&bill["serialNumber"]), uuid.to_lowercase().replace("URN:UUID", "urn:uuid"));
    assert_eq!(text_of(&bill["metadata"]["timestamp"]), "2026-01-31T12:00:00Z");
}

fn text_of(value: &Value) -> String {
    text(value).to_owned()
}

#[test]
fn lock_files_that_are_refused() {
    #[track_caller]
    fn check(name: &str, content: impl AsRef<[u8]>, expected: &str) {
        let folder = work_dir(&[(name, content.as_ref())]);
        let failure = run(request(), &mut Fake::new(folder.path()).step()).expect_err("it is refused");
        assert_eq!(failure.kind(), FailureKind::Failed);
        assert!(failure.message().starts_with(expected), "{failure}");
        assert!(!folder.path().join("dist").exists());
    }
    check("Cargo.lock", "a = 1\n[[package]\n", "Cargo.lock, line 2: not well-formed TOML: ");
    check("Cargo.lock", "package = 1", "Cargo.lock: `package` is no array of tables");
    check("Cargo.lock", "[[package]]\nname = 'a'", "Cargo.lock: package 1 has no text `version`");
    let lost = "[[package]]\nname = 'a'\nversion = '1'\ndependencies = ['b']";
    check("Cargo.lock", lost, "Cargo.lock: `a` depends on `b`, which is no package");
    check("Cargo.lock", b"a = '\n\xe4'", "Cargo.lock, line 2: it is not UTF-8");
    check("Cargo.lock", format!("a = {}", "[".repeat(100_000)), "Cargo.lock, line 1: not well-formed TOML: ");
    check(
        "package-lock.json",
        "{\"packages\":\n{",
        "package-lock.json, line 2: not well-formed JSON: EOF while parsing",
    );
    check("package-lock.json", "[".repeat(100_000), "package-lock.json, line 1: not well-formed JSON: recursion limit");
    check(
        "package-lock.json",
        "{\"dependencies\": {}}",
        "package-lock.json: it has no `packages`, so it is one of npm 6 or none",
    );
    let lost = r#"{"packages": {"": {"dependencies": {"a": "1"}}}}"#;
    check("package-lock.json", lost, "package-lock.json: `` depends on `a`, which is no package");
    check("yarn.lock", "__metadata:\n  version: 8\n", "yarn.lock, line 1: it is one of Yarn 2 or later");
    check("yarn.lock", "a@1\n", "yarn.lock, line 1: it is no beginning of an entry");
    check("yarn.lock", "  version \"1\"\n", "yarn.lock, line 1: it is no line of a lock file of Yarn 1");
    check("yarn.lock", "a@1:\n", "yarn.lock: `a` has no `version`");
    check("poetry.lock", "[[package]]\nversion = '1'", "poetry.lock: package 1 has no text `name`");
    check("requirements.txt", "a==1\n\n../local\n", "requirements.txt, line 3: it is no requirement");
    check("go.mod", "require (\n", "go.mod, line 1: the block `require` has no end");
    check("go.mod", "module a\nrequire b\n", "go.mod, line 2: it is no `require`");
    check("go.mod", "hello\n", "go.mod, line 1: `hello` is no word of a `go.mod`");
}

#[test]
fn inputs_that_make_no_sense() {
    #[track_caller]
    fn check(request: Request, kind: FailureKind, expected: &str) {
        let failure = run(request, &mut Fake::new(all().path()).step()).expect_err("it makes no sense");
        assert_eq!((failure.kind(), failure.message()), (kind, expected));
    }
    let invalid = FailureKind::InvalidInput;
    check(
        Request { name: " ".to_owned(), ..request() },
        invalid,
        "input `name` is empty: the name of what the bill is of",
    );
    check(Request { serial: "7".to_owned(), ..request() }, invalid, "input `serial` is `7`");
    check(Request { time: "today".to_owned(), ..request() }, invalid, "input `time` is `today`");
    check(
        Request { file: "../x".to_owned(), ..request() },
        invalid,
        "input `file` is `../x`, no path in the destination",
    );
    let files = Request { files: vec!["README.md".to_owned()], ..request() };
    check(files, invalid, "input `files` names `README.md`, no known lock file");
    let none = work_dir(&[("a", b"")]);
    let failure = run(request(), &mut Fake::new(none.path()).step()).expect_err("there is none");
    assert_eq!(failure.message(), "there is no lock file in `.`");
}
