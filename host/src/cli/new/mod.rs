//! `stepwell new`: a small project that can be built, tested and called as it is.

mod sdk;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::args::NewArguments;
use super::error::{CommandError, Exit};
use super::language::Language;

/// Longest name of a function, in bytes. It becomes the name of a package, a module and a folder.
const MAX_NAME_BYTES: usize = 64;

/// Where the SDK lies in a project that brings its own copy.
const OWN_SDK: &str = "sdk";

/// The interface of typed functions, in the SDK and in a project that is built without it.
const SDK_WIT: &str = "wit/0.1.0/step.wit";
const OWN_WIT: &str = "wit/step.wit";

/// A file of a project: its path and its text, in which `{{name}}`, `{{language}}` and `{{sdk}}` stand for what they say.
type Template = (&'static str, &'static str);

/// What every project has.
const COMMON: [Template; 3] = [
    ("func.yml", include_str!("templates/common/func.yml")),
    ("tests/cases.yml", include_str!("templates/common/cases.yml")),
    ("README.md", include_str!("templates/common/README.md")),
];

/// Makes a project in a folder that does not exist or is empty.
pub(super) fn new(arguments: &NewArguments) -> Result<Exit, CommandError> {
    let folder = &arguments.folder;
    let name = name(folder)?;
    let sdk = sdk_path(arguments)?;
    claim(folder)?;
    let templates = COMMON.iter().chain(templates(arguments.lang));
    for (path, text) in templates {
        let text = text.replace("{{name}}", name).replace("{{language}}", arguments.lang.title());
        write(folder, path, &text.replace("{{sdk}}", &sdk))?;
    }
    if arguments.lang.has_wit() {
        let mut wit = sdk::FILES.iter().filter(|(path, _)| *path == SDK_WIT);
        wit.try_for_each(|(_, text)| write(folder, OWN_WIT, text))?;
    }
    if arguments.lang.has_sdk() && arguments.sdk.is_none() {
        for (path, text) in sdk::FILES {
            write(&folder.join(OWN_SDK), path, text)?;
        }
    }
    let shown = folder.display();
    super::print(
        format!(
            "{shown} is a function in {}\n\n    cd {shown} && stepwell build && stepwell test && stepwell call . --input name=Ada\n",
            arguments.lang.title()
        )
        .as_bytes(),
    )
}

/// Returns the files that projects in a language have besides.
const fn templates(language: Language) -> &'static [Template] {
    match language {
        Language::Rust => &[
            ("Cargo.toml", include_str!("templates/rust/Cargo.toml")),
            ("src/lib.rs", include_str!("templates/rust/lib.rs")),
            (".gitignore", include_str!("templates/rust/gitignore")),
        ],
        Language::Go => &[
            ("go.mod", include_str!("templates/go/go.mod")),
            ("main.go", include_str!("templates/go/main.go")),
            ("main_test.go", include_str!("templates/go/main_test.go")),
            (".gitignore", include_str!("templates/go/gitignore")),
        ],
        Language::C => {
            &[("main.c", include_str!("templates/c/main.c")), (".gitignore", include_str!("templates/c/gitignore"))]
        }
        Language::Zig => &[
            ("main.zig", include_str!("templates/zig/main.zig")),
            (".gitignore", include_str!("templates/zig/gitignore")),
        ],
        Language::Python => &[
            ("app.py", include_str!("templates/python/app.py")),
            (".gitignore", include_str!("templates/python/gitignore")),
        ],
        Language::Js => &[
            ("step.js", include_str!("templates/js/step.js")),
            ("package.json", include_str!("templates/js/package.json")),
            (".gitignore", include_str!("templates/js/gitignore")),
        ],
    }
}

/// Returns the name of the function: the last part of its folder.
fn name(folder: &Path) -> Result<&str, CommandError> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let rest = |next: char| next.is_ascii_lowercase() || next.is_ascii_digit() || next == '-' || next == '_';
    let fits = name.starts_with(|first: char| first.is_ascii_lowercase()) && name.chars().all(rest);
    if fits && name.len() <= MAX_NAME_BYTES {
        return Ok(name);
    }
    Err(CommandError::Usage {
        message: format!("`{}` cannot be the name of a function", folder.display()),
        hint: format!(
            "a name begins with a letter and has small letters, digits, `-` and `_`, at most {MAX_NAME_BYTES} of them"
        ),
    })
}

/// Returns where the project finds the SDK, as its own files write it.
fn sdk_path(arguments: &NewArguments) -> Result<String, CommandError> {
    let Some(sdk) = &arguments.sdk else { return Ok(OWN_SDK.to_owned()) };
    let usage = |message: String, hint: &str| CommandError::Usage { message, hint: hint.to_owned() };
    if !arguments.lang.has_sdk() {
        return Err(usage(
            format!("a function in {} needs no SDK", arguments.lang.title()),
            "leave `--sdk` out: it talks to the engine by standard input, variables and files",
        ));
    }
    let absolute = fs::canonicalize(sdk).map_err(|error| CommandError::file("cannot find the SDK", sdk, error))?;
    if !absolute.join("Cargo.toml").is_file() {
        return Err(usage(
            format!("`{}` is not the folder of the SDK", sdk.display()),
            "name the folder `guest-sdk` of a clone of the project",
        ));
    }
    // A backslash or a quote would end the text that it stands in.
    match absolute.to_str().filter(|path| !path.contains(['"', '\\', '\n'])) {
        Some(path) => Ok(path.to_owned()),
        None => Err(usage(format!("the path `{}` cannot stand in a manifest", absolute.display()), "use another one")),
    }
}

/// Makes the folder, or takes one that has nothing in it.
fn claim(folder: &Path) -> Result<(), CommandError> {
    fs::create_dir_all(folder).map_err(|error| CommandError::file("cannot make the folder", folder, error))?;
    let mut entries =
        fs::read_dir(folder).map_err(|error| CommandError::file("cannot look into the folder", folder, error))?;
    if entries.next().is_none() {
        return Ok(());
    }
    Err(CommandError::Usage {
        message: format!("the folder `{}` is not empty", folder.display()),
        hint: "nothing was written; take another name".to_owned(),
    })
}

/// Writes a file that is not there yet.
fn write(folder: &Path, path: &str, text: &str) -> Result<(), CommandError> {
    let path: PathBuf = folder.join(path);
    let written = || -> io::Result<()> {
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        io::Write::write_all(&mut fs::File::create_new(&path)?, text.as_bytes())
    };
    written().map_err(|error| CommandError::file("cannot write", &path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (folder, expected) in [
            ("greet", Some("greet")),
            ("a/b-c_1", Some("b-c_1")),
            ("Greet", None),
            ("1st", None),
            ("..", None),
            ("", None),
            ("ä", None),
        ] {
            assert_eq!(name(Path::new(folder)).ok(), expected, "{folder}");
        }
        assert!(name(Path::new(&"a".repeat(MAX_NAME_BYTES + 1))).is_err());
    }
}
