//! `go.mod`, with the digests of the `go.sum` beside it.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use stepwell_sdk::{Failure, FailureKind, Step, path};

use super::{at, text};
use crate::component::{Component, Components, Hash, Scope};
use crate::hexadecimal;
use crate::purl::{Kind, purl};

/// A module and its version.
type Module<'a> = (&'a str, &'a str);

/// What a `go.mod` says.
#[derive(Debug, Default)]
struct Modules<'a> {
    /// Modules, and whether the project needs each itself.
    required: Vec<(Module<'a>, bool)>,
    /// What stands in place of a module, of all its versions where none is given.
    replaced: BTreeMap<Module<'a>, Module<'a>>,
}

pub(super) fn read(step: &Step, path: &str, content: &str, components: &mut Components) -> Result<(), Failure> {
    let modules = parse(path, content)?;
    let sums = path.rsplit_once('/').map_or_else(|| "go.sum".to_owned(), |(folder, _)| path::join(folder, "go.sum"));
    let digests = match step.entry(&sums) {
        Ok(_) => digests(&sums, &text(step, &sums)?)?,
        Err(failure) if failure.kind() == FailureKind::Denied => return Err(failure),
        Err(_) => {
            step.warn(format!("there is no `{sums}`, so the modules have no digests"));
            BTreeMap::new()
        }
    };
    for ((name, version), direct) in modules.required {
        let replaced = modules.replaced.get(&(name, version)).or_else(|| modules.replaced.get(&(name, "")));
        // In place of a module may stand a folder, which has no version.
        let (name, version) = match replaced {
            Some((folder, "")) => {
                step.warn(format!("`{name}` is replaced by the folder `{folder}`"));
                (name, version)
            }
            Some(other) => *other,
            None => (name, version),
        };
        let mut component = Component::new(name, version, Scope::Required);
        component.hashes.extend(digests.get(&(name.to_owned(), version.to_owned())).cloned());
        let purl = purl(Kind::Go, name, version, None);
        components.add(&purl, component);
        if direct {
            components.depend_directly(&purl);
        }
    }
    Ok(())
}

fn parse<'a>(path: &str, content: &'a str) -> Result<Modules<'a>, Failure> {
    let mut modules = Modules::default();
    let mut block = "";
    for (number, line) in content.lines().enumerate() {
        let wrong = |problem: &str| at(path, number + 1, problem);
        let (code, comment) = line.split_once("//").unwrap_or((line, ""));
        let mut words: Vec<_> = code.split_whitespace().map(|word| word.trim_matches(['"', '`'])).collect();
        match words.as_slice() {
            [] => continue,
            [")"] if !block.is_empty() => {
                block = "";
                continue;
            }
            [word, "("] if block.is_empty() => {
                block = word;
                continue;
            }
            _ => {}
        }
        let directive = if block.is_empty() { words.remove(0) } else { block };
        match (directive, words.as_slice()) {
            ("require", [name, version]) => modules.required.push(((name, version), comment.trim() != "indirect")),
            ("replace", [name, "=>", other]) => drop(modules.replaced.insert((name, ""), (other, ""))),
            ("replace", [name, "=>", other, to]) => drop(modules.replaced.insert((name, ""), (other, to))),
            ("replace", [name, from, "=>", other]) => drop(modules.replaced.insert((name, from), (other, ""))),
            ("replace", [name, from, "=>", other, to]) => drop(modules.replaced.insert((name, from), (other, to))),
            ("require" | "replace", _) => return Err(wrong(&format!("it is no `{directive}`"))),
            ("module" | "go" | "toolchain" | "exclude" | "retract" | "tool" | "godebug" | "ignore", _) => {}
            (other, _) => return Err(wrong(&format!("`{other:.40}` is no word of a `go.mod`"))),
        }
    }
    if block.is_empty() {
        Ok(modules)
    } else {
        Err(at(path, content.lines().count(), format!("the block `{block}` has no end")))
    }
}

/// Returns the digests of modules, without those of their `go.mod` files.
fn digests(path: &str, content: &str) -> Result<BTreeMap<(String, String), Hash>, Failure> {
    let mut digests = BTreeMap::new();
    for (number, line) in content.lines().enumerate() {
        let words: Vec<_> = line.split_whitespace().collect();
        match words.as_slice() {
            [] => {}
            [_, version, _] if version.ends_with("/go.mod") => {}
            [name, version, digest] => {
                let decoded = digest.strip_prefix("h1:").and_then(|digest| STANDARD.decode(digest).ok());
                let hash = decoded.and_then(|bytes| Hash::of_digits("sha256", &hexadecimal(&bytes)));
                let hash = hash.ok_or_else(|| at(path, number + 1, "it has no digest of the form `h1:…`"))?;
                digests.insert(((*name).to_owned(), (*version).to_owned()), hash);
            }
            _ => return Err(at(path, number + 1, "it is not one of a module, a version and a digest")),
        }
    }
    Ok(digests)
}
