//! One wasmtime engine a size class: settings of the compiler, and the source of guests' memory.
//!
//! The determinism settings are part of every artefact: changing one makes every compiled module stale.

use std::time::Duration;

use tokio::sync::Semaphore;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::error::StartSandboxError;
use super::limits::InstanceLimits;
use super::ticker::Ticker;
use crate::domain::manifest::SizeClass;
use crate::sandbox::bindings::CommandModule;
use crate::sandbox::calls::run::Run;

/// Bytes of a guest's memory that stay resident between calls, so that the next call meets no page faults. Small guests
/// touch no more than this, and resident memory has to be cleared by hand.
const KEEP_RESIDENT: usize = 256 << 10;

/// Instances that do not belong to a call with a slot.
const SPARE_SLOTS: usize = 4;

/// Bytes of guard region on both sides of an individually mapped memory.
const GUARD: u64 = 64 << 10;

/// Where guests' memory comes from. Compiled code depends on the plan: an artefact for one is useless with the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemoryPlan {
    /// From a pool that is reserved when the host starts.
    Pooled,
    /// Each memory is mapped individually.
    Mapped,
}

/// The engine of a size class, a linker with the whole contract, and the engine's ticker.
pub(crate) struct ClassEngine {
    pub(crate) size: SizeClass,
    pub(crate) engine: Engine,
    pub(crate) plan: MemoryPlan,
    pub(crate) linker: Linker<Run>,
    pub(crate) instance_limits: InstanceLimits,
    pub(crate) ticker: Ticker,
    /// For instances without a slot of `admission`: a module that runs `info`, and a call that gave its slot back while
    /// its module was loaded.
    pub(crate) spare_slots: Semaphore,
}

impl ClassEngine {
    /// Builds an engine for `slots` concurrent calls. A call must have a slot before it makes an instance: an exhausted
    /// pool does not wait, it fails.
    pub(crate) fn start(size: SizeClass, slots: usize, tick: Duration) -> Result<ClassEngine, StartSandboxError> {
        let instance_limits = InstanceLimits::of(size);
        let (engine, plan) = build_engine(&instance_limits, slots + SPARE_SLOTS)?;
        let mut linker = Linker::new(&engine);
        CommandModule::add_to_linker::<_, HasSelf<Run>>(&mut linker, |run| run)
            .map_err(|error| StartSandboxError::Engine(format!("{error:#}")))?;
        let ticker = Ticker::start(&engine, tick).map_err(StartSandboxError::Runtime)?;
        let spare_slots = Semaphore::new(SPARE_SLOTS);
        Ok(ClassEngine { size, engine, plan, linker, instance_limits, ticker, spare_slots })
    }
}

/// Tries to reserve the pool. The reservation is refused where address space is short (a limit on it, few address bits,
/// strict overcommit). Every call then maps its own memory, which is slower but as safe.
fn build_engine(instance_limits: &InstanceLimits, slots: usize) -> Result<(Engine, MemoryPlan), StartSandboxError> {
    let mut config = base_config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(instance_limits, slots)));
    let pooled = Engine::new(&config).map(|engine| (engine, MemoryPlan::Pooled));
    pooled
        .or_else(|error| {
            tracing::warn!(error = format!("{error:#}"), "no room for a pool of instances, going on without");
            Engine::new(&on_demand(instance_limits)).map(|engine| (engine, MemoryPlan::Mapped))
        })
        .map_err(|error| StartSandboxError::Engine(format!("{error:#}")))
}

/// An engine that only compiles, for the memory plan of another engine. Reserves no memory, and compiles on the calling
/// thread alone.
pub(crate) fn build_compiler(size: SizeClass, plan: MemoryPlan) -> wasmtime::Result<Engine> {
    let mut config = match plan {
        MemoryPlan::Pooled => base_config(),
        MemoryPlan::Mapped => on_demand(&InstanceLimits::of(size)),
    };
    config.parallel_compilation(false);
    Engine::new(&config)
}

/// Reserves no more address space for a memory than the memory may grow to, because address space is short. The guest's
/// code then checks its bounds itself.
fn on_demand(instance_limits: &InstanceLimits) -> Config {
    let mut config = base_config();
    config
        .allocation_strategy(InstanceAllocationStrategy::OnDemand)
        .memory_reservation(instance_limits.memory_bytes as u64)
        .memory_reservation_for_growth(0)
        .memory_guard_size(GUARD);
    config
}

fn base_config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        // A replay must compute the same results on every machine.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        // Fewer features mean fewer bugs, and no toolchain that we know needs this one.
        .wasm_memory64(false);
    config
}

fn pool(instance_limits: &InstanceLimits, slots: usize) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    let per_component = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let each = |count: usize| per_component(slots.saturating_mul(count));
    let slots = per_component(slots);
    pool.total_component_instances(slots)
        .total_stacks(slots)
        .total_core_instances(each(instance_limits.core_instances))
        .total_memories(each(instance_limits.memories))
        .total_tables(each(instance_limits.tables))
        .max_core_instances_per_component(per_component(instance_limits.core_instances))
        .max_memories_per_component(per_component(instance_limits.memories))
        .max_memories_per_module(per_component(instance_limits.memories))
        .max_tables_per_component(per_component(instance_limits.tables))
        .max_tables_per_module(per_component(instance_limits.tables))
        .max_memory_size(instance_limits.memory_bytes)
        .table_elements(instance_limits.table_elements)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT)
        .pagemap_scan(Enabled::Auto);
    pool
}

#[cfg(test)]
mod tests {
    use wasmtime::Store;
    use wasmtime::component::Component;

    use super::super::limits::Limiter;
    use super::*;
    use crate::sandbox::compile::artefact::load_own;

    /// More slots than any machine has address space for.
    const TOO_MANY: usize = 1 << 24;

    /// A component of `instances` equal core modules, each with one section besides the header.
    fn component(section: &[u8], instances: u8) -> Vec<u8> {
        let module = [b"\0asm\x01\0\0\0", section].concat();
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        bytes.extend([1, u8::try_from(module.len()).unwrap()]);
        bytes.extend(module);
        bytes.extend([2, 1 + 3 * instances, instances]);
        // Each instance: core module 0, instantiated without arguments.
        bytes.extend([0, 0, 0].repeat(instances.into()));
        bytes
    }

    /// `count` memories of `pages` pages; `pages` is a LEB128 number of two bytes.
    fn memories(count: u8, pages: [u8; 2]) -> Vec<u8> {
        [&[5, 1 + 3 * count, count][..], &[0, pages[0], pages[1]].repeat(count.into())].concat()
    }

    fn tables(count: u8, elements: [u8; 2]) -> Vec<u8> {
        [&[4, 1 + 4 * count, count][..], &[0x70, 0, elements[0], elements[1]].repeat(count.into())].concat()
    }

    fn starts(engine: &Engine, bytes: &[u8]) -> bool {
        let Ok(component) = Component::from_binary(engine, bytes) else { return false };
        let mut store = Store::new(engine, Limiter::new(InstanceLimits::of(SizeClass::Small)));
        store.limiter(|limiter| limiter);
        Linker::new(engine).instantiate(&mut store, &component).is_ok()
    }

    #[test]
    fn where_there_is_no_room_for_a_pool_the_walls_are_the_same() {
        let instance_limits = InstanceLimits::of(SizeClass::Small);
        let ((pooled, _), (mapped, _)) =
            (build_engine(&instance_limits, 4).unwrap(), build_engine(&instance_limits, TOO_MANY).unwrap());
        assert!(pooled.pooling_allocator_metrics().is_some());
        assert!(mapped.pooling_allocator_metrics().is_none());
        let (full, half, over) = ([0x80, 0x02], [0x80, 0x01], [0x81, 0x02]);
        for (name, engine) in [("pooled", pooled), ("mapped", mapped)] {
            assert!(starts(&engine, &component(&memories(1, full), 1)), "{name}: 16 MiB");
            assert!(!starts(&engine, &component(&memories(1, over), 1)), "{name}: more than 16 MiB");
            assert!(starts(&engine, &component(&memories(2, half), 1)), "{name}: 16 MiB in two memories");
            assert!(!starts(&engine, &component(&memories(2, full), 1)), "{name}: 32 MiB in two memories");
            assert!(!starts(&engine, &component(&memories(3, [0x81, 0]), 1)), "{name}: three memories");
            assert!(starts(&engine, &component(&tables(4, [0x90, 0x4e]), 1)), "{name}: four full tables");
            assert!(!starts(&engine, &component(&tables(1, [0x91, 0x4e]), 1)), "{name}: a larger table");
            assert!(!starts(&engine, &component(&tables(5, [0x81, 0]), 1)), "{name}: five tables");
            assert!(starts(&engine, &component(&[], 16)), "{name}: 16 core instances");
            assert!(!starts(&engine, &component(&[], 17)), "{name}: 17 core instances");
        }
    }

    #[test]
    fn what_is_compiled_apart_fits_the_engine_that_runs_it() {
        for size in [SizeClass::Small, SizeClass::Large] {
            for (slots, expected) in [(4, MemoryPlan::Pooled), (TOO_MANY, MemoryPlan::Mapped)] {
                let (engine, plan) = build_engine(&InstanceLimits::of(size), slots).unwrap();
                assert_eq!(plan, expected);
                let compiler = build_compiler(size, plan).unwrap();
                let code = compiler.precompile_component(&component(&memories(1, [0x80, 0x01]), 1)).unwrap();
                assert!(load_own(&engine, &code).is_ok(), "{size:?} {plan:?}");
            }
        }
    }
}
