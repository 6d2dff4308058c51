//! The order in which uploads are compiled. The tests control the compilers, so that no result depends on time.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tests::guests;
use tokio::task::JoinHandle;
use twitchy::domain::manifest::SizeClass;
use twitchy::modules::publish::Admitted;
use twitchy::sandbox::Sandbox;
use twitchy::sandbox::compile::compiler::Uploader;
use twitchy::sandbox::compile::error::CompileError;
use twitchy::sandbox::compile::parts::Upload;

use super::bytes;
use super::fixture::{Fixture, Terms};
use crate::limits::NEVER;

const REAL: &str = env!("CARGO_BIN_EXE_twitchy_under_test");
const BOMB: &str = "this component is a bomb";

fn creator(number: u8) -> Uploader {
    Uploader::Creator(format!("{number:012x}").parse().unwrap())
}

/// The component with a custom section that holds `comment`, which gives it another digest.
fn commented(component: &[u8], comment: &str) -> Vec<u8> {
    let mut bytes = component.to_vec();
    bytes.extend([0, u8::try_from(comment.len() + 1).unwrap(), 0]);
    bytes.extend(comment.as_bytes());
    bytes
}

async fn admit(sandbox: &Sandbox, bytes: Vec<u8>, by: Uploader) -> Result<Admitted, CompileError> {
    sandbox.admit(Upload { bytes, size: SizeClass::Small, by }).await
}

fn start(sandbox: &Arc<Sandbox>, bytes: Vec<u8>, by: Uploader) -> JoinHandle<Result<Admitted, CompileError>> {
    let sandbox = Arc::clone(sandbox);
    tokio::spawn(async move { admit(&sandbox, bytes, by).await })
}

/// A host with `script` as its compiler. In the script, `$FOLDER` is a folder for its files, `$REAL` the real compiler.
async fn scripted(script: &str) -> (Fixture, Arc<Sandbox>, PathBuf) {
    let fixture = Fixture::with(Terms { compiles: true, ..Terms::default() }).await;
    let folder = fixture.components();
    let compiler = folder.join("compiler");
    let script = script.replace("$FOLDER", &folder.display().to_string()).replace("$REAL", REAL);
    fs::write(&compiler, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&compiler, fs::Permissions::from_mode(0o700)).unwrap();
    let sandbox = Arc::new(fixture.restart_with_compiler(&compiler, NEVER));
    (fixture, sandbox, folder)
}

fn starts(folder: &Path) -> usize {
    fs::read_to_string(folder.join("starts")).unwrap_or_default().lines().count()
}

#[tokio::test]
async fn the_operators_upload_waits_for_no_bomb_of_a_creator() {
    let bombs_never_end = format!(
        "cat > $FOLDER/input.$$\n\
         if grep -q '{BOMB}' $FOLDER/input.$$; then echo start >> $FOLDER/starts; exec sleep 1000000; fi\n\
         exec $REAL \"$@\" < $FOLDER/input.$$"
    );
    let (fixture, sandbox, folder) = scripted(&bombs_never_end).await;
    let bombs = [0, 1, 2].map(|number: u8| {
        let bomb = commented(guests::ECHO, &format!("{BOMB} {number}"));
        start(&sandbox, bomb, creator(number % 2))
    });
    while starts(&folder) == 0 {
        tokio::task::yield_now().await;
    }
    for number in 0..2 {
        let good = commented(guests::COUNTER, &format!("version {number}"));
        admit(&sandbox, good, Uploader::Operator).await.unwrap();
    }
    assert_eq!(starts(&folder), 1, "the other bombs wait");
    assert!(bombs.iter().all(|bomb| !bomb.is_finished()));
    bombs.iter().for_each(JoinHandle::abort);
    fixture.answers_balance().await;
}

#[tokio::test]
async fn what_ran_out_of_time_is_refused_at_once_when_it_comes_again() {
    let (fixture, sandbox, folder) = scripted("echo start >> $FOLDER/starts; kill -XCPU $$").await;
    for by in [creator(1), creator(2), Uploader::Operator] {
        let refused = admit(&sandbox, guests::ECHO.to_vec(), by).await.unwrap_err();
        assert_eq!((refused, starts(&folder)), (CompileError::CompileTime, 1));
    }
    let other = admit(&sandbox, commented(guests::ECHO, "another"), creator(1)).await.unwrap_err();
    assert_eq!((other, starts(&folder)), (CompileError::CompileTime, 2));
    fixture.answers_balance().await;
}

#[tokio::test]
async fn a_compiler_that_was_killed_from_outside_says_nothing_about_the_module() {
    for signal in ["KILL", "TERM"] {
        let (fixture, sandbox, folder) = scripted(&format!("echo start >> $FOLDER/starts; kill -{signal} $$")).await;
        for number in 1..=2 {
            let refused = admit(&sandbox, guests::ECHO.to_vec(), creator(1)).await.unwrap_err();
            assert_eq!((refused, starts(&folder)), (CompileError::Killed, number), "it is tried again");
        }
        fixture.answers_balance().await;
    }
}

#[tokio::test]
async fn a_key_that_has_used_up_its_processor_time_is_refused_and_the_others_are_not() {
    let mut terms = Terms { compiles: true, ..Terms::default() };
    terms.limits.compile_budget = Duration::from_nanos(1);
    let fixture = Fixture::with(terms).await;
    let admit = async |number: u8, by| admit(&fixture.sandbox, bytes_of(number), by).await;
    admit(0, creator(1)).await.unwrap();
    let refused = admit(1, creator(1)).await.unwrap_err();
    assert!(matches!(refused, CompileError::BudgetSpent(_)), "{refused:?}");
    admit(0, creator(1)).await.unwrap();
    admit(2, creator(2)).await.unwrap();
    admit(3, Uploader::Operator).await.unwrap();
    admit(4, Uploader::Operator).await.unwrap();
    assert_eq!(fixture.sandbox.registry_counts().refused, [("compile_budget_spent", 1)].into());
    fixture.answers_balance().await;
}

fn bytes_of(number: u8) -> Vec<u8> {
    commented(guests::ECHO, &format!("version {number}"))
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_bomb_is_charged_to_its_key_though_the_caller_has_gone() {
    let mut terms = Terms { compiles: true, ..Terms::default() };
    // A memory limit of its own tells this test's child from those of other tests.
    let memory = (2 << 30) + 28672;
    (terms.limits.compile_budget, terms.limits.compile_memory) = (Duration::from_nanos(1), memory);
    let fixture = Fixture::with(terms).await;
    let bomb = start(&fixture.sandbox, bytes::endless_to_compile(0), creator(1));
    while super::compilers::find_child(memory).is_none() {
        assert!(!bomb.is_finished());
        tokio::task::yield_now().await;
    }
    bomb.abort();
    // The next upload's turn comes when the child has ended and its processor time is charged.
    let refused = admit(&fixture.sandbox, bytes_of(1), creator(1)).await;
    assert!(matches!(refused, Err(CompileError::BudgetSpent(_))), "{:?}", refused.err());
    fixture.answers_balance().await;
}
