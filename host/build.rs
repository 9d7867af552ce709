//! Builds the shipped functions from source for WebAssembly and writes the table that embeds them in the library.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use toml::{Table, Value};

/// The functions reached as `builtin://stepwell/NAME`: folder `steps/NAME`, package `stepwell-step-NAME`.
#[rustfmt::skip] // one a line: each is added and taken out by itself
const SHIPPED: &[&str] = &[
    "archive",
    "changelog",
    "checksum",
    "coverage",
    "edit",
    "junit",
    "query",
    "report",
    "sbom",
    "secret-scan",
    "semver",
    "template",
];

/// The folder of the guest SDK, which `stepwell new` gives to projects, and what of it a project needs.
const SDK: &str = "guest-sdk";
const SDK_PARTS: [&str; 4] = ["README.md", "src", "wit", "macros/src"];
const SDK_MANIFESTS: [&str; 2] = ["Cargo.toml", "macros/Cargo.toml"];

/// The target they are built for.
const TARGET: &str = "wasm32-wasip2";

fn main() -> Result<(), String> {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("..");
    let out = PathBuf::from(variable("OUT_DIR")?);
    for path in ["steps", "guest-sdk", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", root.join(path).display());
    }
    let modules = build(&root, &out)?;
    let table: String = SHIPPED
        .iter()
        .map(|name| {
            let folder = absolute(&root.join("steps").join(name));
            let (function, page) = (folder.join("func.yml"), folder.join("README.md"));
            let module = absolute(&modules.join(format!("stepwell_step_{}.wasm", name.replace('-', "_"))));
            format!(
                "    (\"{name}\", include_str!({function:?}), include_str!({page:?}), include_bytes!({module:?})),\n"
            )
        })
        .collect();
    let text = format!(
        "/// Name, function file, page and module of each shipped function.\n\
         const SHIPPED: [(&str, &str, &str, &[u8]); {}] = [\n{table}];\n",
        SHIPPED.len()
    );
    fs::write(out.join("shipped.rs"), text).map_err(|error| format!("cannot write shipped.rs: {error}"))?;
    fs::write(out.join("sdk.rs"), sdk(&root)?).map_err(|error| format!("cannot write sdk.rs: {error}"))
}

/// Returns the table of the files of the SDK.
fn sdk(root: &Path) -> Result<String, String> {
    let folder = absolute(&root.join(SDK));
    let workspace = manifest(&root.join("Cargo.toml"))?;
    let mut table = String::new();
    for path in SDK_MANIFESTS {
        let text = standalone(manifest(&folder.join(path))?, &workspace)?;
        table += &format!("    ({path:?}, {text:?}),\n");
    }
    for part in SDK_PARTS {
        for file in files(&folder.join(part))? {
            let path = file.strip_prefix(&folder).map_err(|error| format!("{}: {error}", file.display()))?;
            table += &format!("    ({path:?}, include_str!({file:?})),\n");
        }
    }
    Ok(format!("/// Path and text of each file.\npub(super) const FILES: &[(&str, &str)] = &[\n{table}];\n"))
}

/// Returns a file, or all files of a folder and what lies below it, sorted.
fn files(path: &Path) -> Result<Vec<PathBuf>, String> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut entries = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        entries.push(entry.map_err(unreadable)?.path());
    }
    entries.sort();
    let mut found = Vec::new();
    for entry in entries {
        found.extend(files(&entry)?);
    }
    Ok(found)
}

fn manifest(path: &Path) -> Result<Table, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    text.parse().map_err(|error| format!("{}: {error}", path.display()))
}

/// Returns the text of a manifest that stands for itself: what it takes from the workspace is filled in, and what only
/// serves its own tests is left out.
fn standalone(mut manifest: Table, workspace: &Table) -> Result<String, String> {
    let shared = |table: &str| {
        workspace.get("workspace").and_then(|workspace| workspace.get(table)).and_then(Value::as_table).cloned()
    };
    let (package, dependencies) = (shared("package").unwrap_or_default(), shared("dependencies").unwrap_or_default());
    manifest.remove("lints");
    manifest.remove("dev-dependencies");
    let targets = manifest.get_mut("target").and_then(Value::as_table_mut);
    for target in targets.into_iter().flat_map(|targets| targets.iter_mut()) {
        let own = target.1.get_mut("dependencies").and_then(Value::as_table_mut);
        own.map_or(Ok(()), |own| filled_in(own, &dependencies))?;
    }
    for (key, shared) in [("package", &package), ("dependencies", &dependencies)] {
        let own = manifest.get_mut(key).and_then(Value::as_table_mut);
        own.map_or(Ok(()), |own| filled_in(own, shared))?;
    }
    Ok(manifest.to_string())
}

/// Fills in what a table takes from that of the workspace. Paths begin at the folder of the SDK.
fn filled_in(own: &mut Table, shared: &Table) -> Result<(), String> {
    for (key, value) in own.iter_mut().filter(|(_, value)| value.get("workspace").is_some()) {
        let mut found = shared.get(key).cloned().ok_or_else(|| format!("the workspace has no `{key}`"))?;
        if let Some(Value::String(path)) = found.get_mut("path") {
            *path = path.trim_start_matches(SDK).trim_start_matches('/').to_owned();
        }
        let added = value.as_table().cloned().unwrap_or_default();
        *value = with(found, added.into_iter().filter(|(key, _)| key != "workspace").collect());
    }
    Ok(())
}

/// Adds to a dependency what a package says of it besides: whether it is optional, and more features.
fn with(dependency: Value, added: Table) -> Value {
    if added.is_empty() {
        return dependency;
    }
    let mut dependency = match dependency {
        Value::Table(table) => table,
        version => Table::from_iter([("version".to_owned(), version)]),
    };
    for (key, value) in added {
        match (dependency.get_mut(&key), value) {
            (Some(Value::Array(known)), Value::Array(more)) => known.extend(more),
            (_, value) => drop(dependency.insert(key, value)),
        }
    }
    Value::Table(dependency)
}

/// Builds all shipped functions and returns the folder of the modules.
fn build(root: &Path, out: &Path) -> Result<PathBuf, String> {
    // A target folder of their own, because the outer cargo holds the lock of the common one.
    let target = target_folder(out).join("steps");
    #[expect(clippy::disallowed_methods, reason = "a build script runs the compiler")]
    let mut cargo = Command::new(variable("CARGO")?);
    cargo
        .current_dir(root)
        .args(["build", "--locked", "--profile", "wasm", "--target", TARGET, "--target-dir"])
        .arg(&target);
    for name in SHIPPED {
        cargo.args(["--package", &format!("stepwell-step-{name}")]);
    }
    // What the outer build sets for native code and for lints does not hold for WebAssembly.
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CARGO_TARGET_DIR"]
    {
        cargo.env_remove(name);
    }
    let status = cargo.status().map_err(|error| format!("cannot start cargo: {error}"))?;
    if !status.success() {
        return Err(format!(
            "the shipped functions did not build; if the target is missing: rustup target add {TARGET}"
        ));
    }
    Ok(target.join(TARGET).join("wasm"))
}

/// Returns the folder that cargo builds in: the one above the output folder that carries cargo's cache tag.
fn target_folder(out: &Path) -> PathBuf {
    out.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists()).unwrap_or(out).to_owned()
}

fn absolute(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

#[expect(clippy::disallowed_methods, reason = "cargo tells a build script everything by its environment")]
fn variable(name: impl AsRef<OsStr>) -> Result<String, String> {
    let name = name.as_ref();
    env::var(name).map_err(|error| format!("{}: {error}", name.display()))
}
