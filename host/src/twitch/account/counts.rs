//! What an account lost or was refused, by reason, since the start.

use super::refusal::Refusal;

/// Each is a number of lines, events or messages; a message in several pieces is refused piece by piece.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub long_lines: u64,
    pub malformed_lines: u64,
    /// Nobody took them from the full queue in time.
    pub events_dropped: u64,
    /// Messages that waited until they were stale.
    pub stale: u64,
    /// Messages that found the outbox full.
    pub no_room: u64,
    /// Messages of which nothing was left to say.
    pub empty: u64,
    /// Messages to rooms that were closed to the account: by a mode that it does not pass, or since a refusal.
    pub closed: u64,
    /// Messages that Twitch never answered.
    pub unconfirmed: u64,
    /// Messages that Twitch refused, each for its reason; for slow mode and repetition those are sent once more.
    pub refused_banned: u64,
    pub refused_suspended: u64,
    pub refused_timed_out: u64,
    pub refused_slow_mode: u64,
    pub refused_emote_only: u64,
    pub refused_subscribers_only: u64,
    pub refused_followers_only: u64,
    pub refused_not_unique: u64,
    pub refused_duplicate: u64,
    pub refused_unverified: u64,
    pub refused_blocked: u64,
    pub refused_rate_limited: u64,
    pub refused_by_automod: u64,
    pub refused_characters: u64,
    pub refused_command: u64,
    pub refused_otherwise: u64,
}

macro_rules! list {
    ($counts:ident: $($name:ident)*) => {{
        // Names every field, or it does not compile.
        let Counts { $($name),* } = *$counts;
        vec![$((stringify!($name), $name)),*]
    }};
}

impl Counts {
    /// Every count with its name, for whoever shows them.
    pub fn list(&self) -> Vec<(&'static str, u64)> {
        list!(self:
            long_lines malformed_lines events_dropped stale no_room empty closed unconfirmed
            refused_banned refused_suspended refused_timed_out refused_slow_mode refused_emote_only
            refused_subscribers_only refused_followers_only refused_not_unique refused_duplicate refused_unverified
            refused_blocked refused_rate_limited refused_by_automod refused_characters refused_command
            refused_otherwise)
    }

    pub(super) fn refused(&mut self, refusal: Refusal) -> &mut u64 {
        match refusal {
            Refusal::Banned => &mut self.refused_banned,
            Refusal::Suspended => &mut self.refused_suspended,
            Refusal::TimedOut(_) => &mut self.refused_timed_out,
            Refusal::SlowMode(_) => &mut self.refused_slow_mode,
            Refusal::EmoteOnly => &mut self.refused_emote_only,
            Refusal::SubscribersOnly => &mut self.refused_subscribers_only,
            Refusal::FollowersOnly => &mut self.refused_followers_only,
            Refusal::NotUnique => &mut self.refused_not_unique,
            Refusal::Duplicate => &mut self.refused_duplicate,
            Refusal::Unverified => &mut self.refused_unverified,
            Refusal::Blocked => &mut self.refused_blocked,
            Refusal::RateLimited => &mut self.refused_rate_limited,
            Refusal::Rejected => &mut self.refused_by_automod,
            Refusal::BadCharacters => &mut self.refused_characters,
            Refusal::UnknownCommand => &mut self.refused_command,
            Refusal::Other => &mut self.refused_otherwise,
        }
    }
}
