//! What kind of file a module is, found out by looking at its bytes. Nothing is compiled or run for it.

use std::collections::BTreeSet;

use wasmparser::{ComponentExternalKind, ComponentTypeRef, Encoding, ExternalKind, Parser, Payload, TypeBounds};
use wasmtime::{Engine, Precompiled};

use crate::engine::{MAX_CORE_INSTANCES, MAX_TABLE_ELEMENTS};

/// Largest file, in bytes. From the step ABI, section 5.
pub(crate) const MAX_FILE_BYTES: usize = 32 << 20;
/// Name of the custom section with a step's own description.
pub(crate) const SPEC_SECTION: &str = "step-spec";
/// The module that preview 1 programs import.
const PREVIEW1: &str = "wasi_snapshot_preview1";
/// Deepest nesting of components. Toolchains make three levels.
const MAX_DEPTH: usize = 16;
/// Most functions in a file. Python compiled to WebAssembly has about 30,000.
const MAX_FUNCTIONS: usize = 300_000;
/// Longest body of one function, in bytes: the limit of the JavaScript API, which toolchains respect.
const MAX_BODY_BYTES: usize = 7_654_321;
/// Most locals of one function, as in the JavaScript API.
const MAX_LOCALS: u64 = 50_000;
/// Most imports and exports that are looked at.
const MAX_NAMES: usize = 20_000;

/// The forms of the step ABI, section 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A component that exports `run`.
    Typed,
    /// A component that is a WASI command.
    Command,
    /// A core module that is a WASI preview 1 command.
    Preview1,
}

impl Form {
    /// Returns the words for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Typed => "typed",
            Self::Command => "command, preview 2",
            Self::Preview1 => "command, preview 1",
        }
    }
}

/// What a look at a file found.
#[derive(Debug)]
pub(crate) struct Look<'a> {
    pub(crate) form: Form,
    /// What the outermost level imports: interfaces of a component, modules of a core module. Sorted, unique.
    pub(crate) imports: BTreeSet<&'a str>,
    /// The content of each section `step-spec` in a place that counts.
    pub(crate) spec_sections: Vec<&'a [u8]>,
}

/// Why a file is no step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAStep {
    #[error("it is {actual_bytes} bytes long, more than the limit of {MAX_FILE_BYTES}")]
    TooLarge { actual_bytes: usize },
    #[error("it is {found}, not WebAssembly")]
    NotWasm { found: &'static str },
    #[error("it is WebAssembly text, not its binary form")]
    Text,
    #[error("it is machine code that was compiled from WebAssembly; only WebAssembly itself is taken")]
    Precompiled,
    #[error("it is truncated: the file ends in the middle of a section")]
    Truncated,
    #[error("it is damaged: {cause}")]
    Damaged { cause: String },
    #[error("{what} ({found}) is more than the limit of {limit}")]
    OverLimit { what: &'static str, found: u64, limit: u64 },
    #[error("it uses {feature}, which is not served")]
    Feature { feature: &'static str },
    #[error("it exports both `run` and `wasi:cli/run`; a step is one of them")]
    BothForms,
    #[error("it is a component that exports neither `run` nor `wasi:cli/run@0.2`; it exports {exports}")]
    ComponentWithoutEntry { exports: String },
    #[error("it is a component for WASI {version}; commands of WASI 0.2 are served")]
    OtherPreview { version: String },
    #[error("it is a core module without `_start`; it exports {exports}")]
    ModuleWithoutEntry { exports: String },
    #[error("it is a core module that imports {modules}; only `{PREVIEW1}` is served")]
    ForeignImports { modules: String },
}

impl NotAStep {
    /// Returns what to do next, where there is something.
    pub(crate) fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Text => "convert it with `wasm-tools parse`",
            Self::Precompiled => "give the `.wasm` file that it was compiled from",
            Self::Truncated => "fetch or build the file again",
            Self::ComponentWithoutEntry { .. } => {
                "build it against the world `stepwell:step/step@0.1.0`, for Rust with the attribute `#[step]`"
            }
            Self::ModuleWithoutEntry { .. } => {
                "build a program rather than a library, or a component: for Rust the target is `wasm32-wasip2`"
            }
            Self::ForeignImports { .. } => "build it for `wasm32-wasip1` or `wasm32-wasip2`, without browser bindings",
            Self::TooLarge { .. }
            | Self::NotWasm { .. }
            | Self::Damaged { .. }
            | Self::OverLimit { .. }
            | Self::Feature { .. }
            | Self::BothForms
            | Self::OtherPreview { .. } => return None,
        };
        Some(text.to_owned())
    }
}

/// Looks at a file.
///
/// # Errors
/// See [`NotAStep`].
pub(crate) fn look(bytes: &[u8]) -> Result<Look<'_>, NotAStep> {
    if bytes.len() > MAX_FILE_BYTES {
        return Err(NotAStep::TooLarge { actual_bytes: bytes.len() });
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(foreign(bytes));
    }
    let mut walk = Walk::default();
    for payload in Parser::new(0).parse_all(bytes) {
        walk.step(payload.map_err(|error| broken(&error))?)?;
    }
    walk.finish()
}

fn broken(error: &wasmparser::BinaryReaderError) -> NotAStep {
    let text = error.message();
    if text.contains("unexpected end") || text.contains("unexpected EOF") {
        return NotAStep::Truncated;
    }
    NotAStep::Damaged { cause: format!("{text} (at byte {})", error.offset()) }
}

fn foreign(bytes: &[u8]) -> NotAStep {
    let found = match bytes {
        [] => "an empty file",
        [0x7f, b'E', b'L', b'F', ..] => match Engine::detect_precompiled(bytes) {
            Some(Precompiled::Module | Precompiled::Component) => return NotAStep::Precompiled,
            None => "a program for this machine (ELF)",
        },
        [b'P', b'K', 3, 4, ..] => "a zip archive",
        [0x1f, 0x8b, ..] => "a gzip archive",
        [b'#', b'!', ..] => "a script",
        _ if b"\0asm".starts_with(bytes) => return NotAStep::Truncated,
        _ if is_wasm_text(bytes) => return NotAStep::Text,
        _ if std::str::from_utf8(bytes).is_ok() => "a text file",
        _ => "a file of an unknown kind",
    };
    NotAStep::NotWasm { found }
}

fn is_wasm_text(bytes: &[u8]) -> bool {
    let front = &bytes[..bytes.len().min(64 << 10)];
    let text = String::from_utf8_lossy(front);
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with(";;"));
    first.is_some_and(|line| line.starts_with("(module") || line.starts_with("(component") || line.starts_with("(;"))
}

/// The state of a walk over all sections, with the level at which each stands.
#[derive(Default)]
struct Walk<'a> {
    levels: Vec<Encoding>,
    top: Option<Encoding>,
    imports: BTreeSet<&'a str>,
    exports: Vec<(&'a str, Entry)>,
    spec_sections: Vec<&'a [u8]>,
    functions: u64,
    modules: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    Function,
    Instance,
    Other,
}

impl<'a> Walk<'a> {
    fn step(&mut self, payload: Payload<'a>) -> Result<(), NotAStep> {
        match payload {
            Payload::Version { encoding, .. } => self.enter(encoding)?,
            Payload::End(_) => {
                self.levels.pop();
            }
            Payload::CustomSection(section) if section.name() == SPEC_SECTION && self.counts() => {
                self.spec_sections.push(section.data());
            }
            Payload::ComponentImportSection(section) if self.is_top() => {
                for import in section {
                    let import = import.map_err(|error| broken(&error))?;
                    // A name for a type of an imported interface needs nothing that the interface does not.
                    if !matches!(import.ty, ComponentTypeRef::Type(TypeBounds::Eq(_))) {
                        self.import(import.name.name)?;
                    }
                }
            }
            Payload::ComponentExportSection(section) if self.is_top() => {
                for export in section {
                    let export = export.map_err(|error| broken(&error))?;
                    self.export(
                        export.name.name,
                        match export.kind {
                            ComponentExternalKind::Func => Entry::Function,
                            ComponentExternalKind::Instance => Entry::Instance,
                            _ => Entry::Other,
                        },
                    )?;
                }
            }
            Payload::ImportSection(section) if self.is_top() => {
                for import in section.into_imports() {
                    self.import(import.map_err(|error| broken(&error))?.module)?;
                }
            }
            Payload::ExportSection(section) if self.is_top() => {
                for export in section {
                    let export = export.map_err(|error| broken(&error))?;
                    let is_function = export.kind == ExternalKind::Func;
                    self.export(export.name, if is_function { Entry::Function } else { Entry::Other })?;
                }
            }
            Payload::CodeSectionStart { count, .. } => {
                self.functions += u64::from(count);
                within("the number of functions", self.functions, MAX_FUNCTIONS as u64)?;
            }
            Payload::CodeSectionEntry(body) => check_body(&body)?,
            Payload::MemorySection(section) => {
                for memory in section {
                    let memory = memory.map_err(|error| broken(&error))?;
                    without("64-bit memory", memory.memory64)?;
                    without("shared memory", memory.shared)?;
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    let table = table.map_err(|error| broken(&error))?;
                    without("64-bit tables", table.ty.table64)?;
                    within("the size of a table", table.ty.initial, MAX_TABLE_ELEMENTS as u64)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn enter(&mut self, encoding: Encoding) -> Result<(), NotAStep> {
        self.top.get_or_insert(encoding);
        self.levels.push(encoding);
        within("the depth of nesting", self.levels.len() as u64, MAX_DEPTH as u64)?;
        if encoding == Encoding::Module {
            self.modules += 1;
            within("the number of core modules", self.modules, u64::from(MAX_CORE_INSTANCES))?;
        }
        Ok(())
    }

    fn is_top(&self) -> bool {
        self.levels.len() == 1
    }

    /// Sections count at the outermost level and in core modules right below it. Those of nested components are the
    /// business of whoever composed them.
    fn counts(&self) -> bool {
        matches!(*self.levels, [_] | [Encoding::Component, Encoding::Module])
    }

    fn import(&mut self, name: &'a str) -> Result<(), NotAStep> {
        self.imports.insert(name);
        within("the number of imports", self.imports.len() as u64, MAX_NAMES as u64)
    }

    fn export(&mut self, name: &'a str, entry: Entry) -> Result<(), NotAStep> {
        self.exports.push((name, entry));
        within("the number of exports", self.exports.len() as u64, MAX_NAMES as u64)
    }

    fn finish(self) -> Result<Look<'a>, NotAStep> {
        let form = match self.top {
            None => return Err(NotAStep::Truncated),
            Some(Encoding::Component) => self.component_form()?,
            Some(Encoding::Module) => self.module_form()?,
        };
        Ok(Look { form, imports: self.imports, spec_sections: self.spec_sections })
    }

    fn component_form(&self) -> Result<Form, NotAStep> {
        let is_typed = self.exports.contains(&("run", Entry::Function));
        let command = self
            .exports
            .iter()
            .find_map(|(name, entry)| name.strip_prefix("wasi:cli/run@").filter(|_| *entry == Entry::Instance));
        match (is_typed, command) {
            (true, Some(_)) => Err(NotAStep::BothForms),
            (true, None) => Ok(Form::Typed),
            (false, Some(version)) if version.starts_with("0.2.") => Ok(Form::Command),
            (false, Some(version)) => Err(NotAStep::OtherPreview { version: version.to_owned() }),
            (false, None) => Err(NotAStep::ComponentWithoutEntry { exports: self.exports_text() }),
        }
    }

    fn module_form(&self) -> Result<Form, NotAStep> {
        let foreign: Vec<_> = self.imports.iter().filter(|module| **module != PREVIEW1).copied().collect();
        if !foreign.is_empty() {
            return Err(NotAStep::ForeignImports { modules: listed(&foreign) });
        }
        if !self.exports.contains(&("_start", Entry::Function)) {
            return Err(NotAStep::ModuleWithoutEntry { exports: self.exports_text() });
        }
        Ok(Form::Preview1)
    }

    fn exports_text(&self) -> String {
        listed(&self.exports.iter().map(|(name, _)| *name).collect::<Vec<_>>())
    }
}

fn check_body(body: &wasmparser::FunctionBody<'_>) -> Result<(), NotAStep> {
    within("the length of a function", body.range().len() as u64, MAX_BODY_BYTES as u64)?;
    let mut locals = 0_u64;
    for group in body.get_locals_reader().map_err(|error| broken(&error))? {
        let (count, _) = group.map_err(|error| broken(&error))?;
        locals = locals.saturating_add(u64::from(count));
        within("the number of locals of a function", locals, MAX_LOCALS)?;
    }
    Ok(())
}

fn within(what: &'static str, found: u64, limit: u64) -> Result<(), NotAStep> {
    if found > limit { Err(NotAStep::OverLimit { what, found, limit }) } else { Ok(()) }
}

fn without(feature: &'static str, is_used: bool) -> Result<(), NotAStep> {
    if is_used { Err(NotAStep::Feature { feature }) } else { Ok(()) }
}

/// Lists names for a message: the first few, in backticks.
pub(crate) fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 8;
    if names.is_empty() {
        return "nothing".to_owned();
    }
    let shown: Vec<_> =
        names.iter().take(SHOWN).map(|name| format!("`{}`", crate::log_sink::cut(name, 200).0)).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: &str) {
        assert_eq!(look(bytes).unwrap_err().to_string(), expected);
    }

    #[test]
    fn files_that_are_no_wasm() {
        check(b"", "it is an empty file, not WebAssembly");
        check(b"\0as", "it is truncated: the file ends in the middle of a section");
        check(b"(module)", "it is WebAssembly text, not its binary form");
        check(b";; c\n\n  (component)", "it is WebAssembly text, not its binary form");
        check(b"hello", "it is a text file, not WebAssembly");
        check(b"#!/bin/sh\n", "it is a script, not WebAssembly");
        check(b"PK\x03\x04", "it is a zip archive, not WebAssembly");
        check(b"\xff\xfe\xfd", "it is a file of an unknown kind, not WebAssembly");
        check(b"\x7fELF\x02\x01", "it is a program for this machine (ELF), not WebAssembly");
    }

    #[test]
    fn broken_files() {
        check(b"\0asm", "it is truncated: the file ends in the middle of a section");
        check(b"\0asm\x01\0\0\0\x01\x20", "it is truncated: the file ends in the middle of a section");
    }

    #[test]
    fn empty_module_and_component() {
        check(b"\0asm\x01\0\0\0", "it is a core module without `_start`; it exports nothing");
        check(
            b"\0asm\x0d\0\x01\0",
            "it is a component that exports neither `run` nor `wasi:cli/run@0.2`; it exports nothing",
        );
    }

    #[test]
    fn too_large() {
        check(&vec![0; MAX_FILE_BYTES + 1], "it is 33554433 bytes long, more than the limit of 33554432");
    }

    proptest! {
        /// Looking never panics, whatever the bytes.
        #[test]
        fn any_bytes(is_component: bool, tail in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = if is_component { b"\0asm\x0d\0\x01\0".to_vec() } else { b"\0asm\x01\0\0\0".to_vec() };
            bytes.extend(tail);
            let _ = look(&bytes);
        }
    }
}
