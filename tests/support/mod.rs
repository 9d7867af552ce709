//! Builders that the tests share: a hermetic place to run the program in, and what came out of it.

pub(crate) mod markdown;
pub(crate) mod runner;
/// A server on loopback.
#[expect(
    dead_code,
    clippy::unwrap_used,
    reason = "it belongs to the tests of the http crate, which use the rest of it"
)]
#[path = "../../host/crates/http/tests/http/server.rs"]
pub(crate) mod server;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

/// Returns the top folder of the project.
pub(crate) fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_owned()
}

/// Returns the folders of the shipped functions, from the top folder, sorted.
pub(crate) fn shipped() -> Vec<String> {
    let entries = fs::read_dir(workspace_root().join("steps")).expect("the functions are there");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let mut folders: Vec<_> = names.map(|name| format!("steps/{name}")).collect();
    folders.retain(|folder| workspace_root().join(folder).join("func.yml").exists());
    folders.sort();
    folders
}

/// A work dir, a home and a folder for temporary files of its own, removed at the end of the test.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    /// Makes an empty place.
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        for name in ["work", "home", "tmp"] {
            fs::create_dir(folder.path().join(name)).expect("a folder in the temporary folder");
        }
        Self { folder }
    }

    /// Returns the job's work dir.
    pub(crate) fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// Returns the folder for temporary files.
    pub(crate) fn tmp(&self) -> PathBuf {
        self.folder.path().join("tmp")
    }

    /// Writes a file of the work dir, with the folders above it.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.work().join(path);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("the folder can be made");
        fs::write(path, content).expect("the file can be written");
        self
    }

    /// Copies a folder of the project into the work dir.
    pub(crate) fn copy(&self, from: &str, to: &str) -> &Self {
        copy_folder(&workspace_root().join(from), &self.work().join(to));
        self
    }

    /// Copies the examples with what they need into the work dir.
    pub(crate) fn examples(&self) -> &Self {
        self.copy("examples", "examples").copy("guest-sdk", "guest-sdk");
        let module = fs::read(stranger()).expect("the module was built");
        self.write("examples/denied/stranger/stranger.wasm", module)
    }

    /// Writes a function whose module is the guest `attack`, with the given members of `needs`.
    pub(crate) fn attack(&self, folder: &str, needs: &str) -> &Self {
        let inputs =
            "{ what: { type: string }, path: { type: string, default: '' }, count: { type: number, default: 0 } }";
        let outputs = "{ content: { type: string, default: '' }, number: { type: number, default: 0 } }";
        let spec = format!("spec:\n  inputs: {inputs}\n  outputs: {outputs}\n  needs:\n    {needs}\n");
        self.write(&format!("{folder}/func.yml"), format!("{spec}---\nwasm: {{ module: ./attack.wasm }}\n"));
        self.write(&format!("{folder}/attack.wasm"), fs::read(guest("attack")).expect("the guest is there"))
    }

    /// Reads a file of the work dir.
    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> String {
        let path = self.work().join(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Names what is left in the folder for temporary files, sorted.
    pub(crate) fn left_over(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.tmp())
            .expect("the folder is there")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Prepares a call of the program in the work dir, with a cleared environment.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        #[expect(clippy::disallowed_methods, reason = "the program under test is started from outside")]
        let mut command = Command::new(env!("CARGO_BIN_EXE_stepwell-under-test"));
        command
            .args(arguments)
            .current_dir(self.work())
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.folder.path().join("home"))
            // Compiled modules are shared by all tests: the cache is content-addressed and made for that.
            .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
            .env("TMPDIR", self.tmp())
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Ran {
        Ran::from(self.command(arguments).output().expect("the program starts"))
    }

    /// Starts the program with both streams piped.
    pub(crate) fn start<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder can be made");
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("the file can be copied");
        }
    }
}

/// What came out of the program.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Exit code; none where a signal ended it.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ran {
    /// Asserts the exit code, showing everything where it differs.
    #[track_caller]
    pub(crate) fn code(&self, expected: i32) -> &Self {
        assert_eq!(self.code, Some(expected), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Asserts that standard error holds a text.
    #[track_caller]
    pub(crate) fn says(&self, part: &str) -> &Self {
        assert!(self.stderr.contains(part), "no `{part}` in standard error:\n{}", self.stderr);
        self
    }

    /// Asserts that standard output holds a text.
    #[track_caller]
    pub(crate) fn logs(&self, part: &str) -> &Self {
        assert!(self.stdout.contains(part), "no `{part}` in standard output:\n{}", self.stdout);
        self
    }

    /// Asserts that neither stream holds a text.
    #[track_caller]
    pub(crate) fn never_shows(&self, part: &str) -> &Self {
        assert!(!self.stdout.contains(part), "`{part}` in standard output:\n{}", self.stdout);
        assert!(!self.stderr.contains(part), "`{part}` in standard error:\n{}", self.stderr);
        self
    }
}

/// Every file of a folder with its content, by path from that folder.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    collect_files(folder, folder, &mut found);
    found
}

fn collect_files(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect_files(root, &path, found);
        } else {
            let name = path.strip_prefix(root).expect("beneath the root").to_string_lossy().into_owned();
            found.insert(name, fs::read(&path).expect("the file can be read"));
        }
    }
}

/// Returns the path of a guest of tests/guests, built from source the first time one is asked for.
pub(crate) fn guest(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let build =
        || build_for_webassembly(&["--manifest-path", "tests/guests/Cargo.toml", "--target-dir", "target/guests"]);
    FOLDER.get_or_init(build).join(format!("{}.wasm", name.replace('-', "_")))
}

/// Returns the path of the command that does with files and clocks what its arguments say, built once.
pub(crate) fn files_command() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build_files_command("wasm32-wasip2")).clone()
}

/// The same as a preview 1 module.
pub(crate) fn files_command_of_preview1() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build_files_command("wasm32-wasip1")).clone()
}

fn build_files_command(target: &str) -> PathBuf {
    let name = format!("files-{target}-{}.wasm", std::process::id());
    let wasm = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    #[expect(clippy::disallowed_methods, reason = "guests are built with rustc")]
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition", "2024", "-Copt-level=s", "-Cpanic=abort", "--target", target, "-o"]).arg(&wasm);
    rustc.arg(workspace_root().join("host/crates/sandbox/tests/guests/files.rs"));
    assert!(rustc.status().expect("rustc starts").success(), "the guest does not build");
    wasm
}

/// Returns the path of the module of the denied example, built from source.
fn stranger() -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let build = || build_for_webassembly(&["--package", "stepwell-example-stranger", "--target-dir", "target/steps"]);
    FOLDER.get_or_init(build).join("stepwell_example_stranger.wasm")
}

/// Builds for WebAssembly and returns the folder of the modules. The last argument is the target folder.
fn build_for_webassembly(arguments: &[&str]) -> PathBuf {
    let root = workspace_root();
    #[expect(clippy::disallowed_methods, reason = "guests are built with the project's own compiler")]
    let status = Command::new(env!("CARGO"))
        .current_dir(&root)
        .args(["build", "--locked", "--quiet", "--target", "wasm32-wasip2", "--profile", "wasm"])
        .args(arguments)
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .status()
        .expect("cargo starts");
    assert!(status.success(), "cargo could not build {arguments:?}");
    let target = arguments.last().expect("there is a target folder");
    root.join(target).join("wasm32-wasip2/wasm")
}
