//! Every channel's set-up, in memory: prefix, modules, grants, settings, and which word calls what.
//!
//! SQLite holds the truth; a snapshot here is replaced whole after each commit that wrote it, so the hot path reads it
//! without a disk, and never sees half a change. Who may change what is decided by pure functions over a snapshot
//! (`change`, `words`); nothing here writes: a change is an effect, and takes place when its transaction commits.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use crate::domain::calling::Calling;
use crate::domain::id::{ChannelId, ModuleName};
use crate::domain::manifest::{Grants, Manifest, ModuleSource};
use crate::domain::ports::{Callings, Prefixes};
use crate::store::setup::ChannelRecord;
use crate::store::{Store, StoreError};

pub mod change;
pub mod channel;
pub mod listing;
pub mod overrides;
pub mod span;
pub mod value;
pub mod words;

#[cfg(test)]
pub(crate) mod sample;

use channel::{ChannelSetup, ModuleSetup};
use words::words_of;

/// The modules that answer in every channel and cannot be disabled: without them a creator could be locked out.
pub const ALWAYS_ON: [&str; 2] = ["settings", "help"];

/// Which modules are on where a channel has not said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewChannelRules {
    /// Those of [`ALWAYS_ON`], and what the operator's configuration names.
    Essentials,
    /// All that the host has: the demo.
    Everything,
}

impl NewChannelRules {
    fn is_on(self, module: &Manifest) -> bool {
        let is_essential = is_always_on(&module.name) || module.source == ModuleSource::Configured;
        is_essential || self == NewChannelRules::Everything
    }
}

pub(crate) fn is_always_on(module: &ModuleName) -> bool {
    ALWAYS_ON.contains(&module.as_str())
}

/// The snapshots of all channels, and the modules that there are.
pub struct Setup {
    store: Arc<Store>,
    rules: NewChannelRules,
    catalogue: RwLock<BTreeMap<ModuleName, Arc<Manifest>>>,
    channels: RwLock<HashMap<ChannelId, Arc<ChannelSetup>>>,
    /// What follows from `channels`; none until somebody asks.
    callings: RwLock<Option<Arc<Callings>>>,
}

impl Setup {
    pub fn new(store: Arc<Store>, rules: NewChannelRules) -> Setup {
        Setup { store, rules, catalogue: RwLock::default(), channels: RwLock::default(), callings: RwLock::default() }
    }

    /// Takes the place of an earlier version of the same name; channels see it once they are loaded anew. False, and
    /// nothing changed, under the name of a module from a more trusted source: it would inherit what that one is trusted
    /// with.
    pub fn add_module(&self, manifest: Arc<Manifest>) -> bool {
        let mut catalogue = self.catalogue.write().unwrap_or_else(PoisonError::into_inner);
        let is_reserved = is_always_on(&manifest.name) && manifest.source != ModuleSource::Bundled;
        let there = catalogue.get(&manifest.name);
        let may_add = !is_reserved && there.is_none_or(|there| there.source <= manifest.source);
        if may_add {
            catalogue.insert(manifest.name.clone(), manifest);
        }
        may_add
    }

    pub fn count_modules(&self) -> usize {
        self.catalogue.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub fn has_module(&self, name: &ModuleName) -> bool {
        is_always_on(name) || self.catalogue.read().unwrap_or_else(PoisonError::into_inner).contains_key(name)
    }

    /// A word that the module offers although it is one of those that nobody may be locked out of.
    pub fn find_reserved_word(&self, module: &Manifest) -> Option<Box<str>> {
        let catalogue = self.catalogue.read().unwrap_or_else(PoisonError::into_inner);
        let essential = catalogue.values().filter(|manifest| is_always_on(&manifest.name));
        let reserved: Vec<&Box<str>> = essential.flat_map(|manifest| &manifest.commands).flat_map(words_of).collect();
        module.commands.iter().flat_map(words_of).find(|word| reserved.contains(word)).cloned()
    }

    /// The modules that there are, by name.
    pub fn list_manifests(&self) -> Vec<Arc<Manifest>> {
        self.catalogue.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Loads every channel that the store knows.
    pub fn load_all(&self) -> Result<(), StoreError> {
        self.store.list_channels()?.into_iter().try_for_each(|channel| self.reload(channel))
    }

    /// Loads one channel, unless what is here is of a later revision: two reloads may overtake each other. A channel
    /// that the store does not know stays unknown.
    pub fn reload(&self, channel: ChannelId) -> Result<(), StoreError> {
        let Some(record) = self.store.load_channel(channel)? else { return Ok(()) };
        let loaded = Arc::new(self.assemble(record));
        let mut channels = self.channels.write().unwrap_or_else(PoisonError::into_inner);
        if channels.get(&channel).is_none_or(|present| present.revision <= loaded.revision) {
            channels.insert(channel, loaded);
        }
        drop(channels);
        // After the change: whoever makes it anew meanwhile is overruled.
        *self.callings.write().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }

    /// None for a channel whose id the host never learned.
    pub fn find_channel(&self, channel: ChannelId) -> Option<Arc<ChannelSetup>> {
        self.channels.read().unwrap_or_else(PoisonError::into_inner).get(&channel).cloned()
    }

    /// A channel's record together with the modules that there are. What is stored of a module that is gone waits for
    /// its return.
    fn assemble(&self, mut record: ChannelRecord) -> ChannelSetup {
        let catalogue = self.catalogue.read().unwrap_or_else(PoisonError::into_inner);
        let modules = catalogue.values().map(|manifest| {
            let name = &manifest.name;
            let said = record.modules.remove(name).unwrap_or_default();
            ModuleSetup {
                manifest: manifest.clone(),
                is_enabled: is_always_on(name) || said.enabled.unwrap_or_else(|| self.rules.is_on(manifest)),
                grants: match manifest.source {
                    ModuleSource::Bundled | ModuleSource::Configured => Grants::all(manifest),
                    ModuleSource::Uploaded => record.grants.remove(&manifest.digest).unwrap_or_default(),
                },
                settings: record.settings.remove(name).unwrap_or_default(),
                claimed: record.claimed.remove(name).unwrap_or_default(),
                accepted: said.accepted,
                pinned: said.pinned,
                blown: said.blown,
            }
        });
        let mut setup = ChannelSetup::new(record.channel, record.bot, modules);
        setup.revision = record.revision;
        setup.prefix = record.prefix;
        setup.locale = record.locale;
        setup.muted_until = record.muted_until;
        setup
    }
}

impl Prefixes for Setup {
    fn snapshot(&self) -> Arc<Callings> {
        let known = self.callings.read().unwrap_or_else(PoisonError::into_inner).clone();
        known.unwrap_or_else(|| {
            let mut callings = self.callings.write().unwrap_or_else(PoisonError::into_inner);
            let channels = self.channels.read().unwrap_or_else(PoisonError::into_inner);
            let calling = |setup: &ChannelSetup| Calling { prefix: setup.prefix.clone(), bot: setup.bot.clone() };
            Arc::clone(callings.insert(Arc::new(channels.iter().map(|(id, setup)| (*id, calling(setup))).collect())))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::sample::{command, manifest, name};
    use super::*;
    use crate::domain::audit::{Actor, Stamp};
    use crate::domain::effect::{Commit, Committed, Effect};
    use crate::domain::invocation::{InvocationId, Origin};
    use crate::domain::manifest::Capability;
    use crate::domain::ports::SystemClock;
    use crate::domain::prefix::Prefix;

    const SHOP: ChannelId = ChannelId(100);

    /// A store that knows the channel [`SHOP`], in a folder that lives as long.
    async fn store() -> (Arc<Store>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("db"), Arc::new(SystemClock)).unwrap();
        store.save_seed("shop".parse().unwrap(), "twitchy".parse().unwrap()).await.unwrap();
        store.save_channel_id("shop".parse().unwrap(), SHOP).await.unwrap();
        (Arc::new(store), folder)
    }

    fn module(name: &str) -> Arc<Manifest> {
        Arc::new(manifest(name, vec![command(name)], Vec::new()))
    }

    async fn switch_off(store: &Store, module: &str) {
        let commit = Commit {
            invocation: InvocationId { origin: Origin::Event, id: "switches".into() },
            channel: SHOP,
            by: Actor::Host,
            address: None,
            caller: None,
            version: None,
            noted: Vec::new(),
            effects: vec![Effect::SwitchModule { module: name(module), enabled: false }],
            replies: Vec::new(),
            at: SystemTime::UNIX_EPOCH,
        };
        assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
    }

    fn running(setup: &Setup) -> Vec<String> {
        let channel = setup.find_channel(SHOP).unwrap();
        let running = channel.modules().filter(|module| module.is_running());
        running.map(|module| module.manifest.name.to_string()).collect()
    }

    #[tokio::test]
    async fn a_new_channel_has_what_the_rules_say() {
        let (store, _folder) = store().await;
        for (rules, on) in [
            (NewChannelRules::Essentials, &["help", "settings"][..]),
            (NewChannelRules::Everything, &["balance", "help", "settings"]),
        ] {
            let setup = Setup::new(store.clone(), rules);
            ["settings", "help", "balance"].into_iter().for_each(|name| assert!(setup.add_module(module(name))));
            assert!(setup.find_channel(SHOP).is_none());
            setup.load_all().unwrap();
            assert_eq!(running(&setup), on);
        }
    }

    #[tokio::test]
    async fn an_upload_runs_with_its_grants_and_not_without() {
        let (store, _folder) = store().await;
        let mut uploaded = (*module("bank")).clone();
        uploaded.source = ModuleSource::Uploaded;
        uploaded.capabilities = vec![Capability::Payments];
        let (digest, grants) = (uploaded.digest, Grants::all(&uploaded));
        let setup = Setup::new(store.clone(), NewChannelRules::Everything);
        setup.add_module(Arc::new(uploaded));
        setup.load_all().unwrap();
        assert!(running(&setup).is_empty());
        let stamp = Stamp { by: Actor::CommandLine, at: SystemTime::UNIX_EPOCH, address: None };
        store.save_grants(stamp, SHOP, digest, grants).await.unwrap();
        setup.reload(SHOP).unwrap();
        assert_eq!(running(&setup), ["bank"]);
    }

    #[tokio::test]
    async fn no_upload_takes_the_name_of_a_bundled_module() {
        let (store, _folder) = store().await;
        let setup = Setup::new(store, NewChannelRules::Everything);
        assert!(setup.add_module(module("bank")));
        for (name, is_free) in [("bank", false), ("settings", false), ("dice", true)] {
            let upload = Manifest { source: ModuleSource::Uploaded, ..(*module(name)).clone() };
            assert_eq!(setup.add_module(Arc::new(upload)), is_free, "{name}");
        }
    }

    #[tokio::test]
    async fn a_configured_module_is_on_with_all_that_it_requests_and_can_be_switched_off() {
        let (store, _folder) = store().await;
        let setup = Setup::new(store.clone(), NewChannelRules::Essentials);
        let bank = Manifest {
            source: ModuleSource::Configured,
            capabilities: vec![Capability::Payments],
            ..(*module("bank")).clone()
        };
        assert!(setup.add_module(Arc::new(bank.clone())));
        setup.load_all().unwrap();
        assert_eq!(running(&setup), ["bank"]);
        assert!(setup.has_module(&name("bank")) && setup.has_module(&name("help")) && !setup.has_module(&name("dice")));
        switch_off(&store, "bank").await;
        setup.reload(SHOP).unwrap();
        assert!(running(&setup).is_empty());
        let upload = Manifest { source: ModuleSource::Uploaded, ..bank };
        assert!(!setup.add_module(Arc::new(upload)), "the operator's module gives way to no upload");
    }

    #[tokio::test]
    async fn the_words_of_what_is_always_on_are_reserved() {
        let (store, _folder) = store().await;
        let setup = Setup::new(store, NewChannelRules::Essentials);
        ["settings", "balance"].into_iter().for_each(|name| assert!(setup.add_module(module(name))));
        let find = |word: &str| setup.find_reserved_word(&manifest("dice", vec![command(word)], Vec::new()));
        assert_eq!((find("settings").as_deref(), find("balance"), find("roll")), (Some("settings"), None, None));
    }

    #[tokio::test]
    async fn a_reload_never_goes_back() {
        let (store, _folder) = store().await;
        let setup = Setup::new(store, NewChannelRules::Everything);
        setup.load_all().unwrap();
        let mut newer = (*setup.find_channel(SHOP).unwrap()).clone();
        newer.revision.0 += 1;
        newer.prefix = "?".parse().unwrap();
        setup.channels.write().unwrap().insert(SHOP, Arc::new(newer));
        setup.reload(SHOP).unwrap();
        assert_eq!(setup.find_channel(SHOP).unwrap().prefix.as_str(), "?");
    }

    #[tokio::test]
    async fn the_filter_sees_a_change_at_its_next_look() {
        let (store, _folder) = store().await;
        let setup = Setup::new(store, NewChannelRules::Everything);
        assert!(setup.snapshot().is_empty());
        setup.load_all().unwrap();
        assert_eq!(setup.snapshot()[&SHOP].prefix, Prefix::default());
        assert!(Arc::ptr_eq(&setup.snapshot(), &setup.snapshot()), "made once");
    }

    #[tokio::test]
    async fn a_later_version_takes_the_place_of_the_earlier() {
        let (store, _folder) = store().await;
        let setup = Setup::new(store, NewChannelRules::Everything);
        setup.add_module(module("dice"));
        let later = Manifest { version: semver::Version::new(2, 0, 0), ..(*module("dice")).clone() };
        setup.add_module(Arc::new(later));
        setup.load_all().unwrap();
        let channel = setup.find_channel(SHOP).unwrap();
        assert_eq!(channel.find_module(&name("dice")).unwrap().manifest.version.major, 2);
        assert_eq!((channel.prefix.clone(), channel.bot.as_str()), (Prefix::default(), "twitchy"));
    }
}
