//! The program under the name `step-runner`, called as GitLab Runner calls it.

use std::fs;
use std::io::{self, Read};
use std::iter;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{CWD, FileType, Mode, OFlags, fcntl_setfl, mknodat};
use rustix::pipe::fcntl_setpipe_size;
use serde_json::{Value, json};

use super::{Place, Ran};

/// Where results are written.
const RESULTS: &str = "step-results.json";

/// What the pipe for results holds, in bytes: the least that there is.
const PIPE_BYTES: usize = 4096;

/// Length of a script that makes every results file longer than what the pipe and the program's own buffer hold.
const PADDING_BYTES: usize = 16 << 10;

/// A place in which the program has the name of GitLab's.
pub(crate) struct Runner {
    pub(crate) place: Place,
    program: PathBuf,
}

/// What a measured job did.
#[derive(Debug)]
pub(crate) struct Measured<T> {
    /// What came of standard output.
    pub(crate) out: T,
    /// How the program ended, and its standard error.
    pub(crate) ran: Ran,
    /// The results; null where there are none.
    pub(crate) results: Value,
    /// The most memory that the program itself ever had, in MiB. Its steps do not count.
    pub(crate) peak_mib: u64,
}

impl Runner {
    pub(crate) fn new() -> Self {
        let place = Place::new();
        let program = place.tmp().with_file_name("step-runner");
        symlink(env!("CARGO_BIN_EXE_stepwell-under-test"), &program).expect("the link can be made");
        Self { place, program }
    }

    /// Prepares a call in a clean environment, with the project's folder and the list that are given.
    pub(crate) fn command(&self, arguments: &[&str], steps: &str) -> Command {
        let home = self.place.tmp().with_file_name("home");
        #[expect(clippy::disallowed_methods, reason = "the program under test is started from outside")]
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(self.place.work())
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", home)
            .env("TMPDIR", self.place.tmp())
            .env("CI_PROJECT_DIR", self.place.work())
            .env("STEPS", steps);
        command
    }

    pub(crate) fn ci(&self, steps: &str) -> Ran {
        Ran::from(self.command(&["ci", "--write-steps-results"], steps).output().expect("the program starts"))
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::from(self.command(arguments, "").output().expect("the program starts"))
    }

    pub(crate) fn results(&self) -> Value {
        serde_json::from_str(&self.place.read(RESULTS)).expect("results are JSON")
    }

    /// Runs a job and looks at the memory of the program when all of its steps are over and its results are made.
    ///
    /// The kernel tells the peak of a process only while it lives, and the usage that a parent is told of begins with
    /// what the parent itself used. So the results go into a pipe that holds less than they are long, and nobody reads
    /// it before the look.
    pub(crate) fn measure<T: Send>(
        &self,
        steps: Vec<Value>,
        read: impl FnOnce(ChildStdout) -> T + Send,
    ) -> Measured<T> {
        let padding = json!({ "name": "padding", "script": format!(": {}", "x".repeat(PADDING_BYTES)) });
        let steps: Vec<Value> = iter::once(padding).chain(steps).collect();
        let results = self.place.work().join(RESULTS);
        mknodat(CWD, &results, FileType::Fifo, Mode::RWXU, 0).expect("a pipe can be made");
        let open = |access: OFlags| {
            let mut options = fs::File::options();
            options.custom_flags(OFlags::NONBLOCK.bits() as i32);
            options.read(access == OFlags::RDONLY).write(access == OFlags::WRONLY).open(&results)
        };
        let mut pipe = open(OFlags::RDONLY).expect("reading does not wait for a writer");
        fcntl_setpipe_size(&pipe, PIPE_BYTES).expect("a pipe can be small");
        let mut command = self.command(&["ci", "--write-steps-results"], &Value::Array(steps).to_string());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let status_file = PathBuf::from(format!("/proc/{}/status", child.id()));
        let (out, mut error) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
        thread::scope(|scope| {
            let out = scope.spawn(move || read(out));
            let error = scope.spawn(move || {
                let mut text = String::new();
                error.read_to_string(&mut text).map(|_| text)
            });
            let status = scope.spawn(|| {
                let status = child.wait();
                // Where no results were written this tells the reader so.
                drop(open(OFlags::WRONLY));
                status
            });
            poll(&mut [PollFd::new(&pipe, PollFlags::IN)], None).expect("a pipe can be waited for");
            let peak_mib = peak_mib(&status_file);
            fcntl_setfl(&pipe, OFlags::empty()).expect("a pipe may block");
            let mut results = Vec::new();
            pipe.read_to_end(&mut results).expect("a pipe can be read");
            let results = if results.is_empty() { Value::Null } else { without_padding(&results) };
            let code = status.join().expect("it waits").expect("the program ends").code();
            let stderr = error.join().expect("it reads").expect("messages are text");
            let out = out.join().expect("it reads");
            fs::remove_file(self.place.work().join(RESULTS)).expect("the pipe is still there");
            let peak_mib = peak_mib.unwrap_or_else(|error| panic!("no results, code {code:?}: {error}\n{stderr}"));
            Measured { out, ran: Ran { code, stdout: String::new(), stderr }, results, peak_mib }
        })
    }
}

impl<T> Measured<T> {
    /// Asserts that the program never had more memory than this.
    #[track_caller]
    pub(crate) fn within_mib(&self, bound: u64) -> &Self {
        println!("peak: {} MiB", self.peak_mib);
        assert!(self.peak_mib <= bound, "{} MiB were used, {bound} are allowed", self.peak_mib);
        self
    }
}

/// Parses results and takes the first step out, which is ours.
fn without_padding(results: &[u8]) -> Value {
    let mut results: Value = serde_json::from_slice(results).expect("results are JSON");
    results["subStepResults"].as_array_mut().expect("a list").remove(0);
    results
}

/// Reads the most memory that a process ever had, in MiB.
fn peak_mib(status: &Path) -> io::Result<u64> {
    let status = fs::read_to_string(status)?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or(io::ErrorKind::NotFound)?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().map_err(|_| io::ErrorKind::InvalidData)?;
    Ok(kib.div_ceil(1024))
}
