//! `!join` and `!leave`: ask the bot to join the chatter's own channel, or to leave it.

use twitchy_sdk::channels::{self, JoinError};
use twitchy_sdk::{CommandError, CommandInfo, Invocation, Module, ModuleInfo, Replies, answer};

pub struct JoinModule;

impl Module for JoinModule {
    fn info() -> ModuleInfo {
        ModuleInfo::new("join", env!("CARGO_PKG_VERSION"), "calls the bot into a chatter's own channel")
            .command(CommandInfo::new("join", "calls me into your own channel"))
            .command(CommandInfo::new("leave", "sends me away from your own channel"))
    }

    fn respond(invocation: &Invocation) -> Result<Replies, CommandError> {
        invocation.arguments().end()?;
        match invocation.command.as_str() {
            "leave" => Ok(answer(tell_leave(channels::request_leave(), &invocation.prefix))),
            _ => tell_join(channels::request_join(), &invocation.bot).map(answer),
        }
    }
}

twitchy_sdk::export!(JoinModule);

/// `bot` is the login of the bot account that joins.
fn tell_join(joined: Result<(), JoinError>, bot: &str) -> Result<String, CommandError> {
    match joined {
        Ok(()) => {
            Ok(["I'm on my way to your channel; type /mod ", bot, " there, so that I can answer in time"].concat())
        }
        Err(JoinError::JoinedAlready) => Ok("I'm in your channel already".to_owned()),
        Err(JoinError::NeedsConsent(address)) => Ok(["please allow me to come first: ", &address].concat()),
        // Not an error of the command: an error commits nothing, so the place in the waiting list would be lost.
        Err(JoinError::Waiting(place)) => {
            Ok(["there is no room for one more channel now; you are number ", &place.to_string(), " in line"].concat())
        }
        Err(JoinError::Refused(why)) => Err(CommandError::refused(["I can't come to your channel: ", &why].concat())),
        Err(JoinError::Unavailable(why)) => Err(CommandError::unavailable(why)),
    }
}

fn tell_leave(was_there: bool, prefix: &str) -> String {
    if was_there {
        ["I'm leaving your channel; to have me back, type ", prefix, "join in a channel where I am"].concat()
    } else {
        "I'm not in your channel".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use twitchy_sdk::testing::Host;

    use super::*;

    fn host() -> Host<JoinModule> {
        Host::new()
    }

    #[test]
    fn whoever_calls_the_bot_learns_what_to_do_next() {
        let host = host();
        let coming = "I'm on my way to your channel; type /mod twitchy there, so that I can answer in time";
        assert_eq!(host.call("alice", "!join"), Ok(answer(coming)));
        assert_eq!(host.call("alice", "!join"), Ok(answer("I'm in your channel already")));
        assert!(matches!(host.call("alice", "!join bob"), Err(CommandError::Usage(_))), "one joins one's own channel");
    }

    #[test]
    fn leaving_says_whether_the_bot_was_there() {
        let host = host().prefix("?");
        assert_eq!(host.call("alice", "?leave"), Ok(answer("I'm not in your channel")));
        assert!(host.call("alice", "?join").is_ok());
        let leaving = "I'm leaving your channel; to have me back, type ?join in a channel where I am";
        assert_eq!(host.call("alice", "?leave"), Ok(answer(leaving)));
    }

    /// An error would undo the call, and lose the place.
    #[test]
    fn a_place_in_the_line_is_kept() {
        let host = host().join_error(JoinError::Waiting(3));
        let waiting = "there is no room for one more channel now; you are number 3 in line";
        assert_eq!(host.call("alice", "!join"), Ok(answer(waiting)));
    }

    #[test]
    fn a_no_gives_its_reason() {
        let asked = |why| host().join_error(why).call("alice", "!join");
        let consent = asked(JoinError::NeedsConsent("https://example.com/a".into()));
        assert_eq!(consent, Ok(answer("please allow me to come first: https://example.com/a")));
        let why = "I can't come to your channel: this bot is for friends only";
        let refused = asked(JoinError::Refused("this bot is for friends only".into()));
        assert_eq!(refused, Err(CommandError::refused(why)));
        let down = asked(JoinError::Unavailable("no answer".into()));
        assert_eq!(down, Err(CommandError::unavailable("no answer")));
    }
}
