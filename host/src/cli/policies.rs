//! Which policies hold, and `stepwell policy`.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use clap::Args;
use stepwell_policy::Expectations;
use stepwell_schema::{Problem, Problems, Source};

use super::args::PolicyCommand;
use super::diagnostics::{self, counted};
use super::error::{CommandError, Exit};
use super::settings::SettingsArguments;
use super::terminal;
use crate::{Policy, request};

/// Where an operator puts policies: files `*.cedar`, all of which hold together.
const FOLDER: &str = "/etc/stepwell/policy.d";

/// What marks a profile.
const PROFILE: &str = "profile:";

/// Which policies hold.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct PolicyArguments {
    /// A policy: `profile:local`, `profile:hardened`, or a file in Cedar; may be repeated, and then all hold together
    /// [default: the files in /etc/stepwell/policy.d, else profile:local].
    #[arg(long = "policy", value_name = "POLICY")]
    policies: Vec<String>,
    #[command(flatten)]
    settings: SettingsArguments,
}

impl PolicyArguments {
    /// Reads the policies.
    ///
    /// # Errors
    /// A file that cannot be read, and all problems of all policies.
    pub(super) fn load(&self) -> Result<Arc<Policy>, CommandError> {
        let sources = match self.policies.as_slice() {
            [] => operator_sources()?,
            named => named.iter().map(|name| source(name)).collect::<Result<_, _>>().map_err(CommandError::Document)?,
        };
        let ceilings = self.settings.ceilings()?;
        if sources.is_empty() && ceilings == Default::default() {
            return Ok(Policy::local());
        }
        let sources = if sources.is_empty() { Policy::profile_source("local").into_iter().collect() } else { sources };
        let policy = Policy::load(&sources).map_err(CommandError::Document)?;
        Ok(Arc::new(policy.with_ceilings(ceilings)))
    }
}

fn source(name: &str) -> Result<Arc<Source>, Problems> {
    let Some(profile) = name.strip_prefix(PROFILE) else { return request::read(Path::new(name)) };
    Policy::profile_source(profile).ok_or_else(|| {
        let known: Vec<String> = Policy::profiles().map(|known| format!("`{PROFILE}{known}`")).collect();
        let problem = Problem::error("unknown-profile", format!("there is no profile `{profile}`"));
        problem.help(format!("profiles: {}", known.join(", "))).into()
    })
}

/// Reads the policies of whoever runs the machine, in the order of their names. A folder that is not there has none.
fn operator_sources() -> Result<Vec<Arc<Source>>, CommandError> {
    let folder = Path::new(FOLDER);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(CommandError::file("cannot read policies in", folder, error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| CommandError::file("cannot read policies in", folder, error))?.path();
        if path.extension().is_some_and(|extension| extension == "cedar") {
            paths.push(path);
        }
    }
    paths.sort();
    paths.iter().map(|path| request::read(path)).collect::<Result<_, _>>().map_err(CommandError::Document)
}

/// Shows, checks or tests policies.
pub(super) fn policy(command: &PolicyCommand) -> Result<Exit, CommandError> {
    match command {
        PolicyCommand::Show(arguments) => super::print(arguments.load()?.text().as_bytes()),
        PolicyCommand::Check(arguments) => {
            let policy = arguments.load()?;
            // Standard error may be closed; the exit code says the same.
            let _ = diagnostics::draw(&mut io::stderr(), policy.warnings(), terminal::color_on_stderr());
            super::print(format!("{} checked: {}\n", counted(policy.len(), "policy rule"), policy.name()).as_bytes())
        }
        PolicyCommand::Test { table, policy } => {
            let policy = policy.load()?;
            test(table, &policy)
        }
    }
}

/// Holds policies against a table of expected decisions.
fn test(table: &Path, policy: &Policy) -> Result<Exit, CommandError> {
    let source = request::read(table).map_err(CommandError::Document)?;
    let expectations = Expectations::parse(&source).map_err(CommandError::Document)?;
    let outcomes = expectations.check(policy);
    let wrong: Vec<Problem> = outcomes.iter().filter(|outcome| !outcome.holds()).map(wrong).collect();
    if wrong.is_empty() {
        return super::print(format!("{} as expected\n", counted(outcomes.len(), "decision")).as_bytes());
    }
    Err(CommandError::Document(Problems(wrong)))
}

fn wrong(outcome: &stepwell_policy::Outcome<'_>) -> Problem {
    let found = &outcome.found;
    let message = format!("expected {}, found {}", outcome.expectation.verdict, found.verdict);
    Problem::error("unexpected-decision", message)
        .at(outcome.expectation.place.clone(), "this case")
        .help(format!("decided by `{}`", found.decided_by))
}
