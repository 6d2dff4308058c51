//! Makes a callable module from bytes or an artefact: compiles, links, and runs `info`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::super::artefact::{Artefact, ArtefactCache, load_own};
use super::super::capability::list_requested;
use super::super::compiler::order::Order;
use super::super::compiler::{Compiler, CompilerPermit};
use super::super::error::CompileError;
use super::super::gate;
use super::super::info::{Examined, parse_info};
use super::super::parts::CompileParts;
use super::counts::Counts;
use crate::admission::LARGE_SLOTS;
use crate::config::SandboxConfig;
use crate::domain::id::ModuleDigest;
use crate::domain::manifest::{Capability, Manifest, ModuleSource, SizeClass};
use crate::domain::ports::Clock;
use crate::sandbox::bindings::CommandModulePre;
use crate::sandbox::call::InvokeError;
use crate::sandbox::calls::run::Run;
use crate::sandbox::run::engine::ClassEngine;
use crate::sandbox::run::error::StartSandboxError;
use crate::sandbox::run::failure::is_of_system;
use crate::sandbox::run::guest_log::GuestLog;
use crate::sandbox::run::instance::Instance;
use crate::sandbox::run::limits::{InfoLimits, Limiter};
use crate::sandbox::run::meter::Meter;
use crate::store::host::components::Components;

/// Most artefacts that are read and linked at once; each takes some milliseconds of a processor.
const LOADS: usize = 2;

/// The remedy if the system forbids the process to run what it has compiled.
const NOT_EXECUTABLE: &str = "the system forbids this process executable memory, without which no module runs: take \
    MemoryDenyWriteExecute out of its systemd unit, or allow it execmem (SELinux)";

/// A module, linked and ready.
pub(crate) struct Module {
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) class: Arc<ClassEngine>,
    pub(crate) pre: CommandModulePre<Run>,
}

/// A component that is linked but has never run.
pub(super) struct Linked {
    pub(super) class: Arc<ClassEngine>,
    pub(super) pre: CommandModulePre<Run>,
    pub(super) capabilities: Vec<Capability>,
    pub(super) code_bytes: usize,
    /// Code that was compiled just now, and is in no file yet.
    pub(super) new_code: Option<Vec<u8>>,
}

/// A module whose `info` has returned a manifest.
pub(super) struct Made {
    pub(super) module: Arc<Module>,
    pub(super) code_bytes: usize,
    /// As in [`Linked`].
    pub(super) new_code: Option<Vec<u8>>,
}

/// The parts that make a module.
pub(super) struct Maker {
    config: SandboxConfig,
    clock: Arc<dyn Clock>,
    pub(super) cache: ArtefactCache,
    pub(super) compiler: Compiler,
    components: Arc<Components>,
    small: Arc<ClassEngine>,
    /// Built when it is first needed.
    large: Mutex<Option<Arc<ClassEngine>>>,
    loads: Semaphore,
    pub(super) counts: Counts,
}

impl Maker {
    pub(super) fn start(
        config: &SandboxConfig,
        parts: CompileParts,
        clock: Arc<dyn Clock>,
    ) -> Result<Maker, StartSandboxError> {
        let cache = ArtefactCache::open(&parts.cache_dir, config.compiled_bytes).map_err(StartSandboxError::Cache)?;
        let compiler = Compiler::new(parts.compiler, config).map_err(StartSandboxError::Compiler)?;
        let small = ClassEngine::start(SizeClass::Small, config.slots, config.tick)?;
        Ok(Maker {
            cache,
            compiler,
            components: parts.components,
            small: Arc::new(small),
            large: Mutex::default(),
            loads: Semaphore::new(LOADS),
            counts: Counts::default(),
            config: config.clone(),
            clock,
        })
    }

    pub(super) fn class(&self, size: SizeClass) -> Result<Arc<ClassEngine>, CompileError> {
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

    pub(super) async fn load_with_permit(
        self: &Arc<Self>,
        class: &Arc<ClassEngine>,
        digest: ModuleDigest,
    ) -> Result<Option<Linked>, CompileError> {
        let _turn = self.loads.acquire().await.map_err(host)?;
        self.load_blocking(class, digest).await
    }

    pub(super) async fn load_blocking(
        self: &Arc<Self>,
        class: &Arc<ClassEngine>,
        digest: ModuleDigest,
    ) -> Result<Option<Linked>, CompileError> {
        let (maker, class) = (Arc::clone(self), Arc::clone(class));
        block(move || maker.load_artefact(&class, digest)).await
    }

    /// Compiles an uploaded module for a call. Its artefact is missing, or was made by an earlier release of the host.
    pub(super) async fn recompile(
        self: &Arc<Self>,
        class: Arc<ClassEngine>,
        digest: ModuleDigest,
    ) -> Result<Linked, CompileError> {
        // Waits for the permit before loading bytes, so that only one module's bytes are in memory however many wait.
        let permit = self.compiler.enter_for_call().await?;
        let components = Arc::clone(&self.components);
        let bytes = block(move || components.load(digest).map_err(host)).await?;
        self.compile_in_child(class, Arc::new(bytes), permit).await
    }

    pub(super) async fn compile_in_child(
        self: &Arc<Self>,
        class: Arc<ClassEngine>,
        bytes: Arc<Vec<u8>>,
        permit: CompilerPermit,
    ) -> Result<Linked, CompileError> {
        let order = Order { bytes, size: class.size, plan: class.plan };
        let started = Instant::now();
        let code = self.compiler.compile(order, permit).await?;
        self.counts.note_compiled(started.elapsed());
        block(move || link_new(&class, code)).await
    }

    pub(super) fn load_artefact(
        &self,
        class: &Arc<ClassEngine>,
        digest: ModuleDigest,
    ) -> Result<Option<Linked>, CompileError> {
        let started = Instant::now();
        let Some(artefact) = self.cache.load(&class.engine, class.size, digest) else { return Ok(None) };
        let linked = link(class, artefact)?;
        self.counts.note_load(started.elapsed());
        Ok(Some(linked))
    }

    /// Runs the module's `info`. This is the first time that its code runs in the host, so it can only log, and its
    /// limits are lower than a call's. Code is saved only after this: the code of a component that is no module would
    /// displace another module's.
    pub(super) async fn ask(self: &Arc<Self>, linked: Linked, examined: Examined) -> Result<Made, CompileError> {
        let Linked { class, pre, capabilities, code_bytes, new_code } = linked;
        let slot = class.spare_slots.acquire().await.map_err(host)?;
        let InfoLimits { cpu_budget, deadline, log_lines, log_line_length } = InfoLimits::of(&self.config, class.size);
        let run = Run::info(Limiter::new(class.instance_limits), GuestLog::new(log_lines, log_line_length));
        let meter = Meter::new(Arc::clone(&self.clock), self.config.tick, cpu_budget, Instant::now());
        let meter = Arc::new(meter);
        let mut instance = Instance::new(&pre, run, &meter, class.ticker.watch(), self.config.host_call_bytes);
        let info = async {
            instance.start_first(&pre).await?;
            instance.info().await.map_err(|failure| CompileError::Run(failure.into()))
        };
        let info = tokio::time::timeout(deadline, meter.meter(info)).await;
        let late = || CompileError::Run(late_info(&meter, deadline, instance.has_missed_ticks()));
        let info = info.unwrap_or_else(|_| Err(late()));
        let (run, backtrace) = instance.end();
        let (log, _) = run.end();
        drop(instance);
        drop(slot);
        let info = info.map_err(|error| with_last_error(error, &log));
        let reason = info.as_ref().err().map(CompileError::to_string);
        log.emit(&examined.digest.to_string(), None, reason.as_deref(), backtrace.as_deref(), 0);
        let info = info?;
        let manifest = parse_info(info, examined, capabilities);
        let manifest = Arc::new(manifest.map_err(|error| CompileError::Info(error.to_string()))?);
        Ok(Made { module: Arc::new(Module { manifest, class, pre }), code_bytes, new_code })
    }
}

/// Checks the length and the first bytes, and computes the digest of all bytes.
pub(super) async fn examine(
    bytes: Arc<Vec<u8>>,
    source: ModuleSource,
    size: SizeClass,
) -> Result<(Arc<Vec<u8>>, Examined), CompileError> {
    block(move || {
        gate::check_head(&bytes, size)?;
        let digest = ModuleDigest(Sha256::digest(bytes.as_slice()).into());
        let component_bytes = bytes.len() as u64;
        Ok((bytes, Examined { digest, source, size, component_bytes }))
    })
    .await
}

pub(super) fn link_new(class: &Arc<ClassEngine>, code: Vec<u8>) -> Result<Linked, CompileError> {
    let artefact = load_own(&class.engine, &code).map_err(|error| judge_load(&error))?;
    Ok(Linked { new_code: Some(code), ..link(class, artefact)? })
}

/// Why newly compiled code does not load. If no system call failed, the code needs more than the engine allows.
fn judge_load(error: &wasmtime::Error) -> CompileError {
    let is_of_code = error.chain().any(|cause| cause.to_string().contains("memory executable"));
    match (is_of_system(error), is_of_code) {
        (true, true) => CompileError::Host(format!("{NOT_EXECUTABLE}: {error:#}")),
        (true, false) => CompileError::Host(format!("{error:#}")),
        (false, _) => CompileError::invalid(error),
    }
}

fn link(class: &Arc<ClassEngine>, artefact: Artefact) -> Result<Linked, CompileError> {
    let Artefact { component, code_bytes } = artefact;
    let capabilities = list_requested(&class.engine, &component)?;
    let pre = class.linker.instantiate_pre(&component).and_then(CommandModulePre::new);
    let pre = pre.map_err(CompileError::contract)?;
    Ok(Linked { class: Arc::clone(class), pre, capabilities, code_bytes, new_code: None })
}

/// Runs `work` on a thread that may block.
pub(super) async fn block<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CompileError> + Send + 'static,
) -> Result<T, CompileError> {
    spawn_blocking(work).await.unwrap_or_else(|error| Err(host(error)))
}

/// Adds to a trap the error that the module logged before: the only place where the message of a panic is.
fn with_last_error(error: CompileError, log: &GuestLog) -> CompileError {
    match (error, log.last_error()) {
        (CompileError::Run(InvokeError::Trap(why)), Some(logged)) => {
            CompileError::Run(InvokeError::Trap(format!("{why}; before, it logged \"{logged}\"")))
        }
        (error, _) => error,
    }
}

/// `info` waits for nothing but the processor, so if it waited, the deadline is not the module's fault.
fn late_info(meter: &Meter, deadline: Duration, has_missed_ticks: bool) -> InvokeError {
    let is_kept_waiting = has_missed_ticks || meter.was_kept_waiting(deadline);
    if is_kept_waiting { InvokeError::Busy } else { InvokeError::Deadline }
}

pub(super) fn host(error: impl std::fmt::Display) -> CompileError {
    CompileError::Host(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ports::SystemClock;

    #[test]
    fn a_system_that_forbids_executable_memory_is_named_and_not_the_module() {
        let denied = || wasmtime::Error::from(std::io::Error::from_raw_os_error(13));
        let told = judge_load(&denied().context("failed to make memory executable").context("loading"));
        let CompileError::Host(why) = told else { panic!("{told:?}") };
        assert!(why.contains("MemoryDenyWriteExecute") && why.contains("os error 13"), "{why}");
        let other = judge_load(&denied().context("cannot map a file"));
        assert!(matches!(&other, CompileError::Host(why) if !why.contains("Execute")), "{other:?}");
        let too_much = judge_load(&wasmtime::Error::msg("memory index 0 is too large"));
        assert!(matches!(too_much, CompileError::Invalid(_)));
    }

    #[test]
    fn a_late_info_is_the_modules_fault_only_where_it_had_the_processor() {
        let (asked_at, ms) = (Instant::now(), Duration::from_millis);
        let meter = |ran| {
            let meter = Meter::new(Arc::new(SystemClock), ms(1000), ms(1000), asked_at);
            meter.use_up(asked_at + ms(100) - ran, ran);
            meter
        };
        let late = |ran, has_missed_ticks| late_info(&meter(ran), ms(100), has_missed_ticks);
        assert_eq!(late(ms(90), false), InvokeError::Deadline);
        assert_eq!(late(ms(10), false), InvokeError::Busy, "others had it");
        assert_eq!(late(ms(90), true), InvokeError::Busy, "the machine stood still");
    }
}
