//! Compiled code on the host's side: looked for in the cache, else compiled elsewhere and kept. It is never run here.

use std::path::Path;
use std::sync::Arc;

use stepwell_run::{EventKind, Module};
use stepwell_schema::Digest;
use wasmtime::Engine;

use super::compile::{Compilers, NotCompiled};
use crate::check::examine;
use crate::code_cache::{CacheUnusable, CodeCache, Maker};
use crate::form::Form;
use crate::modules::NotReady;
use crate::slots::Slots;

/// Most modules whose code is held: some megabytes each.
const MAX_HELD: usize = 64;

/// The code of one module.
pub(crate) struct Code {
    pub(super) form: Form,
    pub(super) bytes: Vec<u8>,
}

/// The code of all modules that were needed.
pub(super) struct Codes {
    compilers: Compilers,
    cache: Option<Arc<CodeCache>>,
    held: Slots<Code>,
}

impl Codes {
    /// Prepares to find code. A cache folder that cannot be used is left out and told.
    pub(super) fn new(engine: &Engine, cache: Option<&Path>, compilers: Compilers) -> (Self, Option<CacheUnusable>) {
        let (cache, unusable) = match cache.map(|folder| CodeCache::open(folder, engine, Maker::Worker)) {
            None => (None, None),
            Some(Ok(cache)) => (Some(Arc::new(cache)), None),
            Some(Err(unusable)) => (None, Some(unusable)),
        };
        (Self { compilers, cache, held: Slots::new(MAX_HELD) }, unusable)
    }

    /// Returns the code of a module. Calls for the same module at the same time compile it once. Tells when it is being
    /// compiled, and when that is over.
    ///
    /// # Errors
    /// See [`NotReady`]. The next call tries again.
    pub(super) async fn get(&self, module: &Module, tell: impl Fn(EventKind)) -> Result<Arc<Code>, NotReady> {
        let slot = self.held.slot(module.digest);
        slot.get_or_try_init(|| self.make(module, tell)).await.cloned()
    }

    async fn make(&self, module: &Module, tell: impl Fn(EventKind)) -> Result<Arc<Code>, NotReady> {
        let (given, cache) = (module.clone(), self.cache.clone());
        let looking = tokio::task::spawn_blocking(move || look(&given, cache.as_deref()));
        let interrupted = |_| NotReady::Interrupted { name: module.name.clone() };
        let (form, found) = looking.await.map_err(interrupted)??;
        if let Some(bytes) = found {
            return Ok(Arc::new(Code { form, bytes }));
        }
        tell(EventKind::Busy { what: format!("compiling {}", module.name) });
        let compiled = self.compilers.compile(module, form).await;
        tell(EventKind::BusyOver);
        let bytes = compiled.map_err(|error| not_ready(module, &error))?;
        let code = Arc::new(Code { form, bytes });
        if let Some(cache) = self.cache.clone() {
            let (digest, kept) = (module.digest, Arc::clone(&code));
            // That the code cannot be kept is no reason not to run it.
            let _ = tokio::task::spawn_blocking(move || cache.store(&digest, &kept.bytes)).await;
        }
        Ok(code)
    }
}

/// Looks at a module, and for its code in the cache.
fn look(module: &Module, cache: Option<&CodeCache>) -> Result<(Form, Option<Vec<u8>>), NotReady> {
    let actual = Digest::of(&module.bytes);
    if actual != module.digest {
        return Err(NotReady::OtherDigest { name: module.name.clone(), expected: module.digest, actual });
    }
    let form = examine(module)?.form;
    Ok((form, cache.and_then(|cache| cache.load(&module.digest))))
}

fn not_ready(module: &Module, error: &NotCompiled) -> NotReady {
    let (name, cause) = (module.name.clone(), error.to_string());
    match error {
        NotCompiled::Refused(_) | NotCompiled::Ended(_) => NotReady::NotCompiled { name, cause },
        NotCompiled::NotStarted(_) => NotReady::NoCompiler { cause },
    }
}
