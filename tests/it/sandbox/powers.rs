//! The capabilities that a module requests and is granted, and what it can reach with them.

use std::sync::Arc;

use tests::guests;
use twitchy::domain::invocation::CommandError;
use twitchy::domain::manifest::{Capability, Grants, SizeClass};
use twitchy::sandbox::call::{Blame, InvokeError};
use twitchy::sandbox::compile::error::CompileError;

use super::fixture::{Fixture, text};
use crate::workshop::upload;

#[tokio::test]
async fn a_module_is_what_it_says_and_imports() {
    let fixture = Fixture::new().await;
    let manifest = fixture.add(guests::COUNTER).await;
    assert_eq!(manifest.name.as_str(), "counter");
    assert_eq!(manifest.capabilities, [Capability::Log, Capability::Storage]);
    let names: Vec<&str> = manifest.commands.iter().map(|command| &*command.name).collect();
    assert_eq!(names, ["count", "count-get"]);
    assert_eq!(manifest.commands[0].usage, "[key]");
}

#[tokio::test]
async fn what_is_added_again_is_the_same_module() {
    let fixture = Fixture::new().await;
    let (one, other) = tokio::join!(fixture.add(guests::COUNTER), fixture.add(guests::COUNTER));
    assert!(Arc::ptr_eq(&one, &other));
}

#[tokio::test]
async fn a_host_call_without_its_grant_is_the_hosts_fault() {
    let fixture = Fixture::new().await;
    let manifest = fixture.add(guests::COUNTER).await;
    let mut call = fixture.call(&manifest);
    call.grants = Grants::default();
    let error = fixture.sandbox.invoke(call).await.unwrap_err();
    assert_eq!(error, InvokeError::Host("the module has no grant for storage".into()));
    assert_eq!(error.blame(), Blame::Host);
    assert_eq!(fixture.ask(&manifest, "count-get").await, "count is 0");
}

#[tokio::test]
async fn telling_what_it_offers_reaches_nothing() {
    let fixture = Fixture::new().await;
    let added = upload(&fixture.sandbox, guests::READS_IN_INFO, SizeClass::Small).await;
    let Err(CompileError::Run(InvokeError::Trap(why))) = added else { panic!("{added:?}") };
    assert_eq!(why, "called storage while it should only tell what it offers");
}

#[tokio::test]
async fn what_a_module_refuses_is_no_fault() {
    let fixture = Fixture::new().await;
    let manifest = fixture.add(guests::REFUSES).await;
    let answer = fixture.invoke(&manifest).await.unwrap();
    assert!(matches!(answer.outcome, Err(CommandError::Refused(_))), "{:?}", answer.outcome);
}

#[tokio::test]
async fn time_and_randomness_are_the_invocations() {
    let fixture = Fixture::new().await;
    let manifest = fixture.add(guests::ASKS_RANDOM_AND_TIME).await;
    let first = text(fixture.invoke(&manifest).await);
    assert!(first.ends_with(" 1800000000000"), "{first}");
    assert_eq!(text(fixture.invoke(&manifest).await), first);
    let other = fixture.change_call(&manifest, |invocation| invocation.random_seed = 43);
    assert_ne!(text(fixture.sandbox.invoke(other).await), first);
}

#[tokio::test]
async fn a_module_that_is_not_loaded_is_the_hosts_fault() {
    let (fixture, other) = (Fixture::new().await, Fixture::new().await);
    let manifest = other.add(guests::COUNTER).await;
    assert_eq!(fixture.invoke(&manifest).await.unwrap_err().blame(), Blame::Host);
}

#[tokio::test]
async fn large_modules_run_where_the_operator_allows_them() {
    let fixture = Fixture::new().await;
    let add = |fixture: &Fixture| {
        let sandbox = Arc::clone(&fixture.sandbox);
        async move { upload(&sandbox, guests::COUNTER, SizeClass::Large).await }
    };
    assert_eq!(add(&fixture).await, Err(CompileError::SizeClass));
    let fixture = Fixture::with_limits(|limits| limits.allow_large = true).await;
    let manifest = add(&fixture).await.unwrap();
    assert_eq!(text(fixture.invoke(&manifest).await), "count is 1");
}
