//! The host's own settings of every command: `COMMAND.role`, `COMMAND.cooldown` and `COMMAND.chatter-cooldown`, by
//! which a creator overrides what the module's author declared.

use std::time::Duration;

use super::channel::ModuleSetup;
use super::span::{parse_span, show_span};
use crate::domain::manifest::Command;
use crate::domain::role::Role;

/// What of a command a creator may override.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandKey {
    Role,
    Cooldown,
    ChatterCooldown,
}

/// A longer cooldown would be a command that is off.
pub(super) const LONGEST_COOLDOWN: Duration = Duration::from_secs(24 * 60 * 60);

impl CommandKey {
    pub const ALL: [CommandKey; 3] = [CommandKey::Role, CommandKey::Cooldown, CommandKey::ChatterCooldown];

    fn suffix(self) -> &'static str {
        match self {
            CommandKey::Role => "role",
            CommandKey::Cooldown => "cooldown",
            CommandKey::ChatterCooldown => "chatter-cooldown",
        }
    }

    pub(super) fn summary(self) -> &'static str {
        match self {
            CommandKey::Role => "who may use it",
            CommandKey::Cooldown => "the pause between two uses in the channel",
            CommandKey::ChatterCooldown => "the pause between two uses by one chatter",
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
        }
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
        }
        Ok(())
    }
}

fn parse_cooldown(text: &str) -> Result<Duration, String> {
    let cooldown = parse_span(text).filter(|span| *span <= LONGEST_COOLDOWN);
    cooldown.ok_or_else(|| "a time such as 30s or 5m, at most a day".to_owned())
}

impl ModuleSetup {
    /// The command and what of it `key` overrides.
    pub(super) fn find_command_key(&self, key: &str) -> Option<(&Command, CommandKey)> {
        // A claimed word may hold a dot: the last one is ours.
        let (name, suffix) = key.rsplit_once('.')?;
        let command_key = CommandKey::ALL.into_iter().find(|command_key| command_key.suffix() == suffix)?;
        let command = self.manifest.commands.iter().chain(&self.claimed).find(|command| &*command.name == name)?;
        Some((command, command_key))
    }

    /// `command` with what the creator set for it.
    pub(super) fn with_overrides(&self, command: &Command) -> Command {
        let mut command = command.clone();
        for key in CommandKey::ALL {
            if let Some(value) = self.settings.get(&key.of(&command.name)) {
                // A stored value that is no longer valid leaves what the author declared.
                drop(key.set(&mut command, value));
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
        assert_eq!(effective, expected);
    }

    #[test]
    fn a_stored_value_that_is_invalid_by_now_is_ignored() {
        let mut roll = module("roll", &["roll"]);
        roll.settings.insert("roll.role".to_owned(), "emperor".to_owned());
        assert_eq!(roll.with_overrides(&command("roll")), command("roll"));
    }

    #[test]
    fn a_key_names_a_command_and_what_of_it() {
        let mut roll = module("roll", &["roll"]);
        roll.claimed.push(command("d.6"));
        let found = |key| roll.find_command_key(key).map(|(command, key)| (&*command.name, key));
        assert_eq!(found("roll.role"), Some(("roll", CommandKey::Role)));
        assert_eq!(found("d.6.cooldown"), Some(("d.6", CommandKey::Cooldown)));
        assert_eq!(found("roll.sides"), None);
        assert_eq!(found("other.role"), None);
        assert_eq!(found("roll"), None);
    }
}
