//! Rate-limits what is said in chat and logged about faults. A module that keeps breaking must not fill chat and log,
//! nor hide the first fault of another module.

mod throttle;
pub(super) mod wording;

use std::time::{Duration, Instant};

use crate::domain::id::{ChannelId, ModuleDigest};
use crate::domain::report::Fault;
use crate::sandbox::call::Blame;

use throttle::Throttle;

/// Least time between apologies for one module in a channel, and between log warnings about one kind of its faults.
const APOLOGY_EVERY: Duration = Duration::from_secs(60);
/// Least time between two messages in one channel about switched-off modules.
const NOTICE_EVERY: Duration = Duration::from_secs(60 * 60);

/// When each kind of notice was given last.
#[derive(Debug)]
pub(super) struct Notices {
    /// By module. The key has no module if the host was at fault, because that is the same fault for all modules.
    apologies: Throttle<(ChannelId, Option<ModuleDigest>)>,
    warnings: Throttle<(ChannelId, ModuleDigest, Fault)>,
    notices: Throttle<ChannelId>,
}

impl Notices {
    pub(super) fn new() -> Notices {
        Notices {
            apologies: Throttle::new(APOLOGY_EVERY),
            warnings: Throttle::new(APOLOGY_EVERY),
            notices: Throttle::new(NOTICE_EVERY),
        }
    }

    /// The apology for a call that broke off; `None` if the channel lately got one for this module.
    pub(super) fn apologise(
        &self,
        channel: ChannelId,
        module: ModuleDigest,
        blame: Blame,
        now: Instant,
    ) -> Option<String> {
        let module = (blame == Blame::Guest).then_some(module);
        self.apologies.try_take((channel, module), now).then(|| wording::apologise(blame))
    }

    /// Whether to log a warning about a module's fault now.
    pub(super) fn may_warn(&self, channel: ChannelId, module: ModuleDigest, fault: Fault, now: Instant) -> bool {
        self.warnings.try_take((channel, module, fault), now)
    }

    /// Whether to announce in the channel now that a module was switched off.
    pub(super) fn may_announce(&self, channel: ChannelId, now: Instant) -> bool {
        self.notices.try_take(channel, now)
    }
}
