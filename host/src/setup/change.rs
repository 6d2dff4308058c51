//! Who may change a channel's set-up, and which changes are valid. Pure: each check returns the effect to buffer, or
//! the reason in words for the chatter.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::channel::ChannelSetup;
use super::module::ModuleSetup;
use super::module_change::{ModuleChange, ModuleChangeError, plan_agreement, plan_switch};
use super::overrides::CommandKey;
use super::value::check_change;
use super::words::Target;
use crate::domain::effect::{Effect, ModuleEffect, SetupEffect};
use crate::domain::id::ModuleName;
use crate::domain::manifest::{Command, Setting, SettingKind};
use crate::domain::prefix::Prefix;
use crate::domain::role::Role;
use crate::modules::consent::ConsentError;
use crate::modules::is_always_on;
use crate::modules::powers::Powers;

/// The setting of the module `settings` by which a broadcaster lets moderators change the set-up.
pub const MODERATORS: (&str, &str) = ("settings", "moderators");

const LONGEST_MUTE: Duration = Duration::from_secs(24 * 60 * 60);

/// Where a creator can grant something, as text for the chatter.
const WHERE_GRANTED: &str = "in the portal";

/// Why a change is refused. The variants are the contract's; the texts are for the chatter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error("there is no such module")]
    UnknownModule,
    #[error("there is no such setting")]
    UnknownSetting,
    #[error("another module answers to {0}")]
    WordTaken(String),
    #[error("a grant is needed: {0}")]
    NeedsGrant(String),
    #[error("invalid: {0}")]
    InvalidValue(String),
    #[error("not allowed: {0}")]
    NotAllowed(String),
}

/// Whether `by` may change this channel's set-up: the broadcaster always, moderators if the broadcaster lets them.
pub fn may_change(setup: &ChannelSetup, by: Role) -> bool {
    match by {
        Role::Broadcaster => true,
        Role::Moderator => lets_moderators_change(setup),
        Role::Everyone | Role::Subscriber | Role::Vip => false,
    }
}

/// Who may change the set-up, in words for a chatter who may not.
pub(super) fn describe_changers(setup: &ChannelSetup) -> &'static str {
    if lets_moderators_change(setup) { "only the broadcaster and moderators can" } else { "only the broadcaster can" }
}

fn lets_moderators_change(setup: &ChannelSetup) -> bool {
    let (name, key) = MODERATORS;
    let settings = name.parse().ok().and_then(|name| setup.find_module(&name));
    settings.is_some_and(|module| module.settings.get(key).is_some_and(|value| value == "true"))
}

fn require_change(setup: &ChannelSetup, by: Role) -> Result<(), SettingsError> {
    may_change(setup, by).then_some(()).ok_or_else(|| SettingsError::NotAllowed(describe_changers(setup).to_owned()))
}

pub fn check_prefix(setup: &ChannelSetup, by: Role, prefix: &str) -> Result<Effect, SettingsError> {
    require_change(setup, by)?;
    let prefix = prefix.parse::<Prefix>();
    prefix.map(|prefix| Effect::Setup(SetupEffect::ChangePrefix(prefix))).map_err(|_| {
        SettingsError::InvalidValue("1 to 5 visible characters without letters, digits, @, / or .".to_owned())
    })
}

/// Plans nothing if the module is on already. An upload whose due version requests nothing that needs a grant is
/// also accepted.
pub fn check_enable(setup: &ChannelSetup, by: Role, name: &str) -> Result<Vec<Effect>, SettingsError> {
    require_change(setup, by)?;
    let module = module_named(setup, name)?;
    if setup.is_withdrawn(&module.manifest.name) {
        return Err(SettingsError::NotAllowed(format!("every version of {name} is withdrawn")));
    }
    if module.is_barred {
        let reason = format!("{name} is of the size class large, which this host does not allow");
        return Err(SettingsError::NotAllowed(reason));
    }
    let name = &module.manifest.name;
    let wish = ModuleChange { enabled: true, pinned: module.consent.pinned.clone(), ..ModuleChange::default() };
    let mut effects = plan_agreement(setup, Powers::Creator, name, &wish).map_err(|error| match error {
        // All versions are withdrawn, or canaries of other channels.
        ModuleChangeError::Consent(ConsentError::NoVersion) if module.consent.accepted.is_none() => {
            SettingsError::NotAllowed(format!("no version of {name} is on the air here"))
        }
        _ => SettingsError::NeedsGrant(WHERE_GRANTED.to_owned()),
    })?;
    if effects.is_empty() && module.is_running() && module.blown.is_none() {
        return Ok(effects);
    }
    let switch = plan_switch(&setup.apply_all(&effects), setup, name, true).map_err(|error| match error {
        ModuleChangeError::WordTaken { other, .. } => SettingsError::WordTaken(other.to_string()),
        _ => SettingsError::NeedsGrant(WHERE_GRANTED.to_owned()),
    })?;
    effects.extend(switch);
    Ok(effects)
}

/// `None` if the module is off already.
pub fn check_disable(setup: &ChannelSetup, by: Role, name: &str) -> Result<Option<Effect>, SettingsError> {
    require_change(setup, by)?;
    let module = module_named(setup, name)?;
    let name = &module.manifest.name;
    if is_always_on(name) {
        return Err(SettingsError::NotAllowed(format!("{name} is always on")));
    }
    Ok(module.is_enabled.then(|| Effect::Module(name.clone(), ModuleEffect::Switch { enabled: false })))
}

/// A chatter's value comes as `id:` and the Twitch id: see [`is_chatter_setting`].
pub fn check_setting(
    setup: &ChannelSetup,
    by: Role,
    name: &str,
    key: &str,
    value: &str,
) -> Result<Effect, SettingsError> {
    require_change(setup, by)?;
    let module = module_named(setup, name)?;
    let (key, value) = match module.find_command_key(&key.to_lowercase()) {
        Some((command, CommandKey::Aliases)) => check_aliases(setup, by, module, command, value)?,
        Some((command, command_key)) => check_override(module, by, command, command_key, value)?,
        None => check_declared(module, by, key, value)?,
    };
    Ok(Effect::Module(module.manifest.name.clone(), ModuleEffect::ChangeSetting { key, value }))
}

/// An empty value restores the author's words.
fn check_aliases(
    setup: &ChannelSetup,
    by: Role,
    module: &ModuleSetup,
    command: &Arc<Command>,
    value: &str,
) -> Result<(String, Option<String>), SettingsError> {
    let name = &module.manifest.name;
    let (value, words) = match value.trim() {
        "" => (None, std::iter::once(&command.name).chain(&command.aliases).cloned().collect()),
        value => {
            let mut wanted = (**command).clone();
            CommandKey::Aliases.set(&mut wanted, value).map_err(SettingsError::InvalidValue)?;
            (Some(CommandKey::Aliases.show(&wanted)), wanted.aliases)
        }
    };
    if module.with_overrides(command).role > by {
        return Err(SettingsError::NotAllowed("only the broadcaster can".to_owned()));
    }
    let is_taken = |target: &Target<'_>| target.module.manifest.name != *name || target.command.name != command.name;
    match words.iter().filter_map(|word| setup.find_word(word)).find(is_taken) {
        Some(target) => Err(SettingsError::WordTaken(target.module.manifest.name.to_string())),
        None => Ok((CommandKey::Aliases.of(&command.name), value)),
    }
}

/// Whether this setting's value is a chatter, whose id the caller must look up first.
pub fn is_chatter_setting(setup: &ChannelSetup, name: &str, key: &str) -> bool {
    let setting = module_named(setup, name).ok().and_then(|module| find_setting(module, key));
    setting.is_some_and(|setting| setting.kind == SettingKind::Chatter)
}

/// A span of zero ends the mute.
pub fn check_mute(setup: &ChannelSetup, by: Role, span: Duration, now: SystemTime) -> Result<Effect, SettingsError> {
    require_change(setup, by)?;
    if span > LONGEST_MUTE {
        return Err(SettingsError::InvalidValue("at most a day".to_owned()));
    }
    Ok(Effect::Setup(SetupEffect::Mute { until: (!span.is_zero()).then(|| now + span) }))
}

pub(super) fn module_named<'a>(setup: &'a ChannelSetup, name: &str) -> Result<&'a ModuleSetup, SettingsError> {
    let name = name.to_lowercase().parse::<ModuleName>().map_err(|_| SettingsError::UnknownModule)?;
    setup.find_module(&name).ok_or(SettingsError::UnknownModule)
}

fn find_setting<'a>(module: &'a ModuleSetup, key: &str) -> Option<&'a Setting> {
    module.manifest.settings.iter().find(|setting| setting.key.eq_ignore_ascii_case(key))
}

fn check_declared(
    module: &ModuleSetup,
    by: Role,
    key: &str,
    value: &str,
) -> Result<(String, Option<String>), SettingsError> {
    let setting = find_setting(module, key).ok_or(SettingsError::UnknownSetting)?;
    if setting.kind == SettingKind::Secret {
        return Err(SettingsError::NotAllowed("set it in the portal".to_owned()));
    }
    // Else moderators could keep the set-up open to themselves after the broadcaster has closed it.
    if (module.manifest.name.as_str(), setting.key.as_str()) == MODERATORS && by != Role::Broadcaster {
        return Err(SettingsError::NotAllowed("only the broadcaster can".to_owned()));
    }
    let value = check_change(setting, value).map_err(SettingsError::InvalidValue)?;
    Ok((setting.key.clone(), value))
}

/// `by` may change only commands of roles up to its own, and set no higher role: a moderator cannot open a command
/// of the broadcaster, nor reserve one for the broadcaster.
fn check_override(
    module: &ModuleSetup,
    by: Role,
    command: &Arc<Command>,
    key: CommandKey,
    value: &str,
) -> Result<(String, Option<String>), SettingsError> {
    let before = module.with_overrides(command);
    let mut after = (*before).clone();
    key.set(&mut after, value).map_err(SettingsError::InvalidValue)?;
    if before.role > by || after.role > by {
        return Err(SettingsError::NotAllowed("only the broadcaster can".to_owned()));
    }
    Ok((key.of(&command.name), Some(key.show(&after))))
}

#[cfg(test)]
mod tests {
    use super::super::sample::{channel_setup, module, running, settings_module};
    use super::*;
    use crate::domain::manifest::{Capability, Grants};
    use crate::testing::{command, manifest, name, setting};

    const DAY: Duration = Duration::from_secs(86_400);

    fn shop() -> ChannelSetup {
        let declared = vec![
            setting("sides", SettingKind::Integer { least: 2, most: 100 }, "6"),
            setting("key", SettingKind::Secret, ""),
            setting("patron", SettingKind::Chatter, ""),
        ];
        let dice = running(manifest("dice", vec![command("roll")], declared));
        channel_setup([settings_module(), module("help", &["help"]), dice])
    }

    fn after(setup: &ChannelSetup, effect: Result<Effect, SettingsError>) -> ChannelSetup {
        setup.apply(&effect.unwrap())
    }

    fn refused<T: std::fmt::Debug>(result: Result<T, SettingsError>) -> String {
        match result.unwrap_err() {
            SettingsError::NotAllowed(who) => who,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_the_broadcaster_changes_a_new_channel() {
        let shop = shop();
        assert!(check_prefix(&shop, Role::Broadcaster, "?").is_ok());
        for role in [Role::Everyone, Role::Subscriber, Role::Vip, Role::Moderator] {
            let all = [
                refused(check_prefix(&shop, role, "?")),
                refused(check_enable(&shop, role, "dice")),
                refused(check_disable(&shop, role, "dice")),
                refused(check_setting(&shop, role, "dice", "sides", "8")),
                refused(check_mute(&shop, role, Duration::ZERO, SystemTime::UNIX_EPOCH)),
            ];
            assert_eq!(all, ["only the broadcaster can"; 5], "{role}");
        }
    }

    #[test]
    fn moderators_change_what_the_broadcaster_lets_them_change() {
        let shop = shop();
        let (module, key) = MODERATORS;
        let open = after(&shop, check_setting(&shop, Role::Broadcaster, module, key, "on"));
        assert!(check_prefix(&open, Role::Moderator, "?").is_ok());
        assert_eq!(refused(check_prefix(&open, Role::Vip, "?")), "only the broadcaster and moderators can");
        assert_eq!(refused(check_setting(&open, Role::Moderator, module, key, "off")), "only the broadcaster can");
        let closed = after(&open, check_setting(&open, Role::Broadcaster, module, key, "off"));
        assert_eq!(refused(check_prefix(&closed, Role::Moderator, "?")), "only the broadcaster can");
    }

    #[test]
    fn a_moderator_cannot_open_a_command_of_the_broadcaster() {
        let shop = shop();
        let open = after(&shop, check_setting(&shop, Role::Broadcaster, "settings", "moderators", "on"));
        let open = after(&open, check_setting(&open, Role::Broadcaster, "dice", "roll.role", "broadcaster"));
        for (key, value) in [("roll.role", "everyone"), ("roll.cooldown", "0s")] {
            assert_eq!(refused(check_setting(&open, Role::Moderator, "dice", key, value)), "only the broadcaster can");
        }
        assert_eq!(
            refused(check_setting(&open, Role::Moderator, "help", "help.role", "broadcaster")),
            "only the broadcaster can"
        );
        assert!(check_setting(&open, Role::Moderator, "help", "help.role", "Moderator").is_ok());
    }

    #[test]
    fn a_setting_takes_a_valid_value_and_forgets_its_default() {
        let shop = shop();
        let change = |key: &str, value: &str| check_setting(&shop, Role::Broadcaster, "Dice", key, value);
        let set = |key: &str, value: Option<&str>| {
            let value = value.map(str::to_owned);
            Ok(Effect::Module(name("dice"), ModuleEffect::ChangeSetting { key: key.to_owned(), value }))
        };
        assert_eq!(change("SIDES", "020"), set("sides", Some("20")));
        assert_eq!(change("sides", "06"), set("sides", None));
        assert_eq!(change("patron", ""), set("patron", None));
        assert_eq!(change("roll.cooldown", "90s"), set("roll.cooldown", Some("1m30s")));
        let invalid = SettingsError::InvalidValue("a whole number from 2 to 100".to_owned());
        assert_eq!(change("sides", "1"), Err(invalid));
        assert_eq!(change("rolls", "1"), Err(SettingsError::UnknownSetting));
        assert_eq!(refused(change("key", "hunter2")), "set it in the portal");
        assert_eq!(check_setting(&shop, Role::Broadcaster, "no such", "sides", "1"), Err(SettingsError::UnknownModule));
    }

    #[test]
    fn modules_are_switched_on_and_off() {
        let shop = shop();
        let off = shop.apply(&check_disable(&shop, Role::Broadcaster, "dice").unwrap().unwrap());
        assert!(off.find_word("roll").is_none());
        assert_eq!(check_disable(&off, Role::Broadcaster, "dice"), Ok(None));
        let on = off.apply(&check_enable(&off, Role::Broadcaster, "dice").unwrap()[0]);
        assert!(on.find_word("roll").is_some());
        assert_eq!(check_enable(&on, Role::Broadcaster, "dice"), Ok(Vec::new()));
    }

    #[test]
    fn settings_and_help_stay_on() {
        assert_eq!(refused(check_disable(&shop(), Role::Broadcaster, "settings")), "settings is always on");
        assert_eq!(refused(check_disable(&shop(), Role::Broadcaster, "help")), "help is always on");
    }

    #[test]
    fn a_module_with_a_word_of_another_one_stays_off() {
        let mut twice = manifest("twice", vec![command("double")], Vec::new());
        twice.commands[0] = Arc::new(Command { aliases: vec!["roll".into()], ..command("double") });
        let other = ModuleSetup { is_enabled: false, ..running(twice) };
        let shop = channel_setup([module("dice", &["roll"]), other]);
        let taken = SettingsError::WordTaken("dice".to_owned());
        assert_eq!(check_enable(&shop, Role::Broadcaster, "twice"), Err(taken));
    }

    #[test]
    fn a_module_without_its_grants_is_not_switched_on() {
        let mut bank = manifest("bank", vec![command("bank")], Vec::new());
        bank.capabilities = vec![Capability::Payments, Capability::Treasury];
        let some = Grants { capabilities: vec![Capability::Payments], ..Grants::default() };
        for is_enabled in [false, true] {
            let bank = ModuleSetup { is_enabled, grants: some.clone(), ..running(bank.clone()) };
            let needs = SettingsError::NeedsGrant("in the portal".to_owned());
            assert_eq!(check_enable(&channel_setup([bank]), Role::Broadcaster, "bank"), Err(needs));
        }
    }

    #[test]
    fn a_mute_ends_within_a_day() {
        let now = SystemTime::UNIX_EPOCH;
        let mute = |span| check_mute(&shop(), Role::Broadcaster, span, now);
        assert_eq!(mute(DAY), Ok(Effect::Setup(SetupEffect::Mute { until: Some(now + DAY) })));
        assert_eq!(mute(Duration::ZERO), Ok(Effect::Setup(SetupEffect::Mute { until: None })));
        assert_eq!(mute(DAY + Duration::from_millis(1)), Err(SettingsError::InvalidValue("at most a day".to_owned())));
        let muted = shop().apply(&mute(DAY).unwrap());
        assert!(muted.is_muted(now) && !muted.is_muted(now + DAY));
    }
}
