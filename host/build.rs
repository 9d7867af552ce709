//! Builds the shipped functions from source for WebAssembly and writes the table that embeds them in the library.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The functions reached as `builtin://stepwell/NAME`: folder `steps/NAME`, package `stepwell-step-NAME`.
/// One a line, sorted, so that changes stay apart.
#[rustfmt::skip]
const SHIPPED: &[&str] = &[
    "archive",
    "checksum",
    "coverage",
    "junit",
    "report",
    "sbom",
    "secret-scan",
    "template",
];

/// The target they are built for.
const TARGET: &str = "wasm32-wasip2";

fn main() -> Result<(), String> {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("..");
    let out = PathBuf::from(variable("OUT_DIR")?);
    for path in ["steps", "guest-sdk", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", root.join(path).display());
    }
    let modules = build(&root, &out)?;
    let table: String = SHIPPED
        .iter()
        .map(|name| {
            let function = absolute(&root.join("steps").join(name).join("func.yml"));
            let module = absolute(&modules.join(format!("stepwell_step_{}.wasm", name.replace('-', "_"))));
            format!("    (\"{name}\", include_str!({function:?}), include_bytes!({module:?})),\n")
        })
        .collect();
    let text = format!(
        "/// Name, function file and module of each shipped function.\n\
         const SHIPPED: [(&str, &str, &[u8]); {}] = [\n{table}];\n",
        SHIPPED.len()
    );
    fs::write(out.join("shipped.rs"), text).map_err(|error| format!("cannot write shipped.rs: {error}"))
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
