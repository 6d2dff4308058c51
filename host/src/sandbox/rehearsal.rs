//! What the author's runner fixes for a module's calls, and what it observes of them. A running host has none of this.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::calls::error::EndRun;
use crate::domain::effect::Effect;
use crate::domain::manifest::Capability;

/// One rehearsal, of one call after another.
#[derive(Debug)]
pub struct Rehearsal {
    seed: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    numbers: VecDeque<u64>,
    begun_at: Option<Instant>,
    observed: Observed,
}

/// What a call did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// In their order, those of all runs.
    pub host_calls: Vec<HostCall>,
    /// The changes of the last run that answered.
    pub changes: Vec<Effect>,
}

/// A call of a function of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostCall {
    pub capability: Capability,
    /// By its name in the contract.
    pub function: &'static str,
    /// Since the run began.
    pub at: Duration,
}

impl Rehearsal {
    /// `seed`: of the first call's random numbers; each further call has the next one.
    pub fn new(seed: u64) -> Rehearsal {
        Rehearsal { seed: AtomicU64::new(seed), state: Mutex::default() }
    }

    /// Makes these the next random numbers. A call that asks for a number below one of them breaks.
    pub fn draw(&self, numbers: impl IntoIterator<Item = u64>) {
        self.state().numbers.extend(numbers);
    }

    /// Takes what was observed since the last time.
    pub fn take_observed(&self) -> Observed {
        std::mem::take(&mut self.state().observed)
    }

    pub(crate) fn next_seed(&self) -> u64 {
        self.seed.fetch_add(1, Ordering::Relaxed)
    }

    /// Random numbers that no call has drawn yet.
    pub fn count_undrawn(&self) -> usize {
        self.state().numbers.len()
    }

    /// `None` if no number is left: the module's own generator answers.
    ///
    /// # Errors
    /// If the next number is not below `below`.
    pub(crate) fn next_number(&self, below: u64) -> Result<Option<u64>, EndRun> {
        match self.state().numbers.pop_front() {
            Some(number) if number >= below => {
                Err(EndRun::Guest(format!("asked for a random number below {below}, and the rehearsal gives {number}")))
            }
            number => Ok(number),
        }
    }

    pub(crate) fn begin_run(&self) {
        self.state().begun_at = Some(Instant::now());
    }

    pub(crate) fn note_host_call(&self, capability: Capability, function: &'static str) {
        let mut state = self.state();
        let at = state.begun_at.map(|begun_at| begun_at.elapsed()).unwrap_or_default();
        state.observed.host_calls.push(HostCall { capability, function, at });
    }

    pub(crate) fn note_changes(&self, changes: &[Effect]) {
        self.state().observed.changes = changes.to_vec();
    }

    /// Poisoning is ignored: no code panics while it holds this lock.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
