//! `stepwell test`: the tables of cases of a function, each case run in the sandbox in a work dir of its own.

mod call;
mod judge;
mod junit;
mod report;
mod update;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use stepwell_schema::{Case, CaseTable, Reference};
use tokio_util::sync::CancellationToken;

use self::call::{Called, Caller};
use self::judge::{Judged, judge};
use super::args::TestArguments;
use super::build::function_file;
use super::error::{CommandError, Exit};
use super::policies::PolicyArguments;
use super::signals::cancel_on_signals;
use super::{run, terminal};
use crate::{Canceller, Host, Isolation, request};

/// Where the tables of a function lie, from its folder.
const FOLDER: &str = "tests";

/// The policy of a case that names none. What the operator of this machine permits does not count: a case says the same
/// everywhere.
const DEFAULT_POLICY: &str = "profile:local";

/// What came of one case.
struct Tried<'t> {
    table: &'t CaseTable,
    case: &'t Case,
    judged: Judged,
    cold: Called,
    /// The second call; none where the first was not as expected.
    warm: Option<Called>,
}

/// Runs all cases, shows what came of them, and with `--update` writes what came instead of what was expected.
pub(super) fn test(arguments: &TestArguments) -> Result<Exit, CommandError> {
    let folder = fs::canonicalize(&arguments.folder)
        .map_err(|error| CommandError::file("cannot use the folder", &arguments.folder, error))?;
    let file = function_file(&folder)?;
    let paths = tables(&arguments.folder)?;
    let tables = paths.iter().map(|path| table(path)).collect::<Result<Vec<_>, _>>()?;
    let mut hosts = Hosts::new(&folder);
    let caller = Caller::new(file, hosts.cancelled.clone())?;
    let mut tried = Vec::new();
    for table in &tables {
        for case in &table.cases {
            if hosts.cancelled.is_cancelled() {
                return Ok(Exit::Cancelled);
            }
            tried.push(try_case(&mut hosts, &caller, table, case)?);
        }
    }
    if hosts.cancelled.is_cancelled() {
        return Ok(Exit::Cancelled);
    }
    let exit = report::show(&tried, terminal::color_on_stderr())?;
    if let Some(path) = &arguments.junit {
        let suite = folder.file_name().map_or_else(|| "function".into(), |name| name.to_string_lossy());
        junit::write(path, &suite, &tried)?;
    }
    if arguments.update { update::update(&paths, &tables, &tried) } else { Ok(exit) }
}

/// Calls the function as one case says, and a second time where all was as expected.
fn try_case<'t>(
    hosts: &mut Hosts<'_>,
    caller: &Caller,
    table: &'t CaseTable,
    case: &'t Case,
) -> Result<Tried<'t>, CommandError> {
    let host = hosts.of(case)?;
    let cold = caller.call(host, case)?;
    let judged = judge(table, case, &cold);
    let warm = match judged.holds() {
        true => Some(caller.call(host, case)?),
        false => None,
    };
    Ok(Tried { table, case, judged, cold, warm })
}

/// Finds the tables of a function, sorted by name.
fn tables(folder: &Path) -> Result<Vec<PathBuf>, CommandError> {
    let folder = folder.join(FOLDER);
    let listed = || -> io::Result<Vec<PathBuf>> {
        let mut paths: Vec<PathBuf> =
            fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml"));
        paths.sort();
        Ok(paths)
    };
    match listed() {
        Ok(paths) if !paths.is_empty() => Ok(paths),
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(CommandError::file("cannot look into the folder", &folder, error))
        }
        Ok(_) | Err(_) => Err(CommandError::Usage {
            message: format!("`{}` has no table of cases", folder.display()),
            hint: "write one, such as `tests/cases.yml`; docs/authoring.md says what stands in it".to_owned(),
        }),
    }
}

fn table(path: &Path) -> Result<CaseTable, CommandError> {
    request::read(path).and_then(CaseTable::parse).map_err(CommandError::Document)
}

/// The reference of a function by its file.
fn reference(file: &Path) -> Option<Reference> {
    Some(Reference::File { path: file.to_str()?.to_owned() })
}

/// A host for each policy that cases name. None of them knows compiled modules from before, so that the first call of
/// each shows what a machine does that has never seen the function.
struct Hosts<'f> {
    /// The folder of the function, from which policies are named.
    folder: &'f Path,
    hosts: BTreeMap<String, Host>,
    cancelled: CancellationToken,
}

impl<'f> Hosts<'f> {
    fn new(folder: &'f Path) -> Self {
        Self { folder, hosts: BTreeMap::new(), cancelled: CancellationToken::new() }
    }

    /// Returns the host for a case.
    fn of(&mut self, case: &Case) -> Result<&Host, CommandError> {
        let policy = case.policy.as_ref().map_or(DEFAULT_POLICY, |policy| &policy.value);
        if !self.hosts.contains_key(policy) {
            let named = PolicyArguments::of(policy, self.folder);
            let host = run::builder(&named, Isolation::InProcess)?.build()?;
            if self.hosts.is_empty() {
                cancel_on_signals(&host, Canceller(self.cancelled.clone()))?;
            }
            self.hosts.insert(policy.to_owned(), host);
        }
        Ok(&self.hosts[policy])
    }
}
