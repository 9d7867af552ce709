//! The contexts: the names under which an expression sees what surrounds it.

use std::ops::Range;

/// A context. Old and new name of the same thing are one context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Context {
    /// `env`.
    Env,
    /// `inputs`.
    Inputs,
    /// `vars`, formerly `job`.
    Vars,
    /// `steps`.
    Steps,
    /// `func_dir`, formerly `step_dir`.
    FuncDir,
    /// `work_dir`.
    WorkDir,
    /// `output_file`.
    OutputFile,
    /// `export_file`.
    ExportFile,
}

impl Context {
    /// All contexts.
    pub const ALL: [Self; 8] = [
        Self::Env,
        Self::Inputs,
        Self::Vars,
        Self::Steps,
        Self::FuncDir,
        Self::WorkDir,
        Self::OutputFile,
        Self::ExportFile,
    ];

    /// Returns the name of today.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Env => "env",
            Self::Inputs => "inputs",
            Self::Vars => "vars",
            Self::Steps => "steps",
            Self::FuncDir => "func_dir",
            Self::WorkDir => "work_dir",
            Self::OutputFile => "output_file",
            Self::ExportFile => "export_file",
        }
    }

    /// Returns the context of a name, old or new.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "job" => Some(Self::Vars),
            "step_dir" => Some(Self::FuncDir),
            _ => Self::ALL.into_iter().find(|context| context.as_str() == name),
        }
    }
}

/// One place where a template names a context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextUse<'t> {
    /// The context.
    pub context: Context,
    /// The member names behind it as far as the text tells, such as `["build", "outputs", "image"]` for
    /// `steps.build.outputs.image`. Empty for a context as a whole.
    pub path: Vec<&'t str>,
    /// Whether a further part is computed, as in `inputs[env.NAME]`: then any member behind `path` may be meant.
    pub computed: bool,
    /// Whether this is the only reading. If not, the text can also be read as a path of the older dialect, as in
    /// `env.A-1`; the names of both readings are given, and one of them need not exist.
    pub certain: bool,
    /// Where it stands: bytes in the text of the template.
    pub range: Range<usize>,
}
