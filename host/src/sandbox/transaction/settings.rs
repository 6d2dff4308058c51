//! Capability `settings`: the channel's own set-up.

use std::time::{Duration, SystemTime};

use super::chatters::Reference;
use super::{Fault, HostCallError, Transaction};
use crate::domain::effect::Effect;
use crate::domain::manifest::Capability;
use crate::domain::prefix::Prefix;
use crate::domain::role::Role;
use crate::setup::change::SettingsError;
use crate::setup::channel::ChannelSetup;
use crate::setup::listing::{ModuleState, SettingLine};

type Changed = Result<(), HostCallError<SettingsError>>;

impl From<SettingsError> for HostCallError<SettingsError> {
    fn from(error: SettingsError) -> Self {
        HostCallError::Told(error)
    }
}

impl Transaction {
    pub fn prefix(&mut self) -> Result<Prefix, Fault> {
        self.require(Capability::Settings)?;
        Ok(self.setup()?.prefix.clone())
    }

    pub fn set_prefix(&mut self, prefix: &str) -> Changed {
        self.change(|setup, role| setup.check_prefix(role, prefix).map(Some))
    }

    pub fn list_modules(&mut self) -> Result<Vec<ModuleState>, Fault> {
        self.require(Capability::Settings)?;
        Ok(self.setup()?.list_modules())
    }

    pub fn enable_module(&mut self, name: &str) -> Changed {
        self.change(|setup, role| setup.check_enable(role, name))
    }

    pub fn disable_module(&mut self, name: &str) -> Changed {
        self.change(|setup, role| setup.check_disable(role, name))
    }

    /// A chatter is shown by login, where one is known.
    pub fn list_settings(&mut self, module: &str) -> Result<Vec<SettingLine>, HostCallError<SettingsError>> {
        self.require(Capability::Settings)?;
        let setup = self.setup()?;
        let mut lines = setup.list_settings(module)?;
        for line in lines.iter_mut().filter(|line| setup.is_chatter_setting(module, &line.key)) {
            if let Some(chatter) = self.resolve(&line.value)? {
                line.value = format!("@{}", chatter.login);
            }
        }
        Ok(lines)
    }

    pub fn change_setting(&mut self, module: &str, key: &str, value: &str) -> Changed {
        self.require(Capability::Settings)?;
        let is_chatter = self.setup()?.is_chatter_setting(module, key);
        let chatter = if is_chatter { self.resolve(value)? } else { None };
        let value = chatter.map_or_else(|| value.to_owned(), |chatter| Reference::Id(chatter.id).to_string());
        self.change(|setup, role| setup.check_setting(role, module, key, &value).map(Some))
    }

    /// No time at all ends the silence.
    pub fn mute(&mut self, span: Duration) -> Changed {
        let now = self.invocation().now;
        self.change(|setup, role| setup.check_mute(role, span, now).map(Some))
    }

    /// When the silence ends; None where the bot speaks.
    pub fn muted_until(&mut self) -> Result<Option<SystemTime>, Fault> {
        self.require(Capability::Settings)?;
        let now = self.invocation().now;
        Ok(self.setup()?.muted_until.filter(|until| now < *until))
    }

    /// The one way to change the set-up: the grant, the role of the chatter as this invocation has it, then the change.
    fn change(&mut self, check: impl FnOnce(&ChannelSetup, Role) -> Result<Option<Effect>, SettingsError>) -> Changed {
        self.require(Capability::Settings)?;
        let setup = self.setup()?;
        if let Some(effect) = check(&setup, self.role())? {
            self.change_setup(&setup, effect);
        }
        Ok(())
    }
}
