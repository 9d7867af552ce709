//! Modules, made ready to run: looked at, compiled once, linked once.

use std::path::Path;
use std::sync::Arc;

use stepwell_run::{EventKind, Module, ModuleRefused};
use stepwell_schema::Digest;
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, InstancePre};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p2::bindings::CommandPre;

use crate::bindings::StepPre;
use crate::check::examine;
use crate::code_cache::{self, CacheUnusable, CodeCache};
use crate::form::Form;
use crate::linker::{for_components, for_modules, with_http};
use crate::log_sink::LogSink;
use crate::slots::Slots;
use crate::state::{Preview2, State};

/// Most modules that are kept ready. More than any job uses; the oldest gives way.
const MAX_READY: usize = 256;

/// A module that only has to be instantiated.
pub(crate) enum Ready {
    Typed(StepPre<State<Preview2>>),
    Command(CommandPre<State<Preview2>>),
    Preview1(InstancePre<State<WasiP1Ctx>>),
}

/// Why a module is not ready.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotReady {
    /// It is not a step, or imports what is not served.
    #[error(transparent)]
    Refused(#[from] ModuleRefused),
    /// The bytes are not those of the digest.
    #[error("module `{name}` has the digest {actual}, not {expected}")]
    OtherDigest { name: String, expected: Digest, actual: Digest },
    /// It is not valid WebAssembly, or uses what is not served.
    #[error("module `{name}` cannot be compiled: {cause}")]
    NotCompiled { name: String, cause: String },
    /// Its imports or exports have other types than those of the step ABI.
    #[error("module `{name}` does not fit the step ABI: {cause}")]
    NotLinked { name: String, cause: String },
    /// The process that would compile it cannot be started.
    #[error("{cause}")]
    NoCompiler { cause: String },
    /// Our own thread did not come back.
    #[error("compiling `{name}` was interrupted")]
    Interrupted { name: String },
}

/// All modules that were made ready, and what makes them so.
pub(crate) struct Modules {
    maker: Arc<Maker>,
    ready: Slots<Ready>,
}

struct Maker {
    engine: Engine,
    components: Linker<State<Preview2>>,
    /// As the one above, with outgoing requests: for components that import them.
    components_with_http: Linker<State<Preview2>>,
    modules: wasmtime::Linker<State<WasiP1Ctx>>,
    cache: Option<CodeCache>,
}

/// Compiled code, not yet linked.
enum Compiled {
    Component(Component),
    Module(wasmtime::Module),
}

impl Modules {
    /// Prepares to make modules ready. A cache folder that cannot be used is left out and told.
    pub(crate) fn new(engine: &Engine, cache: Option<&Path>) -> wasmtime::Result<(Self, Option<CacheUnusable>)> {
        let (cache, unusable) =
            match cache.map(|folder| CodeCache::open(folder, engine, code_cache::Maker::ThisProcess)) {
                None => (None, None),
                Some(Ok(cache)) => (Some(cache), None),
                Some(Err(unusable)) => (None, Some(unusable)),
            };
        let components = for_components(engine)?;
        let maker = Maker {
            engine: engine.clone(),
            components_with_http: with_http(&components)?,
            components,
            modules: for_modules(engine)?,
            cache,
        };
        Ok((Self { maker: Arc::new(maker), ready: Slots::new(MAX_READY) }, unusable))
    }

    /// Makes a module ready. Calls for the same module at the same time compile it once.
    ///
    /// # Errors
    /// See [`NotReady`]. The next call tries again.
    pub(crate) async fn get(&self, module: &Module, log: &LogSink) -> Result<Arc<Ready>, NotReady> {
        let slot = self.ready.slot(module.digest);
        slot.get_or_try_init(|| self.make(module, log)).await.cloned()
    }

    /// Makes a module ready whose code was compiled elsewhere. May take milliseconds.
    ///
    /// # Errors
    /// See [`NotReady`].
    pub(crate) fn adopt(&self, module: &Module, form: Form, blob: &[u8]) -> Result<Arc<Ready>, NotReady> {
        // Code that was compiled well may still need more than the places of this engine have.
        let not_compiled =
            |error: wasmtime::Error| NotReady::NotCompiled { name: module.name.clone(), cause: chain_text(&error) };
        let compiled = self.maker.deserialize(form, blob).map_err(not_compiled)?;
        let ready = Arc::new(self.maker.link(module, form, compiled)?);
        // Where two came at the same time either will do.
        let _ = self.ready.slot(module.digest).set(Arc::clone(&ready));
        Ok(ready)
    }

    /// Returns a module that is ready.
    pub(crate) fn known(&self, digest: Digest) -> Option<Arc<Ready>> {
        self.ready.slot(digest).get().cloned()
    }

    async fn make(&self, module: &Module, log: &LogSink) -> Result<Arc<Ready>, NotReady> {
        let interrupted = |_| NotReady::Interrupted { name: module.name.clone() };
        let (maker, given) = (Arc::clone(&self.maker), module.clone());
        let (form, loaded) = tokio::task::spawn_blocking(move || maker.load(&given)).await.map_err(interrupted)??;
        let compiled = match loaded {
            Some(compiled) => compiled,
            None => {
                log.notice(EventKind::Busy { what: format!("compiling {}", module.name) });
                let (maker, given) = (Arc::clone(&self.maker), module.clone());
                let compiled = tokio::task::spawn_blocking(move || maker.compile(&given, form)).await;
                log.notice(EventKind::BusyOver);
                compiled.map_err(interrupted)??
            }
        };
        Ok(Arc::new(self.maker.link(module, form, compiled)?))
    }
}

impl Maker {
    /// Looks at the file and takes compiled code from the cache, if it is there.
    fn load(&self, module: &Module) -> Result<(Form, Option<Compiled>), NotReady> {
        let actual = Digest::of(&module.bytes);
        if actual != module.digest {
            return Err(NotReady::OtherDigest { name: module.name.clone(), expected: module.digest, actual });
        }
        let form = examine(module)?.form;
        let blob = self.cache.as_ref().and_then(|cache| cache.load(&module.digest));
        Ok((form, blob.and_then(|blob| self.deserialize(form, &blob).ok())))
    }

    /// Takes compiled code from bytes that [`CodeCache::load`] gave, or in a worker its host.
    ///
    /// # Errors
    /// Another engine made them, or the module needs more than there is for each.
    fn deserialize(&self, form: Form, blob: &[u8]) -> wasmtime::Result<Compiled> {
        #[expect(unsafe_code, reason = "the only way to use compiled code again")]
        // SAFETY: the bytes must be what wasmtime's own `serialize` gave. They are: `CodeCache::load` has verified,
        // over these very bytes in memory, an authentication code that only a holder of this user's secret can make,
        // and the only place that makes one is `CodeCache::store`, which is given the result of `serialize` alone.
        // In a worker they come from the host that started it. That host has verified them likewise, or has them from a
        // process that compiled this one module; should that process have been taken over by the module, then what it
        // made runs behind the wall, where the guest itself was to run, and nowhere else: see `code_cache::Maker`.
        unsafe {
            match form {
                Form::Typed | Form::Command => Component::deserialize(&self.engine, blob).map(Compiled::Component),
                Form::Preview1 => wasmtime::Module::deserialize(&self.engine, blob).map(Compiled::Module),
            }
        }
    }

    /// Compiles a module and keeps the code. That the code cannot be kept is no reason not to run it.
    fn compile(&self, module: &Module, form: Form) -> Result<Compiled, NotReady> {
        let compiled = match form {
            Form::Typed | Form::Command => Component::from_binary(&self.engine, &module.bytes).map(Compiled::Component),
            Form::Preview1 => wasmtime::Module::from_binary(&self.engine, &module.bytes).map(Compiled::Module),
        };
        let compiled =
            compiled.map_err(|error| NotReady::NotCompiled { name: module.name.clone(), cause: chain_text(&error) })?;
        if let Some(cache) = &self.cache {
            let blob = match &compiled {
                Compiled::Component(component) => component.serialize(),
                Compiled::Module(module) => module.serialize(),
            };
            let _ = blob.map(|blob| cache.store(&module.digest, &blob));
        }
        Ok(compiled)
    }

    fn link(&self, module: &Module, form: Form, compiled: Compiled) -> Result<Ready, NotReady> {
        let ready = match (compiled, form) {
            (Compiled::Component(component), Form::Typed) => {
                let _ = component.initialize_copy_on_write_image();
                self.linker(&component).instantiate_pre(&component).and_then(StepPre::new).map(Ready::Typed)
            }
            (Compiled::Component(component), Form::Command | Form::Preview1) => {
                let _ = component.initialize_copy_on_write_image();
                self.linker(&component).instantiate_pre(&component).and_then(CommandPre::new).map(Ready::Command)
            }
            (Compiled::Module(module), _) => {
                let _ = module.initialize_copy_on_write_image();
                self.modules.instantiate_pre(&module).map(Ready::Preview1)
            }
        };
        ready.map_err(|error| NotReady::NotLinked { name: module.name.clone(), cause: chain_text(&error) })
    }
}

impl Maker {
    fn linker(&self, component: &Component) -> &Linker<State<Preview2>> {
        let component = component.component_type();
        let uses_http = component.imports(&self.engine).any(|(name, _)| name.starts_with("wasi:http/"));
        if uses_http { &self.components_with_http } else { &self.components }
    }
}

/// Returns the texts of an error and its causes in one line, without any backtrace.
pub(crate) fn chain_text(error: &wasmtime::Error) -> String {
    error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
