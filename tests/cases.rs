//! Files in, files expected. Each folder of tests/cases holds a `job.yml` with what it needs, and `expected.txt`: exit
//! code, standard output and standard error of `stepwell run job.yml`. The library runs the same job and must come to
//! the same end with the same log. `STEPWELL_BLESS=1` rewrites what is expected.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use stepwell::{EventKind, Host, JobErrorKind, JobRequest, RunError, Stream};

use crate::support::{Place, Ran, workspace_root};

const EXPECTED: &str = "expected.txt";

/// The folder of tables that `contract` reads.
const CONTRACT: &str = "contract";

#[test]
fn every_case_ends_as_expected_through_the_command_line() {
    #[expect(clippy::disallowed_methods, reason = "a switch for whoever runs the tests")]
    let bless = std::env::var_os("STEPWELL_BLESS").is_some();
    let mut wrong = String::new();
    for case in cases() {
        let place = place(&case);
        let found = written(&place.run(["run", "job.yml"]), &place);
        let path = case.join(EXPECTED);
        if bless {
            fs::write(&path, found).expect("the case can be written");
            continue;
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if found != expected {
            writeln!(wrong, "{}\n--- expected\n{expected}\n--- found\n{found}\n", case.display()).expect("a string");
        }
        assert_eq!(place.left_over(), Vec::<String>::new(), "{}", case.display());
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_case_ends_the_same_through_the_library() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let host = Host::builder().scratch_folder(scratch.path()).build().expect("the host can be built");
    for case in cases() {
        let place = place(&case);
        let ran = place.run(["run", "job.yml"]);
        let again = self::place(&case);
        let (code, log) = through_library(&host, &again);
        assert_eq!(Some(code), ran.code, "{}", case.display());
        assert_eq!(log.replace(&text(&again.work()), &text(&place.work())), ran.stdout, "{}", case.display());
    }
    let left = fs::read_dir(scratch.path()).expect("the folder is there").count();
    assert_eq!(left, 0, "files were left in the scratch folder");
}

/// Runs the job of a case in the library; returns the exit code that the command line would give, and the log.
fn through_library(host: &Host, place: &Place) -> (i32, String) {
    let path = place.work().join("job.yml");
    let Ok(request) = JobRequest::from_file(&path) else { return (3, String::new()) };
    let environment = [("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()), ("TMPDIR", text(&place.tmp()))];
    let request = request.work_dir(place.work()).environment(environment.map(|(name, value)| (name.to_owned(), value)));
    let mut handle = match host.run(request) {
        Ok(handle) => handle,
        Err(RunError::Document(_)) => return (3, String::new()),
        Err(RunError::Denied(_)) => return (4, String::new()),
        Err(RunError::Cancelled) => return (130, String::new()),
        Err(RunError::Environment { .. }) => return (7, String::new()),
    };
    let mut log = Vec::new();
    while let Some(event) = handle.next_event() {
        if let EventKind::Log { stream: Stream::Out, bytes } = event.kind {
            log.extend(bytes);
        }
    }
    let code = match handle.wait().error.map(|error| error.kind) {
        None => 0,
        Some(JobErrorKind::StepFailed) => 1,
        Some(JobErrorKind::Document) => 3,
        Some(JobErrorKind::Denied) => 4,
        Some(JobErrorKind::Integrity) => 6,
        Some(JobErrorKind::Engine) => 7,
        Some(JobErrorKind::TimedOut) => 124,
        Some(JobErrorKind::Cancelled) => 130,
    };
    (code, String::from_utf8_lossy(&log).into_owned())
}

fn cases() -> Vec<PathBuf> {
    let folder = workspace_root().join("tests/cases");
    let mut cases: Vec<PathBuf> =
        fs::read_dir(folder).expect("the cases are there").map(|entry| entry.expect("an entry").path()).collect();
    cases.retain(|case| !case.ends_with(CONTRACT));
    cases.sort();
    assert!(!cases.is_empty());
    cases.iter().for_each(|case| assert!(case.join("job.yml").exists(), "{} holds no job.yml", case.display()));
    cases
}

fn place(case: &Path) -> Place {
    let place = Place::new();
    let name = case.strip_prefix(workspace_root()).expect("a case lies in the workspace");
    place.copy(name.to_str().expect("case names are text"), ".");
    fs::remove_file(place.work().join(EXPECTED)).ok();
    place
}

/// Writes what came out in the form of `expected.txt`: places and times are replaced by words.
fn written(ran: &Ran, place: &Place) -> String {
    let code = ran.code.map_or("a signal".to_owned(), |code| code.to_string());
    let all = format!("exit: {code}\n--- stdout\n{}--- stderr\n{}", ran.stdout, ran.stderr);
    without_variations(&all.replace(&text(&place.work()), "[WORK]"))
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn without_variations(text: &str) -> String {
    text.split_inclusive('\n').filter_map(steady).collect()
}

/// Drops what depends on whether a module was compiled before, and the rows of tables: where they break depends on how
/// long the run took.
fn steady(line: &str) -> Option<String> {
    if line.contains("`: compiling ") || line.starts_with(['│', '├', '╞', '└']) {
        return None;
    }
    Some(if line.starts_with('┌') { "[TABLE]\n".to_owned() } else { without_times_in_line(line) })
}

/// Replaces every duration (`12 ms`, `0.1 s`) by `[TIME]`, with the blanks before it that align it.
fn without_times_in_line(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(start) = rest.find(|character: char| character.is_ascii_digit()) {
        let number = rest[start..].find(|character: char| !character.is_ascii_digit() && character != '.');
        let end = number.map_or(rest.len(), |length| start + length);
        let unit = [" ms", " s", " µs", " min"]
            .into_iter()
            .find(|unit| rest[end..].strip_prefix(unit).is_some_and(|after| !after.starts_with(char::is_alphanumeric)));
        match unit {
            Some(unit) if !rest[..start].ends_with(char::is_alphanumeric) => {
                out.push_str(rest[..start].trim_end());
                out.push_str(" [TIME]");
                rest = &rest[end + unit.len()..];
            }
            _ => {
                out.push_str(&rest[..end]);
                rest = &rest[end..];
            }
        }
    }
    out + rest
}
