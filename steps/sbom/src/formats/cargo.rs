//! `Cargo.lock`, all versions of it.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::{packages, required};
use crate::component::{Component, Components, Hash, Scope};
use crate::purl::{Kind, Place, purl};

/// The registry that package URLs mean where they name none.
const CRATES_IO: [&str; 2] =
    ["registry+https://github.com/rust-lang/crates.io-index", "sparse+https://index.crates.io/"];

/// One package with what others call it.
struct Package<'a> {
    name: &'a str,
    version: &'a str,
    source: &'a str,
    purl: String,
    table: &'a Table,
}

pub(super) fn read(table: &Table, components: &mut Components) -> Result<(), String> {
    let mut known = Vec::new();
    for (number, table) in packages(table)?.into_iter().enumerate() {
        let [name, version] = [required(table, "name", number)?, required(table, "version", number)?];
        let source = table.get("source").and_then(Value::as_str).unwrap_or_default();
        let purl = purl(Kind::Cargo, name, version, place(source).as_ref());
        known.push(Package { name, version, source, purl, table });
    }
    let metadata = table.get("metadata").and_then(Value::as_table);
    let mut needed = BTreeSet::new();
    let mut by_name: BTreeMap<&str, Vec<&Package<'_>>> = BTreeMap::new();
    known.iter().for_each(|package| by_name.entry(package.name).or_default().push(package));
    for package in &known {
        let mut component = Component::new(package.name, package.version, Scope::Required);
        // In the first version the digests stand together at the end.
        let key = format!("checksum {} {} ({})", package.name, package.version, package.source);
        let digest = package.table.get("checksum").or_else(|| metadata?.get(&key)).and_then(Value::as_str);
        component.hashes.extend(digest.and_then(|digits| Hash::of_digits("sha256", digits)));
        components.add(&package.purl, component);
        for text in package.table.get("dependencies").and_then(Value::as_array).into_iter().flatten() {
            let text = text.as_str().unwrap_or_default();
            let on = find(text, &by_name)
                .ok_or_else(|| format!("`{}` depends on `{text:.100}`, which is no package", package.name))?;
            components.depend(&package.purl, &on.purl);
            needed.insert(on.purl.as_str());
        }
    }
    // What has no source is the workspace's own; what nobody else there needs is where it begins.
    let own = known.iter().filter(|package| package.source.is_empty() && !needed.contains(package.purl.as_str()));
    own.for_each(|package| components.depend_directly(&package.purl));
    Ok(())
}

/// Returns the package of `NAME`, `NAME VERSION` or `NAME VERSION (SOURCE)`: as much as makes it the only one.
fn find<'a>(text: &str, by_name: &BTreeMap<&str, Vec<&'a Package<'a>>>) -> Option<&'a Package<'a>> {
    let mut words = text.split(' ');
    let (name, version, source) = (words.next()?, words.next(), words.next());
    let source = source.map(|source| source.trim_matches(['(', ')']));
    let fits = |package: &&&Package<'_>| {
        version.is_none_or(|version| version == package.version) && source.is_none_or(|source| source == package.source)
    };
    by_name.get(name)?.iter().find(fits).copied()
}

fn place(source: &str) -> Option<Place> {
    if source.is_empty() || CRATES_IO.contains(&source) {
        return None;
    }
    match source.strip_prefix("git+") {
        Some(url) => {
            let (url, commit) = url.split_once('#').unwrap_or((url, ""));
            let url = url.split('?').next().unwrap_or_default();
            let commit = if commit.is_empty() { String::new() } else { format!("@{commit}") };
            Some(Place::Repository(format!("git+{url}{commit}")))
        }
        None => Some(Place::Download(source.to_owned())),
    }
}
