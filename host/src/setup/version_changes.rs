//! Tests of changes of versions, and of which versions channels then run.

use std::sync::Arc;
use std::time::SystemTime;

use super::{NewChannelRules, Setup};
use crate::domain::audit::{Actor, Stamp};
use crate::domain::effect::{Commit, Effect, ModuleEffect};
use crate::domain::id::{ChannelId, ModuleDigest};
use crate::domain::manifest::{Capability, Grants, Manifest, ModuleSource};
use crate::domain::report::Transition;
use crate::domain::version::Canary;
use crate::modules::plan::{Action, Transitions};
use crate::modules::powers::Powers;
use crate::modules::refusal::ChangeVersionsError;
use crate::modules::versions::{Published, Versions};
use crate::store::fixture::{CHANNEL, Fixture, commit};
use crate::testing::{at_once, command, manifest, name};

const OTHER: ChannelId = ChannelId(8);

struct Host {
    fixture: Fixture,
    setup: Arc<Setup>,
    versions: Arc<Versions>,
}

impl Host {
    /// Two channels, and the bundled modules `settings` and `pay`.
    async fn open() -> Host {
        let fixture = Fixture::with_channel().await;
        fixture.store.host.save_seed("other".parse().unwrap(), "bot".parse().unwrap()).await.unwrap();
        fixture.store.host.save_channel_id("other".parse().unwrap(), OTHER).await.unwrap();
        let setup = start(&fixture);
        let versions = Arc::new(Versions::new(fixture.store.clone(), setup.clone()));
        Host { fixture, setup, versions }
    }

    async fn publish(&self, manifest: Manifest, by: Powers, key: &str) -> Result<Published, ChangeVersionsError> {
        self.versions.add(Arc::new(manifest), None, by, stamp(key)).await
    }

    async fn bring(&self, version: &str, digest: u8) {
        self.publish(dice(version, digest), Powers::Creator, ANN).await.unwrap();
    }

    /// The channel accepts the version with all that it asks for, and enables the module.
    async fn accept(&self, channel: ChannelId, manifest: &Manifest) {
        let module = manifest.name.clone();
        let (digest, grants) = (manifest.digest, Grants::all(manifest));
        let accept = Effect::Module(module.clone(), ModuleEffect::AcceptVersion { digest, grants });
        let switch = Effect::Module(module, ModuleEffect::Switch { enabled: true });
        let id = format!("{channel} {digest}");
        self.setup.commit(Commit { channel, ..commit(&id, vec![accept, switch]) }).await.unwrap();
    }

    /// Changes the versions of `dice` with the key [`ANN`].
    async fn change(&self, action: Action) -> Result<Transitions, ChangeVersionsError> {
        self.versions.change(name("dice"), action, |_| true, Powers::Creator, stamp(ANN)).await
    }

    async fn withdraw(&self, number: &str, is_forced: bool) -> Result<Transitions, ChangeVersionsError> {
        self.change(Action::Withdraw { version: version(number), is_forced }).await
    }

    /// The version of `dice` that runs in a channel.
    fn running(&self, channel: ChannelId) -> Option<String> {
        let setup = self.setup.find_channel(channel).unwrap();
        let module = setup.find_word("roll")?.module.clone();
        Some(module.manifest.version.to_string())
    }

    /// Memory must equal what a host that starts now would load.
    fn check(&self) {
        let (here, anew) = (&self.setup, start(&self.fixture));
        let list = |setup: &Setup| setup.catalogue().list_uploaded().cloned().collect::<Vec<_>>();
        assert_eq!(list(here), list(&anew));
        for channel in [CHANNEL, OTHER] {
            let running = |setup: &Setup| {
                let channel = setup.find_channel(channel).unwrap();
                channel.find_word("roll").map(|target| (target.module.manifest.clone(), target.module.grants.clone()))
            };
            assert_eq!(running(here), running(&anew));
        }
    }
}

fn start(fixture: &Fixture) -> Arc<Setup> {
    let setup = Setup::new(fixture.store.clone(), NewChannelRules::Essentials);
    for module in ["settings", "pay"] {
        let mut word = command(module);
        word.aliases = vec![format!("{module}-alias").into()];
        assert!(setup.add_module(Arc::new(manifest(module, vec![word], Vec::new()))));
    }
    at_once(setup.load_all()).unwrap();
    Arc::new(setup)
}

const ANN: &str = "aaaaaaaaaaaa";
const BEN: &str = "bbbbbbbbbbbb";

fn stamp(key: &str) -> Stamp {
    let by = Actor::Caller { id: key.parse().unwrap(), name: "a key".into() };
    Stamp { by, at: SystemTime::UNIX_EPOCH, address: None }
}

fn dice(version: &str, digest: u8) -> Manifest {
    Manifest {
        source: ModuleSource::Uploaded,
        digest: ModuleDigest([digest; 32]),
        version: version.parse().unwrap(),
        ..manifest("dice", vec![command("roll")], Vec::new())
    }
}

fn version(text: &str) -> semver::Version {
    text.parse().unwrap()
}

fn refused<T: std::fmt::Debug, E: std::fmt::Display>(result: Result<T, E>) -> String {
    result.unwrap_err().to_string()
}

#[tokio::test]
async fn the_same_bytes_are_one_version_and_other_bytes_need_another() {
    let host = Host::open().await;
    let first = host.publish(dice("1.0.0", 1), Powers::Creator, ANN).await.unwrap();
    let again = host.publish(dice("1.0.0", 1), Powers::Creator, ANN).await.unwrap();
    assert_eq!((first.transitions.len(), again.transitions.len(), first.version), (1, 0, again.version));
    let taken = host.publish(dice("1.0.0", 2), Powers::Creator, ANN).await.unwrap_err();
    let expected = (ModuleDigest([1; 32]), ModuleDigest([2; 32]));
    assert!(matches!(taken, ChangeVersionsError::VersionTaken { there, new, .. } if (there, new) == expected));
    host.check();
}

#[tokio::test]
async fn a_creators_key_has_room_for_so_many_names_and_bytes_and_leaves_the_rest_to_others() {
    let host = Host::open().await;
    let module = |number: u8, bytes: u64| Manifest {
        digest: ModuleDigest([number; 32]),
        component_bytes: bytes,
        source: ModuleSource::Uploaded,
        ..manifest(&format!("module{number}"), Vec::new(), Vec::new())
    };
    for number in 0..64 {
        host.publish(module(number, 1 << 20), Powers::Creator, ANN).await.unwrap();
    }
    let full = host.publish(module(64, 1), Powers::Creator, ANN).await;
    assert_eq!(refused(full), "the host has no room for more than 64 modules of one API key");
    let next = |bytes| Manifest { version: version("9.0.0"), digest: ModuleDigest([99; 32]), ..module(0, bytes) };
    let full = host.publish(next((448 << 20) + 1), Powers::Creator, ANN).await;
    assert_eq!(refused(full), "the host has no room for more than 512 MiB of one API key");
    host.publish(next(448 << 20), Powers::Creator, ANN).await.unwrap();
    host.publish(module(65, 512 << 20), Powers::Creator, BEN).await.unwrap();
    host.publish(module(66, 1 << 30), Powers::Operator, ANN).await.unwrap();
    // A version that exists needs no room.
    assert!(host.publish(next(448 << 20), Powers::Creator, ANN).await.unwrap().transitions.is_empty());
}

#[tokio::test]
async fn a_name_belongs_to_its_first_key_and_to_the_operator() {
    let host = Host::open().await;
    host.bring("1.0.0", 1).await;
    for digest in [1, 2] {
        let other = host.publish(dice("2.0.0", digest), Powers::Creator, BEN).await;
        assert_eq!(refused(other), "the name dice belongs to another API key");
    }
    assert!(!host.publish(dice("2.0.0", 2), Powers::Operator, BEN).await.unwrap().transitions.is_empty());
    let third = host.publish(dice("3.0.0", 3), Powers::Creator, BEN).await;
    assert_eq!(refused(third), "the name dice belongs to another API key", "the operator's help gives nothing away");
    let withdraw = Action::Withdraw { version: version("2.0.0"), is_forced: false };
    let withdrawn = host.versions.change(name("dice"), withdraw, |_| true, Powers::Creator, stamp(BEN)).await;
    assert_eq!(refused(withdrawn), "the name dice belongs to another API key");
    host.check();
}

#[tokio::test]
async fn names_and_words_of_the_host_are_reserved() {
    let host = Host::open().await;
    for (module, word, why) in [
        ("settings", "other", "the name settings belongs to a module of this host"),
        ("help", "other", "the name help belongs to a module of this host"),
        ("pay", "other", "the name pay belongs to a module of this host"),
        ("dice", "pay", "the word pay belongs to the module pay of this host"),
        ("dice", "pay-alias", "the word pay-alias belongs to the module pay of this host"),
    ] {
        let upload = Manifest { source: ModuleSource::Uploaded, ..manifest(module, vec![command(word)], Vec::new()) };
        assert_eq!(refused(host.publish(upload, Powers::Operator, ANN).await), why);
    }
    host.check();
}

#[tokio::test]
async fn a_version_is_current_at_once_where_it_asks_for_no_more() {
    let host = Host::open().await;
    host.bring("1.0.0", 1).await;
    assert_eq!(host.running(CHANNEL), None, "enabled nowhere");
    host.accept(CHANNEL, &dice("1.0.0", 1)).await;
    host.bring("1.10.0", 2).await;
    host.bring("1.9.0", 3).await;
    assert_eq!((host.running(CHANNEL), host.running(OTHER)), (Some("1.10.0".to_owned()), None));
    let greedy = Manifest { capabilities: vec![Capability::Storage], ..dice("2.0.0", 4) };
    host.publish(greedy.clone(), Powers::Creator, ANN).await.unwrap();
    assert_eq!(host.running(CHANNEL), Some("1.10.0".to_owned()));
    let setup = host.setup.find_channel(CHANNEL).unwrap();
    let waiting = setup.find_module(&name("dice")).unwrap().waiting.clone().unwrap();
    assert_eq!(waiting.asks, ["it asks for the capability storage"]);
    assert_eq!(waiting.manifest.version, version("2.0.0"));
    host.check();
    host.accept(CHANNEL, &greedy).await;
    assert_eq!(host.running(CHANNEL), Some("2.0.0".to_owned()));
    host.check();
}

#[tokio::test]
async fn a_version_that_runs_somewhere_is_withdrawn_by_force_alone() {
    let host = Host::open().await;
    host.bring("1.0.0", 1).await;
    host.bring("2.0.0", 2).await;
    host.accept(CHANNEL, &dice("1.0.0", 1)).await;
    let withdraw = |is_forced| host.withdraw("2.0.0", is_forced);
    let in_use = withdraw(false).await.unwrap_err();
    assert!(matches!(in_use, ChangeVersionsError::InUse { channels, count: 1 } if channels == [CHANNEL]));
    withdraw(true).await.unwrap();
    withdraw(false).await.unwrap();
    assert_eq!(host.running(CHANNEL), Some("1.0.0".to_owned()));
    host.check();
    host.change(Action::Restore { version: version("2.0.0") }).await.unwrap();
    assert_eq!(host.running(CHANNEL), Some("2.0.0".to_owned()));
    host.withdraw("2.0.0", true).await.unwrap();
    host.withdraw("1.0.0", true).await.unwrap();
    assert_eq!(host.running(CHANNEL), None);
    host.check();
}

#[tokio::test]
async fn one_request_takes_every_channel_back() {
    let host = Host::open().await;
    for (number, digest) in [("1.0.0", 1), ("1.1.0", 2), ("1.2.0", 3)] {
        host.bring(number, digest).await;
    }
    host.accept(CHANNEL, &dice("1.0.0", 1)).await;
    host.accept(OTHER, &dice("1.2.0", 3)).await;
    let roll_back = |to| host.change(Action::RollBack { to });
    let back = roll_back(None).await.unwrap();
    assert_eq!(back, [(version("1.2.0"), Transition::Withdrawn)]);
    for channel in [CHANNEL, OTHER] {
        assert_eq!(host.running(channel), Some("1.1.0".to_owned()));
    }
    assert_eq!(refused(roll_back(Some(version("1.2.0"))).await), "version 1.2.0 is withdrawn");
    assert_eq!(refused(roll_back(Some(version("9.0.0"))).await), "there is no such version");
    assert_eq!(roll_back(Some(version("1.0.0"))).await.unwrap(), [(version("1.1.0"), Transition::Withdrawn)]);
    assert_eq!(refused(roll_back(None).await), "there is no version before it");
    host.check();
}

#[tokio::test]
async fn a_canary_is_for_its_channels_until_it_is_promoted_or_dropped() {
    let host = Host::open().await;
    host.bring("1.0.0", 1).await;
    host.accept(CHANNEL, &dice("1.0.0", 1)).await;
    host.accept(OTHER, &dice("1.0.0", 1)).await;
    let running = || [CHANNEL, OTHER].map(|channel| host.running(channel).unwrap());
    let publish = |number, digest, channel| {
        let canary = Some([channel].into());
        host.versions.add(Arc::new(dice(number, digest)), canary, Powers::Creator, stamp(ANN))
    };
    publish("2.0.0", 2, OTHER).await.unwrap();
    assert_eq!(running(), ["1.0.0", "2.0.0"]);
    host.check();
    let dropped = host.change(Action::DropCanary).await.unwrap();
    assert_eq!(dropped, [(version("2.0.0"), Transition::Withdrawn)]);
    assert_eq!(running(), ["1.0.0", "1.0.0"]);
    assert!(matches!(publish("3.0.0", 3, ChannelId(404)).await, Err(ChangeVersionsError::NoChannels)));
    publish("3.0.0", 3, CHANNEL).await.unwrap();
    let canary = Canary { version: version("3.0.0"), channels: [OTHER].into() };
    host.change(Action::SetCanary(canary)).await.unwrap();
    assert_eq!(running(), ["1.0.0", "3.0.0"]);
    let instead = Canary { version: version("1.0.0"), channels: [OTHER].into() };
    let instead = host.change(Action::SetCanary(instead)).await;
    assert_eq!(refused(instead), "version 3.0.0 is being tried out: promote or drop it first");
    assert!(
        matches!(publish("4.0.0", 4, CHANNEL).await, Err(ChangeVersionsError::CanaryExists(there)) if there.major == 3)
    );
    assert_eq!(running(), ["1.0.0", "3.0.0"], "nobody gets a trial by another one");
    host.check();
    host.change(Action::PromoteCanary).await.unwrap();
    assert_eq!(running(), ["3.0.0", "3.0.0"]);
    let promoted = host.change(Action::PromoteCanary).await;
    assert_eq!(refused(promoted), "there is no canary");
    host.check();
}

#[tokio::test]
async fn a_module_that_is_new_as_a_whole_is_tried_out_where_it_is_to_be() {
    let host = Host::open().await;
    let canary = Some([OTHER].into());
    host.versions.add(Arc::new(dice("1.0.0", 1)), canary, Powers::Operator, stamp(ANN)).await.unwrap();
    let is_there = |channel| {
        let setup = host.setup.find_channel(channel).unwrap();
        let is_listed = setup.modules().any(|module| module.manifest.name == name("dice"));
        (setup.find_module(&name("dice")).is_some(), is_listed)
    };
    assert_eq!([CHANNEL, OTHER].map(is_there), [(false, false), (true, true)]);
    host.accept(OTHER, &dice("1.0.0", 1)).await;
    assert_eq!(host.running(OTHER), Some("1.0.0".to_owned()));
    host.check();
}

#[tokio::test]
async fn what_is_older_than_everybodys_version_is_not_tried_out() {
    let host = Host::open().await;
    host.bring("1.0.0", 1).await;
    host.bring("2.0.0", 2).await;
    let publish = |number, digest| {
        let canary = Some([CHANNEL].into());
        host.versions.add(Arc::new(dice(number, digest)), canary, Powers::Creator, stamp(ANN))
    };
    let set = |number| {
        let canary = Canary { version: version(number), channels: [CHANNEL].into() };
        host.change(Action::SetCanary(canary))
    };
    let why = |older| {
        format!(
            "{older} is older than 2.0.0, which every channel has: pin it in those channels, or withdraw 2.0.0 first"
        )
    };
    assert_eq!(refused(publish("1.5.0", 3).await), why("1.5.0"));
    assert_eq!(refused(set("1.0.0").await), why("1.0.0"));
    // Of the latest version itself: all other channels then have an older one.
    set("2.0.0").await.unwrap();
    host.change(Action::DropCanary).await.unwrap();
    // Withdrawn versions do not count as the latest.
    publish("1.5.0", 3).await.unwrap();
    host.check();
}

#[tokio::test]
async fn a_change_goes_through_although_nobody_waits_for_it() {
    let host = Host::open().await;
    let publishing = host.versions.add(Arc::new(dice("1.0.0", 1)), None, Powers::Creator, stamp(ANN));
    let mut publishing = std::pin::pin!(publishing);
    // Polled once, and dropped while it waits.
    let begin = |context: &mut std::task::Context<'_>| std::task::Poll::Ready(publishing.as_mut().poll(context));
    assert!(std::future::poll_fn(begin).await.is_pending());
    // The next caller finds the change made.
    assert!(host.publish(dice("1.0.0", 1), Powers::Creator, ANN).await.unwrap().transitions.is_empty());
    host.check();
}

#[tokio::test]
async fn a_promoted_canary_that_asks_for_more_waits_and_a_dropped_one_waits_no_longer() {
    let host = Host::open().await;
    host.bring("1.0.0", 1).await;
    host.accept(CHANNEL, &dice("1.0.0", 1)).await;
    host.accept(OTHER, &dice("1.0.0", 1)).await;
    let waiting = |channel| {
        let setup = host.setup.find_channel(channel).unwrap();
        let waiting = setup.find_module(&name("dice")).unwrap().waiting.clone();
        waiting.map(|waiting| waiting.manifest.version.to_string())
    };
    let publish = |number, digest| {
        let greedy = Manifest { capabilities: vec![Capability::Storage], ..dice(number, digest) };
        host.versions.add(Arc::new(greedy), Some([OTHER].into()), Powers::Creator, stamp(ANN))
    };
    publish("2.0.0", 2).await.unwrap();
    assert_eq!([waiting(CHANNEL), waiting(OTHER)], [None, Some("2.0.0".to_owned())]);
    host.change(Action::DropCanary).await.unwrap();
    assert_eq!([waiting(CHANNEL), waiting(OTHER)], [None, None]);
    publish("3.0.0", 3).await.unwrap();
    host.change(Action::PromoteCanary).await.unwrap();
    assert_eq!([waiting(CHANNEL), waiting(OTHER)], ["3.0.0", "3.0.0"].map(|version| Some(version.to_owned())));
    assert_eq!([CHANNEL, OTHER].map(|channel| host.running(channel).unwrap()), ["1.0.0", "1.0.0"]);
    host.check();
}

#[tokio::test]
async fn a_roll_back_goes_to_what_was_the_latest_before_and_each_channel_knows_what_it_ran() {
    let host = Host::open().await;
    host.bring("1.0.0", 1).await;
    host.accept(CHANNEL, &dice("1.0.0", 1)).await;
    host.bring("2.0.0", 2).await;
    // This version was never the latest, so no channel has run it.
    host.bring("1.5.0", 3).await;
    let left = |channel| at_once(host.fixture.store.list_previous(channel, &name("dice"))).unwrap();
    assert_eq!((left(CHANNEL), left(OTHER)), (vec![ModuleDigest([1; 32])], Vec::new()));
    host.check();
    let roll_back = || host.change(Action::RollBack { to: None });
    let back = roll_back().await.unwrap();
    assert_eq!(back, ["1.5.0", "2.0.0"].map(|number| (version(number), Transition::Withdrawn)));
    assert_eq!(left(CHANNEL), [2, 1].map(|digest| ModuleDigest([digest; 32])));
    assert_eq!(refused(roll_back().await), "there is no version before it");
    host.check();
    for number in ["1.5.0", "2.0.0"] {
        host.change(Action::Restore { version: version(number) }).await.unwrap();
    }
    // Now 1.5.0 was the latest, for a moment.
    assert_eq!(roll_back().await.unwrap(), [(version("2.0.0"), Transition::Withdrawn)]);
    host.check();
}
