//! Holds back permitted calls: repeated ones, ones that come too soon, and ones of a chatter for whom the module keeps
//! breaking. Each guardrail has a lock of its own.

mod cooldowns;
mod fuses;

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use lru::LruCache;

use crate::config::FuseConfig;
use crate::domain::id::{ChannelId, MessageId, ModuleDigest};
use crate::domain::invocation::Called;

use cooldowns::Cooldowns;
use fuses::Fuses;

pub(super) use self::cooldowns::{Attempt, StartedCooldowns};
pub(super) use self::fuses::{Blown, GuestFault, pause_after};

/// If Twitch repeats a message, it does so within seconds. Only calls are kept, so this covers minutes on the busiest
/// host. The store recognises older ones: its unique key makes a repeated change no change.
const IDS_KEPT: NonZeroUsize = NonZeroUsize::new(4096).expect("4096 is not zero");

#[derive(Debug)]
pub(super) struct Guardrails {
    rules: FuseConfig,
    /// The ids of the latest calls.
    duplicates: Mutex<LruCache<MessageId, ()>>,
    cooldowns: Mutex<Cooldowns>,
    fuses: Mutex<Fuses>,
}

/// A call to check.
pub(super) struct GuardedCall {
    pub(super) called: Called,
    pub(super) attempt: Attempt,
    pub(super) module: ModuleDigest,
    /// Whether the module answers this chatter however often it breaks.
    pub(super) is_never_ignored: bool,
    /// A dry run starts no cooldown.
    pub(super) is_dry_run: bool,
}

/// Why a call is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeldBack {
    Cooldown(Duration),
    Ignored(Duration),
}

impl Guardrails {
    pub(super) fn new(rules: FuseConfig) -> Guardrails {
        Guardrails {
            duplicates: Mutex::new(LruCache::new(IDS_KEPT)),
            cooldowns: Mutex::default(),
            fuses: Mutex::new(Fuses::new(rules.clone())),
            rules,
        }
    }

    /// The rules of the fuses.
    pub(super) fn rules(&self) -> &FuseConfig {
        &self.rules
    }

    /// Whether a call with this message id was seen before. Remembers it.
    pub(super) fn is_repeated(&self, id: &MessageId) -> bool {
        lock(&self.duplicates).put(id.clone(), ()).is_some()
    }

    /// Starts the call's cooldowns, which only commands have. Only commands and messages are ignored for their chatter.
    pub(super) fn check(&self, asked: &GuardedCall, now: Instant) -> Result<StartedCooldowns, HeldBack> {
        let GuardedCall { called, attempt, module, is_never_ignored, is_dry_run } = asked;
        let is_by_chatter = matches!(called, Called::Command | Called::Message);
        if is_by_chatter
            && !is_never_ignored
            && let Some(left) = lock(&self.fuses).find_ignored(attempt.channel, *module, attempt.chatter, now)
        {
            return Err(HeldBack::Ignored(left));
        }
        let started = match (called, is_dry_run) {
            (Called::Command, false) => lock(&self.cooldowns).try_start(attempt, now),
            (Called::Command, true) => {
                lock(&self.cooldowns).check(attempt, now).map(|()| StartedCooldowns::nothing(attempt.channel))
            }
            (Called::Timer | Called::Event | Called::Message, _) => Ok(StartedCooldowns::nothing(attempt.channel)),
        };
        started.map_err(HeldBack::Cooldown)
    }

    /// Gives back the cooldowns of a call that failed by no fault of the chatter's.
    pub(super) fn cancel_cooldowns(&self, started: StartedCooldowns) {
        lock(&self.cooldowns).cancel(started);
    }

    /// Counts a guest's fault. The fault that reaches the limit blows the fuse.
    pub(super) fn note_fault(&self, broken: GuestFault, now: Instant) -> Option<Blown> {
        lock(&self.fuses).note(broken, now)
    }

    /// Notes that a version blew in a channel. Returns true, once, if the version now counts as broken everywhere.
    pub(super) fn is_everywhere(
        &self,
        (channel, module): (ChannelId, ModuleDigest),
        blown: &Blown,
        uploaded_at: SystemTime,
        now: SystemTime,
    ) -> bool {
        lock(&self.fuses).is_everywhere(channel, module, blown, uploaded_at, now)
    }
}

/// The data is consistent after every statement, so a panic elsewhere does not matter.
fn lock<T>(remembered: &Mutex<T>) -> MutexGuard<'_, T> {
    remembered.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::ChatterId;
    use crate::domain::role::Role;

    const CHANNEL: ChannelId = ChannelId(1);
    const MODULE: ModuleDigest = ModuleDigest([1; 32]);
    const MINUTE: Duration = Duration::from_secs(60);

    fn asked(called: Called) -> GuardedCall {
        let attempt = Attempt {
            channel: CHANNEL,
            command: "dice".into(),
            chatter: ChatterId(7),
            role: Role::Everyone,
            channel_cooldown: MINUTE,
            chatter_cooldown: MINUTE,
        };
        GuardedCall { called, attempt, module: MODULE, is_never_ignored: false, is_dry_run: false }
    }

    #[test]
    fn an_id_is_new_once_and_the_oldest_is_forgotten() {
        let guardrails = Guardrails::new(FuseConfig::default());
        let id = |number: usize| MessageId(number.to_string().into());
        assert!(!guardrails.is_repeated(&id(0)));
        assert!(guardrails.is_repeated(&id(0)));
        for number in 1..=IDS_KEPT.get() {
            assert!(!guardrails.is_repeated(&id(number)));
        }
        assert!(guardrails.is_repeated(&id(1)));
        assert!(!guardrails.is_repeated(&id(0)));
    }

    #[test]
    fn only_commands_wait_for_a_cooldown() {
        let (guardrails, now) = (Guardrails::new(FuseConfig::default()), Instant::now());
        assert!(guardrails.check(&asked(Called::Command), now).is_ok());
        assert_eq!(guardrails.check(&asked(Called::Command), now).unwrap_err(), HeldBack::Cooldown(MINUTE));
        for called in [Called::Timer, Called::Event, Called::Message] {
            assert!(guardrails.check(&asked(called), now).is_ok(), "{called:?}");
        }
    }

    #[test]
    fn only_what_a_chatter_does_is_ignored_because_of_them() {
        let (guardrails, now) = (Guardrails::new(FuseConfig::default()), Instant::now());
        let broken =
            GuestFault { channel: CHANNEL, digest: MODULE, chatter: ChatterId(7), is_proven: true, asked_at: now };
        for _ in 0..guardrails.rules().ignore_after {
            assert!(guardrails.note_fault(broken, now).is_none());
        }
        let is_ignored = |called| matches!(guardrails.check(&asked(called), now), Err(HeldBack::Ignored(_)));
        let kinds = [Called::Command, Called::Message, Called::Timer, Called::Event];
        assert_eq!(kinds.map(is_ignored), [true, true, false, false]);
        let heard = GuardedCall { is_never_ignored: true, ..asked(Called::Message) };
        assert!(guardrails.check(&heard, now).is_ok());
    }
}
