//! Builders for what a module offers.

use std::time::Duration;

use crate::bindings::twitchy::command::types::Range;
use crate::{CommandInfo, ModuleInfo, Role, SettingInfo, SettingKind, TimerInfo, spans};

/// ```
/// use twitchy_sdk::{CommandInfo, ModuleInfo, SettingInfo};
///
/// let info = ModuleInfo::new("dice", "1.0.0", "rolls dice")
///     .command(CommandInfo::new("roll", "rolls a die"))
///     .setting(SettingInfo::integer("sides", 2, 100, 6, "of the die"))
///     .http_host("api.example.com")
///     .detail("homepage", "https://example.com/dice");
/// assert_eq!(info.commands[0].name, "roll");
/// ```
impl ModuleInfo {
    /// `name` is what channels enable; `version` is `env!("CARGO_PKG_VERSION")`; `summary` completes "name: ...".
    pub fn new(name: &str, version: &str, summary: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            summary: summary.to_owned(),
            commands: Vec::new(),
            timers: Vec::new(),
            events: Vec::new(),
            settings: Vec::new(),
            http_hosts: Vec::new(),
            details: Vec::new(),
        }
    }

    /// A word that chatters may type. A module has one or more; [`crate::Invocation::command`] says which was called.
    #[must_use]
    pub fn command(mut self, command: CommandInfo) -> Self {
        self.commands.push(command);
        self
    }

    /// A call at regular intervals. No host calls timers yet: a module that declares one is refused at its upload.
    #[must_use]
    pub fn timer(mut self, timer: TimerInfo) -> Self {
        self.timers.push(timer);
        self
    }

    /// A value that a creator may change for their channel.
    #[must_use]
    pub fn setting(mut self, setting: SettingInfo) -> Self {
        self.settings.push(setting);
        self
    }

    /// A host that [`crate::http`] may reach, such as "api.example.com". The operator has to grant it.
    #[must_use]
    pub fn http_host(mut self, host: &str) -> Self {
        self.http_hosts.push(host.to_owned());
        self
    }

    /// A fact by its documented key: "homepage", "license".
    #[must_use]
    pub fn detail(mut self, key: &str, value: &str) -> Self {
        self.details.push((key.to_owned(), value.to_owned()));
        self
    }
}

/// ```
/// use std::time::Duration;
/// use twitchy_sdk::{CommandInfo, Role};
///
/// let hug = CommandInfo::new("hug", "hugs somebody")
///     .alias("cuddle")
///     .usage("[@chatter]")
///     .channel_cooldown(Duration::from_secs(2))
///     .chatter_cooldown(Duration::from_secs(30));
/// let reset = CommandInfo::new("reset", "counts from 0 again").role(Role::Moderator).without_cooldown();
/// # assert_eq!((hug.chatter_cooldown_ms, reset.chatter_cooldown_ms), (30_000, 0));
/// ```
impl CommandInfo {
    /// A command without arguments, for everyone, every 3 seconds a chatter. `name` is the word typed after the prefix.
    pub fn new(name: &str, summary: &str) -> Self {
        Self {
            name: name.to_owned(),
            aliases: Vec::new(),
            usage: String::new(),
            summary: summary.to_owned(),
            role: Role::Everyone,
            channel_cooldown_ms: 0,
            chatter_cooldown_ms: 3_000,
            details: Vec::new(),
        }
    }

    /// Another word for the command.
    #[must_use]
    pub fn alias(mut self, alias: &str) -> Self {
        self.aliases.push(alias.to_owned());
        self
    }

    /// The arguments as help shows them: `[@chatter]` may be left out, `AMOUNT` not.
    #[must_use]
    pub fn usage(mut self, usage: &str) -> Self {
        usage.clone_into(&mut self.usage);
        self
    }

    /// The least trusted role that may use the command.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// The least time between two calls in a channel.
    #[must_use]
    pub fn channel_cooldown(mut self, span: Duration) -> Self {
        self.channel_cooldown_ms = in_millis(span);
        self
    }

    /// The least time between two calls by one chatter.
    #[must_use]
    pub fn chatter_cooldown(mut self, span: Duration) -> Self {
        self.chatter_cooldown_ms = in_millis(span);
        self
    }

    /// Removes both cooldowns.
    #[must_use]
    pub fn without_cooldown(self) -> Self {
        self.channel_cooldown(Duration::ZERO).chatter_cooldown(Duration::ZERO)
    }
}

/// ```
/// use std::time::Duration;
/// use twitchy_sdk::{ModuleInfo, TimerInfo};
///
/// let rules = TimerInfo::new("rules", "shows the rules", Duration::from_secs(1800)).always().after_messages(20);
/// let info = ModuleInfo::new("rules", "1.0.0", "shows the rules").timer(rules);
/// # assert_eq!(info.timers[0].interval_ms, 1_800_000);
/// ```
impl TimerInfo {
    /// Calls the module at this interval as the command `name`, while the channel is live. The host's floor is a
    /// minute.
    pub fn new(name: &str, summary: &str, every: Duration) -> Self {
        Self {
            name: name.to_owned(),
            summary: summary.to_owned(),
            interval_ms: in_millis(every),
            only_live: true,
            after_messages: 0,
        }
    }

    /// Calls the module while the channel is offline too.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.only_live = false;
        self
    }

    /// Calls the module only after this many messages of chatters since the last call.
    #[must_use]
    pub fn after_messages(mut self, count: u32) -> Self {
        self.after_messages = count;
        self
    }
}

/// A setting that a creator may change for their channel; the module reads it with [`crate::Invocation::setting`].
///
/// ```
/// use std::time::Duration;
/// use twitchy_sdk::{ModuleInfo, SettingInfo};
///
/// let info = ModuleInfo::new("dice", "1.0.0", "rolls dice")
///     .setting(SettingInfo::text("greeting", "good luck", "said before each roll"))
///     .setting(SettingInfo::integer("sides", 2, 100, 6, "of the die"))
///     .setting(SettingInfo::number("prize", "2.5", "points for the highest number"))
///     .setting(SettingInfo::boolean("twice", false, "two dice at once"))
///     .setting(SettingInfo::choice("colour", &["red", "blue"], "red", "of the die"))
///     .setting(SettingInfo::duration("pause", Duration::from_secs(90), "between two rounds"))
///     .setting(SettingInfo::chatter("patron", "who is thanked"))
///     .setting(SettingInfo::secret("token", "the key of the API"));
/// # assert_eq!(info.settings.len(), 8);
/// ```
impl SettingInfo {
    /// Any text on one line.
    pub fn text(key: &str, default: &str, summary: &str) -> Self {
        Self::of_kind(SettingKind::Text, key, default.to_owned(), summary)
    }

    /// A whole number from `least` to `most`.
    pub fn integer(key: &str, least: i64, most: i64, default: i64, summary: &str) -> Self {
        Self::of_kind(SettingKind::Integer(Range { least, most }), key, default.to_string(), summary)
    }

    /// A decimal number, as text.
    pub fn number(key: &str, default: &str, summary: &str) -> Self {
        Self::of_kind(SettingKind::Number, key, default.to_owned(), summary)
    }

    /// On or off.
    pub fn boolean(key: &str, default: bool, summary: &str) -> Self {
        Self::of_kind(SettingKind::Boolean, key, default.to_string(), summary)
    }

    /// One of `choices`.
    pub fn choice(key: &str, choices: &[&str], default: &str, summary: &str) -> Self {
        let choices = choices.iter().map(|&choice| choice.to_owned()).collect();
        Self::of_kind(SettingKind::Choice(choices), key, default.to_owned(), summary)
    }

    /// A span of time, such as "90s"; whole seconds.
    pub fn duration(key: &str, default: Duration, summary: &str) -> Self {
        Self::of_kind(SettingKind::Duration, key, spans::show_span(default), summary)
    }

    /// A chatter; the default is nobody.
    pub fn chatter(key: &str, summary: &str) -> Self {
        Self::of_kind(SettingKind::Chatter, key, String::new(), summary)
    }

    /// A value that is never shown or given to the module: [`crate::http`] puts it into a header for `{secret:KEY}`.
    pub fn secret(key: &str, summary: &str) -> Self {
        Self::of_kind(SettingKind::Secret, key, String::new(), summary)
    }

    fn of_kind(kind: SettingKind, key: &str, default: String, summary: &str) -> Self {
        Self { key: key.to_owned(), summary: summary.to_owned(), kind, default }
    }
}

/// The contract's spans are 32-bit milliseconds; a longer one (49 days) becomes the longest.
fn in_millis(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_says_what_it_was_told() {
        let command = CommandInfo::new("pay", "pays")
            .alias("give")
            .usage("@chatter AMOUNT")
            .role(Role::Vip)
            .channel_cooldown(Duration::from_secs(2))
            .chatter_cooldown(Duration::MAX);
        assert_eq!(command.aliases, ["give"]);
        assert_eq!(command.usage, "@chatter AMOUNT");
        assert_eq!(command.role, Role::Vip);
        assert_eq!((command.channel_cooldown_ms, command.chatter_cooldown_ms), (2_000, u32::MAX));
    }

    #[test]
    fn a_settings_default_is_text_of_its_kind() {
        assert_eq!(SettingInfo::boolean("on", false, "").default, "false");
        assert_eq!(SettingInfo::integer("size", 1, 9, 5, "").default, "5");
        assert_eq!(SettingInfo::duration("pause", Duration::from_secs(90), "").default, "1m30s");
    }
}
