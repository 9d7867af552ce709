use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use super::*;

const TEXT: &str = "spec:\n---\nexec: { command: [true] }\n";

/// A folder with a job in it.
struct Job {
    folder: tempfile::TempDir,
}

impl Job {
    fn new(files: &[(&str, &str)]) -> Self {
        let job = Self { folder: tempfile::tempdir().unwrap() };
        for (path, text) in files {
            job.write(path, text);
        }
        job
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn make_fifo(&self, path: &str) {
        rustix::fs::mkfifoat(rustix::fs::CWD, self.path(path), rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)
            .unwrap();
    }

    fn resolver(&self) -> FileResolver {
        FileResolver::shown_from(self.folder.path())
    }

    fn resolve(&self, path: &str) -> Result<Resolved, ResolveError> {
        self.resolver().resolve(path, self.folder.path())
    }

    fn read_beside(&self, path: &str, limit_bytes: u64) -> Result<Arc<[u8]>, ResolveError> {
        self.resolver().read_beside(&self.resolve("./f").unwrap(), path, limit_bytes)
    }
}

/// Checks which file a reference leads to, and its canonical form.
#[track_caller]
fn check_found(job: &Job, path: &str, file: &str, reference: &str) {
    let resolved = job.resolve(path).unwrap();
    assert_eq!(resolved.source.name(), file);
    assert_eq!(resolved.origin.reference, reference);
    assert_eq!(resolved.origin.path(), Some(job.path(file)));
    assert_eq!(resolved.digest, Digest::of(resolved.source.text().as_bytes()));
}

#[track_caller]
fn check_error(result: Result<impl std::fmt::Debug, ResolveError>, expected: &str) {
    use std::error::Error as _;
    let error = result.unwrap_err();
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    assert_eq!(format!("{error}{cause}"), expected);
}

#[test]
fn default_and_explicit_names() {
    let job = Job::new(&[
        ("new/func.yml", TEXT),
        ("new/other.yml", TEXT),
        ("old/step.yml", TEXT),
        ("both/func.yml", TEXT),
        ("both/step.yml", TEXT),
        ("func.yml", TEXT),
    ]);
    check_found(&job, "./new", "new/func.yml", "./new");
    check_found(&job, "./new/", "new/func.yml", "./new");
    check_found(&job, "./new/func.yml", "new/func.yml", "./new");
    check_found(&job, "./new/other.yml", "new/other.yml", "./new/other.yml");
    check_found(&job, "./old", "old/step.yml", "./old");
    check_found(&job, "./both", "both/func.yml", "./both");
    check_found(&job, "./both/step.yml", "both/step.yml", "./both");
    check_found(&job, ".", "func.yml", ".");
    check_found(&job, "./new/../old", "old/step.yml", "./old");
    let absolute = job.path("old").display().to_string();
    check_found(&job, &absolute, "old/step.yml", "./old");
}

#[test]
fn paths_are_absolute_where_nothing_else_is_asked() {
    let job = Job::new(&[("f/func.yml", TEXT)]);
    let resolved = FileResolver::default().resolve("./f", job.folder.path()).unwrap();
    assert_eq!(resolved.origin.reference, job.path("f").display().to_string());
    assert_eq!(resolved.source.name(), job.path("f/func.yml").display().to_string());
}

#[test]
fn missing_files_name_folder_and_first_name() {
    let job = Job::new(&[("f/func.yml", TEXT)]);
    let missing = job.path("missing");
    check_error(
        job.resolve("./missing"),
        &format!("no function file in `{}`: `func.yml` not found", missing.display()),
    );
    check_error(
        job.resolve("./f/other.yml"),
        &format!("no function file in `{}`: `other.yml` not found", job.path("f").display()),
    );
    // A file where a folder is needed.
    assert!(matches!(job.resolve("./f/func.yml/x"), Err(ResolveError::NotFound { .. })));
    symlink("nowhere", job.path("dangling.yml")).unwrap();
    assert!(matches!(job.resolve("./dangling.yml"), Err(ResolveError::NotFound { .. })));
}

#[test]
fn what_is_no_text_file() {
    let job = Job::new(&[]);
    std::fs::create_dir_all(job.path("folder/func.yml")).unwrap();
    let unreadable = |path: &str| format!("`{}` cannot be read", job.path(path).display());
    check_error(job.resolve("./folder"), &format!("{}: not a regular file", unreadable("folder/func.yml")));
    job.write("binary.yml", b"a\xff");
    check_error(
        job.resolve("./binary.yml"),
        &format!("{}: not UTF-8: invalid utf-8 sequence of 1 bytes from index 1", unreadable("binary.yml")),
    );
    job.make_fifo("fifo.yml");
    check_error(job.resolve("./fifo.yml"), &format!("{}: not a regular file", unreadable("fifo.yml")));
    symlink("fifo.yml", job.path("link.yml")).unwrap();
    check_error(job.resolve("./link.yml"), &format!("{}: not a regular file", unreadable("link.yml")));
    symlink("loop.yml", job.path("loop.yml")).unwrap();
    assert!(matches!(job.resolve("./loop.yml"), Err(ResolveError::Unreadable { .. })));
}

#[test]
fn a_function_file_has_a_limit() {
    let job = Job::new(&[]);
    job.write("most.yml", vec![b' '; 4 << 20]);
    assert!(job.resolve("./most.yml").is_ok());
    job.write("more.yml", vec![b' '; (4 << 20) + 1]);
    check_error(job.resolve("./more.yml"), "`more.yml` is 4194305 bytes long, more than the limit of 4194304");
    // A hole of a terabyte is refused by its length, without being read.
    std::fs::File::create(job.path("huge.yml")).unwrap().set_len(1 << 40).unwrap();
    assert!(
        matches!(job.resolve("./huge.yml"), Err(ResolveError::TooLarge { actual_bytes, .. }) if actual_bytes == 1 << 40)
    );
}

#[test]
fn files_beside() {
    let job = Job::new(&[("f/func.yml", TEXT), ("f/a.wasm", "wasm"), ("f/sub/b.wasm", "other"), ("secret", "secret")]);
    assert_eq!(&*job.read_beside("a.wasm", 4).unwrap(), b"wasm");
    assert_eq!(&*job.read_beside("./sub/../a.wasm", 4).unwrap(), b"wasm");
    assert_eq!(&*job.read_beside("sub/b.wasm", 9).unwrap(), b"other");
    check_error(job.read_beside("a.wasm", 3), "`a.wasm` is 4 bytes long, more than the limit of 3");
    assert!(matches!(job.read_beside("c.wasm", 9), Err(ResolveError::NotFound { .. })));
    assert!(matches!(job.read_beside("a.wasm/x", 9), Err(ResolveError::NotFound { .. })));
    assert!(matches!(job.read_beside("sub", 9), Err(ResolveError::Unreadable { .. })));
}

#[test]
fn nothing_beside_leads_out() {
    let job = Job::new(&[("f/func.yml", TEXT), ("f/a.wasm", "wasm"), ("secret", "secret"), ("out/x", "secret")]);
    symlink("../secret", job.path("f/relative")).unwrap();
    symlink(job.path("secret"), job.path("f/absolute")).unwrap();
    symlink("../out", job.path("f/folder")).unwrap();
    symlink("relative", job.path("f/chain")).unwrap();
    symlink("a.wasm", job.path("f/inside")).unwrap();
    let absolute = job.path("secret").display().to_string();
    let lexical = ["../secret", "sub/../../secret", "..", absolute.as_str()];
    for path in ["relative", "absolute", "folder/x", "chain"].into_iter().chain(lexical) {
        let error = job.read_beside(path, 100).unwrap_err();
        assert!(matches!(error, ResolveError::Escapes { .. }), "{path}: {error:?}");
    }
    assert_eq!(&*job.read_beside("inside", 4).unwrap(), b"wasm");
}

#[test]
fn a_fifo_beside_does_not_block() {
    let job = Job::new(&[("f/func.yml", TEXT)]);
    job.make_fifo("f/a.wasm");
    let error = job.read_beside("a.wasm", 4).unwrap_err();
    assert!(matches!(error, ResolveError::Unreadable { .. }), "{error:?}");
}

/// Checks what `change` does to a function whose file and module were read.
#[track_caller]
fn check_unchanged(change: impl FnOnce(&Job), expected: bool) {
    let job = Job::new(&[("f/step.yml", TEXT), ("f/a.wasm", "wasm")]);
    let resolver = job.resolver();
    let resolved = job.resolve("./f").unwrap();
    resolver.read_beside(&resolved, "a.wasm", 100).unwrap();
    change(&job);
    assert_eq!(resolver.is_unchanged(&resolved, &["a.wasm"]), expected);
}

fn set_modified(job: &Job, path: &str) {
    let file = std::fs::File::options().write(true).open(job.path(path)).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1)).unwrap();
}

#[test]
fn changes_are_noticed() {
    check_unchanged(|_| {}, true);
    check_unchanged(|job| job.write("f/other", "new"), true);
    check_unchanged(|job| job.write("f/step.yml", "longer than it was before, by some words at least"), false);
    check_unchanged(|job| job.write("f/a.wasm", "longer"), false);
    check_unchanged(|job| set_modified(job, "f/step.yml"), false);
    check_unchanged(|job| set_modified(job, "f/a.wasm"), false);
    check_unchanged(|job| std::fs::remove_file(job.path("f/a.wasm")).unwrap(), false);
    check_unchanged(|job| std::fs::remove_dir_all(job.path("f")).unwrap(), false);
    check_unchanged(|job| job.write("f/func.yml", TEXT), false);
    check_unchanged(
        |job| {
            std::fs::rename(job.path("f/a.wasm"), job.path("f/b.wasm")).unwrap();
            symlink("../secret", job.path("f/a.wasm")).unwrap();
        },
        false,
    );
    check_unchanged(
        |job| {
            std::fs::copy(job.path("f/a.wasm"), job.path("f/b.wasm")).unwrap();
            std::fs::rename(job.path("f/b.wasm"), job.path("f/a.wasm")).unwrap();
        },
        false,
    );
}

#[test]
fn what_was_not_read_is_not_known() {
    let job = Job::new(&[("f/func.yml", TEXT), ("f/a.wasm", "wasm")]);
    let resolved = job.resolve("./f").unwrap();
    assert!(job.resolver().is_unchanged(&resolved, &[]));
    assert!(!job.resolver().is_unchanged(&resolved, &["a.wasm"]));
}
