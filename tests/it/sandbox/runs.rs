//! Runs of one invocation: repeated after a conflict, and committed once per id.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tests::guests;
use twitchy::balances::provider::{BalanceProvider, FindBalanceError, Found, Pending, Standing};
use twitchy::config::SandboxConfig;
use twitchy::domain::effect::{Committed, Effect, StorageEffect};
use twitchy::domain::id::{ChannelId, ChatterId, Origin};
use twitchy::domain::manifest::Manifest;
use twitchy::sandbox::call::{Blame, InvokeError};
use twitchy::store::Store;
use twitchy::testing;

use super::fixture::{Fixture, SHOP, Terms, text};
use crate::limits::{NEVER, patient};

/// A provider that causes conflicts: its first `times` answers write the entry that the guest has just read.
#[derive(Default)]
pub(super) struct ConflictingProvider {
    store: OnceLock<Arc<Store>>,
    times: usize,
    asked: AtomicUsize,
}

impl ConflictingProvider {
    pub(super) async fn fixture(times: usize) -> (Fixture, Arc<ConflictingProvider>) {
        ConflictingProvider::fixture_with(times, patient()).await
    }

    async fn fixture_with(times: usize, limits: SandboxConfig) -> (Fixture, Arc<ConflictingProvider>) {
        let meddler = Arc::new(ConflictingProvider { times, ..ConflictingProvider::default() });
        let provider = Arc::clone(&meddler) as Arc<dyn BalanceProvider>;
        let fixture = Fixture::with(Terms { limits, provider: Some(provider), ..Terms::default() }).await;
        assert!(meddler.store.set(Arc::clone(&fixture.world.store)).is_ok());
        (fixture, meddler)
    }

    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl BalanceProvider for ConflictingProvider {
    fn find(&self, channel: ChannelId, _: ChatterId) -> Pending<'_, Found> {
        Box::pin(async move {
            let asked = self.asked.fetch_add(1, Ordering::SeqCst);
            if asked < self.times {
                let module = "counts-slowly".parse().unwrap();
                let value = (10 * (asked + 1)).to_string().into_bytes();
                let save = StorageEffect::Save { key: "count".into(), value };
                let commit = testing::commit(channel, &format!("meddler {asked}"), vec![Effect::Storage(module, save)]);
                assert_eq!(self.store.get().unwrap().commit(commit).await.unwrap(), Committed::Done);
            }
            Ok(Found { balances: Vec::new(), revision: None })
        })
    }

    fn top<'a>(&'a self, _: ChannelId, _: &'a str, _: usize) -> Pending<'a, Vec<Standing>> {
        Box::pin(async { Err(FindBalanceError::UnknownCurrency) })
    }
}

fn count(answer: &str) -> &str {
    answer.split_once(',').unwrap().0
}

#[tokio::test]
async fn a_conflict_is_run_again_with_the_same_time_and_randomness() {
    let (undisturbed, _) = ConflictingProvider::fixture(0).await;
    let manifest = undisturbed.add(guests::COUNTS_SLOWLY).await;
    let expected = text(undisturbed.invoke(&manifest).await);
    assert_eq!(count(&expected), "count 1");

    let (fixture, meddler) = ConflictingProvider::fixture(2).await;
    let manifest = fixture.add(guests::COUNTS_SLOWLY).await;
    let answer = text(fixture.invoke(&manifest).await);
    assert_eq!(meddler.asked(), 3);
    assert_eq!(answer, expected.replace("count 1,", "count 21,"));
}

#[tokio::test]
async fn the_fourth_conflict_is_the_last_and_leaves_what_others_wrote() {
    let (fixture, meddler) = ConflictingProvider::fixture(usize::MAX).await;
    let manifest = fixture.add(guests::COUNTS_SLOWLY).await;
    let error = fixture.invoke(&manifest).await.unwrap_err();
    assert_eq!((&error, error.blame()), (&InvokeError::Conflict, Blame::Host));
    assert_eq!(meddler.asked(), 4);
    let (_, value) = fixture.world.store.load_entry(SHOP, &manifest.name, "count").await.unwrap();
    assert_eq!(value.unwrap(), b"40");
}

#[tokio::test]
async fn a_guest_learns_which_version_wrote_before_it() {
    let fixture = Fixture::new().await;
    let manifest = fixture.add(guests::TELLS_WRITER).await;
    let own = manifest.version.to_string();
    // The same bytes under another version; the store sees only the version.
    let later = Arc::new(Manifest { version: "9.1.0-rc.1".parse().unwrap(), ..Manifest::clone(&manifest) });
    let mut told = Vec::new();
    for manifest in [&manifest, &manifest, &later, &manifest] {
        told.push(text(fixture.invoke(manifest).await));
    }
    assert_eq!(told, ["nobody", &own, &own, "9.1.0-rc.1"]);
}

#[tokio::test]
async fn what_cannot_be_written_is_the_hosts_fault() {
    let fixture = Fixture::new().await;
    let manifest = fixture.add(guests::COUNTER).await;
    fixture.world.store.close().await.unwrap();
    assert_eq!(fixture.invoke(&manifest).await.unwrap_err().blame(), Blame::Host);
}

#[tokio::test]
async fn all_runs_share_one_budget() {
    // Without ticks, a run is never interrupted. The budget is checked only before the next run.
    let limits = SandboxConfig { cpu_budget: Duration::from_nanos(1), tick: NEVER, ..patient() };
    let (fixture, meddler) = ConflictingProvider::fixture_with(1, limits).await;
    let manifest = fixture.add(guests::COUNTS_SLOWLY).await;
    fixture.clock.step_processor(Duration::from_nanos(1));
    assert_eq!(fixture.invoke(&manifest).await.unwrap_err(), InvokeError::Conflict);
    assert_eq!(meddler.asked(), 1);
}

#[tokio::test]
async fn a_call_under_an_old_id_gets_the_stored_answer() {
    let fixture = Fixture::new().await;
    let manifest = fixture.add(guests::COUNTER).await;
    for origin in [Origin::Chat, Origin::Http] {
        let call = fixture.change_call(&manifest, |invocation| invocation.id.origin = origin);
        let first = fixture.sandbox.invoke(call.clone()).await;
        assert!(!first.as_ref().unwrap().is_duplicate);
        let second = fixture.sandbox.invoke(call).await;
        assert!(second.as_ref().unwrap().is_duplicate);
        assert_eq!(text(second), text(first));
    }
    assert_eq!(fixture.ask(&manifest, "count-get").await, "count is 2");
}

#[tokio::test]
async fn calls_in_one_channel_run_one_after_another() {
    let fixture = Arc::new(Fixture::new().await);
    let manifest = fixture.add(guests::COUNTER).await;
    let calls = (0..20).map(|_| {
        let (fixture, manifest) = (Arc::clone(&fixture), Arc::clone(&manifest));
        tokio::spawn(async move { text(fixture.invoke(&manifest).await) })
    });
    let mut counts = HashSet::new();
    for call in calls.collect::<Vec<_>>() {
        counts.insert(call.await.unwrap());
    }
    // No call gave up after too many conflicts, and no two calls wrote the same count. The order of the calls is not
    // tested: the guests' threads start them in any order.
    assert_eq!(counts, (1..=20).map(|count| format!("count is {count}")).collect());
}
