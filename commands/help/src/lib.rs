//! `!help [COMMAND]`: lists or explains the commands that the chatter may use.

use twitchy_sdk::commands::{self, Listing};
use twitchy_sdk::{CommandError, CommandInfo, Invocation, Module, ModuleInfo, Replies, answer, lists::join_within};

pub struct HelpModule;

impl Module for HelpModule {
    fn info() -> ModuleInfo {
        ModuleInfo::new("help", env!("CARGO_PKG_VERSION"), "tells what may be typed here").command(
            CommandInfo::new("help", "lists the commands, or explains one").alias("commands").usage("[COMMAND]"),
        )
    }

    fn respond(invocation: &Invocation) -> Result<Replies, CommandError> {
        let mut arguments = invocation.arguments();
        let word: Option<String> = arguments.optional("command")?;
        arguments.end()?;
        let prefix = &invocation.prefix;
        let Some(word) = word else { return Ok(answer(list(prefix, &commands::list_available()))) };
        let word = word.strip_prefix(prefix.as_str()).unwrap_or(&word);
        match commands::find(word) {
            Some(listing) => Ok(answer(explain(prefix, &listing))),
            None => Err(CommandError::refused(unknown(prefix, word))),
        }
    }
}

twitchy_sdk::export!(HelpModule);

/// Most characters of a list: a message holds 500, less the rest of the sentence and the chatter's mention.
const MOST: usize = 380;

fn list(prefix: &str, listings: &[Listing]) -> String {
    let names: Vec<String> = listings.iter().map(|listing| [prefix, &listing.name].concat()).collect();
    ["you can use ", &join_within(&names, MOST), "; ", prefix, "help COMMAND tells more"].concat()
}

fn explain(prefix: &str, listing: &Listing) -> String {
    // The prefix does not come first: the host changes a message that begins with it, because it would call other bots.
    let usage = ["usage: ", prefix, &listing.name, " ", &listing.usage].concat();
    let text = [usage.trim_end(), " - ", &listing.summary].concat();
    if listing.aliases.is_empty() {
        return text;
    }
    let aliases: Vec<String> = listing.aliases.iter().map(|alias| [prefix, alias].concat()).collect();
    [&text, " (also ", &join_within(&aliases, MOST / 2), ")"].concat()
}

fn unknown(prefix: &str, word: &str) -> String {
    let word: String = word.chars().take(30).collect();
    ["there is no ", prefix, &word, " that you can use here; ", prefix, "help lists what there is"].concat()
}

#[cfg(test)]
mod tests {
    use twitchy_sdk::testing::Host;
    use twitchy_sdk::{Reply, Role};

    use super::*;

    fn host(commands: impl IntoIterator<Item = CommandInfo>) -> Host<HelpModule> {
        let other = ModuleInfo::new("other", "1.0.0", "does it");
        Host::new().other_module(commands.into_iter().fold(other, ModuleInfo::command))
    }

    #[test]
    fn the_commands_of_the_chatter_are_listed_with_the_channels_prefix() {
        let ban = CommandInfo::new("ban", "does it").role(Role::Moderator);
        let host = host([CommandInfo::new("balance", "does it"), ban]).prefix("?");
        let told = "you can use ?balance, ?help; ?help COMMAND tells more";
        assert_eq!(host.call("alice", "?commands"), Ok(answer(told)));
        let told = "you can use ?balance, ?ban, ?help; ?help COMMAND tells more";
        assert_eq!(host.call("shop", "?help"), Ok(answer(told)));
    }

    #[test]
    fn a_list_of_many_commands_fits_into_one_message() {
        let host = host((0..300).map(|number| CommandInfo::new(&format!("word{number}"), "does it")));
        let Reply::Answer(text) = Vec::from(host.call("alice", "!help").unwrap()).remove(0) else {
            panic!("no answer")
        };
        assert!(text.chars().count() < 450, "{text}");
        assert!(text.contains(" more; !help COMMAND tells more"), "{text}");
    }

    #[test]
    fn one_command_is_explained() {
        let balance = CommandInfo::new("balance", "does it").usage("[@chatter]").alias("points").alias("coins");
        let host = host([balance, CommandInfo::new("join", "does it")]);
        let told = "usage: !balance [@chatter] - does it (also !points, !coins)";
        assert_eq!(host.call("alice", "!help POINTS"), Ok(answer(told)));
        assert_eq!(host.call("alice", "!help !join"), Ok(answer("usage: !join - does it")));
    }

    #[test]
    fn an_unknown_word_is_told_and_cut() {
        let ask = |word: &str| host([]).call("alice", &format!("!help {word}")).unwrap_err();
        let told = "there is no !foo that you can use here; !help lists what there is";
        assert_eq!(ask("foo"), CommandError::refused(told));
        let CommandError::Refused(text) = ask(&"é".repeat(490)) else { panic!("no refusal") };
        assert!(text.chars().count() < 120, "{text}");
    }
}
