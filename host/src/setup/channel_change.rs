//! What the API may change of a channel as such. Pure.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::change::{MODERATORS, SettingsError};
use super::channel::ChannelSetup;
use super::module_change::Problem;
use crate::domain::effect::{Effect, SetupEffect};
use crate::domain::role::Role;

/// What of a channel is to be otherwise; what is None stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelChange {
    pub prefix: Option<String>,
    /// BCP 47.
    pub locale: Option<String>,
    /// Whether moderators may change the set-up.
    pub moderators: Option<bool>,
    /// At most a day from now; a moment that has passed, or none, ends the silence.
    pub muted_until: Option<Option<SystemTime>>,
    /// By the word that calls the command here.
    pub commands: BTreeMap<String, CommandTerms>,
}

/// Who may use a command, and how often, as `!settings set` takes it: `vip`, `1m30s`. What is None stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandTerms {
    pub role: Option<String>,
    pub cooldown: Option<String>,
    pub chatter_cooldown: Option<String>,
}

/// What of a wanted change cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not valid: {}", .0.iter().map(|problem| format!("{}: {}", problem.key, problem.expected)).collect::<Vec<_>>().join("; "))]
pub struct ChangeChannelError(pub Vec<Problem>);

impl ChannelSetup {
    /// The effects that lead there, for one commit that notes this set-up's revision.
    ///
    /// # Errors
    /// Names everything that cannot be, not only the first.
    pub fn check_channel_change(
        &self,
        change: &ChannelChange,
        now: SystemTime,
    ) -> Result<Vec<Effect>, ChangeChannelError> {
        let mut checked: Vec<(String, Result<Effect, String>)> = Vec::new();
        let mut add = |key: &str, effect: Result<Effect, SettingsError>| {
            checked.push((key.to_owned(), effect.map_err(expected)));
        };
        let by = Role::Broadcaster;
        if let Some(prefix) = &change.prefix {
            add("prefix", self.check_prefix(by, prefix));
        }
        if let Some(locale) = &change.locale {
            let effect = is_locale(locale).then(|| Effect::Setup(SetupEffect::ChangeLocale(locale.as_str().into())));
            let wrong = || SettingsError::InvalidValue("a language such as en or pt-BR".to_owned());
            add("locale", effect.ok_or_else(wrong));
        }
        if let Some(may) = change.moderators {
            let (module, key) = MODERATORS;
            add("moderators_may_change", self.check_setting(by, module, key, if may { "on" } else { "off" }));
        }
        if let Some(until) = change.muted_until {
            let span = until.and_then(|until| until.duration_since(now).ok()).unwrap_or_default();
            add("muted_until", self.check_mute(by, span, now));
        }
        for (word, terms) in &change.commands {
            let Some(target) = self.find_word(&word.to_lowercase()) else {
                let wrong = SettingsError::InvalidValue("a word that calls something here".to_owned());
                add(&format!("commands.{word}"), Err(wrong));
                continue;
            };
            let (module, command) = (target.module.manifest.name.as_str(), &target.command.name);
            let terms = [
                ("role", "role", &terms.role),
                ("cooldown", "cooldown", &terms.cooldown),
                ("chatter_cooldown", "chatter-cooldown", &terms.chatter_cooldown),
            ];
            for (field, suffix, value) in terms {
                if let Some(value) = value {
                    let effect = self.check_setting(by, module, &format!("{command}.{suffix}"), value);
                    add(&format!("commands.{word}.{field}"), effect);
                }
            }
        }
        collect(checked)
    }
}

fn collect(checked: Vec<(String, Result<Effect, String>)>) -> Result<Vec<Effect>, ChangeChannelError> {
    let (mut effects, mut problems) = (Vec::new(), Vec::new());
    for (key, effect) in checked {
        match effect {
            Ok(effect) => effects.push(effect),
            Err(expected) => problems.push(Problem { key, expected }),
        }
    }
    if problems.is_empty() { Ok(effects) } else { Err(ChangeChannelError(problems)) }
}

fn expected(error: SettingsError) -> String {
    match error {
        SettingsError::InvalidValue(expected) => expected,
        other => other.to_string(),
    }
}

/// A tag of the shape that BCP 47 has; whether there is such a language is not asked.
fn is_locale(text: &str) -> bool {
    let is_subtag = |tag: &str| (1..=8).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let first = text.split('-').next().unwrap_or_default();
    let is_language = (2..=8).contains(&first.len()) && first.bytes().all(|byte| byte.is_ascii_alphabetic());
    text.len() <= 35 && is_language && text.split('-').all(is_subtag)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::sample::{channel_setup, module, settings_module};
    use super::*;

    fn shop() -> ChannelSetup {
        channel_setup([settings_module(), module("dice", &["roll"])])
    }

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000)
    }

    #[test]
    fn everything_is_changed_at_once() {
        let terms =
            CommandTerms { role: Some("VIP".to_owned()), cooldown: Some("90s".to_owned()), ..Default::default() };
        let change = ChannelChange {
            prefix: Some("?".to_owned()),
            locale: Some("pt-BR".to_owned()),
            moderators: Some(true),
            muted_until: Some(Some(now() + Duration::from_secs(60))),
            commands: [("ROLL".to_owned(), terms)].into(),
        };
        let effects = shop().check_channel_change(&change, now()).unwrap();
        let after = effects.iter().fold(shop(), |setup, effect| setup.apply(effect));
        assert_eq!((after.prefix.as_str(), &*after.locale, after.muted_until.is_some()), ("?", "pt-BR", true));
        assert!(after.check_prefix(Role::Moderator, "!").is_ok());
        let roll = after.find_word("roll").unwrap().command.clone();
        assert_eq!((roll.role, roll.channel_cooldown), (Role::Vip, Duration::from_secs(90)));
        let loud = ChannelChange { muted_until: Some(None), ..ChannelChange::default() };
        assert_eq!(
            after.check_channel_change(&loud, now()).unwrap(),
            [Effect::Setup(SetupEffect::Mute { until: None })]
        );
        assert_eq!(after.check_channel_change(&ChannelChange::default(), now()), Ok(Vec::new()));
    }

    #[test]
    fn all_that_cannot_be_is_named() {
        let terms = CommandTerms { role: Some("king".to_owned()), ..Default::default() };
        let change = ChannelChange {
            prefix: Some("abc".to_owned()),
            locale: Some("e".to_owned()),
            moderators: None,
            muted_until: Some(Some(now() + Duration::from_secs(90_000))),
            commands: [("roll".to_owned(), terms.clone()), ("nothing".to_owned(), terms)].into(),
        };
        let ChangeChannelError(problems) = shop().check_channel_change(&change, now()).unwrap_err();
        let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys, ["prefix", "locale", "muted_until", "commands.nothing", "commands.roll.role"]);
    }

    #[test]
    fn a_locale_has_the_shape_of_one() {
        for good in ["en", "pt-BR", "zh-Hant-TW", "de-1996"] {
            assert!(is_locale(good), "{good}");
        }
        for bad in ["", "e", "en_US", "en-", "-en", "1en", "en\n", "english-languages", "en-a23456789"] {
            assert!(!is_locale(bad), "{bad:?}");
        }
    }
}
