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
    use twitchy_sdk::Role;

    use super::*;

    fn listing(name: &str, usage: &str, aliases: &[&str]) -> Listing {
        Listing {
            name: name.into(),
            aliases: aliases.iter().map(|&alias| alias.into()).collect(),
            usage: usage.into(),
            summary: "does it".into(),
            module: name.into(),
            role: Role::Everyone,
        }
    }

    #[test]
    fn all_commands_are_listed_with_the_channels_prefix() {
        let listings = [listing("balance", "", &[]), listing("help", "", &[])];
        assert_eq!(list("?", &listings), "you can use ?balance, ?help; ?help COMMAND tells more");
    }

    #[test]
    fn a_list_of_many_commands_fits_into_one_message() {
        let listings: Vec<Listing> = (0..300).map(|number| listing(&format!("word{number}"), "", &[])).collect();
        let text = list("!", &listings);
        assert!(text.chars().count() < 450, "{text}");
        assert!(text.contains(" more; !help COMMAND tells more"), "{text}");
    }

    #[test]
    fn one_command_is_explained() {
        let all = listing("balance", "[@chatter]", &["points", "coins"]);
        assert_eq!(explain("!", &all), "usage: !balance [@chatter] - does it (also !points, !coins)");
        assert_eq!(explain("!", &listing("join", "", &[])), "usage: !join - does it");
    }

    #[test]
    fn a_long_unknown_word_is_cut() {
        assert_eq!(unknown("!", "foo"), "there is no !foo that you can use here; !help lists what there is");
        assert!(unknown("!", &"é".repeat(500)).chars().count() < 120);
    }
}
