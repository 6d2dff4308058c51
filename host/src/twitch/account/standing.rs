//! An account's standing in a room, and the room's modes. Pure.
//!
//! Not here: unique chat (`r9k`), because only sending a text shows whether it is unique.

use std::time::Duration;

use super::refusal::Refusal;

/// An account's standing in a channel, as far as Twitch's limits depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Broadcaster, moderator or VIP: higher limits apply.
    pub(crate) is_privileged: bool,
    /// Broadcaster or moderator: the channel does not count among the 100 (dev.twitch.tv/docs/chat).
    pub(crate) is_moderator: bool,
    pub(crate) is_subscriber: bool,
}

/// The modes that tell beforehand of a refusal. Followers-only is absent, as we do not know whether we follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RoomModes {
    /// The least time between two messages of one chatter; zero means off.
    slow: Duration,
    emote_only: bool,
    subscribers_only: bool,
}

/// The modes that Twitch reported; `None` is unchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ModeChange {
    pub(crate) slow: Option<Duration>,
    pub(crate) emote_only: Option<bool>,
    pub(crate) subscribers_only: Option<bool>,
    pub(crate) followers_only: Option<bool>,
}

/// An account's standing in a room together with the room's modes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RoomStanding {
    pub(crate) standing: Standing,
    pub(crate) modes: RoomModes,
}

impl RoomModes {
    pub(crate) fn apply(&mut self, change: ModeChange) {
        self.slow = change.slow.unwrap_or(self.slow);
        self.emote_only = change.emote_only.unwrap_or(self.emote_only);
        self.subscribers_only = change.subscribers_only.unwrap_or(self.subscribers_only);
    }
}

impl ModeChange {
    /// Whether a message refused for this reason may pass after the change.
    pub(crate) fn lifts(self, refusal: Refusal) -> bool {
        match refusal {
            Refusal::EmoteOnly => self.emote_only.is_some(),
            Refusal::SubscribersOnly => self.subscribers_only.is_some(),
            Refusal::FollowersOnly => self.followers_only.is_some(),
            // Twitch reports modes only to accounts in the room, so the account is admitted again.
            Refusal::Banned | Refusal::Suspended => true,
            _ => false,
        }
    }
}

impl RoomStanding {
    /// Whether the modes let a text through. Moderators are above every mode, VIPs above all but emote-only.
    pub(crate) fn may_talk(&self) -> bool {
        let RoomStanding { standing, modes } = self;
        let passes_emote_only = standing.is_moderator || !modes.emote_only;
        let passes_subscribers_only = standing.is_privileged || standing.is_subscriber || !modes.subscribers_only;
        passes_emote_only && passes_subscribers_only
    }

    /// The time that slow mode requires between two messages.
    pub(crate) fn slow(&self) -> Duration {
        self.modes.slow
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: Standing = Standing { is_privileged: false, is_moderator: false, is_subscriber: false };
    const SUBSCRIBER: Standing = Standing { is_subscriber: true, ..NOBODY };
    const VIP: Standing = Standing { is_privileged: true, ..NOBODY };
    const MODERATOR: Standing = Standing { is_moderator: true, ..VIP };

    #[test]
    fn modes_keep_out_those_who_are_not_above_them() {
        let emote_only = RoomModes { emote_only: true, ..RoomModes::default() };
        let subscribers_only = RoomModes { subscribers_only: true, ..RoomModes::default() };
        let who_talks =
            |modes| [NOBODY, SUBSCRIBER, VIP, MODERATOR].map(|standing| RoomStanding { standing, modes }.may_talk());
        assert_eq!(who_talks(RoomModes::default()), [true; 4]);
        assert_eq!(who_talks(emote_only), [false, false, false, true]);
        assert_eq!(who_talks(subscribers_only), [false, true, true, true]);
    }

    #[test]
    fn a_change_leaves_the_other_modes_as_they_are() {
        let mut modes = RoomModes::default();
        modes.apply(ModeChange { slow: Some(Duration::from_secs(10)), ..ModeChange::default() });
        modes.apply(ModeChange { emote_only: Some(true), ..ModeChange::default() });
        modes.apply(ModeChange { followers_only: Some(true), ..ModeChange::default() });
        let expected = RoomModes { slow: Duration::from_secs(10), emote_only: true, subscribers_only: false };
        assert_eq!(modes, expected);
        modes.apply(ModeChange { slow: Some(Duration::ZERO), ..ModeChange::default() });
        assert_eq!(modes, RoomModes { slow: Duration::ZERO, ..expected });
    }
}
