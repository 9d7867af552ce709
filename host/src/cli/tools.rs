//! The tools of the languages: which programs they are, how they are called, and what to do where they are missing.

#![expect(
    clippy::disallowed_methods,
    reason = "the author of a function asks for the tools of the language to be started"
)]

use std::fs;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use serde_json::Value;

use super::error::CommandError;
use super::language::Language;

/// What typed functions in Rust are built for.
const RUST_TARGET: &str = "wasm32-wasip2";

/// The compiler of JavaScript, from the folder of a project.
const JCO: &str = "node_modules/.bin/jco";

/// A program with the arguments that it is always given.
type Program = (&'static str, &'static [&'static str]);

/// The compilers of C, in the order in which they are tried. A plain `clang` is last: many distributions have one without
/// WebAssembly.
const C_COMPILERS: [Program; 6] = [
    ("clang-19", &["--target=wasm32-wasi"]),
    ("zig", &["cc", "-target", "wasm32-wasi"]),
    ("python-zig", &["cc", "-target", "wasm32-wasi"]),
    ("python3", &["-m", "ziglang", "cc", "-target", "wasm32-wasi"]),
    ("python", &["-m", "ziglang", "cc", "-target", "wasm32-wasi"]),
    ("clang", &["--target=wasm32-wasi"]),
];

/// The compilers of Zig, likewise.
const ZIG_COMPILERS: [Program; 4] =
    [("zig", &[]), ("python-zig", &[]), ("python3", &["-m", "ziglang"]), ("python", &["-m", "ziglang"])];

/// Makes the module at `target` from the project in a folder. Messages of the tools go to standard error.
///
/// # Errors
/// A tool that is missing, with the line that installs it; a program that does not compile.
pub(super) fn make(language: Language, folder: &Path, target: &Path) -> Result<(), CommandError> {
    match language {
        Language::Rust => rust(folder, target),
        Language::Go => {
            let mut go = Command::new("go");
            go.env("GOOS", "wasip1").env("GOARCH", "wasm");
            // Without the paths of this machine, so that the same source gives the same module everywhere.
            go.args(["build", "-trimpath", "-ldflags=-s -w", "-o"]).arg(target).arg(".");
            finished(language, folder, go)
        }
        Language::C => {
            let mut compiler = first_of(language, &C_COMPILERS, "--version")?;
            compiler.args(["-Os", "-Wall", "-Wextra", "-Wl,--strip-all", "-o"]).arg(target);
            compiler.args(sources(folder, "c")?);
            finished(language, folder, compiler)
        }
        Language::Zig => {
            let mut compiler = first_of(language, &ZIG_COMPILERS, "version")?;
            compiler.args(["build-exe", "-target", "wasm32-wasi", "-O", "ReleaseSmall", language.marker()]);
            compiler.arg(format!("-femit-bin={}", target.display()));
            finished(language, folder, compiler)
        }
        Language::Python => {
            let mut componentize = Command::new("componentize-py");
            componentize.args(["-d", "wit", "-w", "step", "componentize", "app", "-o"]).arg(target);
            finished(language, folder, componentize)
        }
        Language::Js => javascript(folder, target),
    }
}

/// Runs a tool in a folder to its end. What it prints is no data of ours.
fn finished(language: Language, folder: &Path, mut command: Command) -> Result<(), CommandError> {
    let status = command.current_dir(folder).stdin(Stdio::null()).stdout(io::stderr()).status();
    ended(language, &command, status)
}

fn ended(language: Language, command: &Command, status: io::Result<ExitStatus>) -> Result<(), CommandError> {
    let program = command.get_program().display();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(CommandError::Failed {
            message: format!("`{program}` could not build the function"),
            hint: "its messages stand above".to_owned(),
        }),
        Err(cause) => Err(missing(language, &program.to_string(), cause)),
    }
}

fn missing(language: Language, program: &str, cause: io::Error) -> CommandError {
    let hint = (cause.kind() == io::ErrorKind::NotFound).then(|| language.install().to_owned());
    CommandError::Environment { message: format!("cannot start `{program}`, which builds {language}"), cause, hint }
}

fn rust(folder: &Path, target: &Path) -> Result<(), CommandError> {
    check_rust_target()?;
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--target", RUST_TARGET, "--message-format", "json-render-diagnostics"]);
    cargo.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = cargo.spawn().map_err(|cause| missing(Language::Rust, "cargo", cause))?;
    let module = child.stdout.take().and_then(|out| last_module(BufReader::new(out)));
    ended(Language::Rust, &cargo, child.wait())?;
    let Some(module) = module else {
        return Err(CommandError::Failed {
            message: "`cargo` made no module".to_owned(),
            hint: "`[lib]` needs `crate-type = [\"cdylib\"]`".to_owned(),
        });
    };
    fs::copy(&module, target).map(|_| ()).map_err(|error| CommandError::file("cannot write the module", target, error))
}

/// Looks whether the compiler has what it needs for the target: its own message is about a crate `core`.
fn check_rust_target() -> Result<(), CommandError> {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", RUST_TARGET]).stdin(Stdio::null()).stderr(Stdio::null());
    let answer = rustc.output().map_err(|cause| missing(Language::Rust, "rustc", cause))?;
    let libraries = PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim());
    if libraries.is_dir() {
        return Ok(());
    }
    Err(CommandError::Environment {
        message: format!("the target `{RUST_TARGET}` is not installed"),
        cause: io::ErrorKind::NotFound.into(),
        hint: Some(format!("rustup target add {RUST_TARGET}")),
    })
}

/// Returns the module that was made last, from the messages of cargo: that of the project itself.
fn last_module(messages: impl io::BufRead) -> Option<PathBuf> {
    let mut last = None;
    // Read to the end in any case: cargo would wait for us.
    for line in messages.lines().map_while(Result::ok) {
        let Ok(message) = serde_json::from_str::<Value>(&line) else { continue };
        let files = message.get("filenames").and_then(Value::as_array);
        let modules = files.into_iter().flatten().filter_map(Value::as_str).filter(|file| file.ends_with(".wasm"));
        last = modules.map(PathBuf::from).next_back().or(last);
    }
    last
}

/// Returns the first program of a list that is there and can show its version.
fn first_of(language: Language, programs: &[Program], version: &str) -> Result<Command, CommandError> {
    for (program, first) in programs {
        let mut probe = Command::new(program);
        probe.args(*first).arg(version).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if probe.status().is_ok_and(|status| status.success()) {
            let mut compiler = Command::new(program);
            compiler.args(*first);
            return Ok(compiler);
        }
    }
    let name = programs.first().map_or("", |(program, _)| program);
    Err(missing(language, name, io::ErrorKind::NotFound.into()))
}

/// The compiler of JavaScript is a package that the project itself names.
fn javascript(folder: &Path, target: &Path) -> Result<(), CommandError> {
    if !folder.join(JCO).is_file() {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund"]);
        finished(Language::Js, folder, npm)?;
    }
    let mut jco = Command::new(folder.join(JCO));
    jco.args(["componentize", Language::Js.marker(), "--wit", "wit", "--world-name", "step"]);
    jco.args(["--backend", "quickjs", "--backend-qjs-disable-async", "-o"]).arg(target);
    finished(Language::Js, folder, jco)
}

/// Returns the files of a folder with an extension, sorted.
fn sources(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, CommandError> {
    let listed = || -> io::Result<Vec<PathBuf>> {
        let mut paths: Vec<PathBuf> =
            fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        paths.retain(|path| path.extension().is_some_and(|found| found == extension));
        paths.sort();
        Ok(paths)
    };
    listed().map_err(|error| CommandError::file("cannot look into the folder", folder, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_module_of_the_messages() {
        let messages = r#"{"reason":"compiler-artifact","filenames":["/t/liba.rlib"]}
not JSON
{"reason":"compiler-artifact","filenames":["/t/a.wasm"]}
{"reason":"compiler-artifact","filenames":["/t/libb.rlib","/t/b.wasm"]}
{"reason":"build-finished","success":true}
"#;
        assert_eq!(last_module(messages.as_bytes()), Some(PathBuf::from("/t/b.wasm")));
        assert_eq!(last_module("".as_bytes()), None);
    }
}
