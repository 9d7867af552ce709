//! The quick start of the README, followed word for word in a copy of the project.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::markdown::{blocks, section};
use crate::support::workspace_root;

#[test]
fn a_first_webassembly_step() {
    let readme = fs::read_to_string(workspace_root().join("README.md")).expect("the README is there");
    let blocks = blocks(section(&readme, "A first WebAssembly step"));
    let [make, code, function, build] = &blocks[..] else { panic!("not four blocks: {blocks:#?}") };
    assert_eq!([&*make.language, &*code.language, &*function.language, &*build.language], ["", "rust", "yaml", ""]);

    let clone = Clone::new();
    let (new, rest) = make.text.split_once('\n').expect("the block has several lines");
    clone.shell(&clone.folder, new);
    let greet = clone.folder.join("greet");
    // The versions of the project, which are on this machine.
    fs::copy(workspace_root().join("Cargo.lock"), greet.join("Cargo.lock")).expect("the lock file can be copied");
    symlink(clone.built(), greet.join("target")).expect("a link can be made");
    clone.shell(&greet, rest);
    fs::write(greet.join("src/lib.rs"), &code.text).expect("the code can be written");
    fs::write(greet.join("func.yml"), &function.text).expect("the function file can be written");

    let ran = clone.shell(&greet, &build.text);
    let outputs: serde_json::Value = serde_json::from_slice(&ran.stdout).expect("the outputs are JSON");
    assert_eq!(outputs, serde_json::json!({ "text": "Hello, world!" }));
    assert!(String::from_utf8_lossy(&ran.stderr).contains("greeting world"));
    let members = |folder: &Path| fs::read_to_string(folder.join("Cargo.toml")).expect("the manifest is there");
    assert_eq!(members(&clone.folder), members(&workspace_root()), "`greet` became a member of the workspace");
}

#[test]
fn the_sdk_starts_in_the_same_way() {
    let first = |path: &str, heading: &str| {
        let page = fs::read_to_string(workspace_root().join(path)).expect("the page is there");
        blocks(section(&page, heading)).remove(0).text
    };
    assert_eq!(first("guest-sdk/README.md", "A first step"), first("README.md", "A first WebAssembly step"));
}

/// A stand-in for a fresh clone in a folder that stays the same, so that a second run compiles little: links to what the
/// project holds, a manifest of its own, and the program under test where `cargo build` would put it.
struct Clone {
    folder: PathBuf,
    /// Held until the end: only one test run at a time uses the folder.
    _lock: File,
}

impl Clone {
    fn new() -> Self {
        let root = workspace_root();
        let place = root.join("target/quick-start");
        fs::create_dir_all(&place).expect("the folder can be made");
        let lock = File::create(place.join("lock")).expect("a lock file can be made");
        lock.lock().expect("the lock can be waited for");
        let folder = place.join("stepwell");
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => panic!("{error}"),
            _ => {}
        }
        fs::create_dir_all(folder.join("target/debug")).expect("folders can be made");
        let program = env!("CARGO_BIN_EXE_stepwell-under-test");
        symlink(program, folder.join("target/debug/stepwell")).expect("a link can be made");
        for name in ["examples", "guest-sdk", "host", "steps", "tests", "rust-toolchain.toml"] {
            symlink(root.join(name), folder.join(name)).expect("a link can be made");
        }
        // Cargo could write into it, if the quick start were wrong.
        fs::copy(root.join("Cargo.toml"), folder.join("Cargo.toml")).expect("the manifest can be copied");
        Self { folder, _lock: lock }
    }

    /// Returns the folder for what cargo makes.
    fn built(&self) -> PathBuf {
        let built = workspace_root().join("target/quick-start/built");
        fs::create_dir_all(&built).expect("the folder can be made");
        built
    }

    /// Runs lines of shell as a user would type them, with what is on this machine; each must succeed.
    #[track_caller]
    fn shell(&self, folder: &Path, lines: &str) -> Output {
        #[expect(clippy::disallowed_methods, reason = "the lines of the page are run by a shell")]
        let output = Command::new("sh")
            .args(["-e", "-c", lines])
            .current_dir(folder)
            .env("CARGO_NET_OFFLINE", "true")
            .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
            .env_remove("CARGO_TARGET_DIR")
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env_remove("RUSTC_WORKSPACE_WRAPPER")
            .output()
            .expect("a shell starts");
        assert!(output.status.success(), "{lines}\n{}", String::from_utf8_lossy(&output.stderr));
        output
    }
}
