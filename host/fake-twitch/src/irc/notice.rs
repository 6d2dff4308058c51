//! The NOTICEs by which Twitch refuses and announces; texts as in the documentation's irc/msg-id.

use std::time::Duration;

use crate::irc::line::{Line, Tags};
use crate::world::refusal::Refused;

const UNVERIFIED_EMAIL: &str = "This room requires a verified account to chat. Please verify your account at \
                                https://www.twitch.tv/settings/security.";
const UNVERIFIED_PHONE: &str = "A verified phone number is required to chat in this channel. Please visit \
                                https://www.twitch.tv/settings/security to verify your phone number.";

/// Why something was refused, or what changed in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    Refused(Refused),
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
            Self::Refused(refused) => refusal_id(refused),
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
            Self::Refused(refused) => refusal_text(refused, channel, word),
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

fn refusal_id(refused: Refused) -> &'static str {
    match refused {
        Refused::AccountSuspended => "msg_suspended",
        Refused::BadCharacters => "msg_bad_characters",
        Refused::Banned => "msg_banned",
        Refused::ChannelBlocked => "msg_channel_blocked",
        Refused::ChannelSuspended => "msg_channel_suspended",
        Refused::Duplicate => "msg_duplicate",
        Refused::EmoteOnly => "msg_emoteonly",
        Refused::FollowersOnly(_) => "msg_followersonly",
        Refused::FollowersOnlyFollowed(..) => "msg_followersonly_followed",
        Refused::FollowersOnlyZero => "msg_followersonly_zero",
        Refused::NotUnique => "msg_r9k",
        Refused::RateLimit => "msg_ratelimit",
        Refused::Rejected => "msg_rejected",
        Refused::RejectedMandatory => "msg_rejected_mandatory",
        Refused::SlowMode(_) => "msg_slowmode",
        Refused::SubscribersOnly => "msg_subsonly",
        Refused::TimedOut(_) => "msg_timedout",
        Refused::UnrecognizedCommand => "unrecognized_cmd",
        Refused::UnverifiedEmail => "msg_verified_email",
        Refused::UnverifiedPhone => "msg_requires_verified_phone_number",
    }
}

fn refusal_text(refused: Refused, channel: &str, word: &str) -> String {
    match refused {
        Refused::AccountSuspended => "You don't have permission to perform that action.".to_owned(),
        Refused::BadCharacters => "Your message was not sent because it contained too many unprocessable characters. \
            If you believe this is an error, please rephrase and try again."
            .to_owned(),
        Refused::Banned => format!("You are permanently banned from talking in {channel}."),
        Refused::ChannelBlocked => "Your account is not in good standing in this channel.".to_owned(),
        Refused::ChannelSuspended => "This channel does not exist or has been suspended.".to_owned(),
        Refused::Duplicate => "Your message was not sent because it is identical to the previous one you sent, \
            less than 30 seconds ago."
            .to_owned(),
        Refused::EmoteOnly => "This room is in emote-only mode. You can find your currently available emoticons \
            using the smiley in the chat text area."
            .to_owned(),
        Refused::FollowersOnly(asked) => {
            format!("This room is in {} followers-only mode. Follow {channel} to join the community!", span(asked))
        }
        Refused::FollowersOnlyFollowed(asked, reached) => format!(
            "This room is in {} followers-only mode. You have been following for {}. Continue following to chat!",
            span(asked),
            span(reached)
        ),
        Refused::FollowersOnlyZero => {
            format!("This room is in followers-only mode. Follow {channel} to join the community!")
        }
        Refused::NotUnique => {
            "This room is in unique-chat mode and the message you attempted to send is not unique.".to_owned()
        }
        Refused::RateLimit => "Your message was not sent because you are sending messages too quickly.".to_owned(),
        Refused::Rejected => "Your message is being checked by mods and has not been posted.".to_owned(),
        Refused::RejectedMandatory => {
            "Your message wasn't posted due to conflicts with the channel's moderation settings.".to_owned()
        }
        Refused::SlowMode(wait) => format!(
            "This room is in slow mode and you are sending messages too quickly. \
            You will be able to talk again in {} seconds.",
            whole_seconds(wait)
        ),
        Refused::SubscribersOnly => format!(
            "This room is in subscribers only mode. To talk, purchase a channel subscription at \
            https://www.twitch.tv/products/{channel}/ticket?ref=subscriber_only_mode_chat."
        ),
        Refused::TimedOut(left) => format!("You are timed out for {} more seconds.", whole_seconds(left)),
        Refused::UnverifiedEmail => UNVERIFIED_EMAIL.to_owned(),
        Refused::UnverifiedPhone => UNVERIFIED_PHONE.to_owned(),
        Refused::UnrecognizedCommand => format!("Unrecognized command: /{word}"),
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
