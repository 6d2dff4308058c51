//! Guests that do their worst: each ends as the right error with the right blame, leaves nothing, and the bot lives on.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tests::guests;
use twitchy::config::SandboxConfig;
use twitchy::domain::manifest::{ModuleSource, SizeClass};
use twitchy::sandbox::{Blame, CompileError, InvokeError};

use super::fixture::{Fixture, Terms, text};

/// Runs a guest that does its worst, checks that it is to blame, and that the next call is answered.
async fn fault_of(fixture: &Fixture, component: &[u8]) -> InvokeError {
    let manifest = fixture.add(component).await;
    let error = fixture.invoke(&manifest).await.unwrap_err();
    assert_eq!(error.blame(), Blame::Guest, "{error}");
    fixture.answers_balance().await;
    error
}

/// Processor time for whatever fault is looked for: on a busy machine a guest may need more than it is given in
/// production, and would end by that instead.
async fn unhurried(limit: impl FnOnce(&mut SandboxConfig)) -> Fixture {
    Fixture::with_limits(|limits| {
        limits.cpu_budget = Duration::from_secs(60);
        limit(limits);
    })
    .await
}

#[track_caller]
fn assert_trap(error: &InvokeError, what: &str) {
    assert!(matches!(error, InvokeError::Trap(text) if text.contains(what)), "{error:?}");
}

#[tokio::test]
async fn an_endless_loop_uses_up_its_processor_time() {
    let fixture = Fixture::new().await;
    assert_eq!(fault_of(&fixture, guests::LOOPS_FOREVER).await, InvokeError::Cpu);
}

#[tokio::test]
async fn an_endless_loop_after_a_host_call_does_too() {
    let fixture = Fixture::new().await;
    assert_eq!(fault_of(&fixture, guests::LOOPS_AFTER_HOST_CALL).await, InvokeError::Cpu);
}

#[tokio::test]
async fn a_memory_grab_ends_at_the_wall() {
    let fixture = unhurried(|_| {}).await;
    assert_eq!(fault_of(&fixture, guests::GRABS_MEMORY).await, InvokeError::Memory);
}

#[tokio::test]
async fn a_panic_is_a_trap() {
    let fixture = unhurried(|_| {}).await;
    assert_trap(&fault_of(&fixture, guests::TRAPS).await, "unreachable");
}

#[tokio::test]
async fn a_full_stack_is_a_trap() {
    let fixture = unhurried(|_| {}).await;
    assert_trap(&fault_of(&fixture, guests::OVERFLOWS_STACK).await, "");
}

#[tokio::test]
async fn a_huge_reply_is_not_copied() {
    let fixture = unhurried(|_| {}).await;
    assert_trap(&fault_of(&fixture, guests::HUGE_REPLY).await, "fuel");
}

#[tokio::test]
async fn a_long_reply_is_not_sent() {
    let fixture = unhurried(|limits| limits.host_call_bytes = 8 << 20).await;
    assert_trap(&fault_of(&fixture, guests::HUGE_REPLY).await, "more than 2000 characters");
}

#[tokio::test]
async fn a_thousand_replies_are_none() {
    let fixture = unhurried(|_| {}).await;
    assert_trap(&fault_of(&fixture, guests::FLOODS_REPLIES).await, "more than 8 replies");
}

#[tokio::test]
async fn a_flood_of_log_lines_ends_with_the_processor_time() {
    let fixture = Fixture::new().await;
    assert_eq!(fault_of(&fixture, guests::FLOODS_LOG).await, InvokeError::Cpu);
}

#[tokio::test]
async fn a_flood_of_writes_ends_with_the_host_calls_and_leaves_nothing() {
    let fixture = unhurried(|_| {}).await;
    assert_trap(&fault_of(&fixture, guests::FLOODS_STORAGE).await, "more than 100 host calls");
    let name = "floods-storage".parse().unwrap();
    let (state, _) = fixture.world.store.load_entry(super::fixture::SHOP, &name, "0").unwrap();
    assert_eq!(state.keys, 0);
}

#[tokio::test]
async fn a_full_storage_is_no_fault_and_keeps_to_its_quota() {
    let fixture = unhurried(|limits| limits.host_calls = u32::MAX).await;
    let manifest = fixture.add(guests::FLOODS_STORAGE).await;
    let answer = fixture.invoke(&manifest).await.unwrap();
    assert!(answer.outcome.is_err());
    fixture.answers_balance().await;
}

#[tokio::test]
async fn an_unknown_import_is_refused_by_name() {
    let fixture = Fixture::with(Terms { compiles: true, ..Terms::default() }).await;
    let added = fixture.sandbox.add_module(guests::WANTS_UNKNOWN, ModuleSource::Uploaded, SizeClass::Small).await;
    assert_eq!(added, Err(CompileError::UnknownImport("tests:moon/tides@0.1.0".into())));
    assert_eq!(fixture.list_compiled(), Vec::<PathBuf>::new(), "nothing is kept of what was refused");
    fixture.answers_balance().await;
}

#[tokio::test]
async fn writes_before_a_trap_are_gone() {
    let fixture = unhurried(|_| {}).await;
    assert_trap(&fault_of(&fixture, guests::WRITES_THEN_TRAPS).await, "unreachable");
    let manifest = fixture.add(guests::WRITES_THEN_TRAPS).await;
    assert_eq!(fixture.ask(&manifest, "writes-then-traps-count").await, "0");
}

#[tokio::test]
async fn writes_before_the_processor_time_is_used_up_are_gone() {
    let fixture = Fixture::new().await;
    assert_eq!(fault_of(&fixture, guests::WRITES_THEN_LOOPS).await, InvokeError::Cpu);
    let manifest = fixture.add(guests::WRITES_THEN_LOOPS).await;
    assert_eq!(fixture.ask(&manifest, "writes-then-loops-count").await, "0");
}

#[tokio::test]
async fn writes_before_the_deadline_are_gone() {
    let mut fixture = unhurried(|limits| limits.deadline = Duration::from_millis(100)).await;
    let manifest = fixture.add(guests::WRITES_THEN_LOOPS).await;
    let error = fixture.invoke(&manifest).await.unwrap_err();
    // Where the machine had no time for it, it is not the guest who is late.
    assert!(matches!(error, InvokeError::Deadline | InvokeError::Busy | InvokeError::Host(_)), "{error:?}");
    // The ordinary calls after it are not hurried.
    fixture.sandbox = Arc::new(fixture.restart());
    let manifest = fixture.add(guests::WRITES_THEN_LOOPS).await;
    assert_eq!(fixture.ask(&manifest, "writes-then-loops-count").await, "0");
    fixture.answers_balance().await;
}

#[tokio::test]
async fn an_instance_is_never_used_twice() {
    let fixture = unhurried(|_| {}).await;
    let counter = fixture.add(guests::COUNTER).await;
    let traps = fixture.add(guests::TRAPS).await;
    for count in 1..=5 {
        assert!(fixture.invoke(&traps).await.is_err());
        assert_eq!(text(fixture.invoke(&counter).await), format!("count is {count}"));
    }
}
