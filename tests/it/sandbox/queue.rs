//! Many calls at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tests::guests;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use twitchy::balances::provider::{BalanceProvider, Found, Pending, Standing};
use twitchy::config::SandboxConfig;
use twitchy::domain::id::{ChannelId, ChatterId};
use twitchy::domain::manifest::SizeClass;
use twitchy::modules::publish::Runtime;
use twitchy::sandbox::call::{Answer, Blame, InvokeError, Invoked};

use super::fixture::{Fixture, SHOP, Terms, text};
use super::hostile::assert_late;
use crate::harness::find_bundled;
use crate::limits::{NEVER, patient};
use crate::workshop::upload;

#[tokio::test]
async fn an_exhausted_pool_is_waited_for() {
    let fixture = Fixture::with_limits(|limits| limits.slots = 2).await;
    let manifest = fixture.add(guests::ECHO).await;
    let mut calls = JoinSet::new();
    for channel in 0..40 {
        let call = fixture.call_in(ChannelId(channel), &manifest);
        let sandbox = Arc::clone(&fixture.sandbox);
        calls.spawn(async move { sandbox.invoke(call).await });
    }
    while let Some(answer) = calls.join_next().await {
        answer.unwrap().unwrap();
    }
}

/// More processor time than any guest of these tests uses, unless the test's clock advances it.
const HOUR: Duration = Duration::from_secs(3600);

/// Starts `in_each` endless calls in each of ten channels. They move to the slow pool after two readings of the clock.
async fn start_burners(fixture: &Fixture, in_each: usize) -> JoinSet<Result<Answer, InvokeError>> {
    let burner = fixture.add(guests::LOOPS_FOREVER).await;
    fixture.clock.step_processor(fixture.world.limits.tick / 2);
    let mut burning = JoinSet::new();
    for channel in 1000..1010 {
        for _ in 0..in_each {
            let (call, sandbox) = (fixture.call_in(ChannelId(channel), &burner), Arc::clone(&fixture.sandbox));
            burning.spawn(async move { sandbox.invoke(call).await });
        }
    }
    burning
}

#[tokio::test]
async fn a_neighbour_of_ten_burning_channels_is_answered() {
    let fixture = Fixture::with_limits(|limits| {
        (limits.credit, limits.cpu_budget) = (HOUR, HOUR);
        limits.slots_per_channel = 2;
    })
    .await;
    let echo = fixture.add(guests::ECHO).await;
    let mut burning = start_burners(&fixture, 4).await;
    for _ in 0..10 {
        fixture.invoke(&echo).await.unwrap();
    }
    fixture.answers_balance().await;
    assert!(burning.try_join_next().is_none(), "the neighbour was answered last");
    fixture.clock.step_processor(HOUR);
    for burned in burning.join_all().await {
        assert_eq!(burned.unwrap_err(), InvokeError::Cpu);
    }
}

#[tokio::test]
async fn a_neighbour_does_not_wait_for_burners_to_end() {
    let fixture = Fixture::with_limits(|limits| {
        limits.threads = 2;
        limits.cpu_budget = HOUR;
    })
    .await;
    let echo = fixture.add(guests::ECHO).await;
    let mut burning = start_burners(&fixture, 8).await;
    for _ in 0..50 {
        fixture.invoke(&echo).await.unwrap();
    }
    fixture.answers_balance().await;
    assert!(burning.try_join_next().is_none(), "burners were waited for");
    fixture.sandbox.shut_down().await;
    for cut_off in burning.join_all().await {
        assert!(matches!(cut_off, Err(InvokeError::Host(_))), "{cut_off:?}");
    }
}

/// Runs an endless call in each of these channels at once, until the deadline. A guest may be blamed for missing it
/// only if it used the processor for a third of that time, by the system's clock and however busy the machine is.
async fn check_blame(threads: usize, channels: impl Iterator<Item = ChannelId>) {
    let fixture = Fixture::new().await;
    let burner = fixture.add(guests::LOOPS_FOREVER).await;
    let deadline = Duration::from_millis(300);
    let (tick, budget) = (Duration::from_millis(1), HOUR);
    let limits = SandboxConfig { threads, deadline, tick, cpu_budget: budget, credit: budget, ..patient() };
    let hurried = Arc::new(fixture.restart_with(&limits));
    hurried.offer(Arc::clone(&burner));
    fixture.clock.measure_processor();
    let mut burning = JoinSet::new();
    for channel in channels {
        let (call, sandbox) = (fixture.call_in(channel, &burner), Arc::clone(&hurried));
        burning.spawn(async move { sandbox.invoke_metered(call).await });
    }
    for Invoked { answer, usage } in burning.join_all().await {
        let error = answer.unwrap_err();
        assert_late(&error);
        assert!(error.blame() != Blame::Guest || usage.processor > deadline / 3, "{error:?} {usage:?}");
    }
}

#[tokio::test]
async fn a_call_that_waits_for_its_channels_own_burner_is_not_to_blame() {
    check_blame(2, std::iter::repeat_n(SHOP, 8)).await;
}

#[tokio::test]
async fn a_deadline_that_others_used_up_is_not_the_guests_fault() {
    check_blame(1, (1000..1030).map(ChannelId)).await;
}

/// A provider that never answers.
#[derive(Default)]
struct SilentProvider {
    asked: AtomicUsize,
}

impl BalanceProvider for SilentProvider {
    fn find(&self, _: ChannelId, _: ChatterId) -> Pending<'_, Found> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::pending())
    }

    fn top<'a>(&'a self, _: ChannelId, _: &'a str, _: usize) -> Pending<'a, Vec<Standing>> {
        Box::pin(std::future::pending())
    }
}

async fn with_silent_provider(limits: SandboxConfig) -> (Fixture, Arc<SilentProvider>) {
    let silent = Arc::new(SilentProvider::default());
    let provider = Arc::clone(&silent) as Arc<dyn BalanceProvider>;
    (Fixture::with(Terms { limits, provider: Some(provider), ..Terms::default() }).await, silent)
}

#[tokio::test]
async fn a_channel_does_not_take_all_places() {
    for (size, share) in [(SizeClass::Small, 8), (SizeClass::Large, 2)] {
        let limits = SandboxConfig {
            slots: 9,
            allow_large: true,
            // No call gives its slot back.
            deadline: NEVER,
            ..patient()
        };
        let (fixture, silent) = with_silent_provider(limits).await;
        let add = async |component| upload(&fixture.sandbox, component, size).await.unwrap();
        let (parks, echo) = (add(find_bundled("balance")).await, add(guests::ECHO).await);
        let mut parked = JoinSet::new();
        for _ in 0..20 {
            let (call, sandbox) = (fixture.call(&parks), Arc::clone(&fixture.sandbox));
            parked.spawn(async move { sandbox.invoke(call).await });
        }
        while silent.asked.load(Ordering::SeqCst) < share {
            tokio::task::yield_now().await;
        }
        let elsewhere = fixture.call_in(ChannelId(7), &echo);
        assert!(fixture.sandbox.invoke(elsewhere).await.is_ok(), "{size:?}");
        assert_eq!(silent.asked.load(Ordering::SeqCst), share);
    }
}

/// A provider that answers once `may_answer` has a permit.
struct SlowProvider {
    asked: AtomicUsize,
    may_answer: Semaphore,
}

impl BalanceProvider for SlowProvider {
    fn find(&self, _: ChannelId, _: ChatterId) -> Pending<'_, Found> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async {
            self.may_answer.acquire().await.unwrap().forget();
            Ok(Found { balances: Vec::new(), revision: None })
        })
    }

    fn top<'a>(&'a self, _: ChannelId, _: &'a str, _: usize) -> Pending<'a, Vec<Standing>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_long_call_that_waits_for_a_place_lets_the_one_that_has_it_go_on() {
    let provider = Arc::new(SlowProvider { asked: AtomicUsize::new(0), may_answer: Semaphore::new(0) });
    let limits = SandboxConfig {
        threads: 1,
        slots_per_channel: 1,
        // A hundred steps of the clock, which only an endless call uses up.
        cpu_budget: 100 * patient().tick,
        ..patient()
    };
    let answers = Arc::clone(&provider) as Arc<dyn BalanceProvider>;
    let fixture = Fixture::with(Terms { limits, provider: Some(answers), ..Terms::default() }).await;
    let (parks, burner) = (fixture.add(find_bundled("balance")).await, fixture.add(guests::LOOPS_FOREVER).await);
    // Each step of the clock is a whole tick, so that every call goes to the slow pool.
    fixture.clock.step_processor(patient().tick);
    let start = || {
        let (call, sandbox) = (fixture.call(&parks), Arc::clone(&fixture.sandbox));
        tokio::spawn(async move { sandbox.invoke(call).await })
    };
    let first = start();
    while provider.asked.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let second = start();
    // This call runs on the one slow thread after `second`, so that `second` waits for the slot when this call ends.
    let elsewhere = fixture.call_in(ChannelId(7), &burner);
    assert_eq!(fixture.sandbox.invoke(elsewhere).await.unwrap_err(), InvokeError::Cpu);
    assert_eq!(provider.asked.load(Ordering::SeqCst), 1);
    provider.may_answer.add_permits(2);
    assert!(first.await.unwrap().is_ok());
    assert!(second.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_call_that_waits_for_others_ends_by_its_deadline() {
    let (fixture, silent) = with_silent_provider(patient()).await;
    let manifest = fixture.add(guests::COUNTS_SLOWLY).await;
    let hurried = fixture.restart_with(&SandboxConfig { deadline: Duration::from_millis(50), ..patient() });
    upload(&hurried, guests::COUNTS_SLOWLY, SizeClass::Small).await.unwrap();
    assert_late(&hurried.invoke(fixture.call(&manifest)).await.unwrap_err());
    assert_eq!(silent.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_call_whose_turn_has_not_come_within_five_seconds_is_not_made() {
    let provider = Arc::new(SlowProvider { asked: AtomicUsize::new(0), may_answer: Semaphore::new(0) });
    let answers = Arc::clone(&provider) as Arc<dyn BalanceProvider>;
    let fixture = Fixture::with(Terms { limits: patient(), provider: Some(answers), ..Terms::default() }).await;
    let manifest = fixture.add(guests::COUNTS_SLOWLY).await;
    let (call, sandbox) = (fixture.call(&manifest), Arc::clone(&fixture.sandbox));
    let first = tokio::spawn(async move { sandbox.invoke(call).await });
    while provider.asked.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let mut second = Box::pin(fixture.invoke(&manifest));
    // After one poll, the second call waits for its turn.
    tokio::select! { biased; _ = &mut second => panic!("another has the turn"), () = std::future::ready(()) => {} }
    fixture.clock.advance(Duration::from_secs(5));
    // The first call is still running, and might never end.
    fixture.sandbox.admission().drop_late();
    assert_eq!(second.await.unwrap_err(), InvokeError::Busy);
    provider.may_answer.add_permits(2);
    assert!(first.await.unwrap().is_ok());
    assert_eq!(provider.asked.load(Ordering::SeqCst), 1);
    assert!(fixture.invoke(&manifest).await.is_ok(), "the next one has its turn");
}

/// A provider that panics with a secret in the message.
struct PanickingProvider;

impl BalanceProvider for PanickingProvider {
    fn find(&self, _: ChannelId, _: ChatterId) -> Pending<'_, Found> {
        panic!("hunter2")
    }

    fn top<'a>(&'a self, _: ChannelId, _: &'a str, _: usize) -> Pending<'a, Vec<Standing>> {
        panic!("hunter2")
    }
}

#[tokio::test]
async fn a_panic_in_a_host_call_gives_its_places_back_and_keeps_quiet() {
    let fixture = Fixture::with(Terms { provider: Some(Arc::new(PanickingProvider)), ..Terms::default() }).await;
    let manifest = fixture.add(guests::COUNTS_SLOWLY).await;
    // More often than the channel has slots: a leaked slot would block the last calls.
    for _ in 0..10 {
        let error = fixture.invoke(&manifest).await.unwrap_err();
        assert_eq!(error, InvokeError::Host("a guest's thread panicked".to_owned()));
    }
    let counter = fixture.add(guests::COUNTER).await;
    assert_eq!(text(fixture.invoke(&counter).await), "count is 1");
}

#[tokio::test]
async fn a_module_without_credit_does_not_run_in_that_channel() {
    let fixture = Fixture::with_limits(|limits| {
        limits.credit = Duration::from_nanos(1);
        limits.credit_window = NEVER;
    })
    .await;
    let (counter, echo) = (fixture.add(guests::COUNTER).await, fixture.add(guests::ECHO).await);
    fixture.clock.step_processor(Duration::from_micros(1));
    assert_eq!(text(fixture.invoke(&counter).await), "count is 1");
    assert_eq!(fixture.invoke(&counter).await.unwrap_err(), InvokeError::Cpu);
    assert!(fixture.invoke(&echo).await.is_ok());
    let elsewhere = fixture.call_in(ChannelId(7), &echo);
    assert!(fixture.sandbox.invoke(elsewhere).await.is_ok());
}

#[tokio::test]
async fn credit_is_looked_at_when_a_calls_turn_comes() {
    let fixture = Fixture::with_limits(|limits| {
        limits.credit = Duration::from_nanos(1);
        limits.credit_window = NEVER;
    })
    .await;
    let counter = fixture.add(guests::COUNTER).await;
    fixture.clock.step_processor(Duration::from_micros(1));
    let mut calls = JoinSet::new();
    for _ in 0..10 {
        let (call, sandbox) = (fixture.call(&counter), Arc::clone(&fixture.sandbox));
        calls.spawn(async move { sandbox.invoke(call).await });
    }
    let answers = calls.join_all().await;
    // All calls were made while there was credit left; the first to run used it up.
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
}

#[tokio::test]
async fn a_caller_that_gives_up_does_not_stop_the_call() {
    let fixture = Fixture::new().await;
    let manifest = fixture.add(guests::COUNTER).await;
    let call = fixture.call(&manifest);
    let invoked = fixture.sandbox.invoke(call);
    // The future is polled once, which starts the call, and then dropped.
    tokio::select! { biased; _ = invoked => {}, () = std::future::ready(()) => {} }
    // The call may not have run yet. If it never ran, this loop would not end.
    while fixture.ask(&manifest, "count-get").await != "count is 1" {}
}

#[tokio::test]
async fn after_the_end_a_call_is_refused() {
    let fixture = Fixture::new().await;
    let manifest = fixture.add(guests::ECHO).await;
    fixture.sandbox.shut_down().await;
    assert!(matches!(fixture.invoke(&manifest).await, Err(InvokeError::Host(_))));
    fixture.sandbox.shut_down().await;
}
