//! `uv.lock`.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::{packages, required};
use crate::component::{Component, Components, Hash, Scope};
use crate::purl::{Kind, Place, normal, purl};

/// The index that package URLs mean where they name none.
const INDEX: &str = "https://pypi.org/simple";

pub(super) fn read(table: &Table, components: &mut Components) -> Result<(), String> {
    let packages = packages(table)?;
    let mut known: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for (number, package) in packages.iter().enumerate() {
        let name = required(package, "name", number)?;
        let purl = purl_of(package, name);
        if !is_project(package) {
            let mut component = Component::new(name, version(package), Scope::Required);
            component.files = files(package);
            components.add(&purl, component);
        }
        known.entry(normal(name)).or_default().push((version(package).to_owned(), purl));
    }
    for (number, package) in packages.iter().enumerate() {
        let of = purl_of(package, required(package, "name", number)?);
        for need in needs(package) {
            let name = need.get("name").and_then(Value::as_str).unwrap_or_default();
            let wanted = need.get("version").and_then(Value::as_str);
            let found = known.get(&normal(name)).into_iter().flatten();
            for (_, on) in found.filter(|(version, _)| wanted.is_none_or(|wanted| wanted == version)) {
                if is_project(package) {
                    components.depend_directly(on);
                } else {
                    components.depend(&of, on);
                }
            }
        }
    }
    Ok(())
}

/// Iterates over what a package needs: always, with extras, and for development.
fn needs(package: &Table) -> impl Iterator<Item = &Table> {
    let always = package.get("dependencies").and_then(Value::as_array).into_iter().flatten();
    let sections = ["optional-dependencies", "dev-dependencies"].into_iter();
    let others = sections.filter_map(|section| package.get(section)?.as_table()).flat_map(Table::values);
    always.chain(others.filter_map(Value::as_array).flatten()).filter_map(Value::as_table)
}

/// Returns whether a package is the project itself or a part of its workspace.
fn is_project(package: &Table) -> bool {
    let source = package.get("source").and_then(Value::as_table);
    source.is_some_and(|source| source.contains_key("virtual") || source.contains_key("editable"))
}

fn version(package: &Table) -> &str {
    package.get("version").and_then(Value::as_str).unwrap_or_default()
}

fn purl_of(package: &Table, name: &str) -> String {
    let source = |key: &str| package.get("source").and_then(|source| source.get(key)).and_then(Value::as_str);
    let place = match (source("git"), source("url"), source("registry")) {
        (Some(git), _, _) => Some(Place::Repository(format!("git+{}", git.replacen('#', "@", 1)))),
        (None, Some(url), _) => Some(Place::Download(url.to_owned())),
        (None, None, Some(index)) if index.starts_with("http") && index.trim_end_matches('/') != INDEX => {
            Some(Place::Download(index.to_owned()))
        }
        (None, None, Some(_) | None) => None,
    };
    purl(Kind::Python, name, version(package), place.as_ref())
}

fn files(package: &Table) -> BTreeMap<String, BTreeSet<Hash>> {
    let wheels = package.get("wheels").and_then(Value::as_array).into_iter().flatten();
    let file = |file: &Value| {
        let url = file.get("url").or_else(|| file.get("path"))?.as_str()?;
        let hash = file.get("hash").and_then(Value::as_str).and_then(Hash::of_pair);
        Some((url.to_owned(), hash.into_iter().collect()))
    };
    package.get("sdist").into_iter().chain(wheels).filter_map(file).collect()
}
