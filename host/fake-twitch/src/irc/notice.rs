//! The NOTICEs by which Twitch refuses and announces; texts as in the documentation's irc/msg-id.

use std::time::Duration;

use crate::irc::Irc;
use crate::irc::line::{Line, Tags};
use crate::irc::sessions::SessionId;
use crate::world::channel::RoomChange;
use crate::world::refusal::Refusal;
use crate::world::text;

const UNVERIFIED_EMAIL: &str = "This room requires a verified account to chat. Please verify your account at \
                                https://www.twitch.tv/settings/security.";
const UNVERIFIED_PHONE: &str = "A verified phone number is required to chat in this channel. Please visit \
                                https://www.twitch.tv/settings/security to verify your phone number.";
const BAD_CHARACTERS: &str = "Your message was not sent because it contained too many unprocessable characters. If you \
                              believe this is an error, please rephrase and try again.";
const DUPLICATE: &str = "Your message was not sent because it is identical to the previous one you sent, less than 30 \
                         seconds ago.";
const EMOTE_ONLY: &str = "This room is in emote-only mode. You can find your currently available emoticons using the \
                          smiley in the chat text area.";
const NOT_UNIQUE: &str = "This room is in unique-chat mode and the message you attempted to send is not unique.";
const RATE_LIMIT: &str = "Your message was not sent because you are sending messages too quickly.";
const BLOCKED_TERM: &str = "Your message wasn't posted due to conflicts with the channel's moderation settings.";

/// A msg-id and its text.
type Notice = (&'static str, String);

impl Irc<'_> {
    /// Sends the NOTICE for a refusal of `sent`, or of a JOIN.
    pub(super) fn refuse(&mut self, id: SessionId, refusal: Refusal, channel: &str, sent: &str) {
        if let Some(notice) = describe_refusal(refusal, channel, sent) {
            self.send(id, &notice_line(channel, notice));
        }
    }
}

pub(super) fn notice_line(channel: &str, (msg_id, text): Notice) -> Line {
    let mut tags = Tags::default();
    tags.set("msg-id", msg_id);
    Line::tagged(&tags, format!(":tmi.twitch.tv NOTICE #{channel} :{text}")).for_commands()
}

fn describe_refusal(refusal: Refusal, channel: &str, sent: &str) -> Option<Notice> {
    let (msg_id, text) = match refusal {
        Refusal::Silent => return None,
        Refusal::AccountSuspended => ("msg_suspended", "You don't have permission to perform that action.".into()),
        Refusal::AutoMod => ("msg_rejected", "Your message is being checked by mods and has not been posted.".into()),
        Refusal::BadCharacters => ("msg_bad_characters", BAD_CHARACTERS.into()),
        Refusal::Banned => ("msg_banned", format!("You are permanently banned from talking in {channel}.")),
        Refusal::BlockedTerm => ("msg_rejected_mandatory", BLOCKED_TERM.into()),
        Refusal::ChannelBlocked => {
            ("msg_channel_blocked", "Your account is not in good standing in this channel.".into())
        }
        Refusal::ChannelSuspended => {
            ("msg_channel_suspended", "This channel does not exist or has been suspended.".into())
        }
        Refusal::Duplicate => ("msg_duplicate", DUPLICATE.into()),
        Refusal::EmoteOnly => ("msg_emoteonly", EMOTE_ONLY.into()),
        Refusal::FollowersOnly(Duration::ZERO) => {
            let text = format!("This room is in followers-only mode. Follow {channel} to join the community!");
            ("msg_followersonly_zero", text)
        }
        Refusal::FollowersOnly(asked) => {
            let asked = span(asked);
            let text = format!("This room is in {asked} followers-only mode. Follow {channel} to join the community!");
            ("msg_followersonly", text)
        }
        Refusal::FollowersOnlyFollowed(asked, reached) => {
            let (asked, reached) = (span(asked), span(reached));
            let room = format!("This room is in {asked} followers-only mode.");
            (
                "msg_followersonly_followed",
                format!("{room} You have been following for {reached}. Continue following to chat!"),
            )
        }
        Refusal::NotUnique => ("msg_r9k", NOT_UNIQUE.into()),
        Refusal::RateLimit => ("msg_ratelimit", RATE_LIMIT.into()),
        Refusal::SlowMode(wait) => {
            let wait = whole_seconds(wait);
            let room = "This room is in slow mode and you are sending messages too quickly.";
            ("msg_slowmode", format!("{room} You will be able to talk again in {wait} seconds."))
        }
        Refusal::SubscribersOnly => {
            let room = "This room is in subscribers only mode. To talk, purchase a channel subscription at";
            let shop = format!("https://www.twitch.tv/products/{channel}/ticket?ref=subscriber_only_mode_chat");
            ("msg_subsonly", format!("{room} {shop}."))
        }
        Refusal::TimedOut(left) => {
            ("msg_timedout", format!("You are timed out for {} more seconds.", whole_seconds(left)))
        }
        Refusal::UnrecognizedCommand => {
            let sent = text::without_tags(text::cut(sent));
            let word = sent.get(1..).and_then(|command| command.split(' ').next()).unwrap_or_default();
            ("unrecognized_cmd", format!("Unrecognized command: /{word}"))
        }
        Refusal::UnverifiedEmail => ("msg_verified_email", UNVERIFIED_EMAIL.into()),
        Refusal::UnverifiedPhone => ("msg_requires_verified_phone_number", UNVERIFIED_PHONE.into()),
    };
    Some((msg_id, text))
}

/// The NOTICE to a room after a change of its modes. Unique chat has none.
pub(super) fn describe_change(change: RoomChange) -> Option<Notice> {
    let switched = |on: bool, ids: [&'static str; 2], mode: &str| {
        (ids[usize::from(on)], format!("This room is {} in {mode} mode.", if on { "now" } else { "no longer" }))
    };
    Some(match change {
        RoomChange::Slow(Some(every)) => {
            let every = whole_seconds(every);
            ("slow_on", format!("This room is now in slow mode. You may send messages every {every} seconds."))
        }
        RoomChange::Slow(None) => switched(false, ["slow_off", "slow_on"], "slow"),
        RoomChange::EmoteOnly(on) => switched(on, ["emote_only_off", "emote_only_on"], "emote-only"),
        RoomChange::SubscribersOnly(on) => switched(on, ["subs_off", "subs_on"], "subscribers-only"),
        RoomChange::FollowersOnly(None | Some(Duration::ZERO)) => {
            let on = change != RoomChange::FollowersOnly(None);
            switched(on, ["followers_off", "followers_on_zero"], "followers-only")
        }
        RoomChange::FollowersOnly(Some(asked)) => {
            ("followers_on", format!("This room is now in {} followers-only mode.", span(asked)))
        }
        RoomChange::Unique(_) => return None,
    })
}

/// Rounds up, so that waiting for the stated time is enough.
fn whole_seconds(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}

/// `1 minute`, `10 minutes`: Twitch counts following in minutes.
fn span(duration: Duration) -> String {
    match duration.as_secs() / 60 {
        1 => "1 minute".to_owned(),
        minutes => format!("{minutes} minutes"),
    }
}
