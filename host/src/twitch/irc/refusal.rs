//! The `msg-id` of a NOTICE (dev.twitch.tv/docs/chat/irc, "NOTICE message IDs") as a [`Refusal`]. Pure.

use std::time::Duration;

use crate::twitch::account::refusal::Refusal;

/// Used where the text names no time.
const DEFAULT_PAUSE: Duration = Duration::from_secs(30);

/// `None` for a NOTICE that refuses nothing. Only the two time spans are parsed from the text.
pub(crate) fn parse_refusal(msg_id: &str, text: &str) -> Option<Refusal> {
    Some(match msg_id {
        "msg_banned" => Refusal::Banned,
        "msg_channel_suspended" | "tos_ban" => Refusal::Suspended,
        "msg_timedout" => Refusal::TimedOut(parse_span(text)),
        "msg_slowmode" => Refusal::SlowMode(parse_span(text)),
        "msg_emoteonly" => Refusal::EmoteOnly,
        "msg_subsonly" => Refusal::SubscribersOnly,
        "msg_followersonly" | "msg_followersonly_followed" | "msg_followersonly_zero" => Refusal::FollowersOnly,
        "msg_r9k" => Refusal::NotUnique,
        "msg_duplicate" => Refusal::Duplicate,
        "msg_requires_verified_phone_number" | "msg_verified_email" => Refusal::Unverified,
        "msg_channel_blocked" | "msg_suspended" => Refusal::Blocked,
        "msg_ratelimit" => Refusal::RateLimited,
        "msg_rejected" | "msg_rejected_mandatory" => Refusal::Rejected,
        "msg_bad_characters" => Refusal::BadCharacters,
        "unrecognized_cmd" => Refusal::UnknownCommand,
        other if other.starts_with("msg_") => Refusal::Other,
        _ => return None,
    })
}

/// The only number in the text: `... for 90 more seconds`, `... again in 7 seconds`.
fn parse_span(text: &str) -> Duration {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
    numbers.next().and_then(|digits| digits.parse().ok()).map_or(DEFAULT_PAUSE, Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_from_the_text() {
        let timed_out = "You are timed out for 90 more seconds.";
        let slow = "This room is in slow mode and you are sending messages too quickly. \
                    You will be able to talk again in 7 seconds.";
        assert_eq!(parse_refusal("msg_timedout", timed_out), Some(Refusal::TimedOut(Duration::from_secs(90))));
        assert_eq!(parse_refusal("msg_slowmode", slow), Some(Refusal::SlowMode(Duration::from_secs(7))));
        for odd in ["", "soon", "99999999999999999999999"] {
            assert_eq!(parse_refusal("msg_timedout", odd), Some(Refusal::TimedOut(DEFAULT_PAUSE)), "{odd:?}");
        }
    }

    #[test]
    fn what_refuses_nothing_is_no_refusal() {
        for id in ["slow_on", "emote_only_off", "followers_on_zero", ""] {
            assert_eq!(parse_refusal(id, "This room is now in slow mode."), None, "{id}");
        }
        assert_eq!(parse_refusal("msg_of_next_year", ""), Some(Refusal::Other));
    }
}
