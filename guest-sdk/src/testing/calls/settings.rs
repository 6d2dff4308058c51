//! Capability `settings`: the channel's set-up.

use super::chatters;
use crate::bindings::twitchy::command::settings::{ModuleState, Setting, SettingsError};
use crate::testing::value::{COMMAND_KEYS, check_value, set_command_key, show_command_key};
use crate::testing::world::World;
use crate::{ModuleInfo, Role, SettingKind};

const LONGEST_MUTE_MS: u64 = 24 * 60 * 60 * 1000;
const ONLY_BROADCASTER: &str = "only the broadcaster can";

pub(crate) fn prefix(world: &mut World) -> String {
    world.kept.prefix.clone()
}

pub(crate) fn set_prefix(world: &mut World, prefix: &str) -> Result<(), SettingsError> {
    check_role(world)?;
    if !is_prefix(prefix) {
        let valid = "1 to 5 visible characters without letters, digits, @, / or .";
        return Err(SettingsError::InvalidValue(valid.to_owned()));
    }
    prefix.clone_into(&mut world.kept.prefix);
    Ok(())
}

/// Whether commands of a channel may begin with `text`.
pub(crate) fn is_prefix(text: &str) -> bool {
    let is_visible = |c: char| !c.is_whitespace() && !c.is_control() && !c.is_alphanumeric();
    (1..=5).contains(&text.chars().count()) && text.chars().all(|c| is_visible(c) && !matches!(c, '@' | '/' | '.'))
}

pub(crate) fn list_modules(world: &mut World) -> Vec<ModuleState> {
    let state = |module: &ModuleInfo, enabled| ModuleState {
        name: module.name.clone(),
        version: module.version.clone(),
        enabled,
        commands: module.commands.iter().map(|command| command.name.clone()).collect(),
    };
    let others = world.kept.others.iter().map(|(module, enabled)| state(module, *enabled));
    let mut modules: Vec<ModuleState> = std::iter::once(state(&world.module, true)).chain(others).collect();
    modules.sort_by(|one, other| one.name.cmp(&other.name));
    modules
}

pub(crate) fn enable_module(world: &mut World, name: &str) -> Result<(), SettingsError> {
    check_role(world)?;
    let module = find_module(world, name)?;
    let words = module.commands.iter().flat_map(|command| command.aliases.iter().chain([&command.name]));
    let taken = words.filter_map(|word| world.find_command(word)).find(|(other, _)| *other != module.name);
    if let Some((other, _)) = taken {
        return Err(SettingsError::WordTaken(other));
    }
    switch(world, &module.name, true);
    Ok(())
}

pub(crate) fn disable_module(world: &mut World, name: &str) -> Result<(), SettingsError> {
    check_role(world)?;
    let module = find_module(world, name)?;
    if matches!(module.name.as_str(), "settings" | "help") {
        return Err(SettingsError::NotAllowed(format!("{} is always on", module.name)));
    }
    switch(world, &module.name, false);
    Ok(())
}

fn switch(world: &mut World, name: &str, enabled: bool) {
    if let Some((_, is_enabled)) = world.kept.others.iter_mut().find(|(module, _)| module.name == name) {
        *is_enabled = enabled;
    }
}

pub(crate) fn list_settings(world: &mut World, module: &str) -> Result<Vec<Setting>, SettingsError> {
    let module = find_module(world, module)?;
    let mut settings = Vec::new();
    for setting in &module.settings {
        let key = (module.name.clone(), setting.key.clone());
        let value = world.kept.settings.get(&key).unwrap_or(&setting.default).clone();
        let value = match setting.kind {
            SettingKind::Secret => String::new(),
            SettingKind::Boolean => if value == "true" { "on" } else { "off" }.to_owned(),
            SettingKind::Chatter => chatters::find(world, &value).map_or(value, |found| format!("@{}", found.login)),
            _ => value,
        };
        settings.push(Setting { key: setting.key.clone(), value, summary: setting.summary.clone() });
    }
    for (_, command) in world.commands().iter().filter(|(name, _)| *name == module.name) {
        let summaries = [
            "who may use it",
            "the pause between two uses in the channel",
            "the pause between two uses by one chatter",
        ];
        settings.extend(COMMAND_KEYS.into_iter().zip(summaries).map(|(key, summary)| Setting {
            key: format!("{}.{key}", command.name),
            value: show_command_key(command, key),
            summary: summary.to_owned(),
        }));
    }
    Ok(settings)
}

pub(crate) fn change_setting(world: &mut World, module: &str, key: &str, value: &str) -> Result<(), SettingsError> {
    check_role(world)?;
    let module = find_module(world, module)?;
    if let Some((word, command_key)) = key.split_once('.')
        && COMMAND_KEYS.contains(&command_key)
    {
        let command = world.find_command(word).filter(|(name, _)| *name == module.name);
        let (_, mut command) = command.ok_or(SettingsError::UnknownSetting)?;
        let before = command.role;
        set_command_key(&mut command, command_key, value).map_err(SettingsError::InvalidValue)?;
        if before.max(command.role) > world.caller().role {
            return Err(SettingsError::NotAllowed(ONLY_BROADCASTER.to_owned()));
        }
        let value = show_command_key(&command, command_key);
        world.kept.settings.insert((module.name, format!("{}.{command_key}", command.name)), value);
        return Ok(());
    }
    let setting = module.settings.iter().find(|setting| setting.key.eq_ignore_ascii_case(key));
    let setting = setting.ok_or(SettingsError::UnknownSetting)?;
    // Else moderators could keep the set-up open to themselves.
    if module.name == "settings" && setting.key == "moderators" && world.caller().role < Role::Broadcaster {
        return Err(SettingsError::NotAllowed(ONLY_BROADCASTER.to_owned()));
    }
    let value = match setting.kind {
        SettingKind::Secret => return Err(SettingsError::NotAllowed("set it in the portal".to_owned())),
        SettingKind::Chatter => {
            chatters::find(world, value).map_or_else(|| value.to_owned(), |found| format!("id:{}", found.id))
        }
        _ => value.to_owned(),
    };
    let value = check_value(&setting.kind, &value).map_err(SettingsError::InvalidValue)?;
    world.kept.settings.insert((module.name.clone(), setting.key.clone()), value);
    Ok(())
}

pub(crate) fn mute(world: &mut World, for_ms: u64) -> Result<(), SettingsError> {
    check_role(world)?;
    if for_ms > LONGEST_MUTE_MS {
        return Err(SettingsError::InvalidValue("at most a day".to_owned()));
    }
    world.kept.muted_until = (for_ms > 0).then(|| world.now + for_ms);
    Ok(())
}

pub(crate) fn muted_until(world: &mut World) -> Option<u64> {
    world.kept.muted_until.filter(|until| world.now < *until)
}

fn check_role(world: &World) -> Result<(), SettingsError> {
    refuse_change(world).map_or(Ok(()), |who| Err(SettingsError::NotAllowed(who.to_owned())))
}

/// Who may change the set-up, if the caller may not: the broadcaster, and moderators if a setting of the module
/// `settings` lets them.
pub(super) fn refuse_change(world: &World) -> Option<&'static str> {
    let key = ("settings".to_owned(), "moderators".to_owned());
    let (least, who) = match world.kept.settings.get(&key).map(String::as_str) {
        Some("true") => (Role::Moderator, "only the broadcaster and moderators can"),
        _ => (Role::Broadcaster, ONLY_BROADCASTER),
    };
    (world.caller().role < least).then_some(who)
}

fn find_module(world: &World, name: &str) -> Result<ModuleInfo, SettingsError> {
    let others = world.kept.others.iter().map(|(module, _)| module);
    let found = std::iter::once(&world.module).chain(others).find(|module| module.name.eq_ignore_ascii_case(name));
    found.cloned().ok_or(SettingsError::UnknownModule)
}
