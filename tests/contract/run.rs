//! Runs a case: the program under the name that GitLab's runner calls, in a place of its own.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use stepwell_git_server::{Repository, Server};
use tempfile::TempDir;

use super::table::Case;
use crate::support::{Place, files};

/// The name that GitLab's runner calls.
const NAME: &str = "step-runner";

const RESULTS: &str = "step-results.json";

/// Far more than a case takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long what was killed may take to be gone.
const DYING: Duration = Duration::from_secs(2);

const GLANCE: Duration = Duration::from_millis(5);

/// Where commits of the repository come from: the same ones each time.
const PRELUDE: &str = "set -eu\ncommit() { git add -A && git commit -q -m \"$1\"; }\n";

/// The program under test by its other name.
pub(super) struct Program {
    folder: TempDir,
}

/// What came out of a case.
pub(super) struct Outcome {
    /// Exit code; none where a signal or the harness ended it.
    pub(super) code: Option<i32>,
    /// Standard output.
    pub(super) stdout: String,
    /// Standard error.
    pub(super) stderr: String,
    /// The results, if they were written.
    pub(super) results: Option<Value>,
    /// Paths left in the folder for temporary files.
    pub(super) left_over: Vec<String>,
    /// Processes left behind.
    pub(super) processes: Vec<String>,
    /// The place, with the files that are there now.
    pub(super) place: Filled,
}

/// A place with the files of a case, and what placeholders stand for there.
pub(super) struct Filled {
    place: Place,
    root: PathBuf,
    /// Served while the place is there.
    server: Option<Server>,
    repository: Repository,
}

impl Program {
    /// Links the program under test, or copies it where it cannot be linked.
    pub(super) fn new() -> Self {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary folder");
        let (from, to) = (env!("CARGO_BIN_EXE_stepwell-under-test"), folder.path().join(NAME));
        fs::hard_link(from, &to).or_else(|_| fs::copy(from, &to).map(drop)).expect("the program is there");
        Self { folder }
    }

    /// Runs a case to its end.
    pub(super) fn run(&self, case: &Case) -> Outcome {
        let place = Filled::new(case);
        // Where the job before fails, the case shows why.
        let earlier = case.earlier.as_ref().map(|earlier| (earlier, self.finish(case, &earlier.steps, &place)));
        let (code, stdout, stderr) = match earlier {
            Some((_, failed)) if failed.0 != Some(0) => failed,
            Some((earlier, _)) => {
                place.shell(&earlier.then);
                self.finish(case, case.steps.as_deref().unwrap_or_default(), &place)
            }
            None => self.finish(case, case.steps.as_deref().unwrap_or_default(), &place),
        };
        let processes = place.processes();
        let path = place.cwd(case).join(RESULTS);
        let text = fs::read_to_string(path).ok();
        let results = text.map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text)));
        Outcome { code, stdout, stderr, results, left_over: place.place.left_over(), processes, place }
    }

    /// Starts the program and waits for its end; returns exit code, standard output and standard error.
    fn finish(&self, case: &Case, steps: &str, place: &Filled) -> (Option<i32>, String, String) {
        let streams = TempDir::new().expect("a temporary folder");
        let (out, err) = (streams.path().join("out"), streams.path().join("err"));
        let mut command = self.command(case, place);
        if case.steps.is_some() {
            command.env("STEPS", place.fill(steps));
        }
        for (name, value) in &case.env {
            match value {
                Some(value) => command.env(name, place.fill(value)),
                None => command.env_remove(name),
            };
        }
        let stream = |path: &Path| Stdio::from(File::create(path).expect("a file in a folder of its own"));
        let mut child = command.stdout(stream(&out)).stderr(stream(&err)).spawn().expect("the program starts");
        let code = wait(&mut child, &out, case.terminate_after.as_deref());
        (code, lossy(&out), lossy(&err))
    }

    /// Prepares the call as GitLab's runner makes it.
    fn command(&self, case: &Case, place: &Filled) -> Command {
        #[expect(clippy::disallowed_methods, reason = "the program under test is started from outside")]
        let mut command = Command::new(self.folder.path().join(NAME));
        command
            .arg0(NAME)
            .arg("ci")
            .args(case.results.is_some().then_some("--write-steps-results"))
            .current_dir(place.cwd(case))
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", place.root.join("home"))
            .env("TMPDIR", place.root.join("tmp"))
            .env("CI_PROJECT_DIR", place.root.join("work"))
            .stdin(Stdio::null());
        command
    }
}

/// Waits for the end of the program; ends it where it takes too long.
fn wait(child: &mut Child, out: &Path, mut terminate_after: Option<&str>) -> Option<i32> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if let Some(status) = child.try_wait().expect("the program is ours") {
            return status.code();
        }
        if terminate_after.is_some_and(|text| lossy(out).contains(text)) {
            terminate_after = None;
            kill_process(Pid::from_child(child), Signal::TERM).expect("the program is ours");
        }
        thread::sleep(GLANCE);
    }
    child.kill().and_then(|()| child.wait()).expect("the program is ours");
    None
}

impl Filled {
    /// Makes a place with the files and the repository of a case.
    fn new(case: &Case) -> Self {
        let place = Place::new();
        let work = place.work().canonicalize().expect("the work dir is there");
        let root = work.parent().expect("the place is above it").to_owned();
        let repository = Repository::new();
        let server = case.serve.as_ref().map(|who| serve(&repository, who));
        let filled = Self { place, root, server, repository };
        if let Some(script) = &case.git {
            filled.shell(script);
        }
        for (path, content) in &case.files {
            filled.place.write(path, filled.fill(content));
        }
        for path in &case.executable {
            let mode = fs::Permissions::from_mode(0o755);
            fs::set_permissions(work.join(path), mode).unwrap_or_else(|error| panic!("{}: {error}", case.case));
        }
        filled
    }

    /// Returns the work dir.
    pub(super) fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    /// Names the files of work dir, home and folder for temporary files that hold a text.
    pub(super) fn files_with(&self, text: &str) -> Vec<String> {
        let holds = |content: &Vec<u8>| content.windows(text.len()).any(|part| part == text.as_bytes());
        files(&self.root).into_iter().filter(|(_, content)| holds(content)).map(|(name, _)| name).collect()
    }

    fn cwd(&self, case: &Case) -> PathBuf {
        self.work().join(case.cwd.as_deref().unwrap_or_default())
    }

    /// Puts in what placeholders stand for.
    pub(super) fn fill(&self, text: &str) -> String {
        let mut text = self.places(text);
        while let Some(start) = text.find("${COMMIT:") {
            let end = start + text[start..].find('}').expect("a placeholder is closed");
            let mut parts = text[start + "${COMMIT:".len()..end].split(':');
            let id = self.shell(&format!("git rev-parse '{}^{{commit}}'", parts.next().unwrap_or_default()));
            let digits = parts.next().map_or(id.trim().len(), |digits| digits.parse().expect("a number of digits"));
            text.replace_range(start..=end, &id[..digits]);
        }
        text
    }

    fn places(&self, text: &str) -> String {
        let path = |path: &Path| path.to_str().expect("temporary folders are text").to_owned();
        let server = self.server.as_ref().map(Server::host).unwrap_or_default();
        let text = text.replace("${WORK}", &path(&self.work())).replace("${TMP}", &path(&self.root.join("tmp")));
        let text = text.replace("${REPO}", &path(self.repository.path())).replace("${SERVER}", &server);
        text.replace("${PORT}", server.rsplit(':').next().unwrap_or_default())
    }

    /// Runs a script in the repository, in an environment that gives the same commits each time.
    fn shell(&self, script: &str) -> String {
        let who = ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"];
        let when = ["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"];
        let script = self.places(script);
        #[expect(clippy::disallowed_methods, reason = "repositories are made by git itself")]
        let output = Command::new("sh")
            .args(["-c", &format!("{PRELUDE}{script}")])
            .current_dir(self.repository.path())
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.root.join("home"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs(who.map(|name| (name, "somebody")))
            .envs(when.map(|name| (name, "2026-01-01T00:00:00Z")))
            .output()
            .expect("a shell starts");
        assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("git writes text")
    }

    /// Names the processes that stand in this place or were started with its environment, and ends them.
    fn processes(&self) -> Vec<String> {
        let end = Instant::now() + DYING;
        loop {
            let found = self.look_for_processes();
            if found.is_empty() || Instant::now() > end {
                // One that is gone by now needs no end.
                found.iter().for_each(|(pid, _)| kill_process(*pid, Signal::KILL).unwrap_or_default());
                return found.into_iter().map(|(_, name)| name).collect();
            }
            thread::sleep(GLANCE);
        }
    }

    fn look_for_processes(&self) -> Vec<(Pid, String)> {
        let root = self.root.to_str().expect("temporary folders are text").as_bytes();
        let entries = fs::read_dir("/proc").expect("the system has /proc").filter_map(Result::ok);
        let ours = |folder: &Path| {
            let environment = fs::read(folder.join("environ")).unwrap_or_default();
            environment.windows(root.len()).any(|part| part == root)
                || fs::read_link(folder.join("cwd")).is_ok_and(|cwd| cwd.starts_with(&self.root))
        };
        entries
            .filter_map(|entry| Some((Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?, entry.path())))
            .filter(|(_, folder)| ours(folder))
            .map(|(pid, folder)| (pid, lossy(&folder.join("cmdline")).replace('\0', " ")))
            .collect()
    }
}

/// Serves a repository to whoever `who` names, or to everybody.
fn serve(repository: &Repository, who: &str) -> Server {
    let server = Server::builder().repository("group/project.git", repository);
    match who.split_once(':') {
        Some((user, password)) => server.credentials(user, password).start(),
        None => server.start(),
    }
}

fn lossy(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}
