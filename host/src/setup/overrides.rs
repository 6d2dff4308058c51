//! The host's own settings of every command: `COMMAND.role`, `COMMAND.cooldown`, `COMMAND.chatter-cooldown` and
//! `COMMAND.aliases`, by which a creator overrides what the module's author declared.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::module::ModuleSetup;
use super::words::check_text_of_word;
use crate::domain::manifest::Command;
use crate::domain::role::Role;
use crate::domain::span::{parse_span, show_span};

/// What of a command a creator may override.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CommandKey {
    Role,
    Cooldown,
    ChatterCooldown,
    /// All the words that call it here, its declared name among them or not: so two modules that claim one word can both be
    /// on.
    Aliases,
}

/// What is set of one command, as `!settings set` takes it: `vip`, `1m30s`. What is left out stays as it is, or as the author
/// made it.
pub type CommandTerms = BTreeMap<CommandKey, String>;

/// The words that call one command here, at most.
const MOST_WORDS: usize = 9;
/// A longer cooldown would be a command that is off.
pub(super) const LONGEST_COOLDOWN: Duration = Duration::from_secs(24 * 60 * 60);

impl CommandKey {
    pub const ALL: [CommandKey; 4] =
        [CommandKey::Role, CommandKey::Cooldown, CommandKey::ChatterCooldown, CommandKey::Aliases];

    /// The values that there are, given in the order of [`CommandKey::ALL`].
    pub fn collect_terms(values: [Option<String>; 4]) -> CommandTerms {
        CommandKey::ALL.into_iter().zip(values).filter_map(|(key, value)| Some((key, value?))).collect()
    }

    pub(super) fn suffix(self) -> &'static str {
        match self {
            CommandKey::Role => "role",
            CommandKey::Cooldown => "cooldown",
            CommandKey::ChatterCooldown => "chatter-cooldown",
            CommandKey::Aliases => "aliases",
        }
    }

    pub(super) fn summary(self) -> &'static str {
        match self {
            CommandKey::Role => "who may use it",
            CommandKey::Cooldown => "the pause between two uses in the channel",
            CommandKey::ChatterCooldown => "the pause between two uses by one chatter",
            CommandKey::Aliases => "the words that call it here, instead of its own",
        }
    }

    /// The key by which this is set for the command `name`.
    pub(super) fn of(self, name: &str) -> String {
        format!("{name}.{}", self.suffix())
    }

    /// This of `command`, as text.
    pub(super) fn show(self, command: &Command) -> String {
        match self {
            CommandKey::Role => command.role.to_string(),
            CommandKey::Cooldown => show_span(command.channel_cooldown),
            CommandKey::ChatterCooldown => show_span(command.chatter_cooldown),
            CommandKey::Aliases => command.aliases.join(" "),
        }
    }

    /// The value as it is stored for `command`: one spelling for equal values. The error is that of [`CommandKey::set`].
    pub(super) fn check(self, command: &Command, value: &str) -> Result<String, String> {
        let mut after = command.clone();
        self.set(&mut after, value)?;
        Ok(self.show(&after))
    }

    /// Sets this of `command`; the error says what would be valid (see `check_value`).
    pub(super) fn set(self, command: &mut Command, value: &str) -> Result<(), String> {
        match self {
            CommandKey::Role => {
                let role = value.to_lowercase().parse::<Role>();
                command.role = role.map_err(|_| "everyone, subscriber, vip, moderator or broadcaster".to_owned())?;
            }
            CommandKey::Cooldown => command.channel_cooldown = parse_cooldown(value)?,
            CommandKey::ChatterCooldown => command.chatter_cooldown = parse_cooldown(value)?,
            CommandKey::Aliases => command.aliases = parse_aliases(value)?,
        }
        Ok(())
    }
}

fn parse_cooldown(text: &str) -> Result<Duration, String> {
    let cooldown = parse_span(text).filter(|span| *span <= LONGEST_COOLDOWN);
    cooldown.ok_or_else(|| "a time such as 30s or 5m, at most a day".to_owned())
}

fn parse_aliases(text: &str) -> Result<Vec<Box<str>>, String> {
    let mut words = Vec::new();
    for word in text.split_whitespace() {
        let word = check_text_of_word(word)?;
        if !words.contains(&word) {
            words.push(word);
        }
    }
    let is_some = (1..=MOST_WORDS).contains(&words.len());
    is_some.then_some(words).ok_or_else(|| format!("1 to {MOST_WORDS} words"))
}

impl ModuleSetup {
    /// The command and what of it `key` overrides.
    pub(super) fn find_command_key(&self, key: &str) -> Option<(&Arc<Command>, CommandKey)> {
        // A claimed word may hold a dot: the last one is ours.
        let (name, suffix) = key.rsplit_once('.')?;
        let command_key = CommandKey::ALL.into_iter().find(|command_key| command_key.suffix() == suffix)?;
        let command = self.commands().find(|command| &*command.name == name)?;
        Some((command, command_key))
    }

    /// The words that call `command`, as [`ModuleSetup::with_overrides`] made it, the one to show first. They are its name
    /// and aliases, unless the creator gave it words of this channel.
    pub(super) fn words_here<'a>(&self, command: &'a Command) -> impl Iterator<Item = &'a Box<str>> {
        let find_own = || self.settings.get(&CommandKey::Aliases.of(&command.name));
        let own = if self.settings.is_empty() { None } else { find_own() };
        command.words().skip(usize::from(own.is_some_and(|words| parse_aliases(words).is_ok())))
    }

    /// `command` with what the creator set for it; shared where that is nothing.
    pub(super) fn with_overrides(&self, command: &Arc<Command>) -> Arc<Command> {
        let mut command = command.clone();
        if self.settings.is_empty() {
            return command;
        }
        for key in CommandKey::ALL {
            if let Some(value) = self.settings.get(&key.of(&command.name)) {
                // A stored value that is no longer valid leaves what the author declared.
                drop(key.set(Arc::make_mut(&mut command), value));
            }
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{command, module};
    use super::*;

    #[test]
    fn a_creators_role_and_cooldowns_win() {
        let mut roll = module("roll", &["roll"]);
        for (key, value) in [("roll.role", "vip"), ("roll.cooldown", "5s"), ("roll.chatter-cooldown", "1m30s")] {
            roll.settings.insert(key.to_owned(), value.to_owned());
        }
        let effective = roll.with_overrides(&roll.manifest.commands[0]);
        let seconds = Duration::from_secs;
        let expected =
            Command { role: Role::Vip, channel_cooldown: seconds(5), chatter_cooldown: seconds(90), ..command("roll") };
        assert_eq!(*effective, expected);
    }

    #[test]
    fn a_stored_value_that_is_invalid_by_now_is_ignored() {
        let mut roll = module("roll", &["roll"]);
        roll.settings.insert("roll.role".to_owned(), "emperor".to_owned());
        assert_eq!(*roll.with_overrides(&Arc::new(command("roll"))), command("roll"));
    }

    #[test]
    fn a_command_is_shared_until_something_of_it_is_set() {
        let mut roll = module("roll", &["roll"]);
        let declared = roll.manifest.commands[0].clone();
        assert!(Arc::ptr_eq(&roll.with_overrides(&declared), &declared));
        roll.settings.insert("roll.role".to_owned(), "vip".to_owned());
        assert!(!Arc::ptr_eq(&roll.with_overrides(&declared), &declared));
    }

    #[test]
    fn a_channels_words_take_the_place_of_the_authors() {
        let mut roll = module("roll", &["roll"]);
        roll.settings.insert("roll.aliases".to_owned(), "würfel  W würfel".to_owned());
        let effective = roll.with_overrides(&roll.manifest.commands[0]);
        assert_eq!(roll.words_here(&effective).map(|word| &**word).collect::<Vec<_>>(), ["würfel", "w"]);
        for bad in ["", "a b c d e f g h i j", "\u{200b}"] {
            assert!(CommandKey::Aliases.set(&mut command("roll"), bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_key_names_a_command_and_what_of_it() {
        let mut roll = module("roll", &["roll"]);
        roll.claimed.push(Arc::new(command("d.6")));
        let found = |key| roll.find_command_key(key).map(|(command, key)| (&*command.name, key));
        assert_eq!(found("roll.role"), Some(("roll", CommandKey::Role)));
        assert_eq!(found("d.6.cooldown"), Some(("d.6", CommandKey::Cooldown)));
        assert_eq!(found("roll.sides"), None);
        assert_eq!(found("other.role"), None);
        assert_eq!(found("roll"), None);
    }
}
