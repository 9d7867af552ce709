//! One thing that policies are asked about.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::facts::{FunctionFacts, Subject};
use crate::work_path::WorkPath;

/// What policies are asked: may this job do that?
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    /// Who.
    pub job: Arc<Subject>,
    /// What.
    pub deed: Deed,
}

/// What a job does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Deed {
    /// It starts a shell for a script of its own.
    Script,
    /// One of its functions acts.
    Function {
        /// The function.
        function: Arc<FunctionFacts>,
        /// What it does.
        act: Act,
    },
}

/// What a function does, its names and paths in normal form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    /// Is called.
    Run,
    /// Starts a native program.
    Exec {
        /// Its name or path, as the function has it.
        program: String,
    },
    /// Reads a folder or file.
    Read {
        /// The path.
        path: WorkPath,
    },
    /// Reads and writes a folder.
    Write {
        /// The path.
        path: WorkPath,
        /// Most growth in bytes.
        bytes: u64,
        /// Most new files, folders and links.
        files: u64,
    },
    /// Sends requests.
    Connect {
        /// The host, in small letters.
        host: String,
        /// The port.
        port: u16,
        /// Methods in upper case.
        methods: Vec<String>,
        /// Path patterns; empty means all.
        paths: Vec<String>,
    },
    /// Has a secret put into the headers of its requests to a host.
    UseSecret {
        /// Name of the secret.
        name: String,
        /// The host.
        host: String,
    },
    /// Reads a secret.
    RevealSecret {
        /// Name of the secret.
        name: String,
    },
    /// Sees an environment variable.
    ReadEnv {
        /// Its name.
        name: String,
    },
    /// Hands an environment variable to later steps.
    Export {
        /// Its name.
        name: String,
    },
}

/// The actions of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Call a function.
    Run,
    /// Start a native program.
    Exec,
    /// Read a folder or file.
    Read,
    /// Write a folder.
    Write,
    /// Send requests.
    Connect,
    /// Use a secret unseen.
    UseSecret,
    /// See a secret.
    RevealSecret,
    /// See a variable.
    ReadEnv,
    /// Hand a variable on.
    Export,
}

/// The program of a script, as policies name it.
const SHELL: &str = "sh";

impl Question {
    /// Returns the action.
    pub fn action(&self) -> Action {
        let Deed::Function { act, .. } = &self.deed else { return Action::Exec };
        match act {
            Act::Run => Action::Run,
            Act::Exec { .. } => Action::Exec,
            Act::Read { .. } => Action::Read,
            Act::Write { .. } => Action::Write,
            Act::Connect { .. } => Action::Connect,
            Act::UseSecret { .. } => Action::UseSecret,
            Act::RevealSecret { .. } => Action::RevealSecret,
            Act::ReadEnv { .. } => Action::ReadEnv,
            Act::Export { .. } => Action::Export,
        }
    }

    /// Returns the identifier of the resource in the language of policies, such as `dist` or `api.example.com:443`.
    pub fn resource(&self) -> Cow<'_, str> {
        let Deed::Function { function, act } = &self.deed else { return SHELL.into() };
        match act {
            Act::Run => (&function.name).into(),
            Act::Exec { program } => program.into(),
            Act::Read { path } | Act::Write { path, .. } => path.as_str().into(),
            Act::Connect { host, port, .. } => format!("{host}:{port}").into(),
            Act::UseSecret { name, .. } | Act::RevealSecret { name } | Act::ReadEnv { name } | Act::Export { name } => {
                name.into()
            }
        }
    }

    /// Returns the function that acts; none for a script.
    pub fn function(&self) -> Option<&FunctionFacts> {
        match &self.deed {
            Deed::Script => None,
            Deed::Function { function, .. } => Some(function),
        }
    }

    /// Returns the policy that would permit just this, as text to be added to a policy file: for this function file with
    /// this content, or for scripts of this job.
    pub fn permit(&self) -> String {
        let (action, kind) = (self.action(), self.action().resource_kind());
        let condition = match &self.deed {
            Deed::Script => format!("context.script && principal.source == {}", quoted(&self.job.source)),
            Deed::Function { function, act } => {
                let digest = quoted(&function.digest);
                match act {
                    Act::Run => format!("resource.digest == {digest}"),
                    Act::Exec { .. } => format!("context has function && context.function.digest == {digest}"),
                    Act::Read { .. }
                    | Act::Write { .. }
                    | Act::Connect { .. }
                    | Act::UseSecret { .. }
                    | Act::RevealSecret { .. }
                    | Act::ReadEnv { .. }
                    | Act::Export { .. } => format!("context.function.digest == {digest}"),
                }
            }
        };
        let resource = quoted(&self.resource());
        format!(
            "permit (principal, action == Action::\"{action}\", resource == {kind}::{resource})\nwhen {{ {condition} }};"
        )
    }
}

impl Action {
    /// All of them, in the order of the schema.
    pub const ALL: [Self; 9] = [
        Self::Run,
        Self::Exec,
        Self::Read,
        Self::Write,
        Self::Connect,
        Self::UseSecret,
        Self::RevealSecret,
        Self::ReadEnv,
        Self::Export,
    ];

    /// Returns the name in the language of policies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Exec => "exec",
            Self::Read => "read",
            Self::Write => "write",
            Self::Connect => "connect",
            Self::UseSecret => "useSecret",
            Self::RevealSecret => "revealSecret",
            Self::ReadEnv => "readEnv",
            Self::Export => "export",
        }
    }

    /// Returns the type of the resources of this action in the language of policies.
    pub const fn resource_kind(self) -> &'static str {
        match self {
            Self::Run => "Function",
            Self::Exec => "Program",
            Self::Read | Self::Write => "Path",
            Self::Connect => "Host",
            Self::UseSecret | Self::RevealSecret => "Secret",
            Self::ReadEnv | Self::Export => "Variable",
        }
    }

    /// Returns the action of a name in the language of policies.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == name)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Writes a text as a string of the policy language, so that a name neither ends the string nor breaks its line.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => quoted.extend(control.escape_debug()),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
