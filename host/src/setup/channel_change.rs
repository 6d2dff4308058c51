//! Changes of a channel itself by the API. Pure.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::change::{MODERATORS, SettingsError, check_mute, check_prefix, check_setting};
use super::channel::ChannelSetup;
use super::module_change::Problem;
use super::overrides::CommandTerms;
use crate::domain::effect::{Effect, SetupEffect};
use crate::domain::role::Role;

/// The wanted values of a channel; `None` leaves a value unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelChange {
    pub prefix: Option<String>,
    /// A BCP 47 language tag.
    pub locale: Option<String>,
    /// Whether moderators may change the set-up.
    pub moderators: Option<bool>,
    /// At most a day from now; a past moment or `None` ends the mute.
    pub muted_until: Option<Option<SystemTime>>,
    /// By the word that calls the command here.
    pub commands: BTreeMap<String, CommandTerms>,
}

/// The effects of the change, for one commit that notes this set-up's revision.
///
/// # Errors
/// Lists all invalid values, not only the first.
pub fn check_channel_change(
    setup: &ChannelSetup,
    change: &ChannelChange,
    now: SystemTime,
) -> Result<Vec<Effect>, Vec<Problem>> {
    let (mut effects, mut problems) = (Vec::new(), Vec::new());
    let mut add = |key: &str, effect: Result<Effect, SettingsError>| match effect {
        Ok(effect) => effects.push(effect),
        Err(error) => problems.push(Problem { key: key.to_owned(), expected: expected(error) }),
    };
    let by = Role::Broadcaster;
    if let Some(prefix) = &change.prefix {
        add("prefix", check_prefix(setup, by, prefix));
    }
    if let Some(locale) = &change.locale {
        let effect = is_locale(locale).then(|| Effect::Setup(SetupEffect::ChangeLocale(locale.as_str().into())));
        let wrong = || SettingsError::InvalidValue("a language such as en or pt-BR".to_owned());
        add("locale", effect.ok_or_else(wrong));
    }
    if let Some(may) = change.moderators {
        let (module, key) = MODERATORS;
        add("moderators_may_change", check_setting(setup, by, module, key, if may { "on" } else { "off" }));
    }
    if let Some(until) = change.muted_until {
        let span = until.and_then(|until| until.duration_since(now).ok()).unwrap_or_default();
        add("muted_until", check_mute(setup, by, span, now));
    }
    for (word, terms) in &change.commands {
        let Some(target) = setup.find_word(&word.to_lowercase()) else {
            let wrong = SettingsError::InvalidValue("a word that calls something here".to_owned());
            add(&format!("commands.{word}"), Err(wrong));
            continue;
        };
        let (module, command) = (target.module.manifest.name.as_str(), &target.command.name);
        for (command_key, value) in terms {
            let field = command_key.as_str().replace('-', "_");
            add(&format!("commands.{word}.{field}"), check_setting(setup, by, module, &command_key.of(command), value));
        }
    }
    if problems.is_empty() { Ok(effects) } else { Err(problems) }
}

fn expected(error: SettingsError) -> String {
    match error {
        SettingsError::InvalidValue(expected) => expected,
        other => other.to_string(),
    }
}

/// Whether the text has the form of a BCP 47 tag. Whether the language exists is not checked.
fn is_locale(text: &str) -> bool {
    let is_subtag = |tag: &str| (1..=8).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let first = text.split('-').next().unwrap_or_default();
    let is_language = (2..=8).contains(&first.len()) && first.bytes().all(|byte| byte.is_ascii_alphabetic());
    text.len() <= 35 && is_language && text.split('-').all(is_subtag)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::overrides::CommandKey;
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
            [(CommandKey::Role, "VIP".to_owned()), (CommandKey::Cooldown, "90s".to_owned())].into_iter().collect();
        let change = ChannelChange {
            prefix: Some("?".to_owned()),
            locale: Some("pt-BR".to_owned()),
            moderators: Some(true),
            muted_until: Some(Some(now() + Duration::from_secs(60))),
            commands: [("ROLL".to_owned(), terms)].into(),
        };
        let effects = check_channel_change(&shop(), &change, now()).unwrap();
        let after = effects.iter().fold(shop(), |setup, effect| setup.apply(effect));
        assert_eq!((after.prefix.as_str(), &*after.locale, after.muted_until.is_some()), ("?", "pt-BR", true));
        assert!(check_prefix(&after, Role::Moderator, "!").is_ok());
        let roll = after.find_word("roll").unwrap().command.clone();
        assert_eq!((roll.role, roll.channel_cooldown), (Role::Vip, Duration::from_secs(90)));
        let loud = ChannelChange { muted_until: Some(None), ..ChannelChange::default() };
        assert_eq!(
            check_channel_change(&after, &loud, now()).unwrap(),
            [Effect::Setup(SetupEffect::Mute { until: None })]
        );
        assert_eq!(check_channel_change(&after, &ChannelChange::default(), now()), Ok(Vec::new()));
    }

    #[test]
    fn all_that_cannot_be_is_named() {
        let terms = CommandTerms::from([(CommandKey::Role, "king".to_owned())]);
        let change = ChannelChange {
            prefix: Some("abc".to_owned()),
            locale: Some("e".to_owned()),
            moderators: None,
            muted_until: Some(Some(now() + Duration::from_secs(90_000))),
            commands: [("roll".to_owned(), terms.clone()), ("nothing".to_owned(), terms)].into(),
        };
        let problems = check_channel_change(&shop(), &change, now()).unwrap_err();
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
