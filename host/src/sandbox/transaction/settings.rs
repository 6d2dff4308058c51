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
        self.change(|setup, role| setup.check_prefix(role, prefix).map(|effect| vec![effect]))
    }

    pub fn list_modules(&mut self) -> Result<Vec<ModuleState>, Fault> {
        self.require(Capability::Settings)?;
        let now = self.invocation().now;
        Ok(self.setup()?.list_modules(now))
    }

    pub fn enable_module(&mut self, name: &str) -> Changed {
        self.change(|setup, role| setup.check_enable(role, name))
    }

    pub fn disable_module(&mut self, name: &str) -> Changed {
        self.change(|setup, role| setup.check_disable(role, name).map(Vec::from_iter))
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
        self.change(|setup, role| setup.check_setting(role, module, key, &value).map(|effect| vec![effect]))
    }

    /// No time at all ends the silence.
    pub fn mute(&mut self, span: Duration) -> Changed {
        let now = self.invocation().now;
        self.change(|setup, role| setup.check_mute(role, span, now).map(|effect| vec![effect]))
    }

    /// When the silence ends; None where the bot speaks.
    pub fn muted_until(&mut self) -> Result<Option<SystemTime>, Fault> {
        self.require(Capability::Settings)?;
        let now = self.invocation().now;
        Ok(self.setup()?.muted_until.filter(|until| now < *until))
    }

    /// The one way to change the set-up: the grant, the role of the chatter as this invocation has it, then the change.
    fn change(&mut self, check: impl FnOnce(&ChannelSetup, Role) -> Result<Vec<Effect>, SettingsError>) -> Changed {
        self.require(Capability::Settings)?;
        let setup = self.setup()?;
        for effect in setup.note_left(check(&setup, self.role())?) {
            let setup = self.setup()?;
            self.change_setup(&setup, effect);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Bench, SHOP, Terms, now, told};
    use super::*;
    use crate::domain::effect::Committed;

    fn value_of(run: &mut Transaction, key: &str) -> String {
        let lines = run.list_settings("bank").unwrap();
        lines.into_iter().find(|line| line.key == key).unwrap().value
    }

    #[test]
    fn a_change_is_seen_by_its_own_run_and_after_the_commit_by_all() {
        let bench = Bench::new(Terms::default());
        let mut run = bench.run("shop", "");
        run.set_prefix("?").unwrap();
        run.change_setting("bank", "sides", "20").unwrap();
        run.disable_module("extra").unwrap();
        run.mute(Duration::from_secs(60)).unwrap();
        assert_eq!((run.prefix().unwrap().to_string(), value_of(&mut run, "sides")), ("?".to_owned(), "20".to_owned()));
        assert!(run.find_command("extra").unwrap().is_none());
        assert_eq!(bench.run("shop", "").prefix().unwrap().to_string(), "!");
        assert_eq!(bench.commit(run), Committed::Done);
        let mut later = bench.run("alice", "");
        assert_eq!(later.prefix().unwrap().to_string(), "?");
        assert_eq!(later.muted_until().unwrap(), Some(now() + Duration::from_secs(60)));
        let modules = later.list_modules().unwrap();
        let on: Vec<_> = modules.iter().map(|module| (module.name.as_str(), module.enabled)).collect();
        assert_eq!(on, [("bank", true), ("extra", false), ("settings", true)]);
    }

    #[test]
    fn a_chatter_changes_nothing() {
        let bench = Bench::new(Terms::default());
        let mut run = bench.run("alice", "");
        for refused in [
            run.set_prefix("?"),
            run.enable_module("extra"),
            run.disable_module("extra"),
            run.change_setting("bank", "sides", "8"),
            run.mute(Duration::ZERO),
        ] {
            assert_eq!(told(refused), SettingsError::NotAllowed("only the broadcaster can".to_owned()));
        }
        assert_eq!(run.finish(&[]), None);
    }

    #[test]
    fn a_chatter_is_stored_by_id_and_shown_by_login() {
        let bench = Bench::new(Terms::default());
        let mut run = bench.run("shop", "");
        run.change_setting("bank", "patron", "@Bob").unwrap();
        assert_eq!(value_of(&mut run, "patron"), "@bob");
        let invalid = SettingsError::InvalidValue("a chatter who was seen here".to_owned());
        assert_eq!(told(run.change_setting("bank", "patron", "nobody")), invalid);
        assert_eq!(bench.commit(run), Committed::Done);
        let record = bench.world.store.load_channel(SHOP).unwrap().unwrap();
        assert_eq!(record.settings[&"bank".parse().unwrap()]["patron"], "id:2");
    }

    #[test]
    fn a_set_up_that_is_out_of_date_is_a_conflict_and_then_read_anew() {
        let bench = Bench::new(Terms::default());
        let mut first = bench.run("shop", "");
        first.set_prefix("?").unwrap();
        let commit = first.finish(&[]).unwrap();
        // On disk, but not in memory yet.
        assert_eq!(bench.wait(bench.world.store.commit(commit)).unwrap(), Committed::Done);
        let mut second = bench.run("shop", "");
        let prefix = second.prefix().unwrap();
        second.save("prefix", prefix.as_str().into()).unwrap();
        assert_eq!(bench.commit(second), Committed::Conflict);
        assert_eq!(bench.run("shop", "").prefix().unwrap().to_string(), "?");
    }
}
