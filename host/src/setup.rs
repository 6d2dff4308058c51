//! All channels' set-ups in memory: prefix, modules, grants, settings, and which word calls which command.
//!
//! The store holds the truth. A channel's snapshot is replaced as a whole after each commit that wrote it, so the hot
//! path reads no disk and never sees half a change. Pure functions over a snapshot (`change`, `words`) decide who may
//! change what, and return effects. Only [`Setup::change`] and [`Setup::commit`] commit such effects, and both reload
//! what they changed: memory never stays behind the disk.
//!
//! A message or a change of a channel reads no other channel. A change of a module's versions visits the channels that
//! have decided something about the module (*touched* it).
//!
//! # Changes
//!
//! Changes of one channel wait for each other. The host's own changes, such as a fuse that blows, are not compared with the revision
//! that they were planned on: a module could otherwise keep its fuse from blowing by changing the set-up all the time.
//!
//! # Many set-ups
//!
//! `snapshots` holds the channels' own parts in 256 maps with a lock each, because the wire filter looks there for nearly each line. It
//! also lists the channels that have set something of a module. A join costs as much as its account has channels.

use std::collections::{BTreeMap, BTreeSet};
use std::future::ready;
use std::sync::{Arc, PoisonError, RwLock};

use tracing::{error, warn};

use crate::domain::account::BotAccount;
use crate::domain::audit::Stamp;
use crate::domain::calling::find_call;
use crate::domain::effect::{Commit, Committed, Effect};
use crate::domain::id::{ChannelId, Login, ModuleDigest, ModuleName};
use crate::domain::manifest::Manifest;
use crate::domain::ports::Prefixes;
use crate::domain::version::UploadedModule;
use crate::modules::catalogue::{Catalogue, CatalogueEntry};
use crate::modules::channels::{Channels, Pending};
use crate::store::{Store, StoreError};

pub mod change;
pub mod changing;
pub mod channel;
pub mod channel_change;
pub mod claims;
pub mod defaults;
pub mod listing;
pub mod module;
pub mod module_change;
pub mod overrides;
pub mod own;
pub mod previous_versions;
mod snapshots;
pub mod upgrade;
pub mod value;
pub(crate) mod word;
pub mod words;

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod version_changes;

use changing::{ChangeSetupError, Changed, commit_of, list_set_up};
use channel::ChannelSetup;
use defaults::{Defaults, NewChannelRules};
use module::ModuleSetup;
use own::OwnSetup;
use previous_versions::{find_replaced, record_previous};
use snapshots::Snapshots;

/// Channels that settle on a changed module before other tasks on the thread run.
const CHANNELS_AT_ONCE: usize = 64;

/// Enough queues that changes of different channels rarely wait for each other.
const QUEUES: usize = 64;
/// How often one change is planned and committed: chat may change the same channel in between.
const MOST_TRIES: usize = 3;

/// The snapshots of all channels, and the catalogue of modules.
pub struct Setup {
    store: Arc<Store>,
    rules: NewChannelRules,
    /// Joined with a channel's own part at each look-up, so that a new version changes nothing in channels that have
    /// not touched the module. Replaced before the own parts settle on the new version.
    defaults: RwLock<Arc<Defaults>>,
    channels: Snapshots,
    /// Changes of a channel queue here. Without the queues, of a hundred concurrent changes one would be committed and
    /// all others planned again, each time.
    queues: [tokio::sync::Mutex<()>; QUEUES],
}

impl Setup {
    pub fn new(store: Arc<Store>, rules: NewChannelRules) -> Setup {
        Setup {
            store,
            rules,
            defaults: RwLock::default(),
            channels: Snapshots::default(),
            queues: std::array::from_fn(|_| tokio::sync::Mutex::default()),
        }
    }

    /// For a host that does not allow the size class `large` (any more): its uploads are kept, but do not run.
    #[must_use]
    pub fn without_large(self) -> Setup {
        self.set_catalogue(self.catalogue().without_large());
        self
    }

    /// The uploads that are enabled in some channels but do not run, since their size class is not allowed; with the
    /// number of these channels.
    pub fn list_barred(&self) -> Vec<(ModuleName, usize)> {
        let catalogue = self.catalogue();
        let is_suspect = |module: &UploadedModule| module.versions.iter().any(|there| catalogue.bars(&there.manifest));
        let suspects = catalogue.list_uploaded().filter(|module| is_suspect(module)).map(|module| &module.name);
        let count = |name: &ModuleName| {
            let is_counted = |module: &ModuleSetup| module.is_enabled && module.is_barred;
            self.list_touching(name).filter(|own| own.find_touched(name).is_some_and(is_counted)).count()
        };
        suspects.map(|name| (name.clone(), count(name))).filter(|(_, count)| *count > 0).collect()
    }

    /// Adds or replaces a bundled or configured module, before channels and uploads are loaded. Returns false, and
    /// changes nothing, if the name belongs to a module from a more trusted source.
    pub fn add_module(&self, manifest: Arc<Manifest>) -> bool {
        let Some(next) = self.catalogue().with_fixed(manifest) else { return false };
        self.set_catalogue(next);
        true
    }

    /// Like [`Setup::add_module`], while channels are in memory: all of them settle again, which takes time with their number.
    pub fn replace_module(&self, manifest: Arc<Manifest>) -> bool {
        let is_replaced = self.add_module(manifest);
        for setup in self.list_channels().iter().filter(|_| is_replaced) {
            self.resettle(setup.channel.id, None);
        }
        is_replaced
    }

    /// The current modules with all their versions.
    pub fn catalogue(&self) -> Arc<Catalogue> {
        self.defaults().catalogue().clone()
    }

    fn defaults(&self) -> Arc<Defaults> {
        self.defaults.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_catalogue(&self, catalogue: Catalogue) -> Arc<Defaults> {
        let defaults = Arc::new(Defaults::new(Arc::new(catalogue), self.rules));
        *self.defaults.write().unwrap_or_else(PoisonError::into_inner) = defaults.clone();
        defaults
    }

    /// Loads every upload and every channel that the store knows.
    pub async fn load_all(&self) -> Result<(), StoreError> {
        let (catalogue, uploaded) = (self.catalogue(), self.store.host.list_uploaded().await?);
        for module in &uploaded {
            if matches!(catalogue.find(&module.name), Some(CatalogueEntry::Fixed(_))) {
                warn!(module = %module.name, "an upload is out of reach: a module of the host has its name");
            }
        }
        let defaults = self.set_catalogue(catalogue.with_uploaded(uploaded));
        let records = self.store.load_channels().await?;
        for record in records {
            self.channels.update(record.channel.id, |_| Some(OwnSetup::assemble(record, &defaults)));
        }
        Ok(())
    }

    /// Changes a channel's set-up: commits all effects of `plan` together, or none.
    ///
    /// `plan` is pure: it returns the effects that lead from the given set-up to the wanted one, or a refusal. It is
    /// called again if another commit was faster; a plan that depends on what its caller has read before compares the
    /// revision itself. Changes of one channel through this method wait for each other. Dropping the future stops
    /// neither a commit that has begun nor the reload after it.
    ///
    /// # Errors
    /// The refusal of `plan`, or [`ChangeSetupError`].
    pub async fn change<E: From<ChangeSetupError>>(
        self: &Arc<Self>,
        channel: ChannelId,
        stamp: Stamp,
        plan: impl Fn(&ChannelSetup) -> Result<Vec<Effect>, E>,
    ) -> Result<Changed, E> {
        self.change_reading(channel, stamp, |before| ready(plan(&before))).await
    }

    /// As [`Setup::change`], for a plan that also reads the store, each time it is called.
    pub async fn change_reading<E: From<ChangeSetupError>, Planning: Future<Output = Result<Vec<Effect>, E>>>(
        self: &Arc<Self>,
        channel: ChannelId,
        stamp: Stamp,
        plan: impl Fn(ChannelSetup) -> Planning,
    ) -> Result<Changed, E> {
        let _queue = self.queues[(channel.0 % QUEUES as u64) as usize].lock().await;
        for _ in 0..MOST_TRIES {
            let before = self.find_channel(channel).ok_or(ChangeSetupError::UnknownChannel)?;
            let effects = plan(before.clone()).await?;
            if effects.is_empty() {
                return Ok(Changed { after: before.clone(), before });
            }
            let (setup, commit) = (self.clone(), commit_of(&before, record_previous(&before, effects), &stamp));
            let committed = tokio::spawn(async move { setup.commit(commit).await });
            // Nobody aborts the task: it ends early only with the host.
            let committed = committed.await.unwrap_or(Err(StoreError::Closed)).map_err(ChangeSetupError::Store)?;
            if committed == Committed::Done {
                let after = self.find_channel(channel).filter(|after| after.revision > before.revision);
                return Ok(Changed { before, after: after.ok_or(ChangeSetupError::NotReloaded)? });
            }
        }
        Err(ChangeSetupError::Busy.into())
    }

    /// Commits, then reloads each channel whose set-up the commit read or wrote: after a success, so that the next
    /// message sees the change; after a conflict, so that the next run or plan reads the current state. A failed reload
    /// is logged and undoes nothing.
    pub async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let channels = list_set_up(&commit);
        let committed = self.store.commit(commit).await?;
        for channel in channels {
            if let Err(error) = self.reload(channel).await {
                error!(%channel, %error, "a changed set-up could not be read back");
            }
        }
        Ok(committed)
    }

    /// Saves the id of a channel that an account has joined, or its new login.
    pub async fn learn_channel(&self, channel: ChannelId, login: &Login) -> Result<(), StoreError> {
        // Each reconnection reports every room again.
        if self.find_channel(channel).is_some_and(|known| known.channel.login == *login) {
            return Ok(());
        }
        self.store.host.save_channel_id(login.clone(), channel).await?;
        self.reload(channel).await
    }

    /// Loads those of the channels that are not in memory yet, such as one that `!join` added.
    pub async fn load_new(&self, channels: &[ChannelId]) -> Result<(), StoreError> {
        for channel in channels {
            if self.find_channel(*channel).is_none() {
                self.reload(*channel).await?;
            }
        }
        Ok(())
    }

    /// Loads one channel, unless the snapshot in memory has a later revision: of two reloads, the older may finish
    /// last. Does nothing if the store does not know the channel.
    pub async fn reload(&self, channel: ChannelId) -> Result<(), StoreError> {
        let Some(record) = self.store.load_channel(channel).await? else { return Ok(()) };
        let defaults = self.defaults();
        let mut loaded = OwnSetup::assemble(record, &defaults);
        self.channels.update(channel, |present| {
            // A concurrent change of the catalogue may have missed this channel, so the channel settles again here.
            let current = self.defaults();
            if !Arc::ptr_eq(&defaults, &current) {
                loaded = loaded.resettle(&current, None);
            }
            present.is_none_or(|present| present.revision <= loaded.revision).then_some(loaded)
        });
        Ok(())
    }

    /// Lets a channel settle again after a module's versions, or any module (`None`), have changed.
    fn resettle(&self, channel: ChannelId, changed: Option<&ModuleName>) {
        let mut is_settled = false;
        while !is_settled {
            let Some(before) = self.channels.find(channel) else { return };
            let after = before.resettle(&self.defaults(), changed);
            self.channels.update(channel, |present| {
                is_settled = present.is_some_and(|present| Arc::ptr_eq(present, &before));
                is_settled.then_some(after)
            });
        }
    }

    /// The own parts of the channels that have touched a module, by id.
    fn list_touching(&self, name: &ModuleName) -> impl Iterator<Item = Arc<OwnSetup>> {
        self.channels.list_touching(name).into_iter().filter_map(|channel| self.channels.find(channel))
    }

    /// In how many channels a module is switched on, whether or not it may run there.
    pub fn count_enabled(&self, name: &ModuleName) -> usize {
        let is_on_untouched = self.defaults().find_initial(name).is_some_and(|blank| blank.is_enabled);
        self.channels.count_enabled(name, is_on_untouched)
    }

    /// `None` for a channel whose id the host never learned.
    pub fn find_channel(&self, channel: ChannelId) -> Option<ChannelSetup> {
        // The own part is read first, so that the defaults, read later, are never older.
        self.channels.find(channel).map(|own| ChannelSetup::of(own, self.defaults()))
    }

    /// At most `limit` channels after `after`, by id. Visits all channels, so only for pages that people request.
    pub fn list_channels_after(&self, after: Option<ChannelId>, limit: usize) -> Vec<ChannelSetup> {
        let (listed, defaults) = (self.channels.list_after(after, limit), self.defaults());
        listed.into_iter().map(|own| ChannelSetup::of(own, defaults.clone())).collect()
    }

    /// Every channel that the host knows, by id.
    pub fn list_channels(&self) -> Vec<ChannelSetup> {
        self.list_channels_after(None, usize::MAX)
    }
}

impl Channels for Setup {
    fn catalogue(&self) -> Arc<Catalogue> {
        self.catalogue()
    }

    fn are_known(&self, channels: &BTreeSet<ChannelId>) -> bool {
        !channels.is_empty() && channels.iter().all(|channel| self.find_channel(*channel).is_some())
    }

    fn list_running(&self, manifest: &Manifest) -> Vec<ChannelId> {
        let runs = |module: &ModuleSetup| module.is_running() && module.manifest.digest == manifest.digest;
        let running =
            self.list_touching(&manifest.name).filter(|own| own.find_touched(&manifest.name).is_some_and(runs));
        running.map(|own| own.channel.id).collect()
    }

    fn list_replaced<'a>(&'a self, after: &'a UploadedModule) -> Pending<'a, BTreeMap<ModuleDigest, Vec<ChannelId>>> {
        Box::pin(async move {
            let mut left: BTreeMap<ModuleDigest, Vec<ChannelId>> = BTreeMap::new();
            for (number, own) in self.list_touching(&after.name).enumerate() {
                if number % CHANNELS_AT_ONCE == 0 {
                    tokio::task::yield_now().await;
                }
                if let Some((digest, channel)) = find_replaced(&own, after) {
                    left.entry(digest).or_default().push(channel);
                }
            }
            left
        })
    }

    /// A concurrent reload sees the change by itself.
    fn replace_catalogue<'a>(&'a self, catalogue: Catalogue, changed: &'a ModuleName) -> Pending<'a, ()> {
        Box::pin(async move {
            self.set_catalogue(catalogue);
            for (number, channel) in self.channels.list_touching(changed).into_iter().enumerate() {
                if number % CHANNELS_AT_ONCE == 0 {
                    tokio::task::yield_now().await;
                }
                self.resettle(channel, Some(changed));
            }
        })
    }
}

impl Prefixes for Setup {
    fn is_call(&self, channel: ChannelId, account: &BotAccount, text: &str, is_reply: bool) -> Option<bool> {
        let is_call = |own: &Arc<OwnSetup>| {
            let answers = own.bot.is(account);
            answers.then(|| find_call(text, &own.prefix, &own.bot.login, is_reply).is_some())
        };
        self.channels.read(channel, is_call).flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::SystemTime;

    use super::*;
    use crate::domain::audit::Actor;
    use crate::domain::effect::{ModuleEffect, SetupEffect};
    use crate::domain::manifest::{Capability, Grants, ModuleSource};
    use crate::domain::ports::{SoleProcess, SystemClock};
    use crate::domain::prefix::Prefix;
    use crate::modules::is_always_on;
    use crate::modules::powers::Powers;
    use crate::modules::versions::Versions;
    use crate::testing::{self, command, manifest, name};

    const SHOP: ChannelId = ChannelId(100);

    /// A store that knows the channel [`SHOP`]. Its folder must be kept as long as the store.
    async fn store() -> (Arc<Store>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("db"), Arc::new(SystemClock), Arc::new(SoleProcess)).unwrap();
        store.host.save_seed("shop".parse().unwrap(), "twitchy".parse().unwrap()).await.unwrap();
        store.host.save_channel_id("shop".parse().unwrap(), SHOP).await.unwrap();
        (Arc::new(store), folder)
    }

    fn module(name: &str) -> Arc<Manifest> {
        Arc::new(manifest(name, vec![command(name)], Vec::new()))
    }

    async fn switch_off(store: &Store, module: &str) {
        commit(store, Effect::Module(name(module), ModuleEffect::Switch { enabled: false })).await;
    }

    async fn commit(store: &Store, effect: Effect) {
        let commit = testing::commit(SHOP, &format!("{effect:?}"), vec![effect]);
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
            setup.load_all().await.unwrap();
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
        let setup = Arc::new(Setup::new(store.clone(), NewChannelRules::Everything));
        setup.load_all().await.unwrap();
        let stamp = Stamp { by: Actor::CommandLine { system_user: None }, at: SystemTime::UNIX_EPOCH, address: None };
        let versions = Arc::new(Versions::new(store.clone(), setup.clone()));
        versions.add(Arc::new(uploaded), None, Powers::Operator, stamp).await.unwrap();
        assert!(running(&setup).is_empty());
        let module = name("bank");
        let switch = Effect::Module(module.clone(), ModuleEffect::Switch { enabled: true });
        for (effect, expected) in
            [(switch, &[][..]), (Effect::Module(module, ModuleEffect::AcceptVersion { digest, grants }), &["bank"])]
        {
            commit(&store, effect).await;
            setup.reload(SHOP).await.unwrap();
            assert_eq!(running(&setup), expected);
        }
    }

    #[tokio::test]
    async fn no_upload_takes_the_name_of_a_bundled_module() {
        let (store, _folder) = store().await;
        let setup = Setup::new(store, NewChannelRules::Everything);
        assert!(setup.add_module(module("bank")));
        for name in ["bank", "settings", "dice"] {
            let upload = Manifest { source: ModuleSource::Uploaded, ..(*module(name)).clone() };
            assert!(!setup.add_module(Arc::new(upload)), "{name}: an upload is published");
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
        setup.load_all().await.unwrap();
        assert_eq!(running(&setup), ["bank"]);
        assert_eq!(["bank", "help", "dice"].map(|module| setup.catalogue().has(&name(module))), [true, true, false]);
        switch_off(&store, "bank").await;
        setup.reload(SHOP).await.unwrap();
        assert!(running(&setup).is_empty());
        let upload = Manifest { source: ModuleSource::Uploaded, ..bank };
        assert!(!setup.add_module(Arc::new(upload)), "the operator's module gives way to no upload");
    }

    #[tokio::test]
    async fn the_channels_that_switched_a_module_on_are_counted_anew_after_each_change() {
        let (store, _folder) = store().await;
        let setup = Setup::new(store.clone(), NewChannelRules::Essentials);
        ["settings", "balance"].into_iter().for_each(|name| assert!(setup.add_module(module(name))));
        setup.load_all().await.unwrap();
        let counts = || ["settings", "balance", "nothing"].map(|module| setup.count_enabled(&name(module)));
        assert_eq!((counts(), counts()), ([1, 0, 0], [1, 0, 0]));
        commit(&store, Effect::Module(name("balance"), ModuleEffect::Switch { enabled: true })).await;
        setup.reload(SHOP).await.unwrap();
        assert_eq!(counts(), [1, 1, 0]);
        switch_off(&store, "balance").await;
        setup.reload(SHOP).await.unwrap();
        assert_eq!(counts(), [1, 0, 0]);
    }

    #[tokio::test]
    async fn the_words_of_what_is_always_on_are_reserved() {
        let (store, _folder) = store().await;
        let setup = Setup::new(store, NewChannelRules::Essentials);
        ["settings", "balance"].into_iter().for_each(|name| assert!(setup.add_module(module(name))));
        let find = |word: &str| {
            let module = manifest("dice", vec![command(word)], Vec::new());
            setup.catalogue().find_reserved_word(&module, |there| is_always_on(&there.name))
        };
        assert_eq!(find("settings"), Some(("settings".into(), name("settings"))));
        assert_eq!((find("balance"), find("roll")), (None, None));
    }

    #[tokio::test]
    async fn channels_are_listed_page_by_page() {
        let (store, _folder) = store().await;
        for (login, id) in [("a", 7), ("b", 3), ("c", 200), ("d", 30)] {
            store.host.save_seed(login.parse().unwrap(), "twitchy".parse().unwrap()).await.unwrap();
            store.host.save_channel_id(login.parse().unwrap(), ChannelId(id)).await.unwrap();
        }
        let setup = Setup::new(store, NewChannelRules::Essentials);
        setup.load_all().await.unwrap();
        let list = |after: Option<u64>, limit| -> Vec<u64> {
            let page = setup.list_channels_after(after.map(ChannelId), limit);
            page.iter().map(|setup| setup.channel.id.0).collect()
        };
        assert_eq!((list(None, 2), list(Some(7), 2), list(Some(100), 2)), (vec![3, 7], vec![30, 100], vec![200]));
        assert_eq!(
            (list(None, 5).len(), list(None, 9).len(), list(Some(200), 9).len(), list(None, 0).len()),
            (5, 5, 0, 0)
        );
    }

    #[tokio::test]
    async fn channels_share_what_they_have_not_touched() {
        let (store, _folder) = store().await;
        store.host.save_seed("other".parse().unwrap(), "twitchy".parse().unwrap()).await.unwrap();
        store.host.save_channel_id("other".parse().unwrap(), ChannelId(200)).await.unwrap();
        let setup = Setup::new(store.clone(), NewChannelRules::Everything);
        ["settings", "balance"].into_iter().for_each(|name| assert!(setup.add_module(module(name))));
        setup.load_all().await.unwrap();
        let find = |channel, word| setup.find_channel(channel).unwrap().find_word(word).map(|it| it.command.clone());
        let is_shared = || {
            let (one, other) = (find(SHOP, "settings").unwrap(), find(ChannelId(200), "settings").unwrap());
            Arc::ptr_eq(&one, &other)
        };
        assert!(is_shared() && setup.find_channel(SHOP).unwrap().touched().count() == 0);
        switch_off(&store, "balance").await;
        setup.reload(SHOP).await.unwrap();
        assert!(is_shared() && setup.find_channel(SHOP).unwrap().touched().count() == 1);
        assert_eq!((find(SHOP, "balance"), find(ChannelId(200), "balance").is_some()), (None, true));
    }

    #[tokio::test]
    async fn a_new_version_replaces_nothing_of_a_channel_that_has_said_nothing_of_the_module() {
        let (store, _folder) = store().await;
        let other = ChannelId(200);
        store.host.save_seed("other".parse().unwrap(), "twitchy".parse().unwrap()).await.unwrap();
        store.host.save_channel_id("other".parse().unwrap(), other).await.unwrap();
        let setup = Arc::new(Setup::new(store.clone(), NewChannelRules::Everything));
        setup.load_all().await.unwrap();
        let versions = Arc::new(Versions::new(store.clone(), setup.clone()));
        let publish = async |number: u8| {
            let (version, digest) = (semver::Version::new(number.into(), 0, 0), ModuleDigest([number; 32]));
            let dice = Manifest { source: ModuleSource::Uploaded, version, digest, ..(*module("dice")).clone() };
            versions.add(Arc::new(dice), None, Powers::Operator, by_host()).await.unwrap();
        };
        publish(1).await;
        let (digest, grants) = (ModuleDigest([1; 32]), Grants::default());
        let accept = |_: &ChannelSetup| {
            let effects = [
                ModuleEffect::AcceptVersion { digest, grants: grants.clone() },
                ModuleEffect::Switch { enabled: true },
            ];
            Ok::<_, ChangeSetupError>(effects.map(|effect| Effect::Module(name("dice"), effect)).into())
        };
        setup.change(SHOP, by_host(), accept).await.unwrap();
        let before = [SHOP, other].map(|channel| setup.find_channel(channel).unwrap());
        publish(2).await;
        let after = [SHOP, other].map(|channel| setup.find_channel(channel).unwrap());
        assert_eq!([0, 1].map(|at: usize| before[at].is_same(&after[at])), [false, true]);
        let shown = after.map(|setup| setup.find_module(&name("dice")).unwrap().manifest.version.major);
        assert_eq!((shown, setup.count_enabled(&name("dice"))), ([2, 2], 1), "both see it all the same");
        let manifest = |number: u8| Manifest { digest: ModuleDigest([number; 32]), ..(*module("dice")).clone() };
        assert_eq!([1, 2].map(|number| setup.list_running(&manifest(number))), [vec![], vec![SHOP]]);
    }

    fn by_host() -> Stamp {
        Stamp { by: Actor::Host, at: SystemTime::UNIX_EPOCH, address: None }
    }

    fn mute(_: &ChannelSetup) -> Result<Vec<Effect>, ChangeSetupError> {
        Ok(vec![Effect::Setup(SetupEffect::Mute { until: Some(SystemTime::UNIX_EPOCH) })])
    }

    #[tokio::test]
    async fn a_change_that_lost_a_race_is_planned_again() {
        let (store, _folder) = store().await;
        let setup = Arc::new(Setup::new(store.clone(), NewChannelRules::Everything));
        setup.load_all().await.unwrap();
        commit(&store, Effect::Setup(SetupEffect::ChangePrefix("?".parse().unwrap()))).await;
        let seen = Mutex::new(Vec::new());
        let plan = |before: &ChannelSetup| {
            seen.lock().unwrap().push(before.prefix.to_string());
            mute(before)
        };
        let by_operator = Stamp { by: Actor::CommandLine { system_user: None }, ..by_host() };
        let changed = setup.change(SHOP, by_operator, plan).await.unwrap();
        assert_eq!(*seen.lock().unwrap(), ["!", "?"], "the second plan reads what was committed meanwhile");
        assert!(changed.is_changed() && changed.before.muted_until.is_none() && changed.after.muted_until.is_some());
        assert!(changed.after.is_same(&setup.find_channel(SHOP).unwrap()));
    }

    #[tokio::test]
    async fn what_the_host_changes_is_not_held_up_by_others() {
        let (store, _folder) = store().await;
        let setup = Arc::new(Setup::new(store.clone(), NewChannelRules::Everything));
        setup.load_all().await.unwrap();
        commit(&store, Effect::Setup(SetupEffect::ChangePrefix("?".parse().unwrap()))).await;
        let changed = setup.change(SHOP, by_host(), mute).await.unwrap();
        assert_eq!(changed.before.prefix, Prefix::default(), "planned once");
        assert!(changed.after.prefix.as_str() == "?" && changed.after.muted_until.is_some());
    }

    #[tokio::test]
    async fn a_plan_without_effects_commits_nothing_and_a_refusal_is_handed_back() {
        let (store, _folder) = store().await;
        let setup = Arc::new(Setup::new(store, NewChannelRules::Everything));
        setup.load_all().await.unwrap();
        let before = setup.find_channel(SHOP).unwrap();
        let kept = setup.change(SHOP, by_host(), |_| Ok::<_, ChangeSetupError>(Vec::new())).await.unwrap();
        assert!(!kept.is_changed() && kept.after.is_same(&before));
        let refused = setup.change(SHOP, by_host(), |_| Err(ChangeSetupError::Busy)).await;
        assert!(matches!(refused, Err(ChangeSetupError::Busy)));
        let unknown = setup.change(ChannelId(404), by_host(), mute).await;
        assert!(matches!(unknown, Err(ChangeSetupError::UnknownChannel)));
    }

    #[tokio::test]
    async fn a_change_whose_caller_hangs_up_is_committed_and_seen() {
        let (store, _folder) = store().await;
        let setup = Arc::new(Setup::new(store, NewChannelRules::Everything));
        setup.load_all().await.unwrap();
        // Polled once and dropped. A timeout would not do: on a busy machine the commit may be faster.
        tokio::select! {
            biased;
            _ = setup.change(SHOP, by_host(), mute) => panic!("nobody hung up"),
            () = ready(()) => {}
        }
        while setup.find_channel(SHOP).unwrap().muted_until.is_none() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_reload_never_goes_back() {
        let (store, _folder) = store().await;
        let setup = Setup::new(store, NewChannelRules::Everything);
        setup.load_all().await.unwrap();
        setup.channels.update(SHOP, |own| {
            let mut newer = (**own.unwrap()).clone();
            newer.revision.0 += 1;
            newer.prefix = "?".parse().unwrap();
            Some(newer)
        });
        setup.reload(SHOP).await.unwrap();
        assert_eq!(setup.find_channel(SHOP).unwrap().prefix.as_str(), "?");
    }

    #[tokio::test]
    async fn the_filter_sees_a_change_at_the_next_line() {
        let (store, _folder) = store().await;
        let setup = Setup::new(store.clone(), NewChannelRules::Everything);
        let account = |login: &str| BotAccount { login: login.parse().unwrap(), id: None };
        let is_call = |text| setup.is_call(SHOP, &account("twitchy"), text, false);
        assert_eq!(is_call("!roll"), None, "the channel is not known yet");
        setup.load_all().await.unwrap();
        assert_eq!(
            [is_call("!roll"), is_call("?roll"), is_call("@twitchy roll")],
            [Some(true), Some(false), Some(true)]
        );
        assert_eq!(setup.is_call(SHOP, &account("other"), "!roll", false), None, "another account answers there");
        commit(&store, Effect::Setup(SetupEffect::ChangePrefix("?".parse().unwrap()))).await;
        setup.reload(SHOP).await.unwrap();
        assert_eq!([is_call("!roll"), is_call("?roll")], [Some(false), Some(true)]);
    }

    #[tokio::test]
    async fn a_later_version_replaces_the_earlier() {
        let (store, _folder) = store().await;
        let setup = Setup::new(store, NewChannelRules::Everything);
        setup.add_module(module("dice"));
        let later = Manifest { version: semver::Version::new(2, 0, 0), ..(*module("dice")).clone() };
        setup.add_module(Arc::new(later));
        setup.load_all().await.unwrap();
        let channel = setup.find_channel(SHOP).unwrap();
        assert_eq!(channel.find_module(&name("dice")).unwrap().manifest.version.major, 2);
        assert_eq!((channel.prefix.clone(), channel.bot.login.as_str()), (Prefix::default(), "twitchy"));
    }
}
