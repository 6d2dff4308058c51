//! The modules that can be invoked, by digest, and how they get ready.
//!
//! The host's own and the operator's are compiled here at the start, and stay. Uploaded ones are compiled in a child when
//! they are brought; after that they are only offered, and their code is loaded when somebody calls them, once however
//! many wait for it, and let go when others were called later. So a thousand of them cost a start nothing.

mod counts;
mod last_failure;
mod make;
mod over_limits;
mod unloadable;

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use self::counts::Counts;
use self::last_failure::LastFailure;
use self::make::{Linked, block, examine, host, link_new};
use self::over_limits::OverLimits;
use super::artefact::ArtefactCache;
use super::compiler::{Compiler, CompilerPlace, Uploader};
use super::error::CompileError;
use super::gate;
use super::info::Brought;
use super::loaded::Loaded;
use super::workshop::Workshop;
use crate::admission::LARGE_SLOTS;
use crate::config::SandboxConfig;
use crate::domain::id::ModuleDigest;
use crate::domain::manifest::{Manifest, ModuleSource, SizeClass};
use crate::domain::ports::Clock;
use crate::domain::trace::{Step, Trace};
use crate::sandbox::bindings::CommandModulePre;
use crate::sandbox::call::InvokeError;
use crate::sandbox::calls::door::Run;
use crate::sandbox::run::engine::ClassEngine;
use crate::sandbox::run::error::StartSandboxError;
use crate::store::host::components::Components;

pub use self::counts::RegistryCounts;
pub use self::unloadable::UnloadableModule;

/// Artefacts that are read and linked at once: some milliseconds of a processor each.
const LOADS: usize = 2;

/// A module, linked and ready.
pub(crate) struct Module {
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) class: Arc<ClassEngine>,
    pub(crate) pre: CommandModulePre<Run>,
}

/// All modules, and what makes them.
pub(crate) struct Registry {
    config: SandboxConfig,
    clock: Arc<dyn Clock>,
    cache: ArtefactCache,
    compiler: Compiler,
    components: Arc<Components>,
    small: Arc<ClassEngine>,
    /// Built when it is first needed.
    large: Mutex<Option<Arc<ClassEngine>>>,
    offered: RwLock<HashMap<ModuleDigest, Arc<Offered>>>,
    loaded: Mutex<Loaded<Module>>,
    loads: Semaphore,
    /// One compilation in this process at a time: it takes all cores and much memory. Whoever brings the same bytes
    /// meanwhile finds them made.
    compiling: tokio::sync::Mutex<()>,
    over_limits: OverLimits,
    pub(in crate::sandbox) counts: Counts,
}

/// A module that can be called.
struct Offered {
    manifest: Arc<Manifest>,
    /// Of those that always stay.
    resident: Option<Arc<Module>>,
    /// Who has it loads; whoever waits finds what came of it.
    turn: Arc<tokio::sync::Mutex<LastFailure>>,
    /// Why the last attempt to load the module failed; `None` once one succeeded.
    failure: Mutex<Option<CompileError>>,
}

/// How far a stranger's bytes have come.
enum Passed {
    Known(Arc<Manifest>),
    /// To be compiled.
    New(Arc<ClassEngine>, Arc<Vec<u8>>, Brought, CompilerPlace),
}

impl Registry {
    pub(crate) fn start(
        config: &SandboxConfig,
        workshop: Workshop,
        clock: Arc<dyn Clock>,
    ) -> Result<Registry, StartSandboxError> {
        let cache =
            ArtefactCache::open(&workshop.cache_dir, config.compiled_bytes).map_err(StartSandboxError::Cache)?;
        let compiler = Compiler::new(workshop.compiler, config).map_err(StartSandboxError::Compiler)?;
        let small = ClassEngine::start(SizeClass::Small, config.slots, config.tick)?;
        Ok(Registry {
            cache,
            compiler,
            components: workshop.components,
            small: Arc::new(small),
            large: Mutex::default(),
            offered: RwLock::default(),
            loaded: Mutex::new(Loaded::new(config.compiled_modules)),
            loads: Semaphore::new(LOADS),
            compiling: tokio::sync::Mutex::default(),
            over_limits: OverLimits::new(),
            counts: Counts::default(),
            config: config.clone(),
            clock,
        })
    }

    pub(crate) fn counts(&self) -> RegistryCounts {
        let offered = self.offered.read().unwrap_or_else(PoisonError::into_inner).len();
        self.counts.snapshot(offered, self.loaded().len())
    }

    /// Adds what the operator or this binary brings: compiled here, where there is no artefact, and resident.
    pub(crate) async fn add_trusted(
        self: Arc<Self>,
        bytes: Vec<u8>,
        source: ModuleSource,
        size: SizeClass,
    ) -> Result<Arc<Manifest>, CompileError> {
        let (bytes, brought) = examine(Arc::new(bytes), source, size).await?;
        let _turn = self.compiling.lock().await;
        if let Some(offered) = self.find_offered(&brought.digest) {
            return Ok(Arc::clone(&offered.manifest));
        }
        let class = self.class(size)?;
        let registry = Arc::clone(&self);
        let linked = block(move || match registry.load_artefact(&class, brought.digest)? {
            Some(linked) => Ok(linked),
            None => {
                let started = std::time::Instant::now();
                let code = gate::compile(&class.engine, &bytes, size)?;
                registry.counts.note_compiled(started.elapsed());
                link_new(&class, code)
            }
        });
        let (module, _) = self.ask(linked.await?, brought).await?;
        let manifest = Arc::clone(&module.manifest);
        self.put_offered(Offered::new(Arc::clone(&manifest), Some(module)));
        Ok(manifest)
    }

    /// Takes a stranger's bytes through the whole gate. What comes out can be called once it is offered.
    pub(crate) async fn admit(
        self: Arc<Self>,
        bytes: Arc<Vec<u8>>,
        size: SizeClass,
        by: Uploader,
    ) -> Result<Arc<Manifest>, CompileError> {
        let note = |error: &CompileError| self.counts.note_refusal(error);
        let (class, bytes, brought, place) = match self.pass_gate(bytes, size, &by).await.inspect_err(note)? {
            Passed::Known(manifest) => return Ok(manifest),
            Passed::New(class, bytes, brought, place) => (class, bytes, brought, place),
        };
        let registry = Arc::clone(&self);
        let made = async move {
            let made = registry.make(class, bytes, brought, place.clone()).await;
            let made = made.inspect_err(|error| registry.counts.note_refusal(error));
            // Counted before the next one begins.
            drop(place);
            made
        };
        if size == SizeClass::Small {
            return made.await;
        }
        // On a busy machine it may take longer than a caller can wait. It goes on, and whoever asks again finds it made.
        tokio::spawn(made).await.map_err(host).inspect_err(note)?
    }

    /// All of the gate but the compiler, for which it waits.
    async fn pass_gate(
        self: &Arc<Self>,
        bytes: Arc<Vec<u8>>,
        size: SizeClass,
        by: &Uploader,
    ) -> Result<Passed, CompileError> {
        let class = self.class(size)?;
        let (bytes, brought) = examine(bytes, ModuleSource::Uploaded, size).await?;
        if let Some(offered) = self.find_offered(&brought.digest) {
            return Ok(Passed::Known(Arc::clone(&offered.manifest)));
        }
        // Not in the turn of those whom calls wait for: this thread gives way to all others.
        if let Some(linked) = self.load_apart(&class, brought.digest).await? {
            return self.welcome(linked, brought).await.map(Passed::Known);
        }
        self.over_limits.check(brought.digest, size, Instant::now())?;
        let place = self.compiler.enter_for_upload(by).await?;
        // The same bytes may have been compiled in an earlier turn.
        self.over_limits.check(brought.digest, size, Instant::now())?;
        Ok(Passed::New(class, bytes, brought, place))
    }

    async fn make(
        self: &Arc<Self>,
        class: Arc<ClassEngine>,
        bytes: Arc<Vec<u8>>,
        brought: Brought,
        place: CompilerPlace,
    ) -> Result<Arc<Manifest>, CompileError> {
        // Again: it may be what was made before in the same place.
        let linked = match self.load_apart(&class, brought.digest).await? {
            Some(linked) => linked,
            None => {
                let linked = self.compile_apart(class, bytes, place.clone()).await;
                linked
                    .inspect_err(|error| self.over_limits.note(brought.digest, brought.size, error, Instant::now()))?
            }
        };
        let welcomed = self.welcome(linked, brought).await;
        drop(place);
        welcomed
    }

    async fn welcome(self: &Arc<Self>, linked: Linked, brought: Brought) -> Result<Arc<Manifest>, CompileError> {
        let (module, code_bytes) = self.ask(linked, brought).await?;
        let manifest = Arc::clone(&module.manifest);
        // Whoever uploads it is about to try it.
        self.keep(brought.digest, module, code_bytes);
        Ok(manifest)
    }

    /// Makes a module callable that has passed the gate, in this process or in an earlier one, and returns what it is
    /// called by from now on: what was offered before stays. Nothing is loaded.
    pub(crate) fn offer(&self, manifest: Arc<Manifest>) -> Arc<Manifest> {
        let mut offered = self.offered.write().unwrap_or_else(PoisonError::into_inner);
        let entry = offered.entry(manifest.digest).or_insert_with(|| Arc::new(Offered::new(manifest, None)));
        entry.note_loaded(None);
        Arc::clone(&entry.manifest)
    }

    /// Takes a module and its machine code away; calls that run end with theirs.
    pub(crate) fn forget(&self, digest: &ModuleDigest) {
        let offered = self.offered.write().unwrap_or_else(PoisonError::into_inner).remove(digest);
        // In this order: a load that has just ended looks whether the module is still offered.
        self.let_go(digest);
        if let Some(class) = offered.and_then(|offered| self.class(offered.manifest.size).ok()) {
            self.cache.remove(&class.engine, class.size, *digest);
        }
    }

    /// The module, loaded where it has to be. The load goes on where the future is dropped.
    pub(crate) async fn find(
        self: &Arc<Self>,
        digest: &ModuleDigest,
        trace: &Trace,
    ) -> Result<Arc<Module>, InvokeError> {
        let Some(offered) = self.find_offered(digest) else {
            return Err(InvokeError::Host("the module is not offered".to_owned()));
        };
        if let Some(module) = self.find_ready(&offered) {
            return Ok(module);
        }
        self.counts.misses.fetch_add(1, Ordering::Relaxed);
        let _loads = trace.enter(Step::Load);
        let asked_at = Instant::now();
        let mut turn = Arc::clone(&offered.turn).lock_owned().await;
        if let Some(module) = self.loaded().find(digest) {
            return Ok(module);
        }
        if let Some(error) = turn.find(asked_at, Instant::now()) {
            return Err(unloaded(error));
        }
        let registry = Arc::clone(self);
        let loading = tokio::spawn(async move {
            let loaded = registry.load(&offered).await;
            turn.note(loaded.as_ref().err(), Instant::now());
            offered.note_loaded(loaded.as_ref().err());
            loaded
        });
        let loaded = loading.await.unwrap_or_else(|error| Err(CompileError::Host(format!("loader: {error}"))));
        loaded.map_err(unloaded)
    }

    fn find_ready(&self, offered: &Offered) -> Option<Arc<Module>> {
        if let Some(resident) = &offered.resident {
            return Some(Arc::clone(resident));
        }
        let module = self.loaded().find(&offered.manifest.digest)?;
        self.counts.hits.fetch_add(1, Ordering::Relaxed);
        Some(module)
    }

    async fn load(self: &Arc<Self>, offered: &Offered) -> Result<Arc<Module>, CompileError> {
        let digest = offered.manifest.digest;
        let class = self.class(offered.manifest.size)?;
        let linked = match self.load_in_turn(&class, digest).await? {
            Some(linked) => linked,
            None => self.compile_anew(class, digest).await?,
        };
        let Linked { class, pre, code_bytes, .. } = linked;
        let module = Arc::new(Module { manifest: Arc::clone(&offered.manifest), class, pre });
        self.keep(digest, Arc::clone(&module), code_bytes);
        if self.find_offered(&digest).is_none() {
            self.let_go(&digest);
        }
        Ok(module)
    }

    fn let_go(&self, digest: &ModuleDigest) {
        let gone = self.loaded().remove(digest);
        drop_apart(gone.into_iter().collect());
    }

    fn keep(&self, digest: ModuleDigest, module: Arc<Module>, code_bytes: usize) {
        let gone = self.loaded().insert(digest, module, code_bytes);
        let evicted = gone.iter().filter(|module| module.manifest.digest != digest).count();
        self.counts.evictions.fetch_add(evicted as u64, Ordering::Relaxed);
        drop_apart(gone);
    }

    /// Those that were called last come last, but for those that always stay.
    fn list_in_memory(&self) -> Vec<Arc<Module>> {
        let mut modules: Vec<_> = self.loaded().list().cloned().collect();
        let offered = self.offered.read().unwrap_or_else(PoisonError::into_inner);
        modules.extend(offered.values().filter_map(|offered| offered.resident.clone()));
        modules
    }

    fn class(&self, size: SizeClass) -> Result<Arc<ClassEngine>, CompileError> {
        match size {
            SizeClass::Small => Ok(Arc::clone(&self.small)),
            SizeClass::Large if !self.config.allow_large => Err(CompileError::SizeClass),
            SizeClass::Large => {
                let mut large = self.large.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(class) = &*large {
                    return Ok(Arc::clone(class));
                }
                let class = ClassEngine::start(size, LARGE_SLOTS, self.config.tick).map_err(host)?;
                Ok(Arc::clone(large.insert(Arc::new(class))))
            }
        }
    }

    fn find_offered(&self, digest: &ModuleDigest) -> Option<Arc<Offered>> {
        self.offered.read().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }

    fn put_offered(&self, offered: Offered) {
        let digest = offered.manifest.digest;
        self.offered.write().unwrap_or_else(PoisonError::into_inner).insert(digest, Arc::new(offered));
    }

    fn loaded(&self) -> MutexGuard<'_, Loaded<Module>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Offered {
    fn new(manifest: Arc<Manifest>, resident: Option<Arc<Module>>) -> Offered {
        Offered { manifest, resident, turn: Arc::default(), failure: Mutex::default() }
    }

    /// A busy compiler, or one that was ended from outside, is not reported as a failure of this module.
    fn note_loaded(&self, error: Option<&CompileError>) {
        if !matches!(error, Some(CompileError::Busy | CompileError::Killed)) {
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = error.cloned();
        }
    }
}

fn unloaded(error: CompileError) -> InvokeError {
    match error {
        CompileError::Busy => InvokeError::Busy,
        error => InvokeError::Host(format!("the module could not be loaded: {error}")),
    }
}

/// Where nobody waits for it: giving machine code back halts all threads of the process for a moment, and takes longer
/// the more there is of it.
fn drop_apart(modules: Vec<Arc<Module>>) {
    match Handle::try_current() {
        Ok(runtime) if !modules.is_empty() => drop(runtime.spawn_blocking(move || drop(modules))),
        _ => drop(modules),
    }
}
