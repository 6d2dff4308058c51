//! Twitch's limits as pure functions of time: every moment is a parameter.
//!
//! Source of the numbers: dev.twitch.tv/docs/chat, "Rate limits". Twitch's buckets refill on a schedule that a client
//! cannot know. A client is safe under any schedule only with a sliding window, so this one slides.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

pub(crate) const LOGINS: usize = 20;
pub(crate) const LOGINS_WITHIN: Duration = Duration::from_secs(10);
pub(crate) const JOINS: usize = 20;
pub(crate) const JOINS_WITHIN: Duration = Duration::from_secs(10);
/// Channels that an account may have joined at once, without those where it moderates.
pub(crate) const CHANNELS: usize = 100;
/// Messages of one account to any channels, after which a message to a channel without privileges exceeds the limit.
pub(crate) const MESSAGES: usize = 20;
/// Like [`MESSAGES`], for a channel where the account is broadcaster, moderator or VIP.
pub(crate) const MESSAGES_PRIVILEGED: usize = 100;
pub(crate) const MESSAGES_WITHIN: Duration = Duration::from_secs(30);
/// Least time between two messages to one channel without privileges.
pub(crate) const MESSAGE_EVERY: Duration = Duration::from_secs(1);
/// How long an account that exceeded a message limit is ignored.
pub(crate) const SILENCE: Duration = Duration::from_secs(60 * 60);
/// How long the last message to a channel may not be repeated there.
pub(crate) const DUPLICATE_WITHIN: Duration = Duration::from_secs(30);

/// A Twitch rule that a connection broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// More than 20 logins in 10 s by one account.
    Logins,
    /// More than 20 channels in 10 s named in JOINs of one account.
    Joins,
    /// More than 100 channels joined at once by one account, without being moderator or broadcaster there.
    Channels,
    /// More than 20 (where privileged: 100) messages in 30 s by one account, which is then silenced for an hour.
    Messages,
    /// More than one message in a second to a channel where the account has no privileges.
    MessagesInChannel,
    /// The last message's text again, within 30 s, without privileges.
    Duplicate,
    /// More than 500 code points.
    OverLength,
    /// A carriage return within a line, another control character, or bytes that are not UTF-8.
    ForbiddenBytes,
    /// A leading `/` or `.` that is not `/me`: Twitch drops the first word or refuses the message.
    LeadingCommand,
    /// A message with a token that lacks the scope `chat:edit`; it is dropped.
    MissingScope,
    /// A device that asks for its token again before the interval has passed. The account is the client id.
    Polling,
    /// A line of more than 8 KiB; the connection is closed.
    LineTooLong,
    /// A connection that does not read its lines; it is closed.
    SlowReader,
    /// A PING that was not answered in time; the connection is closed.
    UnansweredPing,
}

/// The words follow a login and a colon.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Logins => "more than 20 log-ins in 10 s; this one was refused",
            Self::Joins => "more than 20 joins in 10 s; this one was ignored",
            Self::Channels => "more than 100 channels without being moderator there; this one was not joined",
            Self::Messages => {
                "more than 20 messages in 30 s (100 where broadcaster, moderator or VIP); from now on its messages \
                 vanish for an hour where it is none of these"
            }
            Self::MessagesInChannel => {
                "more than one message in a second to a channel where it is neither broadcaster, moderator nor VIP; \
                 this one was refused"
            }
            Self::Duplicate => "the message that it sent last, again within 30 s; it was refused",
            Self::OverLength => "a message of more than 500 characters; its end was cut off",
            Self::ForbiddenBytes => "a line with a carriage return, a control character or bytes that are not UTF-8",
            Self::LeadingCommand => "a message that begins with / or . and is no /me; its first word was taken away",
            Self::MissingScope => "a message with a token that lacks the scope chat:edit; it was dropped",
            Self::Polling => "a device that asked for its token again within 5 s",
            Self::LineTooLong => "a line of more than 8 KiB; the connection was closed",
            Self::SlowReader => "a connection that does not read what it is sent; it was closed",
            Self::UnansweredPing => "a PING without an answer for 10 s; the connection was closed",
        })
    }
}

/// The recent moments of one kind of event.
#[derive(Debug, Default)]
pub(crate) struct Window(VecDeque<Instant>);

impl Window {
    /// Counts an event at `now`, unless that would exceed `limit` within `span`. A refused event does not count, so the
    /// window never holds more than the highest limit passed to this method.
    pub(crate) fn admit(&mut self, limit: usize, span: Duration, now: Instant) -> bool {
        while self.0.pop_front_if(|at| now >= *at + span).is_some() {}
        let admitted = self.0.len() < limit;
        if admitted {
            self.0.push_back(now);
        }
        admitted
    }
}

/// The result of the limits for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Admitted,
    /// Less than a second after the last message to this channel.
    TooQuick,
    /// Beyond the limit: from now on the account is silenced.
    OverLimit,
    /// The account is silenced, and the message is dropped without a NOTICE.
    Swallowed,
}

/// Everything that counts against one account, over all its connections.
#[derive(Debug, Default)]
pub(crate) struct AccountRecord {
    pub(crate) logins: Window,
    pub(crate) joins: Window,
    messages: Window,
    silenced_until: Option<Instant>,
    /// By room id.
    channels: HashMap<String, ChannelRecord>,
}

#[derive(Debug, Default)]
struct ChannelRecord {
    admitted_at: Option<Instant>,
    delivered: Option<(String, Instant)>,
}

impl AccountRecord {
    /// Counts a message to a channel. One window serves both limits, because every message counts against both: a
    /// message to a channel with privileges also uses up the 20, although the 20 only restricts other channels.
    pub(crate) fn admit_message(&mut self, room_id: &str, privileged: bool, now: Instant) -> Verdict {
        if !privileged && self.silenced_until.is_some_and(|until| now < until) {
            return Verdict::Swallowed;
        }
        let limit = if privileged { MESSAGES_PRIVILEGED } else { MESSAGES };
        if !self.messages.admit(limit, MESSAGES_WITHIN, now) {
            self.silenced_until = Some(now + SILENCE);
            return Verdict::OverLimit;
        }
        let channel = self.channels.entry(room_id.to_owned()).or_default();
        let too_quick = !privileged && channel.admitted_at.is_some_and(|at| now < at + MESSAGE_EVERY);
        if too_quick {
            return Verdict::TooQuick;
        }
        channel.admitted_at = Some(now);
        Verdict::Admitted
    }

    /// Records a delivered message; `text` in its collapsed form.
    pub(crate) fn note_delivered(&mut self, room_id: &str, text: String, now: Instant) {
        self.channels.entry(room_id.to_owned()).or_default().delivered = Some((text, now));
    }

    /// Whether `text` (collapsed) equals the last message delivered to this channel, less than 30 s ago.
    pub(crate) fn is_duplicate(&self, room_id: &str, text: &str, now: Instant) -> bool {
        let last = self.channels.get(room_id).and_then(|channel| channel.delivered.as_ref());
        last.is_some_and(|(said, at)| said == text && now < *at + DUPLICATE_WITHIN)
    }

    /// How long slow mode still makes this account wait.
    pub(crate) fn find_slow_wait(&self, room_id: &str, slow: Duration, now: Instant) -> Option<Duration> {
        let (_, at) = self.channels.get(room_id)?.delivered.as_ref()?;
        (*at + slow).checked_duration_since(now).filter(|wait| !wait.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn admit_in_turn(record: &mut AccountRecord, rooms: usize, privileged: bool, now: Instant) -> usize {
        (0..rooms).take_while(|n| record.admit_message(&n.to_string(), privileged, now) == Verdict::Admitted).count()
    }

    #[test]
    fn twenty_messages_pass_and_the_next_one_brings_an_hour_of_silence() {
        let (mut record, start) = (AccountRecord::default(), Instant::now());
        assert_eq!(admit_in_turn(&mut record, 30, false, start), MESSAGES);
        let later = start + SILENCE - SECOND;
        assert_eq!(record.admit_message("a", false, later), Verdict::Swallowed);
        assert_eq!(record.admit_message("a", true, later), Verdict::Admitted);
        assert_eq!(record.admit_message("a", false, start + SILENCE), Verdict::Admitted);
    }

    #[test]
    fn privileged_messages_use_up_the_twenty_but_are_not_held_back_by_them() {
        let (mut record, start) = (AccountRecord::default(), Instant::now());
        assert_eq!(admit_in_turn(&mut record, 60, true, start), 60);
        assert_eq!(record.admit_message("a", false, start), Verdict::OverLimit);
        assert_eq!(admit_in_turn(&mut record, 60, true, start), 40);
        assert_eq!(record.admit_message("b", false, start + MESSAGES_WITHIN), Verdict::Swallowed);
    }

    #[test]
    fn one_message_a_second_passes_in_a_channel_without_privileges() {
        let (mut record, start) = (AccountRecord::default(), Instant::now());
        assert_eq!(record.admit_message("a", false, start), Verdict::Admitted);
        assert_eq!(record.admit_message("a", false, start + SECOND / 2), Verdict::TooQuick);
        assert_eq!(record.admit_message("b", false, start + SECOND / 2), Verdict::Admitted);
        assert_eq!(record.admit_message("a", false, start + SECOND), Verdict::Admitted);
        assert_eq!(record.admit_message("a", true, start + SECOND), Verdict::Admitted);
    }

    #[test]
    fn duplicates_and_slow_mode_count_from_what_was_delivered() {
        let (mut record, start) = (AccountRecord::default(), Instant::now());
        record.note_delivered("a", "hi".to_owned(), start);
        assert!(record.is_duplicate("a", "hi", start + DUPLICATE_WITHIN - SECOND));
        assert!(!record.is_duplicate("a", "hi", start + DUPLICATE_WITHIN));
        assert!(!record.is_duplicate("a", "hello", start) && !record.is_duplicate("b", "hi", start));
        assert_eq!(record.find_slow_wait("a", 10 * SECOND, start + 4 * SECOND), Some(6 * SECOND));
        assert_eq!(record.find_slow_wait("a", 10 * SECOND, start + 10 * SECOND), None);
    }

    proptest! {
        #[test]
        fn no_window_holds_more_than_its_limit(gaps in prop::collection::vec(0u64..4_000, 1..200), limit in 1usize..25) {
            let span = Duration::from_secs(10);
            let (mut window, mut now) = (Window::default(), Instant::now());
            let mut admitted = Vec::new();
            for gap in gaps {
                now += Duration::from_millis(gap);
                if window.admit(limit, span, now) {
                    admitted.push(now);
                }
            }
            for &end in &admitted {
                let within = admitted.iter().filter(|&&at| at <= end && end < at + span).count();
                prop_assert!(within <= limit);
            }
        }
    }
}
