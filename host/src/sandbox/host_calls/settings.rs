//! `settings`: the channel's own set-up.

use std::time::Duration;

use crate::domain::manifest::Capability;
use crate::sandbox::bindings::twitchy::command::settings::{Host, ModuleState, Setting, SettingsError};
use crate::sandbox::run::door::{EndRun, Run, answered, told};
use crate::sandbox::transaction::Transaction;
use crate::sandbox::translate::unix_millis;
use crate::setup::{change, listing};

type Changed = wasmtime::Result<Result<(), SettingsError>>;

impl Run {
    fn enter_settings(&mut self) -> Result<&mut Transaction, EndRun> {
        self.enter(Capability::Settings)
    }
}

impl Host for Run {
    fn prefix(&mut self) -> wasmtime::Result<String> {
        Ok(answered(self.enter_settings()?.prefix())?.to_string())
    }

    fn set_prefix(&mut self, prefix: String) -> Changed {
        told(self.enter_settings()?.set_prefix(&prefix))
    }

    fn list_modules(&mut self) -> wasmtime::Result<Vec<ModuleState>> {
        let modules = answered(self.enter_settings()?.list_modules())?;
        Ok(modules.into_iter().map(ModuleState::from).collect())
    }

    fn enable_module(&mut self, name: String) -> Changed {
        told(self.enter_settings()?.enable_module(&name))
    }

    fn disable_module(&mut self, name: String) -> Changed {
        told(self.enter_settings()?.disable_module(&name))
    }

    fn list_settings(&mut self, module: String) -> wasmtime::Result<Result<Vec<Setting>, SettingsError>> {
        let lines = self.enter_settings()?.list_settings(&module);
        told(lines.map(|lines| lines.into_iter().map(Setting::from).collect()))
    }

    fn change_setting(&mut self, module: String, key: String, value: String) -> Changed {
        told(self.enter_settings()?.change_setting(&module, &key, &value))
    }

    fn mute(&mut self, for_ms: u64) -> Changed {
        told(self.enter_settings()?.mute(Duration::from_millis(for_ms)))
    }

    fn muted_until(&mut self) -> wasmtime::Result<Option<u64>> {
        Ok(answered(self.enter_settings()?.muted_until())?.map(unix_millis))
    }
}

impl From<listing::ModuleState> for ModuleState {
    fn from(state: listing::ModuleState) -> Self {
        ModuleState {
            name: state.name.to_string(),
            version: state.version.to_string(),
            enabled: state.enabled,
            commands: state.commands.into_iter().map(String::from).collect(),
        }
    }
}

impl From<listing::SettingLine> for Setting {
    fn from(line: listing::SettingLine) -> Self {
        Setting { key: line.key, value: line.value, summary: line.summary }
    }
}

impl From<change::SettingsError> for SettingsError {
    fn from(error: change::SettingsError) -> Self {
        match error {
            change::SettingsError::UnknownModule => SettingsError::UnknownModule,
            change::SettingsError::UnknownSetting => SettingsError::UnknownSetting,
            change::SettingsError::WordTaken(module) => SettingsError::WordTaken(module),
            change::SettingsError::NeedsGrant(place) => SettingsError::NeedsGrant(place),
            change::SettingsError::InvalidValue(valid) => SettingsError::InvalidValue(valid),
            change::SettingsError::NotAllowed(place) => SettingsError::NotAllowed(place),
        }
    }
}
