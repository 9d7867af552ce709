//! The program under the name `step-runner`, called as GitLab Runner calls it.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::{Place, Ran};

/// Where results are written.
const RESULTS: &str = "step-results.json";

/// A place in which the program has the name of GitLab's.
pub(crate) struct Runner {
    pub(crate) place: Place,
    program: PathBuf,
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
}
