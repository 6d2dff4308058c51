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
    use super::*;

    #[test]
    fn whoever_calls_the_bot_learns_what_to_do_next() {
        let told = |joined| tell_join(joined, "twitchy").unwrap();
        assert_eq!(
            told(Ok(())),
            "I'm on my way to your channel; type /mod twitchy there, so that I can answer in time"
        );
        assert_eq!(told(Err(JoinError::JoinedAlready)), "I'm in your channel already");
        let consent = JoinError::NeedsConsent("https://example.com/a".into());
        assert_eq!(told(Err(consent)), "please allow me to come first: https://example.com/a");
    }

    #[test]
    fn a_place_in_the_line_is_kept() {
        assert_eq!(
            tell_join(Err(JoinError::Waiting(3)), "twitchy").unwrap(),
            "there is no room for one more channel now; you are number 3 in line"
        );
    }

    #[test]
    fn a_no_gives_its_reason() {
        let refused = tell_join(Err(JoinError::Refused("this bot is for friends only".into())), "twitchy");
        let why = "I can't come to your channel: this bot is for friends only";
        assert_eq!(refused, Err(CommandError::refused(why)));
        let down = tell_join(Err(JoinError::Unavailable("no answer".into())), "twitchy");
        assert_eq!(down, Err(CommandError::unavailable("no answer")));
    }

    #[test]
    fn leaving_says_whether_the_bot_was_there() {
        assert_eq!(
            tell_leave(true, "!"),
            "I'm leaving your channel; to have me back, type !join in a channel where I am"
        );
        assert_eq!(tell_leave(false, "!"), "I'm not in your channel");
    }
}
