//! The demo's welcome and help texts, fitted to its current state.

use super::names::BOT;
use crate::domain::id::Login;
use crate::domain::prefix::Prefix;

/// The column of the explanations: wide enough for lines with most channels' names.
const COLUMN: usize = 28;

/// The greeting for a start in `channel`; `joined` are the channels that the bot has joined.
pub(super) fn welcome(channel: &Login, joined: &[Login], prefix: &Prefix) -> String {
    let first_steps = match joined {
        [] => format!("{BOT} was sent away everywhere, and nobody can call it: twitchy demo --reset begins anew."),
        _ if joined.contains(channel) => format!(
            "Try {prefix}balance, then bob> {prefix}balance @alice, then {prefix}help, then {prefix}join and #bob."
        ),
        [first, ..] => format!("{BOT} was sent away from #{channel}: begin with #{first}."),
    };
    let sits = show_joined(joined);
    [
        format!("This is Twitch in a box, with the real bot in it. You are in #{channel}{sits}.\n"),
        line(&format!("alice> {prefix}balance"), "somebody says something; without a name, whoever spoke last"),
        line(
            &format!("mod carol> {prefix}settings"),
            &format!("the same as a moderator; so too vip, sub, and broadcaster {channel}>"),
        ),
        line("#cafe", "go to another channel"),
        line("/help", "more of this; /quit or Ctrl-D ends it"),
        first_steps,
    ]
    .concat()
}

/// The lines that can be typed in `channel`.
pub(super) fn help(channel: &Login, prefix: &Prefix) -> String {
    [
        "What can be typed:\n".to_owned(),
        line(
            &format!("alice> {prefix}balance"),
            "what alice owns here; in #shop and #cafe, bob and carol own something too",
        ),
        line(
            &format!("alice> {prefix}help"),
            &format!("what alice may use here; {prefix}help COMMAND explains one"),
        ),
        line(&format!("alice> {prefix}join"), "calls the bot to #alice, where alice is the broadcaster"),
        line("#alice", "go there; every chatter has a channel"),
        line(
            &format!("{channel}> /mod {BOT}"),
            "the bot need not wait a second between answers here; /unmod NAME undoes it",
        ),
        line(
            &format!("mod carol> {prefix}settings"),
            &format!("the set-up of this channel; {prefix}settings show MODULE tells more"),
        ),
        line(
            &format!("{channel}> {prefix}settings prefix ?"),
            &format!("{channel} is the broadcaster here, and may change it"),
        ),
        line("alice> /me waves", "as at Twitch"),
        line("... 5s", "lets five seconds pass"),
        line("// anything", "a remark"),
        line("/quit", "the end"),
        "A chatter waits a few seconds between two calls of a command, and is not answered before; moderators need not \
         wait."
            .to_owned(),
    ]
    .concat()
}

/// `; twitchy sits in #shop and #cafe`
fn show_joined(joined: &[Login]) -> String {
    let channels: Vec<String> = joined.iter().map(|channel| format!("#{channel}")).collect();
    match channels.as_slice() {
        [] => String::new(),
        [only] => format!("; {BOT} sits in {only}"),
        [most @ .., last] => format!("; {BOT} sits in {} and {last}", most.join(", ")),
    }
}

/// A line of help: `typed`, then its explanation `what` after at least one blank.
fn line(typed: &str, what: &str) -> String {
    format!("  {typed:<0$} {what}\n", COLUMN - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(name: &str) -> Login {
        name.parse().unwrap()
    }

    #[test]
    fn the_welcome_says_where_the_bot_sits_and_how_it_is_called() {
        let told = welcome(&login("shop"), &["shop", "cafe", "bob"].map(login), &"?".parse().unwrap());
        assert!(told.contains("You are in #shop; twitchy sits in #shop, #cafe and #bob.\n"), "{told}");
        assert!(told.contains("\nTry ?balance, then bob> ?balance @alice, then ?help"), "{told}");
        let gone = welcome(&login("shop"), &["cafe"].map(login), &Prefix::default());
        assert!(gone.contains("You are in #shop; twitchy sits in #cafe.\n"), "{gone}");
        assert!(gone.ends_with("\ntwitchy was sent away from #shop: begin with #cafe."), "{gone}");
        let nowhere = welcome(&login("shop"), &[], &Prefix::default());
        assert!(nowhere.contains("You are in #shop.\n") && nowhere.contains("--reset begins anew."), "{nowhere}");
    }

    #[test]
    fn what_is_typed_stands_in_one_column() {
        let prefix = "?!?".parse().unwrap();
        for page in [welcome(&login("shop"), &[], &prefix), help(&login("cafe"), &prefix)] {
            let mut lines = page.lines().filter(|line| line.starts_with("  ")).map(str::as_bytes);
            assert!(lines.all(|line| line[1 + COLUMN] == b' ' && line[2 + COLUMN] != b' '), "{page}");
        }
    }

    #[test]
    fn the_help_speaks_of_the_channel_where_it_is_asked_for() {
        let told = help(&login("cafe"), &"?".parse().unwrap());
        assert!(told.contains("  cafe> ?settings prefix ?") && told.contains("  cafe> /mod twitchy"), "{told}");
    }
}
