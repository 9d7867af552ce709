//! `stepwell cache`: the fetched trees that are kept between jobs.

use jiff::Timestamp;
use serde_json::{Value, json};
use stepwell_resolve::git::cache::{Cache, CacheError, Damage, Entry, Prune};

use super::args::{CacheCommand, PruneArguments};
use super::diagnostics::counted;
use super::error::{CommandError, Exit};
use super::{surroundings, table};

/// Digits of a commit id that are shown.
const SHOWN_DIGITS: usize = 12;

/// Lists, verifies or prunes the cache.
pub(super) fn cache(command: &CacheCommand) -> Result<Exit, CommandError> {
    let folder = surroundings::cache_folder().ok_or_else(|| CommandError::Usage {
        message: "there is no cache: the user has no home".to_owned(),
        hint: "set HOME or XDG_CACHE_HOME".to_owned(),
    })?;
    let cache = Cache::open(folder).map_err(unusable)?;
    match command {
        CacheCommand::List { json } => list(&cache.list().map_err(unusable)?, *json),
        CacheCommand::Verify => verify(&cache.verify().map_err(unusable)?),
        CacheCommand::Prune(arguments) => prune(&cache, arguments),
    }
}

fn list(entries: &[Entry], as_json: bool) -> Result<Exit, CommandError> {
    if as_json {
        let entries: Vec<Value> = entries
            .iter()
            .map(|entry| {
                json!({
                    "digest": entry.digest, "repository": entry.repository, "commit": entry.commit,
                    "bytes": entry.bytes, "files": entry.files, "last_used": last_used(entry),
                })
            })
            .collect();
        return super::print(format!("{:#}\n", json!({ "version": 1, "entries": entries })).as_bytes());
    }
    let mut table = table::table(["repository", "commit", "size", "files", "last used"]);
    for entry in entries {
        table.add_row([
            entry.repository.clone(),
            short(entry).to_owned(),
            size(entry.bytes),
            entry.files.to_string(),
            last_used(entry).unwrap_or_default(),
        ]);
    }
    super::print(table::text(&table).as_bytes())
}

/// What is damaged is no loss: the next job that needs it fetches it anew.
fn verify(checked: &[(Entry, Option<Damage>)]) -> Result<Exit, CommandError> {
    let damaged = checked.iter().filter_map(|(entry, damage)| Some((entry, damage.as_ref()?)));
    let mut lines: String = damaged
        .clone()
        .map(|(entry, damage)| format!("damaged: {} at {}: {damage}\n", entry.repository, short(entry)))
        .collect();
    let count = damaged.count();
    lines += &format!("{} verified, {count} damaged\n", counted(checked.len(), "commit"));
    super::print(lines.as_bytes())?;
    Ok(if count == 0 { Exit::Success } else { Exit::Integrity })
}

fn prune(cache: &Cache, arguments: &PruneArguments) -> Result<Exit, CommandError> {
    let prune = arguments.to.map_or(Prune::All, |bound| Prune::ToBytes(bound.as_u64()));
    let pruned = cache.prune(prune).map_err(unusable)?;
    let line = format!(
        "{} removed, {}\n",
        counted(usize::try_from(pruned.entries).unwrap_or(usize::MAX), "tree"),
        size(pruned.bytes)
    );
    super::print(line.as_bytes())
}

fn short(entry: &Entry) -> &str {
    entry.commit.get(..SHOWN_DIGITS).unwrap_or(&entry.commit)
}

fn size(bytes: u64) -> String {
    bytesize::ByteSize::b(bytes).to_string()
}

fn last_used(entry: &Entry) -> Option<String> {
    let time = Timestamp::try_from(entry.last_used).ok()?;
    Some(Timestamp::from_second(time.as_second()).ok()?.to_string())
}

fn unusable(error: CacheError) -> CommandError {
    CommandError::Run(crate::RunError::environment("the cache cannot be used", error))
}
