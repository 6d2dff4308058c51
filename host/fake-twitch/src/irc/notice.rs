//! The NOTICEs by which Twitch refuses and announces; texts as in the documentation's irc/msg-id.

use std::time::Duration;

use crate::irc::line::{Line, Tags};

const UNVERIFIED_EMAIL: &str = "This room requires a verified account to chat. Please verify your account at \
                                https://www.twitch.tv/settings/security.";
const UNVERIFIED_PHONE: &str = "A verified phone number is required to chat in this channel. Please visit \
                                https://www.twitch.tv/settings/security to verify your phone number.";

/// Why something was refused, or what changed in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    AccountSuspended,
    BadCharacters,
    Banned,
    ChannelBlocked,
    ChannelSuspended,
    Duplicate,
    EmoteOnly,
    FollowersOnly(Duration),
    /// Follows, but not for long enough: asked for, reached.
    FollowersOnlyFollowed(Duration, Duration),
    FollowersOnlyZero,
    NotUnique,
    RateLimit,
    /// AutoMod holds it until a moderator has looked.
    Rejected,
    /// The channel's own settings do not let it pass.
    RejectedMandatory,
    SlowMode(Duration),
    SubscribersOnly,
    TimedOut(Duration),
    UnrecognizedCommand,
    UnverifiedEmail,
    UnverifiedPhone,
    SlowOn(Duration),
    SlowOff,
    EmoteOnlyOn,
    EmoteOnlyOff,
    SubscribersOn,
    SubscribersOff,
    FollowersOn(Duration),
    FollowersOnZero,
    FollowersOff,
}

impl Notice {
    /// The line for `channel`. `word` is what the text is about where it needs more than the channel: the command.
    pub(crate) fn line(self, channel: &str, word: &str) -> Line {
        let text = self.text(channel, word);
        let mut tags = Tags::default();
        tags.set("msg-id", self.msg_id());
        Line::tagged(&tags, format!(":tmi.twitch.tv NOTICE #{channel} :{text}")).for_commands()
    }

    fn msg_id(self) -> &'static str {
        match self {
            Self::AccountSuspended => "msg_suspended",
            Self::BadCharacters => "msg_bad_characters",
            Self::Banned => "msg_banned",
            Self::ChannelBlocked => "msg_channel_blocked",
            Self::ChannelSuspended => "msg_channel_suspended",
            Self::Duplicate => "msg_duplicate",
            Self::EmoteOnly => "msg_emoteonly",
            Self::FollowersOnly(_) => "msg_followersonly",
            Self::FollowersOnlyFollowed(..) => "msg_followersonly_followed",
            Self::FollowersOnlyZero => "msg_followersonly_zero",
            Self::NotUnique => "msg_r9k",
            Self::RateLimit => "msg_ratelimit",
            Self::Rejected => "msg_rejected",
            Self::RejectedMandatory => "msg_rejected_mandatory",
            Self::SlowMode(_) => "msg_slowmode",
            Self::SubscribersOnly => "msg_subsonly",
            Self::TimedOut(_) => "msg_timedout",
            Self::UnrecognizedCommand => "unrecognized_cmd",
            Self::UnverifiedEmail => "msg_verified_email",
            Self::UnverifiedPhone => "msg_requires_verified_phone_number",
            Self::SlowOn(_) => "slow_on",
            Self::SlowOff => "slow_off",
            Self::EmoteOnlyOn => "emote_only_on",
            Self::EmoteOnlyOff => "emote_only_off",
            Self::SubscribersOn => "subs_on",
            Self::SubscribersOff => "subs_off",
            Self::FollowersOn(_) => "followers_on",
            Self::FollowersOnZero => "followers_on_zero",
            Self::FollowersOff => "followers_off",
        }
    }

    fn text(self, channel: &str, word: &str) -> String {
        match self {
            Self::AccountSuspended => "You don't have permission to perform that action.".to_owned(),
            Self::BadCharacters => "Your message was not sent because it contained too many unprocessable characters. \
                If you believe this is an error, please rephrase and try again."
                .to_owned(),
            Self::Banned => format!("You are permanently banned from talking in {channel}."),
            Self::ChannelBlocked => "Your account is not in good standing in this channel.".to_owned(),
            Self::ChannelSuspended => "This channel does not exist or has been suspended.".to_owned(),
            Self::Duplicate => "Your message was not sent because it is identical to the previous one you sent, \
                less than 30 seconds ago."
                .to_owned(),
            Self::EmoteOnly => "This room is in emote-only mode. You can find your currently available emoticons \
                using the smiley in the chat text area."
                .to_owned(),
            Self::FollowersOnly(asked) => {
                format!("This room is in {} followers-only mode. Follow {channel} to join the community!", span(asked))
            }
            Self::FollowersOnlyFollowed(asked, reached) => format!(
                "This room is in {} followers-only mode. You have been following for {}. Continue following to chat!",
                span(asked),
                span(reached)
            ),
            Self::FollowersOnlyZero => {
                format!("This room is in followers-only mode. Follow {channel} to join the community!")
            }
            Self::NotUnique => {
                "This room is in unique-chat mode and the message you attempted to send is not unique.".to_owned()
            }
            Self::RateLimit => "Your message was not sent because you are sending messages too quickly.".to_owned(),
            Self::Rejected => "Your message is being checked by mods and has not been posted.".to_owned(),
            Self::RejectedMandatory => {
                "Your message wasn't posted due to conflicts with the channel's moderation settings.".to_owned()
            }
            Self::SlowMode(wait) => format!(
                "This room is in slow mode and you are sending messages too quickly. \
                You will be able to talk again in {} seconds.",
                whole_seconds(wait)
            ),
            Self::SubscribersOnly => format!(
                "This room is in subscribers only mode. To talk, purchase a channel subscription at \
                https://www.twitch.tv/products/{channel}/ticket?ref=subscriber_only_mode_chat."
            ),
            Self::TimedOut(left) => format!("You are timed out for {} more seconds.", whole_seconds(left)),
            Self::UnverifiedEmail => UNVERIFIED_EMAIL.to_owned(),
            Self::UnverifiedPhone => UNVERIFIED_PHONE.to_owned(),
            Self::UnrecognizedCommand => format!("Unrecognized command: /{word}"),
            Self::SlowOn(every) => {
                format!("This room is now in slow mode. You may send messages every {} seconds.", whole_seconds(every))
            }
            Self::SlowOff => "This room is no longer in slow mode.".to_owned(),
            Self::EmoteOnlyOn => "This room is now in emote-only mode.".to_owned(),
            Self::EmoteOnlyOff => "This room is no longer in emote-only mode.".to_owned(),
            Self::SubscribersOn => "This room is now in subscribers-only mode.".to_owned(),
            Self::SubscribersOff => "This room is no longer in subscribers-only mode.".to_owned(),
            Self::FollowersOn(asked) => format!("This room is now in {} followers-only mode.", span(asked)),
            Self::FollowersOnZero => "This room is now in followers-only mode.".to_owned(),
            Self::FollowersOff => "This room is no longer in followers-only mode.".to_owned(),
        }
    }
}

/// Rounded up: whoever waits that long may talk.
fn whole_seconds(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}

/// `1 minute`, `10 minutes`: the unit Twitch counts following in.
fn span(duration: Duration) -> String {
    match duration.as_secs() / 60 {
        1 => "1 minute".to_owned(),
        minutes => format!("{minutes} minutes"),
    }
}
