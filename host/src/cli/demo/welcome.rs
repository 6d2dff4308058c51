//! What the demo says of itself, true of the state that it begins with.

use super::BOT;
use crate::domain::id::Login;
use crate::domain::prefix::Prefix;

/// Where the explanations of the help begin, so that most channels' names find room before them.
const HELP_COLUMN: usize = 28;

/// What greets whoever starts the demo in `channel`; `joined` is where the bot sits.
pub(super) fn welcome(channel: &Login, joined: &[Login], prefix: &Prefix) -> String {
    let first_steps = match joined {
        [] => format!("{BOT} was sent away everywhere, and nobody can call it: twitchy demo --reset begins anew."),
        _ if joined.contains(channel) => {
            format!(
                "Try {prefix}balance, then bob> {prefix}balance @alice, then {prefix}help, then {prefix}join and #bob."
            )
        }
        [first, ..] => format!("{BOT} was sent away from #{channel}: begin with #{first}."),
    };
    format!(
        "\
This is Twitch in a box, with the real bot in it. You are in #{channel}{sits}.
  alice> {balance}somebody says something; without a name, whoever spoke last
  mod carol> {settings}the same as a moderator; so too vip, sub, and broadcaster {channel}>
  #cafe                  go to another channel
  /help                  more of this; /quit or Ctrl-D ends it
{first_steps}",
        sits = show_joined(joined),
        balance = column(16, &format!("{prefix}balance")),
        settings = column(12, &format!("{prefix}settings")),
    )
}

/// What can be typed in `channel`.
pub(super) fn help(channel: &Login, prefix: &Prefix) -> String {
    let line = |typed: String, what: &str| format!("  {}{what}\n", column(HELP_COLUMN, &typed));
    [
        "What can be typed:\n".to_owned(),
        line(format!("alice> {prefix}balance"), "what alice owns here; in #shop and #cafe, bob and carol own something too"),
        line(format!("alice> {prefix}help"), &format!("what alice may use here; {prefix}help COMMAND explains one")),
        line(format!("alice> {prefix}join"), "calls the bot to #alice, where alice is the broadcaster"),
        line("#alice".to_owned(), "go there; every chatter has a channel"),
        line(format!("{channel}> /mod {BOT}"), "the bot need not wait a second between answers here; /unmod NAME undoes it"),
        line(format!("mod carol> {prefix}settings"), &format!("the set-up of this channel; {prefix}settings show MODULE tells more")),
        line(format!("{channel}> {prefix}settings prefix ?"), &format!("{channel} is the broadcaster here, and may change it")),
        line("alice> /me waves".to_owned(), "as at Twitch"),
        line("... 5s".to_owned(), "lets five seconds pass"),
        line("// anything".to_owned(), "a remark"),
        line("/quit".to_owned(), "the end"),
        "A chatter waits a few seconds between two calls of a command, and is not answered before; moderators need not wait.".to_owned(),
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

/// A blank at least, however long the text is.
fn column(width: usize, text: &str) -> String {
    format!("{text:<0$} ", width - 1)
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
        let banner = welcome(&login("shop"), &[], &"?!?!?".parse().unwrap());
        for (page, column) in [(banner, 25), (help(&login("coffee"), &Prefix::default()), 2 + HELP_COLUMN)] {
            let mut lines = page.lines().filter(|line| line.starts_with("  ")).map(str::as_bytes);
            assert!(lines.all(|line| line[column - 1] == b' ' && line[column] != b' '), "{page}");
        }
    }

    #[test]
    fn the_help_speaks_of_the_channel_where_it_is_asked_for() {
        let told = help(&login("cafe"), &"?".parse().unwrap());
        assert!(told.contains("  cafe> ?settings prefix ?") && told.contains("  cafe> /mod twitchy"), "{told}");
    }
}
