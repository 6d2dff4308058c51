//! Many calls at once.

use std::sync::Arc;
use std::time::Duration;

use tests::guests;
use tokio::task::JoinSet;
use twitchy::domain::id::ChannelId;
use twitchy::sandbox::InvokeError;

use super::fixture::{Fixture, text};

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
async fn whoever_gives_up_waiting_does_not_stop_the_call() {
    let fixture = Fixture::new().await;
    let manifest = fixture.add(guests::COUNTER).await;
    let call = fixture.call(&manifest);
    let invoked = fixture.sandbox.invoke(call);
    // Polled once: its turn comes at once, and then it is dropped.
    tokio::select! { biased; _ = invoked => {}, () = std::future::ready(()) => {} }
    assert_eq!(text(fixture.invoke(&manifest).await), "count is 2");
}

#[tokio::test]
async fn after_the_end_a_call_is_refused() {
    let fixture = Fixture::new().await;
    let manifest = fixture.add(guests::ECHO).await;
    fixture.sandbox.shut_down().await;
    assert!(matches!(fixture.invoke(&manifest).await, Err(InvokeError::Host(_))));
    fixture.sandbox.shut_down().await;
}
