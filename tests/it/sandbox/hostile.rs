//! Hostile guests: each ends with the right error and the right blame, changes nothing, and the host still works.

use std::path::PathBuf;
use std::time::Duration;

use tests::guests;
use twitchy::config::SandboxConfig;
use twitchy::domain::invocation::CommandError;
use twitchy::domain::manifest::SizeClass;
use twitchy::sandbox::call::{Blame, InvokeError, Invoked};
use twitchy::sandbox::compile::error::CompileError;

use super::fixture::{Fixture, Terms, text};
use crate::limits::{NEVER, patient};
use crate::workshop::upload;

/// Runs a hostile guest, checks that the guest is blamed and the next call is answered, and returns the error.
async fn fault_of(fixture: &Fixture, component: &[u8]) -> InvokeError {
    let manifest = fixture.add(component).await;
    let error = fixture.invoke(&manifest).await.unwrap_err();
    assert_eq!(error.blame(), Blame::Guest, "{error}");
    fixture.answers_balance().await;
    error
}

/// As [`fault_of`], for a guest that never ends: processor time advances until its budget is used up.
async fn fault_of_endless(fixture: &Fixture, component: &[u8]) -> InvokeError {
    let manifest = fixture.add(component).await;
    fixture.clock.step_processor(patient().tick);
    let error = fixture.invoke(&manifest).await.unwrap_err();
    fixture.clock.stop_processor();
    assert_eq!(error.blame(), Blame::Guest, "{error}");
    fixture.answers_balance().await;
    error
}

#[track_caller]
fn assert_trap(error: &InvokeError, what: &str) {
    assert!(matches!(error, InvokeError::Trap(text) if text.contains(what)), "{error:?}");
}

/// The deadline ended the call: by the fault of the guest, or of the machine, which had no time for it.
#[track_caller]
pub(super) fn assert_late(error: &InvokeError) {
    let stood_still = InvokeError::Host("the machine stood still past the deadline".to_owned());
    assert!([InvokeError::Deadline, InvokeError::Busy, stood_still].contains(error), "{error:?}");
}

#[tokio::test]
async fn an_endless_loop_uses_up_its_processor_time() {
    let fixture = Fixture::new().await;
    assert_eq!(fault_of_endless(&fixture, guests::LOOPS_FOREVER).await, InvokeError::Cpu);
    // The same with the system's clock of processor time. No other limit can be reached here.
    let manifest = fixture.add(guests::LOOPS_FOREVER).await;
    fixture.clock.measure_processor();
    assert_eq!(fixture.invoke(&manifest).await.unwrap_err(), InvokeError::Cpu);
    fixture.clock.stop_processor();
    fixture.answers_balance().await;
}

#[tokio::test]
async fn an_endless_loop_after_a_host_call_does_too() {
    let fixture = Fixture::new().await;
    assert_eq!(fault_of_endless(&fixture, guests::LOOPS_AFTER_HOST_CALL).await, InvokeError::Cpu);
}

#[tokio::test]
async fn a_memory_grab_ends_at_the_wall() {
    let fixture = Fixture::new().await;
    assert_eq!(fault_of(&fixture, guests::GRABS_MEMORY).await, InvokeError::Memory);
}

#[tokio::test]
async fn a_panic_is_a_trap() {
    let fixture = Fixture::new().await;
    assert_trap(&fault_of(&fixture, guests::TRAPS).await, "unreachable");
}

#[tokio::test]
async fn a_full_stack_is_a_trap() {
    let fixture = Fixture::new().await;
    assert_trap(&fault_of(&fixture, guests::OVERFLOWS_STACK).await, "out of bounds memory access");
}

#[tokio::test]
async fn a_huge_reply_is_not_copied() {
    let fixture = Fixture::new().await;
    assert_trap(&fault_of(&fixture, guests::HUGE_REPLY).await, "copied between");
}

#[tokio::test]
async fn a_long_reply_is_not_sent() {
    let fixture = Fixture::with_limits(|limits| limits.host_call_bytes = 8 << 20).await;
    assert_trap(&fault_of(&fixture, guests::HUGE_REPLY).await, "more than 2000 characters");
}

#[tokio::test]
async fn a_thousand_replies_are_none() {
    let fixture = Fixture::new().await;
    assert_trap(&fault_of(&fixture, guests::FLOODS_REPLIES).await, "more than 8 replies");
}

#[tokio::test]
async fn a_flood_of_log_lines_ends_with_the_processor_time() {
    let fixture = Fixture::new().await;
    assert_eq!(fault_of_endless(&fixture, guests::FLOODS_LOG).await, InvokeError::Cpu);
}

#[tokio::test]
async fn a_flood_of_writes_ends_with_the_host_calls_and_leaves_nothing() {
    let fixture = Fixture::new().await;
    assert_trap(&fault_of(&fixture, guests::FLOODS_STORAGE).await, "more than 100 host calls");
    let name = "floods-storage".parse().unwrap();
    let (state, _) = fixture.world.store.load_entry(super::fixture::SHOP, &name, "0").await.unwrap();
    assert_eq!(state.keys, 0);
}

#[tokio::test]
async fn a_full_storage_is_no_fault_and_keeps_to_its_quota() {
    let with =
        |host_calls| Fixture::with_limits(move |limits| (limits.storage_keys, limits.host_calls) = (50, host_calls));
    // Each call saves one entry more: the fifty-first is refused, and the fifty before it are not.
    let fixture = with(51).await;
    let manifest = fixture.add(guests::FLOODS_STORAGE).await;
    let answer = fixture.invoke(&manifest).await.unwrap();
    assert_eq!(answer.outcome, Err(CommandError::Refused("there is no room left for that".to_owned())));
    fixture.answers_balance().await;
    assert_trap(&fault_of(&with(50).await, guests::FLOODS_STORAGE).await, "more than 50 host calls");
}

#[tokio::test]
async fn an_unknown_import_is_refused_by_name() {
    let fixture = Fixture::with(Terms { compiles: true, ..Terms::default() }).await;
    let added = upload(&fixture.sandbox, guests::WANTS_UNKNOWN, SizeClass::Small).await;
    assert_eq!(added, Err(CompileError::UnknownImports("\"tests:moon/tides@0.1.0\"".into())));
    assert_eq!(fixture.list_compiled(), Vec::<PathBuf>::new(), "nothing is kept of what was refused");
    fixture.answers_balance().await;
}

#[tokio::test]
async fn writes_before_a_trap_are_gone() {
    let fixture = Fixture::new().await;
    assert_trap(&fault_of(&fixture, guests::WRITES_THEN_TRAPS).await, "unreachable");
    let manifest = fixture.add(guests::WRITES_THEN_TRAPS).await;
    assert_eq!(fixture.ask(&manifest, "writes-then-traps-count").await, "0");
}

#[tokio::test]
async fn writes_before_the_processor_time_is_used_up_are_gone() {
    let fixture = Fixture::new().await;
    assert_eq!(fault_of_endless(&fixture, guests::WRITES_THEN_LOOPS).await, InvokeError::Cpu);
    let manifest = fixture.add(guests::WRITES_THEN_LOOPS).await;
    assert_eq!(fixture.ask(&manifest, "writes-then-loops-count").await, "0");
}

#[tokio::test]
async fn writes_before_the_deadline_are_gone() {
    let fixture = Fixture::new().await;
    let manifest = fixture.add(guests::WRITES_THEN_LOOPS).await;
    // Only this call has a short deadline. The deadline is checked when the call yields, which it does after a tick.
    let limits = SandboxConfig { deadline: Duration::from_millis(100), cpu_budget: NEVER, ..patient() };
    let hurried = fixture.restart_with(&limits);
    upload(&hurried, guests::WRITES_THEN_LOOPS, SizeClass::Small).await.unwrap();
    fixture.clock.step_processor(limits.tick);
    let Invoked { answer, usage } = hurried.invoke_metered(fixture.call(&manifest)).await;
    fixture.clock.stop_processor();
    assert_late(&answer.unwrap_err());
    assert!(usage.runs == 1 && usage.processor >= limits.tick, "the guest had begun: {usage:?}");
    assert_eq!(fixture.ask(&manifest, "writes-then-loops-count").await, "0");
    fixture.answers_balance().await;
}

#[tokio::test]
async fn an_instance_is_never_used_twice() {
    let fixture = Fixture::new().await;
    let counter = fixture.add(guests::COUNTER).await;
    let traps = fixture.add(guests::TRAPS).await;
    for count in 1..=5 {
        assert_trap(&fixture.invoke(&traps).await.unwrap_err(), "unreachable");
        assert_eq!(text(fixture.invoke(&counter).await), format!("count is {count}"));
    }
}
