//! Who may change a channel's set-up, and what a valid change is. Pure: each answers with the effect to buffer, or
//! with the reason in words for the chatter.

use std::time::{Duration, SystemTime};

use super::channel::{ChannelSetup, ModuleSetup};
use super::is_always_on;
use super::value::check_value;
use super::words::words_of;
use crate::domain::effect::Effect;
use crate::domain::id::ModuleName;
use crate::domain::manifest::{Setting, SettingKind};
use crate::domain::prefix::Prefix;
use crate::domain::role::Role;

/// The setting of the module `settings` by which a broadcaster lets moderators change the set-up.
pub const MODERATORS: (&str, &str) = ("settings", "moderators");

const LONGEST_MUTE: Duration = Duration::from_secs(24 * 60 * 60);

/// Why a change is refused. The cases are the contract's; the texts are for the chatter.
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

/// Whether `by` may change this channel's set-up: the broadcaster always, moderators where the broadcaster lets them.
pub fn may_change(setup: &ChannelSetup, by: Role) -> bool {
    match by {
        Role::Broadcaster => true,
        Role::Moderator => setup.lets_moderators_change(),
        Role::Everyone | Role::Subscriber | Role::Vip => false,
    }
}

/// Where a chatter who may not is sent.
pub(super) fn who_may_change(setup: &ChannelSetup) -> &'static str {
    if setup.lets_moderators_change() { "the broadcaster and moderators can" } else { "the broadcaster can" }
}

impl ChannelSetup {
    fn lets_moderators_change(&self) -> bool {
        let (name, key) = MODERATORS;
        let settings = self.modules().find(|module| module.manifest.name.as_str() == name);
        settings.is_some_and(|module| module.value_of(key, "false") == "true")
    }

    fn require_change(&self, by: Role) -> Result<(), SettingsError> {
        may_change(self, by).then_some(()).ok_or_else(|| SettingsError::NotAllowed(who_may_change(self).to_owned()))
    }

    pub fn check_prefix(&self, by: Role, prefix: &str) -> Result<Effect, SettingsError> {
        self.require_change(by)?;
        let prefix = prefix.parse::<Prefix>();
        prefix.map(Effect::ChangePrefix).map_err(|_| {
            SettingsError::InvalidValue("1 to 5 visible characters without letters, digits, @, / or .".to_owned())
        })
    }

    /// None where it is on already.
    pub fn check_enable(&self, by: Role, name: &str) -> Result<Option<Effect>, SettingsError> {
        self.require_change(by)?;
        let module = self.module_named(name)?;
        if module.is_enabled {
            return Ok(None);
        }
        if !module.grants.suffice_for(&module.manifest) {
            return Err(SettingsError::NeedsGrant("in the portal".to_owned()));
        }
        let words = module.manifest.commands.iter().chain(&module.claimed).flat_map(words_of);
        // The module itself answers to nothing yet: whoever has one of its words is another one.
        if let Some(target) = words.filter_map(|word| self.find_word(word)).next() {
            return Err(SettingsError::WordTaken(target.module.manifest.name.to_string()));
        }
        Ok(Some(Effect::SwitchModule { module: module.manifest.name.clone(), enabled: true }))
    }

    /// None where it is off already.
    pub fn check_disable(&self, by: Role, name: &str) -> Result<Option<Effect>, SettingsError> {
        self.require_change(by)?;
        let module = self.module_named(name)?;
        let name = &module.manifest.name;
        if is_always_on(name) {
            return Err(SettingsError::NotAllowed(format!("{name} is always on")));
        }
        Ok(module.is_enabled.then(|| Effect::SwitchModule { module: name.clone(), enabled: false }))
    }

    /// A chatter's value comes as `id:` and the Twitch id: see [`ChannelSetup::is_chatter_setting`].
    pub fn check_setting(&self, by: Role, name: &str, key: &str, value: &str) -> Result<Effect, SettingsError> {
        self.require_change(by)?;
        let module = self.module_named(name)?;
        let key = key.to_lowercase();
        let value = match module.find_command_key(&key) {
            Some(_) => Some(module.check_override(by, &key, value)?),
            None => module.check_declared(by, &key, value)?,
        };
        Ok(Effect::ChangeSetting { module: module.manifest.name.clone(), key, value })
    }

    /// Whether a value of this setting names a chatter, whom the caller then looks up first.
    pub fn is_chatter_setting(&self, name: &str, key: &str) -> bool {
        let setting = self.module_named(name).ok().and_then(|module| module.find_setting(&key.to_lowercase()));
        setting.is_some_and(|setting| setting.kind == SettingKind::Chatter)
    }

    /// No time at all ends the silence.
    pub fn check_mute(&self, by: Role, span: Duration, now: SystemTime) -> Result<Effect, SettingsError> {
        self.require_change(by)?;
        if span > LONGEST_MUTE {
            return Err(SettingsError::InvalidValue("at most a day".to_owned()));
        }
        Ok(Effect::Mute { until: (!span.is_zero()).then(|| now + span) })
    }

    pub(super) fn module_named(&self, name: &str) -> Result<&ModuleSetup, SettingsError> {
        let name = name.to_lowercase().parse::<ModuleName>().map_err(|_| SettingsError::UnknownModule)?;
        self.find_module(&name).ok_or(SettingsError::UnknownModule)
    }
}

impl ModuleSetup {
    fn find_setting(&self, key: &str) -> Option<&Setting> {
        self.manifest.settings.iter().find(|setting| setting.key == key)
    }

    fn check_declared(&self, by: Role, key: &str, value: &str) -> Result<Option<String>, SettingsError> {
        let setting = self.find_setting(key).ok_or(SettingsError::UnknownSetting)?;
        if setting.kind == SettingKind::Secret {
            return Err(SettingsError::NotAllowed("set it in the portal".to_owned()));
        }
        // Moderators who could change this one could keep a door open that the broadcaster closed.
        if (self.manifest.name.as_str(), key) == MODERATORS && by != Role::Broadcaster {
            return Err(SettingsError::NotAllowed("only the broadcaster can".to_owned()));
        }
        if value == setting.default {
            return Ok(None);
        }
        let value = check_value(&setting.kind, value).map_err(SettingsError::InvalidValue)?;
        Ok((value != setting.default).then_some(value))
    }

    /// Nobody takes a command from those above, nor gives it to them alone: a moderator cannot open what is the
    /// broadcaster's.
    fn check_override(&self, by: Role, key: &str, value: &str) -> Result<String, SettingsError> {
        let (command, command_key) = self.find_command_key(key).ok_or(SettingsError::UnknownSetting)?;
        let before = self.with_overrides(command);
        let mut after = before.clone();
        command_key.set(&mut after, value).map_err(SettingsError::InvalidValue)?;
        if before.role > by || after.role > by {
            return Err(SettingsError::NotAllowed("only the broadcaster can".to_owned()));
        }
        Ok(command_key.show(&after))
    }
}
