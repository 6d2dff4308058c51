//! Many calls at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tests::guests;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use twitchy::balances::provider::{BalanceProvider, Found, Pending, Standing};
use twitchy::config::SandboxConfig;
use twitchy::domain::id::{ChannelId, ChatterId};
use twitchy::domain::manifest::{ModuleSource, SizeClass};
use twitchy::sandbox::{Blame, InvokeError};

use super::fixture::{Fixture, Terms, bundled, text};

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

#[tokio::test]
async fn a_neighbour_of_ten_burning_channels_is_answered() {
    // The credit would end the burning early, and the neighbour needs room for a few turns on a busy machine.
    let fixture = Fixture::with_limits(|limits| {
        limits.credit = Duration::from_secs(60);
        limits.cpu_budget = Duration::from_millis(200);
        limits.slots_per_channel = 2;
    })
    .await;
    let burner = fixture.add(guests::LOOPS_FOREVER).await;
    let echo = fixture.add(guests::ECHO).await;
    let mut burning = JoinSet::new();
    for channel in 1000..1010 {
        for _ in 0..4 {
            let call = fixture.call_in(ChannelId(channel), &burner);
            let sandbox = Arc::clone(&fixture.sandbox);
            burning.spawn(async move { sandbox.invoke(call).await });
        }
    }
    for _ in 0..10 {
        fixture.invoke(&echo).await.unwrap();
    }
    fixture.answers_balance().await;
    // The answers came in between, not after: told without a clock, on which a slow machine would have a say.
    let burned = std::iter::from_fn(|| burning.try_join_next()).count();
    assert!(burned < 40, "the neighbour was answered last");
    // What still burns ends with the sandbox.
    assert_eq!(burning.join_next().await.unwrap().unwrap().unwrap_err(), InvokeError::Cpu);
}

#[tokio::test]
async fn a_neighbour_does_not_wait_for_burners_to_end() {
    let fixture = Fixture::with_limits(|limits| {
        limits.threads = 2;
        limits.cpu_budget = Duration::from_secs(60);
    })
    .await;
    let burner = fixture.add(guests::LOOPS_FOREVER).await;
    let echo = fixture.add(guests::ECHO).await;
    let mut burning = JoinSet::new();
    for call in 0..80 {
        let call = fixture.call_in(ChannelId(1000 + call % 10), &burner);
        let sandbox = Arc::clone(&fixture.sandbox);
        burning.spawn(async move { sandbox.invoke(call).await });
    }
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

#[tokio::test]
async fn whoever_waits_for_its_channels_own_burner_is_not_to_blame() {
    let fixture = Fixture::with_limits(|limits| {
        limits.threads = 2;
        limits.cpu_budget = Duration::from_secs(60);
        limits.deadline = Duration::from_millis(300);
        limits.tick = Duration::from_millis(1);
    })
    .await;
    let burner = fixture.add(guests::LOOPS_FOREVER).await;
    let mut burning = JoinSet::new();
    for _ in 0..8 {
        let (call, sandbox) = (fixture.call(&burner), Arc::clone(&fixture.sandbox));
        burning.spawn(async move { sandbox.invoke(call).await.unwrap_err() });
    }
    let errors = burning.join_all().await;
    // One at a time burns in the slow lane, and that one had its time for itself.
    assert!(errors.iter().filter(|error| error.blame() == Blame::Guest).count() <= 1, "{errors:?}");
}

#[tokio::test]
async fn a_deadline_that_others_used_up_is_not_the_guests_fault() {
    let fixture = Fixture::with_limits(|limits| {
        limits.threads = 1;
        limits.cpu_budget = Duration::from_secs(60);
        limits.deadline = Duration::from_millis(300);
    })
    .await;
    let burner = fixture.add(guests::LOOPS_FOREVER).await;
    let mut burning = JoinSet::new();
    for channel in 0..30 {
        let call = fixture.call_in(ChannelId(1000 + channel), &burner);
        let sandbox = Arc::clone(&fixture.sandbox);
        burning.spawn(async move { sandbox.invoke(call).await.unwrap_err() });
    }
    for error in burning.join_all().await {
        // Where the machine itself stood still, it says so.
        assert!(matches!(error, InvokeError::Busy | InvokeError::Host(_)), "{error:?}");
    }
}

/// Never answers.
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
            // Nobody gives a place back for that long.
            deadline: Duration::from_secs(60),
            ..SandboxConfig::default()
        };
        let (fixture, silent) = with_silent_provider(limits).await;
        let add = async |component| fixture.sandbox.add_module(component, ModuleSource::Uploaded, size).await.unwrap();
        let (parks, echo) = (add(bundled("balance")).await, add(guests::ECHO).await);
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

/// Answers once it may.
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
        // Every call is a long one.
        tick: Duration::from_micros(10),
        deadline: Duration::from_secs(20),
        ..SandboxConfig::default()
    };
    let answers = Arc::clone(&provider) as Arc<dyn BalanceProvider>;
    let fixture = Fixture::with(Terms { limits, provider: Some(answers), ..Terms::default() }).await;
    let (parks, burner) = (fixture.add(bundled("balance")).await, fixture.add(guests::LOOPS_FOREVER).await);
    let start = || {
        let (call, sandbox) = (fixture.call(&parks), Arc::clone(&fixture.sandbox));
        tokio::spawn(async move { sandbox.invoke(call).await })
    };
    let first = start();
    while provider.asked.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let second = start();
    // Behind it on the one slow thread: so by then it waits for the place.
    let elsewhere = fixture.call_in(ChannelId(7), &burner);
    assert_eq!(fixture.sandbox.invoke(elsewhere).await.unwrap_err(), InvokeError::Cpu);
    assert_eq!(provider.asked.load(Ordering::SeqCst), 1);
    provider.may_answer.add_permits(2);
    assert!(first.await.unwrap().is_ok());
    assert!(second.await.unwrap().is_ok());
}

#[tokio::test]
async fn the_deadline_is_around_the_whole_call_its_place_in_the_queue_included() {
    let deadline = Duration::from_millis(500);
    let limits = SandboxConfig { deadline, ..SandboxConfig::default() };
    let (fixture, _) = with_silent_provider(limits).await;
    let manifest = fixture.add(guests::COUNTS_SLOWLY).await;
    let asked_at = Instant::now();
    let (one, other) = tokio::join!(fixture.invoke(&manifest), fixture.invoke(&manifest));
    assert!(asked_at.elapsed() < 2 * deadline, "one after the other");
    let errors = [one.unwrap_err(), other.unwrap_err()];
    // The second one's turn comes when its own time is over as well. Where the machine stood still, it says so.
    let is_nobodys = |error: &InvokeError| matches!(error, InvokeError::Busy | InvokeError::Host(_));
    assert!(errors.iter().any(is_nobodys), "{errors:?}");
}

/// Panics with something that nobody should read.
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
    // More often than the channel has places.
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
        limits.credit_window = Duration::from_secs(3600);
    })
    .await;
    let (counter, echo) = (fixture.add(guests::COUNTER).await, fixture.add(guests::ECHO).await);
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
        limits.credit_window = Duration::from_secs(3600);
    })
    .await;
    let counter = fixture.add(guests::COUNTER).await;
    let mut calls = JoinSet::new();
    for _ in 0..10 {
        let (call, sandbox) = (fixture.call(&counter), Arc::clone(&fixture.sandbox));
        calls.spawn(async move { sandbox.invoke(call).await });
    }
    let answers = calls.join_all().await;
    // All of them asked while there was credit left; the first to run used it up.
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
}

#[tokio::test]
async fn whoever_gives_up_waiting_does_not_stop_the_call() {
    let fixture = Fixture::new().await;
    let manifest = fixture.add(guests::COUNTER).await;
    let call = fixture.call(&manifest);
    let invoked = fixture.sandbox.invoke(call);
    // Polled once: its turn comes at once, and then it is dropped.
    tokio::select! { biased; _ = invoked => {}, () = std::future::ready(()) => {} }
    // It may not have had its turn yet; were it never made, this would never end.
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
