//! Which policies hold, and `stepwell policy`.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use clap::Args;
use stepwell_policy::{Expectations, host_name};
use stepwell_schema::{Problem, Problems, Source};

use super::args::PolicyCommand;
use super::diagnostics::{self, counted};
use super::error::{CommandError, Exit};
use super::settings::{self, SettingsArguments};
use super::{surroundings, terminal};
use crate::{Ceilings, HttpSettings, Network, Policy, request};

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
    /// Lets functions that ask for it send requests to a host, on port 443 where no port is given; may be repeated. A host
    /// that is an address, or `localhost`, may lie in a private network.
    #[arg(long, value_name = "HOST[:PORT]", value_parser = destination)]
    allow_http: Vec<Destination>,
    /// Tries the policies out: what they deny is given all the same, and recorded.
    #[arg(long)]
    audit_only: bool,
}

/// Where requests may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Destination {
    /// In normal form.
    pub(super) host: String,
    pub(super) port: u16,
}

impl PolicyArguments {
    /// Names one policy: a profile, or a file by its path from a folder.
    pub(super) fn of(policy: &str, folder: &Path) -> Self {
        let named =
            if policy.starts_with(PROFILE) { policy.to_owned() } else { folder.join(policy).display().to_string() };
        Self { policies: vec![named], ..Self::default() }
    }

    /// Reads the policies.
    ///
    /// # Errors
    /// A file that cannot be read, and all problems of all policies.
    pub(super) fn load(&self) -> Result<Arc<Policy>, CommandError> {
        let sources = match self.policies.as_slice() {
            [] => operator_sources()?,
            named => named.iter().map(|name| source(name)).collect::<Result<_, _>>().map_err(CommandError::Document)?,
        };
        let ceilings = self.settings.read()?.ceilings;
        let is_plain = self.allow_http.is_empty() && !self.audit_only && ceilings == Ceilings::default();
        if sources.is_empty() && is_plain {
            return Ok(Policy::local());
        }
        let mut sources = sources;
        if sources.is_empty() {
            sources.extend(Policy::profile_source("local"));
        }
        if !self.allow_http.is_empty() {
            let permits: String = self.allow_http.iter().map(Destination::permit).collect();
            sources.push(Source::new("--allow-http", permits));
        }
        let policy = Policy::load(&sources).map_err(CommandError::Document)?.with_ceilings(ceilings);
        Ok(Arc::new(if self.audit_only { policy.audit_only() } else { policy }))
    }

    /// Tells whether a profile was named that asks for everything there is.
    pub(super) fn is_hardened(&self) -> bool {
        self.policies.iter().any(|policy| policy.strip_prefix(PROFILE) == Some("hardened"))
    }

    /// Returns how requests are sent: as the settings say, and hosts that the command line names as addresses may lie in
    /// private networks.
    ///
    /// # Errors
    /// See [`SettingsArguments::read`].
    pub(super) fn http(&self) -> Result<HttpSettings, CommandError> {
        let mut http = settings::http(self.settings.read()?.http);
        http.allowed.extend(self.allow_http.iter().flat_map(Destination::addresses));
        if http.authorities.is_empty() {
            http.authorities.extend(surroundings::certificate_authorities());
        }
        Ok(http)
    }
}

impl Destination {
    /// Returns the addresses that its host names as such.
    fn addresses(&self) -> Vec<Network> {
        let texts: &[&str] = if self.host == "localhost" { &["127.0.0.1", "::1"] } else { &[&self.host] };
        texts.iter().filter_map(|text| text.parse().ok()).collect()
    }

    /// Returns a policy that lets requests go there.
    fn permit(&self) -> String {
        format!(
            "@id(\"allow-http {self}\") @reason(\"given on the command line\")\n\
             permit (principal, action == Action::\"connect\", resource == Host::\"{self}\");\n"
        )
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Reads `HOST` or `HOST:PORT`; an address of version 6 stands in brackets.
fn destination(text: &str) -> Result<Destination, String> {
    const HTTPS: u16 = 443;
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            (host, port.parse().map_err(|_| format!("`{port}` is no port"))?)
        }
        Some(_) | None => (text, HTTPS),
    };
    Ok(Destination { host: host_name(host).map_err(|error| error.to_string())?, port })
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
        PolicyCommand::Learn(arguments) => super::learn::learn(arguments),
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
