//! An account's losses and refusals, by reason, since the start.

use std::mem::discriminant;
use std::time::Duration;

use super::refusal::Refusal;

/// The kinds of refusal with the names of their counts. A time span stands for any.
const REFUSALS: [(Refusal, &str); 16] = [
    (Refusal::Banned, "refused_banned"),
    (Refusal::Suspended, "refused_suspended"),
    (Refusal::TimedOut(Duration::ZERO), "refused_timed_out"),
    (Refusal::SlowMode(Duration::ZERO), "refused_slow_mode"),
    (Refusal::EmoteOnly, "refused_emote_only"),
    (Refusal::SubscribersOnly, "refused_subscribers_only"),
    (Refusal::FollowersOnly, "refused_followers_only"),
    (Refusal::NotUnique, "refused_not_unique"),
    (Refusal::Duplicate, "refused_duplicate"),
    (Refusal::Unverified, "refused_unverified"),
    (Refusal::Blocked, "refused_blocked"),
    (Refusal::RateLimited, "refused_rate_limited"),
    (Refusal::Rejected, "refused_by_automod"),
    (Refusal::BadCharacters, "refused_characters"),
    (Refusal::UnknownCommand, "refused_command"),
    (Refusal::Other, "refused_otherwise"),
];

/// Each field counts lines, events or messages. Of a message in several pieces, each refused piece counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub long_lines: u64,
    pub malformed_lines: u64,
    /// Events dropped because the queue to dispatch stayed full for too long.
    pub events_dropped: u64,
    /// Messages dropped because they waited for too long.
    pub stale: u64,
    /// Messages dropped because the outbox was full.
    pub no_room: u64,
    /// Messages without any text after cleaning.
    pub empty: u64,
    /// Messages to rooms closed to the account: by a mode that excludes it, or after a refusal.
    pub closed: u64,
    /// Messages that Twitch never answered.
    pub unconfirmed: u64,
    /// Messages refused by Twitch, in the order of `REFUSALS`. For slow mode and repetition they are sent once more.
    refused: [u64; REFUSALS.len()],
}

impl Counts {
    /// All counts with their names.
    pub fn list(&self) -> Vec<(&'static str, u64)> {
        let mut counts = vec![
            ("long_lines", self.long_lines),
            ("malformed_lines", self.malformed_lines),
            ("events_dropped", self.events_dropped),
            ("stale", self.stale),
            ("no_room", self.no_room),
            ("empty", self.empty),
            ("closed", self.closed),
            ("unconfirmed", self.unconfirmed),
        ];
        counts.extend(REFUSALS.iter().zip(self.refused).map(|((_, name), count)| (*name, count)));
        counts
    }

    pub(super) fn note_refused(&mut self, refusal: Refusal) {
        let is_it = |(kind, _): &(Refusal, &str)| discriminant(kind) == discriminant(&refusal);
        // A refusal without an entry in `REFUSALS` counts as `refused_otherwise`.
        self.refused[REFUSALS.iter().position(is_it).unwrap_or(REFUSALS.len() - 1)] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Counts {
        pub(crate) fn find(&self, name: &str) -> u64 {
            self.list().into_iter().find(|(known, _)| *known == name).expect("a count of that name").1
        }

        /// The counts above zero.
        pub(crate) fn list_positive(&self) -> Vec<(&'static str, u64)> {
            self.list().into_iter().filter(|(_, count)| *count > 0).collect()
        }
    }
}
