//! The modules that can be called, by digest, and how their code gets into memory.
//!
//! Bundled and configured modules are compiled in this process at the start, and stay in memory. Uploads are compiled
//! in a child process. Later starts only offer them, and their code is loaded at the first call, once for all calls
//! that wait. Code that was not called for longest is evicted. So a thousand uploaded modules do not slow down a start.

pub mod counts;
mod last_failure;
pub(crate) mod make;
pub mod offered;
mod over_limits;

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use self::counts::RegistryCounts;
use self::make::{Linked, Made, Maker, Module, block, examine, host, link_new};
use self::offered::{Offered, UnloadableModule};
use self::over_limits::OverLimits;
use super::compiler::{CompilerPermit, Uploader};
use super::error::CompileError;
use super::gate;
use super::info::Examined;
use super::loaded::Loaded;
use super::parts::CompileParts;
use crate::config::SandboxConfig;
use crate::domain::id::ModuleDigest;
use crate::domain::manifest::{Manifest, ModuleSource, SizeClass};
use crate::domain::ports::Clock;
use crate::domain::trace::{Step, Trace};
use crate::sandbox::call::InvokeError;
use crate::sandbox::run::engine::ClassEngine;
use crate::sandbox::run::error::StartSandboxError;
use crate::telemetry::Telemetry;

/// All modules, and the parts that make them.
pub(crate) struct Registry {
    maker: Arc<Maker>,
    offered: RwLock<HashMap<ModuleDigest, Arc<Offered>>>,
    loaded: Mutex<Loaded<Module>>,
    /// Allows one compilation in this process at a time, because it uses all cores and much memory. A later caller with
    /// the same bytes finds the module ready.
    compiling: tokio::sync::Mutex<()>,
    over_limits: OverLimits,
}

/// The result of the checks before compilation.
enum GateResult {
    Known(Arc<Manifest>),
    /// The component still has to be compiled.
    New(Arc<ClassEngine>, Arc<Vec<u8>>, Examined, CompilerPermit),
}

impl Registry {
    pub(crate) fn start(
        config: &SandboxConfig,
        parts: CompileParts,
        clock: Arc<dyn Clock>,
    ) -> Result<Registry, StartSandboxError> {
        Ok(Registry {
            maker: Arc::new(Maker::start(config, parts, clock)?),
            offered: RwLock::default(),
            loaded: Mutex::new(Loaded::new(config.compiled_modules)),
            compiling: tokio::sync::Mutex::default(),
            over_limits: OverLimits::new(),
        })
    }

    /// Sets the receiver of the time of each load and compilation.
    pub(in crate::sandbox) fn report_to(&self, telemetry: Arc<Telemetry>) {
        self.maker.counts.tell(telemetry);
    }

    pub(crate) fn counts(&self) -> RegistryCounts {
        let offered = self.offered.read().unwrap_or_else(PoisonError::into_inner).len();
        self.maker.counts.snapshot(offered, self.loaded().len())
    }

    /// Modules whose last load failed, sorted by name and version.
    pub(in crate::sandbox) fn list_unloadable(&self) -> Vec<UnloadableModule> {
        let offered = self.offered.read().unwrap_or_else(PoisonError::into_inner);
        let mut unloadable: Vec<_> = offered.values().filter_map(|offered| offered.find_failure()).collect();
        unloadable.sort_by(|one, other| {
            let key = |module: &UnloadableModule| (module.manifest.name.clone(), module.manifest.version.clone());
            key(one).cmp(&key(other))
        });
        unloadable
    }

    pub(in crate::sandbox) fn artefact_save_error(&self) -> Option<Arc<str>> {
        self.maker.cache.save_error()
    }

    /// Adds a bundled or configured module, which stays in memory. Compiles it in this process if there is no artefact.
    pub(crate) async fn add_trusted(
        self: Arc<Self>,
        bytes: Vec<u8>,
        source: ModuleSource,
        size: SizeClass,
    ) -> Result<Arc<Manifest>, CompileError> {
        let (bytes, examined) = examine(Arc::new(bytes), source, size).await?;
        let _turn = self.compiling.lock().await;
        if let Some(offered) = self.find_offered(&examined.digest) {
            return Ok(Arc::clone(&offered.manifest));
        }
        let class = self.maker.class(size)?;
        let maker = Arc::clone(&self.maker);
        let linked = block(move || match maker.load_artefact(&class, examined.digest)? {
            Some(linked) => Ok(linked),
            None => {
                let started = std::time::Instant::now();
                let code = gate::compile(&class.engine, &bytes, size)?;
                maker.counts.note_compiled(started.elapsed());
                link_new(&class, code)
            }
        });
        let (module, _) = self.ask(linked.await?, examined).await?;
        let manifest = Arc::clone(&module.manifest);
        self.put_offered(Offered::new(Arc::clone(&manifest), Some(module)));
        Ok(manifest)
    }

    /// Checks and compiles an upload. The module can be called once it is offered.
    pub(crate) async fn admit(
        self: Arc<Self>,
        bytes: Arc<Vec<u8>>,
        size: SizeClass,
        by: Uploader,
    ) -> Result<Arc<Manifest>, CompileError> {
        let note = |error: &CompileError| self.maker.counts.note_refusal(error);
        let (class, bytes, examined, permit) = match self.pass_gate(bytes, size, &by).await.inspect_err(note)? {
            GateResult::Known(manifest) => return Ok(manifest),
            GateResult::New(class, bytes, examined, permit) => (class, bytes, examined, permit),
        };
        let registry = Arc::clone(&self);
        let made = async move {
            let made = registry.make(class, bytes, examined, permit.clone()).await;
            let made = made.inspect_err(|error| registry.maker.counts.note_refusal(error));
            // Dropped after counting, so that the refusal is counted before the next upload starts.
            drop(permit);
            made
        };
        if size == SizeClass::Small {
            return made.await;
        }
        // May take longer than a caller can wait, so it goes on; a later caller with the same bytes finds the module
        // ready.
        tokio::spawn(made).await.map_err(host).inspect_err(note)?
    }

    /// All checks before compilation; then waits for the permit to compile.
    async fn pass_gate(
        self: &Arc<Self>,
        bytes: Arc<Vec<u8>>,
        size: SizeClass,
        by: &Uploader,
    ) -> Result<GateResult, CompileError> {
        let class = self.maker.class(size)?;
        let (bytes, examined) = examine(bytes, ModuleSource::Uploaded, size).await?;
        if let Some(offered) = self.find_offered(&examined.digest) {
            return Ok(GateResult::Known(Arc::clone(&offered.manifest)));
        }
        // Without a permit of `loads`, for which calls wait: this thread has a low priority and would hold it for long.
        if let Some(linked) = self.maker.load_blocking(&class, examined.digest).await? {
            return self.check_info(linked, examined).await.map(GateResult::Known);
        }
        self.over_limits.check(examined.digest, size, Instant::now())?;
        let permit = self.maker.compiler.enter_for_upload(by).await?;
        // Checked again: the same bytes may have been compiled while this upload waited.
        self.over_limits.check(examined.digest, size, Instant::now())?;
        Ok(GateResult::New(class, bytes, examined, permit))
    }

    async fn make(
        self: &Arc<Self>,
        class: Arc<ClassEngine>,
        bytes: Arc<Vec<u8>>,
        examined: Examined,
        permit: CompilerPermit,
    ) -> Result<Arc<Manifest>, CompileError> {
        // Checked again: the previous holder of the permit may have compiled the same bytes.
        let linked = match self.maker.load_blocking(&class, examined.digest).await? {
            Some(linked) => linked,
            None => {
                let linked = self.maker.compile_in_child(class, bytes, permit.clone()).await;
                linked
                    .inspect_err(|error| self.over_limits.note(examined.digest, examined.size, error, Instant::now()))?
            }
        };
        let welcomed = self.check_info(linked, examined).await;
        drop(permit);
        welcomed
    }

    async fn check_info(self: &Arc<Self>, linked: Linked, examined: Examined) -> Result<Arc<Manifest>, CompileError> {
        let (module, code_bytes) = self.ask(linked, examined).await?;
        let manifest = Arc::clone(&module.manifest);
        // The uploader is about to try the module, so its code stays in memory.
        self.keep(examined.digest, module, code_bytes);
        Ok(manifest)
    }

    /// Makes a module callable that has passed all checks, in this process or in an earlier one. Returns the manifest
    /// that calls use: if the module was offered before, that is the earlier one. Loads nothing.
    pub(crate) fn offer(&self, manifest: Arc<Manifest>) -> Arc<Manifest> {
        let mut offered = self.offered.write().unwrap_or_else(PoisonError::into_inner);
        let entry = offered.entry(manifest.digest).or_insert_with(|| Arc::new(Offered::new(manifest, None)));
        entry.note_loaded(None);
        Arc::clone(&entry.manifest)
    }

    /// Removes a module and its machine code. Running calls keep the code until they end.
    pub(crate) fn remove_module(&self, digest: &ModuleDigest) {
        let offered = self.offered.write().unwrap_or_else(PoisonError::into_inner).remove(digest);
        // After the module is no longer offered: a load that ends now checks that, and evicts the module itself.
        self.evict(digest);
        if let Some(class) = offered.and_then(|offered| self.maker.class(offered.manifest.size).ok()) {
            self.maker.cache.remove(&class.engine, class.size, *digest);
        }
    }

    /// Finds a module, and loads it if necessary. The load goes on if the future is dropped.
    pub(crate) async fn find(
        self: &Arc<Self>,
        digest: &ModuleDigest,
        trace: &Trace,
    ) -> Result<Arc<Module>, InvokeError> {
        let Some(offered) = self.find_offered(digest) else {
            return Err(InvokeError::Host("the module is not offered".to_owned()));
        };
        if let Some(module) = self.find_loaded(&offered) {
            return Ok(module);
        }
        self.maker.counts.misses.fetch_add(1, Ordering::Relaxed);
        let _loads = trace.enter(Step::Load);
        let asked_at = Instant::now();
        let mut load_lock = Arc::clone(&offered.load_lock).lock_owned().await;
        if let Some(module) = self.loaded().find(digest) {
            return Ok(module);
        }
        if let Some(error) = load_lock.find(asked_at, Instant::now()) {
            return Err(unloaded(error));
        }
        let registry = Arc::clone(self);
        let loading = tokio::spawn(async move {
            let loaded = registry.load(&offered).await;
            load_lock.note(loaded.as_ref().err(), Instant::now());
            offered.note_loaded(loaded.as_ref().err());
            loaded
        });
        let loaded = loading.await.unwrap_or_else(|error| Err(CompileError::Host(format!("loader: {error}"))));
        loaded.map_err(unloaded)
    }

    fn find_loaded(&self, offered: &Offered) -> Option<Arc<Module>> {
        if let Some(resident) = &offered.resident {
            return Some(Arc::clone(resident));
        }
        let module = self.loaded().find(&offered.manifest.digest)?;
        self.maker.counts.hits.fetch_add(1, Ordering::Relaxed);
        Some(module)
    }

    async fn load(self: &Arc<Self>, offered: &Offered) -> Result<Arc<Module>, CompileError> {
        let digest = offered.manifest.digest;
        let class = self.maker.class(offered.manifest.size)?;
        let linked = match self.maker.load_with_permit(&class, digest).await? {
            Some(linked) => linked,
            None => self.maker.recompile(class, digest).await?,
        };
        let Linked { class, pre, code_bytes, new_code, .. } = linked;
        self.keep_code(&class, digest, new_code).await;
        let module = Arc::new(Module { manifest: Arc::clone(&offered.manifest), class, pre });
        self.keep(digest, Arc::clone(&module), code_bytes);
        if self.find_offered(&digest).is_none() {
            self.evict(&digest);
        }
        Ok(module)
    }

    fn evict(&self, digest: &ModuleDigest) {
        let gone = self.loaded().remove(digest);
        drop_apart(gone.into_iter().collect());
    }

    fn keep(&self, digest: ModuleDigest, module: Arc<Module>, code_bytes: usize) {
        let gone = self.loaded().insert(digest, module, code_bytes);
        let evicted = gone.iter().filter(|module| module.manifest.digest != digest).count();
        self.maker.counts.evictions.fetch_add(evicted as u64, Ordering::Relaxed);
        drop_apart(gone);
    }

    /// Runs `info`, saves new code, and returns the module with the size of its code.
    async fn ask(self: &Arc<Self>, linked: Linked, examined: Examined) -> Result<(Arc<Module>, usize), CompileError> {
        let digest = examined.digest;
        let Made { module, code_bytes, new_code } = self.maker.ask(linked, examined).await?;
        self.keep_code(&module.class, digest, new_code).await;
        Ok((module, code_bytes))
    }

    async fn keep_code(self: &Arc<Self>, class: &Arc<ClassEngine>, digest: ModuleDigest, code: Option<Vec<u8>>) {
        let Some(code) = code else { return };
        let (registry, class) = (Arc::clone(self), Arc::clone(class));
        let keep = move || {
            if registry.maker.cache.is_full_with(&code) {
                for module in registry.list_in_memory() {
                    registry.maker.cache.touch(&module.class.engine, module.class.size, module.manifest.digest);
                }
            }
            registry.maker.cache.save(&class.engine, class.size, digest, &code);
        };
        let kept = spawn_blocking(keep).await;
        if let Err(error) = kept {
            tracing::warn!(%error, "a compiled module was not kept");
        }
    }

    /// Modules whose code is in memory: uploads in the order of their last calls, the latest last, then the others.
    fn list_in_memory(&self) -> Vec<Arc<Module>> {
        let mut modules: Vec<_> = self.loaded().list().cloned().collect();
        let offered = self.offered.read().unwrap_or_else(PoisonError::into_inner);
        modules.extend(offered.values().filter_map(|offered| offered.resident.clone()));
        modules
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

fn unloaded(error: CompileError) -> InvokeError {
    match error {
        CompileError::Busy => InvokeError::Busy,
        error => InvokeError::Host(format!("the module could not be loaded: {error}")),
    }
}

/// Drops modules on a thread that nobody waits for: freeing machine code stops all threads of the process for a moment,
/// longer for more code.
fn drop_apart(modules: Vec<Arc<Module>>) {
    match Handle::try_current() {
        Ok(runtime) if !modules.is_empty() => drop(runtime.spawn_blocking(move || drop(modules))),
        _ => drop(modules),
    }
}
