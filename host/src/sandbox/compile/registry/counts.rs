//! Counts of the registry, for monitoring.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::super::error::CompileError;
use crate::telemetry::Telemetry;

/// A snapshot of the counts. All but `offered` and `loaded` only ever rise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistryCounts {
    /// Modules that can be called.
    pub offered: usize,
    /// Uploaded modules whose machine code is in memory.
    pub loaded: usize,
    /// Calls of uploaded modules whose code was in memory.
    pub hits: u64,
    /// Calls of uploaded modules that had to wait for their code.
    pub misses: u64,
    /// Uploaded modules that were evicted from memory.
    pub evictions: u64,
    /// Modules that were loaded from an artefact, and the total time of that.
    pub loads: u64,
    pub load_time: Duration,
    /// Modules that were compiled, uploaded or not, and the total time of that.
    pub compiled: u64,
    pub compile_time: Duration,
    /// Bytes that did not become a module, by [`CompileError::code`].
    pub refused: BTreeMap<&'static str, u64>,
}

#[derive(Default)]
pub(in crate::sandbox) struct Counts {
    pub(super) hits: AtomicU64,
    pub(super) misses: AtomicU64,
    pub(super) evictions: AtomicU64,
    loads: Timed,
    compiled: Timed,
    /// By [`CompileError::code`], so bounded.
    refused: Mutex<BTreeMap<&'static str, u64>>,
    /// Gets each single time as well.
    telemetry: OnceLock<Arc<Telemetry>>,
}

#[derive(Default)]
struct Timed {
    times: AtomicU64,
    nanos: AtomicU64,
}

impl Timed {
    fn note(&self, took: Duration) {
        self.times.fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn read(&self) -> (u64, Duration) {
        (self.times.load(Ordering::Relaxed), Duration::from_nanos(self.nanos.load(Ordering::Relaxed)))
    }
}

impl Counts {
    pub(in crate::sandbox) fn tell(&self, telemetry: Arc<Telemetry>) {
        self.telemetry.get_or_init(|| telemetry);
    }

    pub(super) fn note_load(&self, took: Duration) {
        self.telemetry.get().inspect(|telemetry| telemetry.metrics.note_load(took));
        self.loads.note(took);
    }

    pub(super) fn note_compiled(&self, took: Duration) {
        self.telemetry.get().inspect(|telemetry| telemetry.metrics.note_compilation(took));
        self.compiled.note(took);
    }

    pub(super) fn note_refusal(&self, error: &CompileError) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner).entry(error.code()).or_default() += 1;
    }

    pub(super) fn snapshot(&self, offered: usize, loaded: usize) -> RegistryCounts {
        let ((loads, load_time), (compiled, compile_time)) = (self.loads.read(), self.compiled.read());
        RegistryCounts {
            offered,
            loaded,
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            evictions: self.evictions.load(Ordering::Relaxed),
            loads,
            load_time,
            compiled,
            compile_time,
            refused: self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}
