//! Functions that the engine ships, or that a host program registers.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use stepwell_plan::{Origin, Protocol, ResolveError, Resolved};
use stepwell_schema::{Digest, Source};

/// The prefix of references to built-in functions.
const PREFIX: &str = "builtin://";

/// The function whose calls the plan turns into scripts; nobody can register another one.
const RESERVED: &str = "script";

/// The built-in functions by name. The default has none.
#[derive(Clone, Debug, Default)]
pub struct BuiltInTable {
    functions: BTreeMap<String, BuiltInFunction>,
}

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
}

impl BuiltInTable {
    /// Adds a function under a name such as `stepwell/archive`.
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
            source: Source::new(format!("{reference}/{}", function.file), function.text.clone()),
            digest: Digest::of(function.text.as_bytes()),
            origin: Origin { protocol: Protocol::BuiltIn, folder: None, file: function.file.to_string(), reference },
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
        Ok(Arc::from(bytes.as_ref()))
    }

    fn unknown(&self, name: &str) -> ResolveError {
        ResolveError::UnknownBuiltIn { name: name.to_owned(), known: self.names().map(str::to_owned).collect() }
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

    fn table() -> BuiltInTable {
        let mut table = BuiltInTable::default();
        let function = BuiltInFunction {
            file: "func.yml".into(),
            text: "spec:\n---\nwasm: { module: a.wasm }\n".into(),
            files: BTreeMap::from([("a.wasm".to_owned(), Cow::Borrowed(&b"\0asm"[..]))]),
        };
        table.register("stepwell/archive", function.clone()).unwrap();
        table.register("zip", function).unwrap();
        table
    }

    #[track_caller]
    fn check_register(name: &str, expected: Result<(), InvalidBuiltIn>) {
        assert_eq!(table().register(name, BuiltInFunction::default()), expected);
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
        assert!(matches!(
            table.read_beside(&resolved, "a.wasm", 3),
            Err(ResolveError::TooLarge { actual_bytes: 4, .. })
        ));
        assert!(matches!(table.read_beside(&resolved, "b.wasm", 4), Err(ResolveError::NotFound { .. })));
        assert!(matches!(table.read_beside(&resolved, "../a.wasm", 4), Err(ResolveError::Escapes { .. })));
    }
}
