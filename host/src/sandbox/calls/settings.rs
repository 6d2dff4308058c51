//! Capability `settings`: reads and changes the channel's set-up.

use std::time::{Duration, SystemTime};

use super::chatters::{Reference, resolve};
use super::error::{EndRun, HostCallError, split};
use super::run::Run;
use super::transaction::Transaction;
use super::vocabulary::unix_millis;
use crate::domain::effect::Effect;
use crate::domain::manifest::Capability;
use crate::domain::prefix::Prefix;
use crate::domain::role::Role;
use crate::sandbox::bindings::twitchy::command::settings::{Host, ModuleState, Setting, SettingsError};
use crate::setup::channel::ChannelSetup;
use crate::setup::previous_versions::record_previous;
use crate::setup::{change, listing};

type Changed = Result<(), HostCallError<SettingsError>>;
type HostChanged = wasmtime::Result<Result<(), SettingsError>>;

impl Host for Run {
    fn prefix(&mut self) -> wasmtime::Result<String> {
        Ok(prefix(self.enter(Capability::Settings, "prefix")?)?.to_string())
    }

    fn set_prefix(&mut self, prefix: String) -> HostChanged {
        Ok(split(set_prefix(self.enter(Capability::Settings, "set-prefix")?, &prefix))?)
    }

    fn list_modules(&mut self) -> wasmtime::Result<Vec<ModuleState>> {
        let modules = list_modules(self.enter(Capability::Settings, "list-modules")?)?;
        Ok(modules.into_iter().map(ModuleState::from).collect())
    }

    fn enable_module(&mut self, name: String) -> HostChanged {
        Ok(split(enable_module(self.enter(Capability::Settings, "enable-module")?, &name))?)
    }

    fn disable_module(&mut self, name: String) -> HostChanged {
        Ok(split(disable_module(self.enter(Capability::Settings, "disable-module")?, &name))?)
    }

    async fn list_settings(&mut self, module: String) -> wasmtime::Result<Result<Vec<Setting>, SettingsError>> {
        let lines = split(list_settings(self.enter(Capability::Settings, "list-settings")?, &module).await)?;
        Ok(lines.map(|lines| lines.into_iter().map(Setting::from).collect()))
    }

    async fn change_setting(&mut self, module: String, key: String, value: String) -> HostChanged {
        Ok(split(change_setting(self.enter(Capability::Settings, "change-setting")?, &module, &key, &value).await)?)
    }

    fn mute(&mut self, for_ms: u64) -> HostChanged {
        Ok(split(mute(self.enter(Capability::Settings, "mute")?, Duration::from_millis(for_ms)))?)
    }

    fn muted_until(&mut self) -> wasmtime::Result<Option<u64>> {
        Ok(muted_until(self.enter(Capability::Settings, "muted-until")?)?.map(unix_millis))
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

impl From<change::SettingsError> for HostCallError<SettingsError> {
    fn from(error: change::SettingsError) -> Self {
        HostCallError::Returned(match error {
            change::SettingsError::UnknownModule => SettingsError::UnknownModule,
            change::SettingsError::UnknownSetting => SettingsError::UnknownSetting,
            change::SettingsError::WordTaken(module) => SettingsError::WordTaken(module),
            change::SettingsError::NeedsGrant(place) => SettingsError::NeedsGrant(place),
            change::SettingsError::InvalidValue(valid) => SettingsError::InvalidValue(valid),
            change::SettingsError::NotAllowed(place) => SettingsError::NotAllowed(place),
        })
    }
}

pub(super) fn prefix(run: &mut Transaction) -> Result<Prefix, EndRun> {
    Ok(run.setup()?.prefix.clone())
}

pub(super) fn set_prefix(run: &mut Transaction, prefix: &str) -> Changed {
    change(run, |setup, role| change::check_prefix(setup, role, prefix).map(|effect| vec![effect]))
}

pub(super) fn list_modules(run: &mut Transaction) -> Result<Vec<listing::ModuleState>, EndRun> {
    let now = run.invocation().now;
    Ok(listing::list_modules(&run.setup()?, now))
}

pub(super) fn enable_module(run: &mut Transaction, name: &str) -> Changed {
    change(run, |setup, role| change::check_enable(setup, role, name))
}

pub(super) fn disable_module(run: &mut Transaction, name: &str) -> Changed {
    change(run, |setup, role| change::check_disable(setup, role, name).map(Vec::from_iter))
}

/// Lists a module's settings. A setting that is a chatter is shown as that chatter's login where it is known.
pub(super) async fn list_settings(
    run: &mut Transaction,
    module: &str,
) -> Result<Vec<listing::SettingLine>, HostCallError<SettingsError>> {
    let setup = run.setup()?;
    let mut lines = listing::list_settings(&setup, module)?;
    for line in lines.iter_mut().filter(|line| change::is_chatter_setting(&setup, module, &line.key)) {
        if let Some(chatter) = resolve(run, &line.value).await? {
            line.value = format!("@{}", chatter.login);
        }
    }
    Ok(lines)
}

pub(super) async fn change_setting(run: &mut Transaction, module: &str, key: &str, value: &str) -> Changed {
    let is_chatter = change::is_chatter_setting(&run.setup()?, module, key);
    let chatter = if is_chatter { resolve(run, value).await? } else { None };
    let value = chatter.map_or_else(|| value.to_owned(), |chatter| Reference::Id(chatter.id).to_string());
    change(run, |setup, role| change::check_setting(setup, role, module, key, &value).map(|effect| vec![effect]))
}

/// Mutes the bot for `span`; a span of zero unmutes.
pub(super) fn mute(run: &mut Transaction, span: Duration) -> Changed {
    let now = run.invocation().now;
    change(run, |setup, role| change::check_mute(setup, role, span, now).map(|effect| vec![effect]))
}

/// When the mute ends; `None` if the bot is not muted.
pub(super) fn muted_until(run: &mut Transaction) -> Result<Option<SystemTime>, EndRun> {
    let now = run.invocation().now;
    Ok(run.setup()?.muted_until.filter(|until| now < *until))
}

/// Checks a change with the chatter's role in this invocation, then buffers it. All changes of the set-up pass here.
fn change(
    run: &mut Transaction,
    check: impl FnOnce(&ChannelSetup, Role) -> Result<Vec<Effect>, change::SettingsError>,
) -> Changed {
    let setup = run.setup()?;
    for effect in record_previous(&setup, check(&setup, run.role())?) {
        let setup = run.setup()?;
        run.change_setup(&setup, effect);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, SHOP, error_of, now};
    use super::super::{commands, storage};
    use super::*;
    use crate::bench::BenchOptions;
    use crate::domain::effect::Committed;
    use crate::testing::at_once;

    fn value_of(run: &mut Transaction, key: &str) -> String {
        let lines = at_once(list_settings(run, "bank")).unwrap();
        lines.into_iter().find(|line| line.key == key).unwrap().value
    }

    #[test]
    fn a_change_is_seen_by_its_own_run_and_after_the_commit_by_all() {
        let bench = Fixture::new(BenchOptions::default());
        let mut run = bench.run("shop", "");
        set_prefix(&mut run, "?").unwrap();
        at_once(change_setting(&mut run, "bank", "sides", "20")).unwrap();
        disable_module(&mut run, "extra").unwrap();
        mute(&mut run, Duration::from_secs(60)).unwrap();
        assert_eq!(
            (prefix(&mut run).unwrap().to_string(), value_of(&mut run, "sides")),
            ("?".to_owned(), "20".to_owned())
        );
        assert!(commands::find(&mut run, "extra").unwrap().is_none());
        assert_eq!(prefix(&mut bench.run("shop", "")).unwrap().to_string(), "!");
        assert_eq!(bench.commit(run), Committed::Done);
        let mut later = bench.run("alice", "");
        assert_eq!(prefix(&mut later).unwrap().to_string(), "?");
        assert_eq!(muted_until(&mut later).unwrap(), Some(now() + Duration::from_secs(60)));
        let modules = list_modules(&mut later).unwrap();
        let on: Vec<_> = modules.iter().map(|module| (module.name.as_str(), module.enabled)).collect();
        assert_eq!(on, [("bank", true), ("extra", false), ("settings", true)]);
    }

    #[test]
    fn a_chatter_changes_nothing() {
        let bench = Fixture::new(BenchOptions::default());
        let mut run = bench.run("alice", "");
        for refused in [
            set_prefix(&mut run, "?"),
            enable_module(&mut run, "extra"),
            disable_module(&mut run, "extra"),
            at_once(change_setting(&mut run, "bank", "sides", "8")),
            mute(&mut run, Duration::ZERO),
        ] {
            assert_eq!(error_of(refused), SettingsError::NotAllowed("only the broadcaster can".to_owned()));
        }
        assert_eq!(run.finish(&[]), None);
    }

    #[test]
    fn a_chatter_is_stored_by_id_and_shown_by_login() {
        let bench = Fixture::new(BenchOptions::default());
        let mut run = bench.run("shop", "");
        at_once(change_setting(&mut run, "bank", "patron", "@Bob")).unwrap();
        assert_eq!(value_of(&mut run, "patron"), "@bob");
        let invalid = SettingsError::InvalidValue("a chatter who was seen here".to_owned());
        assert_eq!(error_of(at_once(change_setting(&mut run, "bank", "patron", "nobody"))), invalid);
        assert_eq!(bench.commit(run), Committed::Done);
        let record = at_once(bench.world.store.load_channel(SHOP)).unwrap().unwrap();
        assert_eq!(record.settings[&"bank".parse().unwrap()]["patron"], "id:2");
    }

    #[test]
    fn a_set_up_that_is_out_of_date_is_a_conflict_and_then_read_anew() {
        let bench = Fixture::new(BenchOptions::default());
        let mut first = bench.run("shop", "");
        set_prefix(&mut first, "?").unwrap();
        let commit = first.finish(&[]).unwrap();
        // On disk, but the set-up in memory is still the old one.
        assert_eq!(bench.wait(bench.world.store.commit(commit)).unwrap(), Committed::Done);
        let mut second = bench.run("shop", "");
        let old = prefix(&mut second).unwrap();
        at_once(storage::save(&mut second, "prefix", old.as_str().into())).unwrap();
        assert_eq!(bench.commit(second), Committed::Conflict);
        assert_eq!(prefix(&mut bench.run("shop", "")).unwrap().to_string(), "?");
    }
}
