//! What is said and logged of faults only once in a while: a broken module must not fill chat and log, and must not hide the
//! first fault of another one.

mod seldom;
pub(super) mod wording;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::id::{ChannelId, ModuleDigest};
use crate::domain::report::Fault;
use crate::sandbox::call::Blame;

use seldom::Seldom;

/// Between two apologies for one module in one channel, and between two warnings in the log about one kind of fault of it.
const APOLOGY_EVERY: Duration = Duration::from_secs(60);
/// Between two lines in one channel that tell of a module that was switched off.
const NOTICE_EVERY: Duration = Duration::from_secs(60 * 60);

/// What was said lately.
#[derive(Debug)]
pub(super) struct Notices {
    /// By module; without one where the host was at fault, which is the same fault for all modules.
    apologies: Mutex<Seldom<(ChannelId, Option<ModuleDigest>)>>,
    warnings: Mutex<Seldom<(ChannelId, ModuleDigest, Fault)>>,
    notices: Mutex<Seldom<ChannelId>>,
}

impl Notices {
    pub(super) fn new() -> Notices {
        Notices {
            apologies: Mutex::new(Seldom::new(APOLOGY_EVERY)),
            warnings: Mutex::new(Seldom::new(APOLOGY_EVERY)),
            notices: Mutex::new(Seldom::new(NOTICE_EVERY)),
        }
    }

    /// The apology for a call that broke off; None where the channel heard one for this module lately.
    pub(super) fn apologise(
        &self,
        channel: ChannelId,
        module: ModuleDigest,
        blame: Blame,
        now: Instant,
    ) -> Option<String> {
        let module = (blame == Blame::Guest).then_some(module);
        try_take(&self.apologies, (channel, module), now).then(|| wording::apologise(blame))
    }

    /// Whether the log is to warn of a module's fault.
    pub(super) fn may_warn(&self, channel: ChannelId, module: ModuleDigest, fault: Fault, now: Instant) -> bool {
        try_take(&self.warnings, (channel, module, fault), now)
    }

    /// Whether the channel is to hear that a module was switched off.
    pub(super) fn may_announce(&self, channel: ChannelId, now: Instant) -> bool {
        try_take(&self.notices, channel, now)
    }
}

fn try_take<K: std::hash::Hash + Eq>(said: &Mutex<Seldom<K>>, key: K, now: Instant) -> bool {
    said.lock().unwrap_or_else(PoisonError::into_inner).try_take(key, now)
}
