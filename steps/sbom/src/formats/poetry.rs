//! `poetry.lock`.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::{packages, required};
use crate::component::{Component, Components, Hash, Scope};
use crate::purl::{Kind, Place, normal, purl};

pub(super) fn read(table: &Table, components: &mut Components) -> Result<(), String> {
    let packages = packages(table)?;
    let mut purls = BTreeMap::new();
    for (number, package) in packages.iter().enumerate() {
        let [name, version] = [required(package, "name", number)?, required(package, "version", number)?];
        let purl = purl(Kind::Python, name, version, place(package).as_ref());
        let mut component = Component::new(name, version, scope(package));
        component.files = files(table, package, name);
        components.add(&purl, component);
        // Of one name there may be several, for different systems.
        purls.entry(normal(name)).or_insert_with(Vec::new).push(purl);
    }
    let mut needed = BTreeSet::new();
    for package in &packages {
        let name = package.get("name").and_then(Value::as_str).unwrap_or_default();
        let of = purls.get(&normal(name)).into_iter().flatten();
        let needs = package.get("dependencies").and_then(Value::as_table).into_iter().flat_map(Table::keys);
        let on: Vec<_> = needs.filter_map(|need| purls.get(&normal(need))).flatten().collect();
        for of in of {
            on.iter().for_each(|on| components.depend(of, on));
        }
        needed.extend(on);
    }
    // The file does not say what the project itself needs; what nobody else does, it must be.
    purls.values().flatten().filter(|purl| !needed.contains(purl)).for_each(|purl| components.depend_directly(purl));
    Ok(())
}

fn scope(package: &Table) -> Scope {
    let text = |key: &str| package.get(key).and_then(Value::as_str);
    let groups = package.get("groups").and_then(Value::as_array);
    let is_main = groups.is_none_or(|groups| groups.iter().any(|group| group.as_str() == Some("main")));
    match (is_main && text("category") != Some("dev"), package.get("optional").and_then(Value::as_bool)) {
        (false, _) => Scope::Excluded,
        (true, Some(true)) => Scope::Optional,
        (true, Some(false) | None) => Scope::Required,
    }
}

/// Returns the files of a package with their digests. The first version has them together at the end.
fn files(table: &Table, package: &Table, name: &str) -> BTreeMap<String, BTreeSet<Hash>> {
    let together = || table.get("metadata")?.get("files")?.get(name);
    let files = package.get("files").or_else(together).and_then(Value::as_array);
    let file = |file: &Value| {
        let (name, hash) = (file.get("file")?.as_str()?, file.get("hash")?.as_str()?);
        Some((name.to_owned(), BTreeSet::from([Hash::of_pair(hash)?])))
    };
    files.into_iter().flatten().filter_map(file).collect()
}

fn place(package: &Table) -> Option<Place> {
    let source = package.get("source")?.as_table()?;
    let text = |key: &str| source.get(key).and_then(Value::as_str).unwrap_or_default();
    match text("type") {
        "git" => Some(Place::Repository(format!("git+{}@{}", text("url"), text("resolved_reference")))),
        "url" => Some(Place::Download(text("url").to_owned())),
        _ => None,
    }
}
