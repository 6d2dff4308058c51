//! The modules that can be invoked, by digest, and how they get ready.
//!
//! The host's own and the operator's are compiled here at the start, and stay. Uploaded ones are compiled in a child when
//! they are brought; after that they are only offered, and their code is loaded when somebody calls them, once however
//! many wait for it, and let go when others were called later. So a thousand of them cost a start nothing.

mod counts;

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use self::counts::Counts;
use super::artefact::{Artefact, ArtefactCache, load_own};
use super::bindings::CommandModulePre;
use super::capability::list_requested;
use super::compiler::{Compiler, Order};
use super::cpu::CpuMeter;
use super::engine::ClassEngine;
use super::failure::Failure;
use super::guest_log::GuestLog;
use super::info::{Brought, Origin, parse_info};
use super::instance::Instance;
use super::limits::{InfoLimits, Limiter};
use super::loaded::Loaded;
use super::run::Run;
use super::{CompileError, InvokeError, SlotUse, StartSandboxError, Workshop, gate};
use crate::config::SandboxConfig;
use crate::domain::id::ModuleDigest;
use crate::domain::manifest::{Capability, Manifest, ModuleSource, SizeClass};
use crate::store::components::Components;

pub use self::counts::RegistryCounts;

/// Calls of modules of the size class `large` at once: each may take 128 MiB.
const LARGE_SLOTS: usize = 8;
/// Of them in one channel, so that no channel alone keeps the others waiting.
const LARGE_SHARE: usize = 2;
/// Artefacts that are read and linked at once: some milliseconds of a processor each.
const LOADS: usize = 2;

/// A module, linked and ready.
pub(super) struct Module {
    pub(super) manifest: Arc<Manifest>,
    pub(super) class: Arc<ClassEngine>,
    pub(super) pre: CommandModulePre<Run>,
}

/// All modules, and what makes them.
pub(super) struct Registry {
    config: SandboxConfig,
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
    pub(super) counts: Counts,
}

/// A module that can be called.
struct Offered {
    manifest: Arc<Manifest>,
    /// Of those that always stay.
    resident: Option<Arc<Module>>,
    /// Who has it loads; whoever waits finds it loaded.
    turn: tokio::sync::Mutex<()>,
}

/// A component with all its imports found, which has not run yet.
struct Linked {
    class: Arc<ClassEngine>,
    pre: CommandModulePre<Run>,
    capabilities: Vec<Capability>,
    code_bytes: usize,
}

impl Registry {
    pub(super) fn start(config: &SandboxConfig, workshop: Workshop) -> Result<Registry, StartSandboxError> {
        let cache = ArtefactCache::open(&workshop.cache_dir).map_err(StartSandboxError::Cache)?;
        let compiler = Compiler::new(workshop.compiler, config).map_err(StartSandboxError::Compiler)?;
        let small = ClassEngine::start(SizeClass::Small, config.slots, config.slots_per_channel, config.tick)?;
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
            counts: Counts::default(),
            config: config.clone(),
        })
    }

    pub(super) fn counts(&self) -> RegistryCounts {
        let offered = self.offered.read().unwrap_or_else(PoisonError::into_inner).len();
        self.counts.snapshot(offered, self.loaded().len())
    }

    /// Adds what the operator or this binary brings: compiled here, where there is no artefact, and resident.
    pub(super) async fn add_trusted(
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
                let started = Instant::now();
                let code = gate::compile(&class.engine, &bytes, size)?;
                registry.counts.note_compiled(started.elapsed());
                registry.link_new(&class, brought.digest, &code)
            }
        });
        let (module, _) = self.ask(linked.await?, brought).await?;
        let manifest = Arc::clone(&module.manifest);
        self.put_offered(Offered::new(Arc::clone(&manifest), Some(module)));
        Ok(manifest)
    }

    /// Takes a stranger's bytes through the whole gate. What comes out can be called once it is offered.
    pub(super) async fn admit(
        self: Arc<Self>,
        bytes: Arc<Vec<u8>>,
        size: SizeClass,
    ) -> Result<Arc<Manifest>, CompileError> {
        let admitted = self.pass_gate(bytes, size).await;
        admitted.inspect_err(|error| self.counts.note_refusal(error))
    }

    async fn pass_gate(self: &Arc<Self>, bytes: Arc<Vec<u8>>, size: SizeClass) -> Result<Arc<Manifest>, CompileError> {
        let class = self.class(size)?;
        let (bytes, brought) = examine(bytes, ModuleSource::Uploaded, size).await?;
        if let Some(offered) = self.find_offered(&brought.digest) {
            return Ok(Arc::clone(&offered.manifest));
        }
        let linked = self.prepare(class, brought.digest, bytes).await?;
        let (module, code_bytes) = self.ask(linked, brought).await?;
        let manifest = Arc::clone(&module.manifest);
        // Whoever uploads it is about to try it.
        self.keep(brought.digest, module, code_bytes);
        Ok(manifest)
    }

    /// Makes a module callable that has passed the gate, in this process or in an earlier one, and returns what it is
    /// called by from now on: what was offered before stays. Nothing is loaded.
    pub(super) fn offer(&self, manifest: Arc<Manifest>) -> Arc<Manifest> {
        let mut offered = self.offered.write().unwrap_or_else(PoisonError::into_inner);
        let entry = offered.entry(manifest.digest).or_insert_with(|| Arc::new(Offered::new(manifest, None)));
        Arc::clone(&entry.manifest)
    }

    /// Takes a module and its machine code away; calls that run end with theirs.
    pub(super) fn forget(&self, digest: &ModuleDigest) {
        let offered = self.offered.write().unwrap_or_else(PoisonError::into_inner).remove(digest);
        // In this order: a load that has just ended looks whether the module is still offered.
        drop(self.loaded().remove(digest));
        if let Some(class) = offered.and_then(|offered| self.class(offered.manifest.size).ok()) {
            self.cache.remove(&class.engine, class.size, *digest);
        }
    }

    /// The module, loaded where it has to be. The load goes on where the future is dropped.
    pub(super) async fn find(self: &Arc<Self>, digest: &ModuleDigest) -> Result<Arc<Module>, InvokeError> {
        let Some(offered) = self.find_offered(digest) else {
            return Err(InvokeError::Host("the module is not offered".to_owned()));
        };
        if let Some(module) = self.find_ready(&offered) {
            return Ok(module);
        }
        self.counts.misses.fetch_add(1, Ordering::Relaxed);
        let registry = Arc::clone(self);
        let loaded = tokio::spawn(async move { registry.load(&offered).await }).await;
        let loaded = loaded.unwrap_or_else(|error| Err(CompileError::Host(format!("loader: {error}"))));
        loaded.map_err(|error| match error {
            CompileError::Busy => InvokeError::Busy,
            error => InvokeError::Host(format!("the module could not be loaded: {error}")),
        })
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
        let _turn = offered.turn.lock().await;
        let digest = offered.manifest.digest;
        if let Some(module) = self.loaded().find(&digest) {
            return Ok(module);
        }
        let class = self.class(offered.manifest.size)?;
        let linked = match self.load_in_turn(&class, digest).await? {
            Some(linked) => linked,
            None => {
                let components = Arc::clone(&self.components);
                let bytes = block(move || components.load(digest).map_err(host)).await?;
                self.compile_apart(class, digest, Arc::new(bytes)).await?
            }
        };
        let Linked { class, pre, code_bytes, .. } = linked;
        let module = Arc::new(Module { manifest: Arc::clone(&offered.manifest), class, pre });
        self.keep(digest, Arc::clone(&module), code_bytes);
        if self.find_offered(&digest).is_none() {
            drop(self.loaded().remove(&digest));
        }
        Ok(module)
    }

    fn keep(&self, digest: ModuleDigest, module: Arc<Module>, code_bytes: usize) {
        let gone = self.loaded().insert(digest, module, code_bytes);
        let evicted = gone.iter().filter(|module| module.manifest.digest != digest).count();
        self.counts.evictions.fetch_add(evicted as u64, Ordering::Relaxed);
    }

    /// From the artefact, or through the child.
    async fn prepare(
        self: &Arc<Self>,
        class: Arc<ClassEngine>,
        digest: ModuleDigest,
        bytes: Arc<Vec<u8>>,
    ) -> Result<Linked, CompileError> {
        match self.load_in_turn(&class, digest).await? {
            Some(linked) => Ok(linked),
            None => self.compile_apart(class, digest, bytes).await,
        }
    }

    async fn load_in_turn(
        self: &Arc<Self>,
        class: &Arc<ClassEngine>,
        digest: ModuleDigest,
    ) -> Result<Option<Linked>, CompileError> {
        let _turn = self.loads.acquire().await.map_err(host)?;
        let (registry, class) = (Arc::clone(self), Arc::clone(class));
        block(move || registry.load_artefact(&class, digest)).await
    }

    async fn compile_apart(
        self: &Arc<Self>,
        class: Arc<ClassEngine>,
        digest: ModuleDigest,
        bytes: Arc<Vec<u8>>,
    ) -> Result<Linked, CompileError> {
        let order = Order { bytes, size: class.size, plan: class.plan };
        let started = Instant::now();
        let code = self.compiler.compile(order).await?;
        self.counts.note_compiled(started.elapsed());
        let registry = Arc::clone(self);
        block(move || registry.link_new(&class, digest, &code)).await
    }

    fn load_artefact(&self, class: &Arc<ClassEngine>, digest: ModuleDigest) -> Result<Option<Linked>, CompileError> {
        let started = Instant::now();
        let Some(artefact) = self.cache.load(&class.engine, class.size, digest) else { return Ok(None) };
        let linked = link(class, artefact)?;
        self.counts.note_load(started.elapsed());
        Ok(Some(linked))
    }

    /// What cannot be linked leaves no file.
    fn link_new(&self, class: &Arc<ClassEngine>, digest: ModuleDigest, code: &[u8]) -> Result<Linked, CompileError> {
        let artefact = load_own(&class.engine, code).map_err(|error| CompileError::Invalid(reason(&error)))?;
        let linked = link(class, artefact)?;
        self.cache.save(&class.engine, class.size, digest, code);
        Ok(linked)
    }

    /// Runs the module's `info`: its first instructions in this host, so with nothing in reach but the log, and with
    /// less of everything than a call has.
    async fn ask(&self, linked: Linked, brought: Brought) -> Result<(Arc<Module>, usize), CompileError> {
        let Linked { class, pre, capabilities, code_bytes } = linked;
        let _slot = Arc::clone(&class.slots).acquire_owned().await.map_err(host)?;
        let InfoLimits { cpu_budget, deadline, log_lines, log_line_length } = InfoLimits::of(&self.config, class.size);
        let run = Run::info(Limiter::new(class.walls), GuestLog::new(log_lines, log_line_length));
        let meter = Arc::new(CpuMeter::new(self.config.tick, cpu_budget, Instant::now()));
        let mut instance = Instance::new(&pre, run, &meter, class.ticker.watch(), self.config.host_call_bytes);
        let told = async {
            instance.start(&pre).await?;
            instance.info().await
        };
        let told = tokio::time::timeout(deadline, meter.meter(told)).await;
        let told = told.unwrap_or(Err(Failure::Final(InvokeError::Deadline)));
        let (run, backtrace) = instance.into_parts();
        run.into_parts().0.emit(&brought.digest.to_string(), None, backtrace.as_deref(), 0);
        let info = told.map_err(|failure| CompileError::Run(failure.into()))?;
        let manifest = parse_info(info, Origin { brought, capabilities });
        let manifest = Arc::new(manifest.map_err(|error| CompileError::Info(error.to_string()))?);
        Ok((Arc::new(Module { manifest, class, pre }), code_bytes))
    }

    pub(super) fn list_slots(&self) -> Vec<SlotUse> {
        let slots = |size, class: &ClassEngine, total: usize| {
            let used = total.saturating_sub(class.slots.available_permits());
            SlotUse { size, used, total }
        };
        let large = self.large.lock().unwrap_or_else(PoisonError::into_inner);
        let large = large.as_ref().map(|class| slots(SizeClass::Large, class, LARGE_SLOTS));
        [slots(SizeClass::Small, &self.small, self.config.slots)].into_iter().chain(large).collect()
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
                let class = ClassEngine::start(size, LARGE_SLOTS, LARGE_SHARE, self.config.tick).map_err(host)?;
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
        Offered { manifest, resident, turn: tokio::sync::Mutex::default() }
    }
}

/// Looks at the first bytes, and names all of them.
async fn examine(
    bytes: Arc<Vec<u8>>,
    source: ModuleSource,
    size: SizeClass,
) -> Result<(Arc<Vec<u8>>, Brought), CompileError> {
    block(move || {
        gate::check_head(&bytes, size)?;
        let digest = ModuleDigest(Sha256::digest(bytes.as_slice()).into());
        let component_bytes = bytes.len() as u64;
        Ok((bytes, Brought { digest, source, size, component_bytes }))
    })
    .await
}

fn link(class: &Arc<ClassEngine>, artefact: Artefact) -> Result<Linked, CompileError> {
    let Artefact { component, code_bytes } = artefact;
    let capabilities = list_requested(&class.engine, &component)?;
    let pre = class.linker.instantiate_pre(&component).and_then(CommandModulePre::new);
    let pre = pre.map_err(|error| CompileError::Contract(reason(&error)))?;
    Ok(Linked { class: Arc::clone(class), pre, capabilities, code_bytes })
}

/// On a thread that may be kept.
async fn block<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CompileError> + Send + 'static,
) -> Result<T, CompileError> {
    spawn_blocking(work).await.unwrap_or_else(|error| Err(host(error)))
}

fn host(error: impl std::fmt::Display) -> CompileError {
    CompileError::Host(error.to_string())
}

fn reason(error: &wasmtime::Error) -> String {
    gate::reason(format!("{error:#}"))
}
