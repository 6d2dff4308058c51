//! The host's own settings of every command: `COMMAND.role`, `COMMAND.cooldown`, `COMMAND.chatter-cooldown` and
//! `COMMAND.aliases`, by which a creator overrides what the module's author declared.

use std::collections::BTreeMap;
use std::time::Duration;

use super::word::{LONGEST_COOLDOWN, check_text_of_word};
use crate::domain::manifest::Command;
use crate::domain::named::named;
use crate::domain::role::Role;
use crate::domain::span::{parse_span, show_span};

named! {
    /// The properties of a command that a creator may override, with the endings of their keys.
    pub enum CommandKey, ParseCommandKeyError "a command has a role, a cooldown, a chatter-cooldown and aliases" {
        Role "role",
        Cooldown "cooldown",
        ChatterCooldown "chatter-cooldown",
        /// All words that call the command here, with or without its declared name. Thus two modules that claim the same
        /// word can both be on.
        Aliases "aliases",
    }
}

/// Values set for one command, as `!settings set` takes them: `vip`, `1m30s`. Omitted values stay unchanged, or are the
/// author's.
pub type CommandTerms = BTreeMap<CommandKey, String>;

/// Most words that call one command here.
const MOST_WORDS: usize = 9;

impl CommandKey {
    /// The terms from optional values, given in the order of [`CommandKey::ALL`].
    pub fn collect_terms(values: [Option<String>; 4]) -> CommandTerms {
        CommandKey::ALL.into_iter().zip(values).filter_map(|(key, value)| Some((key, value?))).collect()
    }

    pub(super) fn summary(self) -> &'static str {
        match self {
            CommandKey::Role => "who may use it",
            CommandKey::Cooldown => "the pause between two uses in the channel",
            CommandKey::ChatterCooldown => "the pause between two uses by one chatter",
            CommandKey::Aliases => "the words that call it here, instead of its own",
        }
    }

    /// The settings key of this property for the command `name`.
    pub(super) fn of(self, name: &str) -> String {
        format!("{name}.{self}")
    }

    /// This property of `command`, as text.
    pub(super) fn show(self, command: &Command) -> String {
        match self {
            CommandKey::Role => command.role.to_string(),
            CommandKey::Cooldown => show_span(command.channel_cooldown),
            CommandKey::ChatterCooldown => show_span(command.chatter_cooldown),
            CommandKey::Aliases => command.aliases.join(" "),
        }
    }

    /// The value as stored for `command`: one spelling for equal values. The error is that of [`CommandKey::set`].
    pub(super) fn check(self, command: &Command, value: &str) -> Result<String, String> {
        let mut after = command.clone();
        self.set(&mut after, value)?;
        Ok(self.show(&after))
    }

    /// Sets this property of `command`; the error says what would be valid (see `check_value`).
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

pub(super) fn parse_aliases(text: &str) -> Result<Vec<Box<str>>, String> {
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
