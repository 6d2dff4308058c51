//! One engine a size class: how guests are compiled, where their memory comes from, and the clock that interrupts them.
//!
//! The determinism settings are part of every artefact: changing one makes each compiled module stale.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::StartSandboxError;
use super::bindings::CommandModule;
use super::limits::Walls;
use super::run::Run;
use super::slots::PerChannel;

/// What is kept of a guest's memory between two calls, so that the next one finds its pages there. More is of no use:
/// small guests touch less, and what is kept must be cleared by hand.
const KEEP_RESIDENT: usize = 256 << 10;

/// An engine with all of the contract linked, and its ticker.
pub(super) struct ClassEngine {
    pub(super) engine: Engine,
    pub(super) linker: Linker<Run>,
    pub(super) walls: Walls,
    pub(super) ticker: Ticker,
    /// Asked for before an instance: an exhausted pool does not wait, it fails.
    pub(super) slots: Arc<Semaphore>,
    /// A channel's share of the slots, asked for before them.
    pub(super) shares: PerChannel,
}

impl ClassEngine {
    /// Builds an engine for `slots` calls at once, `share` of them in one channel.
    pub(super) fn start(
        walls: Walls,
        slots: usize,
        share: usize,
        tick: Duration,
    ) -> Result<ClassEngine, StartSandboxError> {
        let engine = build_engine(&walls, slots)?;
        let mut linker = Linker::new(&engine);
        CommandModule::add_to_linker::<_, HasSelf<Run>>(&mut linker, |run| run)
            .map_err(|error| StartSandboxError::Engine(format!("{error:#}")))?;
        let ticker = Ticker::start(&engine, tick).map_err(StartSandboxError::Runtime)?;
        let (slots, shares) = (Arc::new(Semaphore::new(slots)), PerChannel::new(share));
        Ok(ClassEngine { engine, linker, walls, ticker, slots, shares })
    }
}

/// Reserving the pool is the probe: where address space is short (a limit on it, few address bits, strict overcommit)
/// the reservation is refused, and every call maps its own memory instead, which is slower and as safe.
fn build_engine(walls: &Walls, slots: usize) -> Result<Engine, StartSandboxError> {
    let mut config = base_config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(walls, slots)));
    Engine::new(&config)
        .or_else(|error| {
            tracing::warn!(error = format!("{error:#}"), "no room for a pool of instances, going on without");
            Engine::new(base_config().allocation_strategy(InstanceAllocationStrategy::OnDemand))
        })
        .map_err(|error| StartSandboxError::Engine(format!("{error:#}")))
}

fn base_config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        // A replay must compute the same everywhere.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        // Less to get wrong; no toolchain that we know asks for it.
        .wasm_memory64(false);
    config
}

fn pool(walls: &Walls, slots: usize) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    let per_component = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let each = |count: usize| per_component(slots.saturating_mul(count));
    let slots = per_component(slots);
    pool.total_component_instances(slots)
        .total_stacks(slots)
        .total_core_instances(each(walls.core_instances))
        .total_memories(each(walls.memories))
        .total_tables(each(walls.tables))
        .max_core_instances_per_component(per_component(walls.core_instances))
        .max_memories_per_component(per_component(walls.memories))
        .max_tables_per_component(per_component(walls.tables))
        .max_memory_size(walls.memory_bytes)
        .table_elements(walls.table_elements)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// Moves an engine's epoch on from a thread of the operating system: a task would wait behind the very guests that it
/// shall interrupt. The thread ends within a tick of its engine.
pub(super) struct Ticker {
    every: Duration,
    ticks: Arc<AtomicU64>,
}

impl Ticker {
    fn start(engine: &Engine, every: Duration) -> io::Result<Ticker> {
        let ticks = Arc::new(AtomicU64::new(0));
        let (weak, counter) = (engine.weak(), Arc::clone(&ticks));
        thread::Builder::new().name("guest-ticker".into()).spawn(move || {
            loop {
                thread::sleep(every);
                let Some(engine) = weak.upgrade() else { return };
                engine.increment_epoch();
                counter.fetch_add(1, Ordering::Relaxed);
            }
        })?;
        Ok(Ticker { every, ticks })
    }

    pub(super) fn watch(&self) -> TickerWatch<'_> {
        TickerWatch { ticker: self, ticks: self.ticks.load(Ordering::Relaxed), since: Instant::now() }
    }
}

/// Tells afterwards whether the ticker kept time: where it did not, the machine stood still, and a deadline that
/// passed meanwhile is not the guest's fault.
pub(super) struct TickerWatch<'a> {
    ticker: &'a Ticker,
    ticks: u64,
    since: Instant,
}

impl TickerWatch<'_> {
    pub(super) fn was_late(&self) -> bool {
        let ticked = self.ticker.ticks.load(Ordering::Relaxed).saturating_sub(self.ticks);
        is_late(ticked, self.since.elapsed(), self.ticker.every)
    }
}

/// Sleeping overshoots a little each time; half of the ticks missing is no overshoot.
fn is_late(ticked: u64, elapsed: Duration, every: Duration) -> bool {
    let due = elapsed.as_micros() / every.as_micros().max(1);
    u128::from(ticked) * 2 + 2 < due
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticker_is_late_when_half_of_its_ticks_are_missing() {
        let (second, tick) = (Duration::from_secs(1), Duration::from_millis(10));
        assert!(!is_late(98, second, tick));
        assert!(!is_late(50, second, tick));
        assert!(is_late(40, second, tick));
        assert!(!is_late(0, Duration::from_millis(20), tick), "a short while proves nothing");
    }
}
