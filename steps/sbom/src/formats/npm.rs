//! `package-lock.json` of npm 7 and later.

use serde_json::{Map, Value};
use stepwell_sdk::Failure;

use super::{at, failure};
use crate::component::{Component, Components, Hash, Scope};
use crate::purl::{Kind, Place, purl};

/// The folder that packages lie in, each in that of who needs it or of one above.
const MODULES: &str = "node_modules/";

/// The registry that package URLs mean where they name none.
const REGISTRY: &str = "https://registry.npmjs.org/";

/// The kinds of dependencies in an entry.
const NEEDS: [&str; 3] = ["dependencies", "optionalDependencies", "peerDependencies"];

/// The entries of a lock file by path.
type Entries = Map<String, Value>;

pub(super) fn read(path: &str, text: &str, components: &mut Components) -> Result<(), Failure> {
    let lock: Value = serde_json::from_str(text)
        .map_err(|error| at(path, error.line(), format!("not well-formed JSON: {error:.200}")))?;
    let Some(entries) = lock.get("packages").and_then(Value::as_object) else {
        return Err(failure(path, "it has no `packages`, so it is one of npm 6 or none")
            .hint("`npm install --package-lock-only` of npm 7 or later writes it anew"));
    };
    for (place, entry) in entries {
        if !place.is_empty() && !is_link(entry) {
            let (purl, component) = component(place, entry);
            components.add(&purl, component);
        }
        for (name, optional) in needs(entry, place.is_empty()) {
            match (resolve(entries, place, name), place.is_empty()) {
                (Some(found), true) => components.depend_directly(&found),
                (Some(found), false) => components.depend(&component_purl(place, entry), &found),
                // A peer or an optional dependency need not be there.
                (None, _) if optional => {}
                (None, _) => {
                    return Err(failure(path, format!("`{place:.200}` depends on `{name:.100}`, which is no package")));
                }
            }
        }
    }
    Ok(())
}

/// Iterates over the names that an entry needs, and whether each may be missing. Those for development count for the
/// project itself alone.
fn needs(entry: &Value, is_root: bool) -> impl Iterator<Item = (&str, bool)> {
    let development = is_root.then_some("devDependencies");
    let optional = move |name: &str| {
        ["optionalDependencies", "peerDependencies"].iter().any(|kind| entry[*kind].get(name).is_some())
    };
    let kinds = NEEDS.into_iter().chain(development);
    let names = kinds.filter_map(move |kind| entry[kind].as_object()).flat_map(|names| names.keys());
    names.map(move |name| (name.as_str(), optional(name)))
}

/// Returns the package that a name means for who lies at a place: the nearest of those above.
fn resolve(entries: &Entries, place: &str, name: &str) -> Option<String> {
    let mut folder = place;
    loop {
        let candidate =
            if folder.is_empty() { format!("{MODULES}{name}") } else { format!("{folder}/{MODULES}{name}") };
        if let Some((place, entry)) = entries.get_key_value(&candidate) {
            return if is_link(entry) {
                // A workspace: what it links to is an entry of its own.
                let (place, entry) = entries.get_key_value(entry["resolved"].as_str()?)?;
                Some(component_purl(place, entry))
            } else {
                Some(component_purl(place, entry))
            };
        }
        if folder.is_empty() {
            return None;
        }
        folder = folder.rfind('/').map_or("", |end| folder[..end].trim_end_matches("/node_modules"));
        if folder == "node_modules" {
            folder = "";
        }
    }
}

fn is_link(entry: &Value) -> bool {
    entry["link"].as_bool() == Some(true)
}

fn component(place: &str, entry: &Value) -> (String, Component) {
    let flag = |name: &str| entry[name].as_bool() == Some(true);
    let scope = match (flag("dev"), flag("optional") || flag("devOptional")) {
        (true, _) => Scope::Excluded,
        (false, true) => Scope::Optional,
        (false, false) => Scope::Required,
    };
    let mut component = Component::new(name(place, entry), version(entry), scope);
    component.hashes.extend(entry["integrity"].as_str().map(Hash::of_integrity).unwrap_or_default());
    (component_purl(place, entry), component)
}

fn component_purl(place: &str, entry: &Value) -> String {
    let resolved = entry["resolved"].as_str().unwrap_or_default();
    let from = match resolved {
        "" => None,
        url if url.starts_with(REGISTRY) => None,
        url if url.starts_with("git+") => Some(Place::Repository(url.replacen('#', "@", 1))),
        url if url.starts_with("http") => Some(Place::Download(url.to_owned())),
        // A file or folder of the project.
        _ => None,
    };
    purl(Kind::Npm, name(place, entry), version(entry), from.as_ref())
}

/// Returns the name of a package: where it lies, unless it goes by another one there.
fn name<'a>(place: &'a str, entry: &'a Value) -> &'a str {
    let of_place = place.rfind(MODULES).map_or(place, |at| &place[at + MODULES.len()..]);
    entry["name"].as_str().unwrap_or(of_place)
}

fn version(entry: &Value) -> &str {
    entry["version"].as_str().unwrap_or_default()
}
