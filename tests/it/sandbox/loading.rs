//! Uploaded modules that are not in memory: the first call loads each once, and others may evict it.

use std::fs;
use std::sync::Arc;

use tests::guests;
use tokio::task::JoinSet;
use twitchy::domain::manifest::{Manifest, ModuleSource, SizeClass};
use twitchy::domain::trace::Step;
use twitchy::modules::publish::Runtime;
use twitchy::sandbox::Sandbox;
use twitchy::sandbox::call::InvokeError;
use twitchy::sandbox::compile::parts::Upload;

use super::bytes;
use super::fixture::{Fixture, Terms, Traces, UPLOADER, text};
use crate::harness::find_bundled;
use crate::limits::{NEVER, patient};

/// A host with two uploaded modules, and the sandbox of its next process, in which they are offered.
async fn restarted(compiled_modules: usize) -> (Fixture, Arc<Sandbox>, [Arc<Manifest>; 2]) {
    let fixture = Fixture::with(Terms { compiles: true, ..Terms::default() }).await;
    let manifests = [fixture.add(guests::ECHO).await, fixture.add(guests::COUNTER).await];
    let mut limits = patient();
    limits.compiled_modules = compiled_modules;
    let sandbox = Arc::new(fixture.restart_with(&limits));
    for manifest in &manifests {
        sandbox.offer(Arc::clone(manifest));
    }
    (fixture, sandbox, manifests)
}

#[tokio::test]
async fn a_start_loads_nothing_and_the_first_call_loads_what_was_compiled() {
    let (fixture, sandbox, [_, counter]) = restarted(10).await;
    let counts = sandbox.registry_counts();
    assert_eq!((counts.offered, counts.loaded, counts.loads), (2, 0, 0));
    assert_eq!(text(sandbox.invoke(fixture.call(&counter)).await), "count is 1");
    assert_eq!(text(sandbox.invoke(fixture.call(&counter)).await), "count is 2");
    let counts = sandbox.registry_counts();
    assert_eq!((counts.misses, counts.hits, counts.loads, counts.compiled), (1, 1, 1, 0));
}

#[tokio::test]
async fn however_many_wait_it_is_loaded_once() {
    let (fixture, sandbox, [echo, _]) = restarted(10).await;
    let mut calls = JoinSet::new();
    for _ in 0..50 {
        let (sandbox, call) = (Arc::clone(&sandbox), fixture.call(&echo));
        calls.spawn(async move { sandbox.invoke(call).await.unwrap() });
    }
    calls.join_all().await;
    let counts = sandbox.registry_counts();
    assert_eq!((counts.loads, counts.loaded), (1, 1));
}

#[tokio::test]
async fn a_module_makes_room_for_the_next_and_comes_back() {
    let (fixture, sandbox, [echo, counter]) = restarted(1).await;
    for count in 1..=3 {
        sandbox.invoke(fixture.call(&echo)).await.unwrap();
        assert_eq!(text(sandbox.invoke(fixture.call(&counter)).await), format!("count is {count}"));
    }
    let counts = sandbox.registry_counts();
    assert_eq!((counts.loads, counts.evictions, counts.loaded, counts.compiled), (6, 5, 1, 0));
}

#[tokio::test]
async fn without_its_artefact_it_is_compiled_again_and_without_its_bytes_it_is_missed() {
    let (fixture, sandbox, [echo, counter]) = restarted(10).await;
    let remove = || fixture.list_compiled().into_iter().for_each(|file| fs::remove_file(file).unwrap());
    remove();
    assert_eq!(text(sandbox.invoke(fixture.call(&counter)).await), "count is 1");
    assert_eq!(sandbox.registry_counts().compiled, 1);
    remove();
    fs::remove_file(fixture.components().join(format!("{}.wasm", echo.digest))).unwrap();
    assert!(sandbox.list_unloadable().is_empty());
    let error = sandbox.invoke(fixture.call(&echo)).await.unwrap_err();
    assert!(matches!(&error, InvokeError::Host(why) if why.contains("is not there")), "{error:?}");
    assert_eq!(text(sandbox.invoke(fixture.call(&counter)).await), "count is 2");
    let unloadable = sandbox.list_unloadable();
    let [unloadable] = unloadable.as_slice() else { panic!("{unloadable:?}") };
    assert_eq!(
        (unloadable.manifest.digest, &*unloadable.reason),
        (echo.digest, &*format!("component {} is not there", echo.digest))
    );
    sandbox.remove_module(&echo.digest);
    assert!(sandbox.list_unloadable().is_empty(), "a module that is withdrawn concerns nobody");
    fixture.answers_balance().await;
}

#[tokio::test]
#[cfg(unix)]
async fn what_cannot_be_loaded_is_not_tried_again_at_once_however_many_ask() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::with(Terms { compiles: true, ..Terms::default() }).await;
    let echo = fixture.add(guests::ECHO).await;
    fixture.list_compiled().into_iter().for_each(|file| fs::remove_file(file).unwrap());
    // A compiler that always fails, and records each start in a file.
    let (compiler, starts) = (fixture.components().join("compiler"), fixture.components().join("starts"));
    fs::write(&compiler, format!("#!/bin/sh\necho start >> {}\n", starts.display())).unwrap();
    fs::set_permissions(&compiler, fs::Permissions::from_mode(0o700)).unwrap();
    let sandbox = Arc::new(fixture.restart_with_compiler(&compiler, NEVER));
    sandbox.offer(Arc::clone(&echo));
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let (sandbox, call) = (Arc::clone(&sandbox), fixture.call(&echo));
        calls.spawn(async move { sandbox.invoke(call).await.unwrap_err() });
    }
    let mut errors = calls.join_all().await;
    errors.push(sandbox.invoke(fixture.call(&echo)).await.unwrap_err());
    for error in errors {
        assert!(matches!(&error, InvokeError::Host(why) if why.contains("could not be loaded")), "{error:?}");
    }
    assert_eq!(fs::read_to_string(starts).unwrap(), "start\n");
    assert_eq!(sandbox.list_unloadable().len(), 1);
}

#[tokio::test]
#[cfg(unix)]
async fn calls_that_wait_for_their_module_leave_the_slots_to_others() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::with(Terms { compiles: true, ..Terms::default() }).await;
    let echo = fixture.add(guests::ECHO).await;
    fixture.list_compiled().into_iter().for_each(|file| fs::remove_file(file).unwrap());
    let (compiler, started) = (fixture.components().join("compiler"), fixture.components().join("started"));
    fs::write(&compiler, format!("#!/bin/sh\ntouch {}\nexec sleep 1000000\n", started.display())).unwrap();
    fs::set_permissions(&compiler, fs::Permissions::from_mode(0o700)).unwrap();
    let sandbox = Arc::new(fixture.restart_with_compiler(&compiler, NEVER));
    sandbox.offer(Arc::clone(&echo));
    let bundled = sandbox.add_module(find_bundled("balance"), ModuleSource::Bundled, SizeClass::Small);
    let balance = bundled.await.unwrap();
    // More calls than a channel has slots.
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let (sandbox, call) = (Arc::clone(&sandbox), fixture.call(&echo));
            tokio::spawn(async move { sandbox.invoke(call).await })
        })
        .collect();
    while !started.exists() {
        tokio::task::yield_now().await;
    }
    assert!(sandbox.invoke(fixture.call(&balance)).await.is_ok());
    assert!(waiting.iter().all(|call| !call.is_finished()));
    sandbox.shut_down().await;
}

#[tokio::test]
async fn a_call_that_has_to_compile_waits_for_no_upload() {
    let (fixture, _, manifests) = restarted(10).await;
    fixture.list_compiled().into_iter().for_each(|file| fs::remove_file(file).unwrap());
    let sandbox = Arc::new(fixture.restart());
    manifests.iter().for_each(|manifest| drop(sandbox.offer(Arc::clone(manifest))));
    let uploads: Vec<_> = (0..12)
        .map(|number| {
            let (sandbox, bytes) = (Arc::clone(&sandbox), bytes::endless_to_compile(number));
            tokio::spawn(async move { sandbox.admit(Upload { bytes, size: SizeClass::Small, by: UPLOADER }).await })
        })
        .collect();
    // One upload is compiled, eight wait, and the other three have been refused.
    while uploads.iter().filter(|upload| upload.is_finished()).count() < 3 {
        tokio::task::yield_now().await;
    }
    let [echo, counter] = &manifests;
    let (one, other) = tokio::join!(sandbox.invoke(fixture.call(echo)), sandbox.invoke(fixture.call(counter)));
    one.unwrap();
    assert_eq!(text(other), "count is 1");
    assert_eq!(uploads.iter().filter(|upload| upload.is_finished()).count(), 3);
    uploads.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_trace_shows_that_a_module_had_to_be_loaded() {
    let (fixture, sandbox, [echo, _]) = restarted(10).await;
    let traces = Arc::new(Traces::default());
    for _ in 0..2 {
        sandbox.invoke(fixture.traced(fixture.call(&echo), &traces)).await.unwrap();
    }
    let steps = traces.take();
    let [cold, warm] = steps.as_slice() else { panic!("{steps:?}") };
    assert!(cold.contains(&Step::Load) && !warm.contains(&Step::Load), "{steps:?}");
    assert_eq!(Step::Load.parent(), Some(Step::Invoke));
}

#[tokio::test]
async fn a_forgotten_module_is_called_no_more_and_leaves_no_code() {
    let (fixture, sandbox, [echo, counter]) = restarted(10).await;
    sandbox.invoke(fixture.call(&echo)).await.unwrap();
    sandbox.remove_module(&echo.digest);
    assert!(matches!(sandbox.invoke(fixture.call(&echo)).await, Err(InvokeError::Host(_))));
    assert_eq!(fixture.list_compiled().len(), 1);
    assert_eq!(text(sandbox.invoke(fixture.call(&counter)).await), "count is 1");
}
