//! The languages in which functions are written: how a project is recognised, and how it is built.

use std::fmt;
use std::path::Path;

use clap::ValueEnum;

/// A language with tools that make a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Language {
    /// Typed, with the SDK: cargo.
    Rust,
    /// A command: the compiler of Go.
    Go,
    /// A command: clang, or zig.
    C,
    /// A command: zig.
    Zig,
    /// Typed: componentize-py.
    Python,
    /// Typed: jco, with QuickJS.
    Js,
}

impl Language {
    /// Returns the languages whose project lies in a folder: by the file that each of them begins with.
    pub(super) fn in_folder(folder: &Path) -> Vec<Self> {
        Self::value_variants().iter().copied().filter(|language| folder.join(language.marker()).is_file()).collect()
    }

    /// Returns the name for people.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Go => "Go",
            Self::C => "C",
            Self::Zig => "Zig",
            Self::Python => "Python",
            Self::Js => "JavaScript",
        }
    }

    /// Returns the file by which a project is recognised.
    pub(super) const fn marker(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::Go => "go.mod",
            Self::C => "main.c",
            Self::Zig => "main.zig",
            Self::Python => "app.py",
            Self::Js => "step.js",
        }
    }

    /// Returns the line that installs the tools.
    pub(super) const fn install(self) -> &'static str {
        match self {
            Self::Rust => "install it from https://rustup.rs, then: rustup target add wasm32-wasip2",
            Self::Go => "install it from https://go.dev/dl, or: apt-get install golang",
            Self::C => "apt-get install clang-19 lld-19 libclang-rt-19-dev-wasm32 wasi-libc, or: pip install ziglang",
            Self::Zig => "pip install ziglang",
            Self::Python => "pip install componentize-py",
            Self::Js => "apt-get install nodejs npm",
        }
    }

    /// Tells whether a project needs the SDK.
    pub(super) const fn has_sdk(self) -> bool {
        match self {
            Self::Rust => true,
            Self::Go | Self::C | Self::Zig | Self::Python | Self::Js => false,
        }
    }

    /// Tells whether a function is typed without the SDK: its project has the interface, and what the module says of
    /// itself is written behind it.
    pub(super) const fn has_wit(self) -> bool {
        match self {
            Self::Python | Self::Js => true,
            Self::Rust | Self::Go | Self::C | Self::Zig => false,
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}
