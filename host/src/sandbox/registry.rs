//! The modules that can be invoked: checked, compiled, asked what they offer, and kept ready by digest.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::artefact::ArtefactCache;
use super::bindings::CommandModulePre;
use super::capability::list_requested;
use super::cpu::CpuMeter;
use super::engine::ClassEngine;
use super::failure::Failure;
use super::guest_log::{GuestLog, escape};
use super::info::{Brought, Origin, parse_info};
use super::instance::Instance;
use super::limits::Limiter;
use super::run::Run;
use super::{CompileError, InvokeError, StartSandboxError};
use crate::config::SandboxConfig;
use crate::domain::id::ModuleDigest;
use crate::domain::manifest::{Capability, Manifest, ModuleSource, SizeClass};

/// Characters of what wasmtime says about a bad component; it quotes the component.
const LONGEST_REASON: usize = 300;
/// Calls of modules of the size class `large` at once: each may take 128 MiB.
const LARGE_SLOTS: usize = 8;
/// Of them in one channel, so that no channel alone keeps the others waiting.
const LARGE_SHARE: usize = 2;

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
    small: Arc<ClassEngine>,
    /// Built when it is first needed.
    large: Mutex<Option<Arc<ClassEngine>>>,
    modules: RwLock<HashMap<ModuleDigest, Arc<Module>>>,
    /// One compilation at a time: it takes all cores, much memory, and cannot be interrupted. Whoever brings the
    /// same bytes meanwhile finds them here.
    compiling: tokio::sync::Mutex<()>,
}

impl Registry {
    pub(super) fn start(config: &SandboxConfig, cache: ArtefactCache) -> Result<Registry, StartSandboxError> {
        let small = Arc::new(ClassEngine::start(
            SizeClass::Small.walls(),
            config.slots,
            config.slots_per_channel,
            config.tick,
        )?);
        Ok(Registry {
            config: config.clone(),
            cache,
            small,
            large: Mutex::default(),
            modules: RwLock::default(),
            compiling: tokio::sync::Mutex::default(),
        })
    }

    pub(super) fn find(&self, digest: &ModuleDigest) -> Option<Arc<Module>> {
        self.modules.read().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }

    pub(super) async fn add(
        self: Arc<Self>,
        bytes: Vec<u8>,
        source: ModuleSource,
        size: SizeClass,
    ) -> Result<Arc<Manifest>, CompileError> {
        let most = size.walls().component_bytes;
        if bytes.len() > most {
            return Err(CompileError::TooLarge(most >> 20));
        }
        if Engine::detect_precompiled(&bytes).is_some() {
            return Err(CompileError::Precompiled);
        }
        let digest = ModuleDigest(Sha256::digest(&bytes).into());
        let component_bytes = bytes.len() as u64;
        let _turn = self.compiling.lock().await;
        if let Some(module) = self.find(&digest) {
            return Ok(Arc::clone(&module.manifest));
        }
        let registry = Arc::clone(&self);
        let compiled = tokio::task::spawn_blocking(move || registry.compile(&bytes, digest, size)).await;
        let linked = compiled.map_err(|error| CompileError::Host(format!("compiler: {error}")))??;
        let module = Arc::new(self.ask(linked, Brought { digest, source, size, component_bytes }).await?);
        let manifest = Arc::clone(&module.manifest);
        self.modules.write().unwrap_or_else(PoisonError::into_inner).insert(digest, module);
        Ok(manifest)
    }

    /// Everything up to the first instruction of the guest.
    fn compile(&self, bytes: &[u8], digest: ModuleDigest, size: SizeClass) -> Result<Linked, CompileError> {
        let class = self.class(size)?;
        let (component, is_new) = match self.cache.load(&class.engine, digest) {
            Some(component) => (component, false),
            None => (compile(&class.engine, bytes)?, true),
        };
        let capabilities = list_requested(&class.engine, &component)?;
        let pre = class.linker.instantiate_pre(&component).and_then(CommandModulePre::new);
        let pre = pre.map_err(|error| CompileError::Contract(reason(&error)))?;
        if is_new {
            self.cache.save(&class.engine, digest, &component);
        }
        Ok(Linked { class, pre, capabilities })
    }

    /// Runs the module's `info`: its first instructions in this host, so with nothing in reach but the log.
    async fn ask(&self, linked: Linked, brought: Brought) -> Result<Module, CompileError> {
        let Linked { class, pre, capabilities } = linked;
        let slot = Arc::clone(&class.slots).acquire_owned().await;
        let _slot = slot.map_err(|error| CompileError::Host(error.to_string()))?;
        let config = &self.config;
        let run = Run::info(Limiter::new(class.walls), GuestLog::new(config.log_lines, config.log_line_length));
        let meter = Arc::new(CpuMeter::new(config.tick, config.cpu_budget, Instant::now()));
        let mut instance = Instance::new(&pre, run, &meter, class.ticker.watch(), config.host_call_bytes);
        let told = async {
            instance.start(&pre).await?;
            instance.info().await
        };
        let told = tokio::time::timeout(config.deadline, meter.meter(told)).await;
        let told = told.unwrap_or(Err(Failure::Final(InvokeError::Deadline)));
        let (run, backtrace) = instance.into_parts();
        run.into_parts().0.emit(&brought.digest.to_string(), None, backtrace.as_deref(), 0);
        let info = told.map_err(|failure| CompileError::Run(failure.into()))?;
        let manifest = parse_info(info, Origin { brought, capabilities });
        let manifest = Arc::new(manifest.map_err(|error| CompileError::Info(error.to_string()))?);
        Ok(Module { manifest, class, pre })
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
                let class = ClassEngine::start(size.walls(), LARGE_SLOTS, LARGE_SHARE, self.config.tick)
                    .map_err(|error| CompileError::Host(error.to_string()))?;
                Ok(Arc::clone(large.insert(Arc::new(class))))
            }
        }
    }
}

/// A component with all its imports found, which has not run yet.
struct Linked {
    class: Arc<ClassEngine>,
    pre: CommandModulePre<Run>,
    capabilities: Vec<Capability>,
}

fn compile(engine: &Engine, bytes: &[u8]) -> Result<Component, CompileError> {
    Component::from_binary(engine, bytes).map_err(|error| CompileError::Invalid(reason(&error)))
}

fn reason(error: &wasmtime::Error) -> String {
    escape(&format!("{error:#}"), LONGEST_REASON)
}
