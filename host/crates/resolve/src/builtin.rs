//! Functions that the engine ships, or that a host program registers.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use stepwell_plan::{Origin, Protocol, ResolveError, Resolved};
use stepwell_schema::{Digest, Function, OutputsSpec, Problems, Source};

/// The prefix of references to built-in functions.
const PREFIX: &str = "builtin://";

/// The function whose calls the plan turns into scripts; nobody can register another one.
const RESERVED: &str = "script";

/// The built-in functions by name. The default has none.
#[derive(Clone, Debug, Default)]
pub struct BuiltInTable {
    functions: BTreeMap<String, BuiltInFunction>,
    /// The files that were asked for, by function and path, so that jobs share them.
    read: BTreeMap<String, ReadFiles>,
}

/// Files of one function as they were handed out.
type ReadFiles = Arc<Mutex<BTreeMap<String, Arc<[u8]>>>>;

/// A function that needs no file system.
#[derive(Clone, Debug, Default)]
pub struct BuiltInFunction {
    /// Name of the function file for people, normally `func.yml`.
    pub file: Cow<'static, str>,
    /// The text of the function file.
    pub text: Cow<'static, str>,
    /// The files beside it, such as the module, by path as the function file has it.
    pub files: BTreeMap<String, Cow<'static, [u8]>>,
}

/// Why a function cannot be registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBuiltIn {
    /// The name cannot be part of a reference.
    #[error(
        "`{0}` is no name of a built-in function: expected words of letters, digits, `_` and `-` with `/` between them"
    )]
    Name(String),
    /// There is one of that name, or the engine keeps the name for itself.
    #[error("there is a built-in function `{0}` already")]
    Taken(String),
    /// Its function file has problems.
    #[error("the built-in function `{name}` is not valid: {problems}")]
    Document {
        /// The name.
        name: String,
        /// All problems of the file.
        problems: Problems,
    },
    /// It hands on the outputs of another step, which a built-in function cannot.
    #[error("the built-in function `{0}` has `outputs: delegate`")]
    Delegate(String),
}

impl BuiltInTable {
    /// Adds a function under a name such as `stepwell/archive`. Its file is read now, so that a mistake in it is the
    /// host program's and not that of the first job.
    ///
    /// # Errors
    /// See [`InvalidBuiltIn`].
    pub fn register(&mut self, name: impl Into<String>, function: BuiltInFunction) -> Result<(), InvalidBuiltIn> {
        let name = name.into();
        if !is_valid_name(&name) {
            return Err(InvalidBuiltIn::Name(name));
        }
        if name == RESERVED || self.functions.contains_key(&name) {
            return Err(InvalidBuiltIn::Taken(name));
        }
        match Function::parse(function.source(&name)) {
            Err(problems) => return Err(InvalidBuiltIn::Document { name, problems }),
            Ok(parsed) if matches!(parsed.spec.outputs, OutputsSpec::Delegate(_)) => {
                return Err(InvalidBuiltIn::Delegate(name));
            }
            Ok(_) => {}
        }
        self.read.insert(name.clone(), ReadFiles::default());
        self.functions.insert(name, function);
        Ok(())
    }

    /// Iterates over the names, sorted; the one of the script function is among them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let split = self.functions.keys().filter(|name| name.as_str() < RESERVED).count();
        let names = self.functions.keys().map(String::as_str);
        names.clone().take(split).chain([RESERVED]).chain(names.skip(split))
    }

    pub(crate) fn resolve(&self, name: &str) -> Result<Resolved, ResolveError> {
        let function = self.functions.get(name).ok_or_else(|| self.unknown(name))?;
        let reference = format!("{PREFIX}{name}");
        Ok(Resolved {
            source: function.source(name),
            digest: Digest::of(function.text.as_bytes()),
            origin: Origin {
                protocol: Protocol::BuiltIn,
                folder: None,
                tree: None,
                commit: None,
                file: function.file.to_string(),
                reference,
            },
            notes: Vec::new(),
            stamp: None,
        })
    }

    pub(crate) fn read_beside(&self, resolved: &Resolved, path: &str, limit: u64) -> Result<Arc<[u8]>, ResolveError> {
        let reference = &resolved.origin.reference;
        let name = reference.strip_prefix(PREFIX).unwrap_or(reference);
        let function = self.functions.get(name).ok_or_else(|| self.unknown(name))?;
        let normal = crate::path::beneath(path)
            .ok_or_else(|| ResolveError::Escapes { path: path.to_owned(), folder: PathBuf::from(reference) })?;
        let bytes = function.files.get(path).or_else(|| function.files.get(&normal));
        let bytes =
            bytes.ok_or_else(|| ResolveError::NotFound { folder: PathBuf::from(reference), tried: vec![normal] })?;
        let actual_bytes = bytes.len() as u64;
        if actual_bytes > limit {
            return Err(ResolveError::TooLarge { path: path.to_owned(), actual_bytes, limit_bytes: limit });
        }
        let copy = || Arc::from(bytes.as_ref());
        let Some(read) = self.read.get(name) else { return Ok(copy()) };
        let mut read = read.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(read.entry(path.to_owned()).or_insert_with(copy)))
    }

    fn unknown(&self, name: &str) -> ResolveError {
        ResolveError::UnknownBuiltIn { name: name.to_owned(), known: self.names().map(str::to_owned).collect() }
    }
}

impl BuiltInFunction {
    fn source(&self, name: &str) -> Arc<Source> {
        Source::new(format!("{PREFIX}{name}/{}", self.file), self.text.clone())
    }
}

fn is_valid_name(name: &str) -> bool {
    name.split('/').all(|word| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(text: &'static str) -> BuiltInFunction {
        let files = BTreeMap::from([("a.wasm".to_owned(), Cow::Borrowed(&b"\0asm"[..]))]);
        BuiltInFunction { file: "func.yml".into(), text: text.into(), files }
    }

    fn wasm() -> BuiltInFunction {
        function("spec:\n---\nwasm: { module: a.wasm }\n")
    }

    fn table() -> BuiltInTable {
        let mut table = BuiltInTable::default();
        table.register("stepwell/archive", wasm()).unwrap();
        table.register("zip", wasm()).unwrap();
        table
    }

    #[track_caller]
    fn check_register(name: &str, expected: Result<(), InvalidBuiltIn>) {
        assert_eq!(table().register(name, wasm()), expected);
    }

    #[test]
    fn names_that_can_be_registered() {
        check_register("a", Ok(()));
        check_register("function/oci/build-2", Ok(()));
        for name in ["", "/a", "a/", "a//b", "..", "a/../b", "a b", "a.b", "ä"] {
            check_register(name, Err(InvalidBuiltIn::Name(name.to_owned())));
        }
        check_register("zip", Err(InvalidBuiltIn::Taken("zip".to_owned())));
        check_register("script", Err(InvalidBuiltIn::Taken("script".to_owned())));
    }

    #[test]
    fn function_files_that_can_be_registered() {
        let invalid = table().register("a", function("spec:\n---\n{}\n")).unwrap_err();
        assert!(matches!(invalid, InvalidBuiltIn::Document { name, .. } if name == "a"));
        let delegate = "spec: { outputs: delegate }\n---\nrun: [{ name: a, script: x }]\ndelegate: a\n";
        assert_eq!(table().register("a", function(delegate)), Err(InvalidBuiltIn::Delegate("a".to_owned())));
    }

    #[test]
    fn a_known_name_gives_the_text_and_its_digest() {
        let resolved = table().resolve("stepwell/archive").unwrap();
        assert_eq!(resolved.origin.reference, "builtin://stepwell/archive");
        assert_eq!(resolved.origin.path(), None);
        assert_eq!(resolved.source.name(), "builtin://stepwell/archive/func.yml");
        assert_eq!(resolved.digest, Digest::of(resolved.source.text().as_bytes()));
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        for name in ["stepwell/archiv", "..", ".", "", "stepwell"] {
            let Err(ResolveError::UnknownBuiltIn { name: unknown, known }) = table().resolve(name) else {
                panic!("{name} was found");
            };
            assert_eq!(unknown, name);
            assert_eq!(known, ["script", "stepwell/archive", "zip"]);
        }
    }

    #[test]
    fn files_beside() {
        let table = table();
        let resolved = table.resolve("zip").unwrap();
        assert_eq!(&*table.read_beside(&resolved, "a.wasm", 4).unwrap(), b"\0asm");
        assert_eq!(&*table.read_beside(&resolved, "./a.wasm", 4).unwrap(), b"\0asm");
        let [one, other] = [(), ()].map(|()| table.clone().read_beside(&resolved, "a.wasm", 4).unwrap());
        assert!(Arc::ptr_eq(&one, &other), "jobs share the bytes of a module");
        assert!(matches!(
            table.read_beside(&resolved, "a.wasm", 3),
            Err(ResolveError::TooLarge { actual_bytes: 4, .. })
        ));
        assert!(matches!(table.read_beside(&resolved, "b.wasm", 4), Err(ResolveError::NotFound { .. })));
        assert!(matches!(table.read_beside(&resolved, "../a.wasm", 4), Err(ResolveError::Escapes { .. })));
    }
}
