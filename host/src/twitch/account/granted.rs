//! An allowance for tests: it grants a few slots of each limit, and from a given moment on all slots.

use std::collections::HashMap;
use std::sync::Mutex;

use tokio::time::Instant;

use crate::domain::ports::{Allowance, Limit};

pub(super) struct Granted {
    slots: usize,
    all_at: Instant,
    used: Mutex<HashMap<Limit, usize>>,
}

impl Granted {
    pub(super) fn new(slots: usize, all_at: Instant) -> Granted {
        Granted { slots, all_at, used: Mutex::default() }
    }
}

impl Allowance for Granted {
    fn opens_at(&self, limit: Limit, now: std::time::Instant) -> std::time::Instant {
        let used = self.used.lock().unwrap().get(&limit).copied().unwrap_or_default();
        if used < self.slots { now } else { now.max(self.all_at.into_std()) }
    }

    fn note_used(&self, limit: Limit, _: std::time::Instant) {
        *self.used.lock().unwrap().entry(limit).or_default() += 1;
    }
}
