//! The compiling child process, observed from outside while it runs.
#![cfg(target_os = "linux")]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tests::guests;
use tokio::task::JoinHandle;
use twitchy::domain::manifest::SizeClass;
use twitchy::modules::publish::Admitted;
use twitchy::sandbox::compile::error::CompileError;
use twitchy::sandbox::compile::parts::Upload;

use super::bytes;
use super::fixture::{Fixture, Terms, UPLOADER};
use crate::limits::{NEVER, scaled};

type Admitting = JoinHandle<Result<Admitted, CompileError>>;

/// Starts an upload that compiles for ever. Returns it and its child's folder in /proc, found by the memory limit.
async fn compiling(memory: usize) -> (Fixture, Admitting, PathBuf) {
    let mut terms = Terms { compiles: true, ..Terms::default() };
    terms.limits.compile_memory = memory;
    let fixture = Fixture::with(terms).await;
    let sandbox = Arc::clone(&fixture.sandbox);
    let upload = Upload { bytes: bytes::endless_to_compile(0), size: SizeClass::Small, by: UPLOADER };
    let admitting = tokio::spawn(async move { sandbox.admit(upload).await });
    let process = loop {
        match find_child(memory).filter(|process| is_confined(process)) {
            Some(process) => break process,
            None => tokio::task::yield_now().await,
        }
        assert!(!admitting.is_finished(), "it was to take for ever");
    };
    (fixture, admitting, process)
}

/// The folder in /proc of the child with this memory limit, which tells it from the children of other tests.
pub(crate) fn find_child(memory: usize) -> Option<PathBuf> {
    let is_it = |path: &PathBuf| {
        let line = fs::read(path.join("cmdline")).unwrap_or_default();
        let mut arguments = line.split(|byte| *byte == 0);
        arguments.any(|argument| argument == b"compile-module")
            && arguments.any(|argument| argument == memory.to_string().as_bytes())
    };
    fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path()).find(is_it)
}

/// Whether the child has applied all its limits: that on open files is the last.
fn is_confined(process: &Path) -> bool {
    limit(process, "Max open files").is_some_and(|limit| limit == "3")
}

fn limit(process: &Path, name: &str) -> Option<String> {
    let limits = fs::read_to_string(process.join("limits")).ok()?;
    let rest = limits.lines().find_map(|line| line.strip_prefix(name))?.to_owned();
    rest.split_whitespace().next().map(str::to_owned)
}

#[tokio::test]
async fn it_has_given_up_all_that_it_does_not_need() {
    let memory = (2 << 30) + 4096;
    let (fixture, admitting, process) = compiling(memory).await;
    let limit = |name| limit(&process, name).unwrap();
    assert_eq!(limit("Max core file size"), "0");
    assert_eq!(limit("Max file size"), "0");
    assert_eq!(limit("Max processes"), "0");
    assert_eq!(limit("Max cpu time"), NEVER.as_secs().to_string());
    let space: usize = limit("Max address space").parse().unwrap();
    assert!(space > memory && space < memory + (1 << 30), "{space}");
    let status = fs::read_to_string(process.join("status")).unwrap();
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    assert!(status.contains("Threads:\t1\n"), "{status}");
    assert_eq!(fs::read_to_string(process.join("oom_score_adj")).unwrap(), "1000\n");
    // The process's name is in brackets and may contain any character; niceness is the 17th field after it.
    let stat = fs::read_to_string(process.join("stat")).unwrap();
    let niceness = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(16).unwrap().to_owned();
    assert_eq!(niceness, "10");
    // Only root may read these files, because the child is not dumpable.
    if let Some(environment) = unless_closed(fs::read(process.join("environ"))) {
        assert_eq!(environment, b"");
    }
    if let Some(folder) = unless_closed(fs::read_link(process.join("cwd"))) {
        assert_eq!(folder, Path::new("/"));
    }
    if let Some(files) = unless_closed(fs::read_dir(process.join("fd"))) {
        let mut files: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        assert_eq!(files, ["0", "1", "2"]);
    }
    admitting.abort();
    fixture.answers_balance().await;
}

fn unless_closed<T>(read: io::Result<T>) -> Option<T> {
    match read {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
        read => Some(read.unwrap()),
    }
}

#[tokio::test]
async fn it_ends_when_nobody_waits_for_it_any_more() {
    let (fixture, admitting, process) = compiling((2 << 30) + 8192).await;
    admitting.abort();
    // The host must also reap the child: a zombie still has its folder.
    while process.exists() {
        tokio::task::yield_now().await;
    }
    fixture.answers_balance().await;
}

#[tokio::test]
async fn chat_is_answered_while_it_works() {
    let (fixture, admitting, process) = compiling((2 << 30) + 12288).await;
    for _ in 0..20 {
        fixture.answers_balance().await;
    }
    assert!(process.exists() && !admitting.is_finished());
    admitting.abort();
}

#[tokio::test]
async fn what_it_makes_of_a_large_module_is_kept_though_the_caller_has_gone() {
    let memory = (2 << 30) + 16384;
    let mut terms = Terms { compiles: true, ..Terms::default() };
    (terms.limits.allow_large, terms.limits.compile_memory) = (true, memory);
    let fixture = Fixture::with(terms).await;
    let upload = || Upload { bytes: guests::ECHO.to_vec(), size: SizeClass::Large, by: UPLOADER };
    let sandbox = Arc::clone(&fixture.sandbox);
    let admitting = tokio::spawn(async move { sandbox.admit(upload()).await });
    // The class large has twice the memory limit.
    while find_child(2 * memory).is_none() && !admitting.is_finished() {
        tokio::task::yield_now().await;
    }
    admitting.abort();
    // The second upload waits only until the first one, which goes on without its caller, has compiled the module.
    fixture.sandbox.admit(upload()).await.unwrap();
    assert_eq!(fixture.sandbox.registry_counts().compiled, 1);
    assert_eq!(fixture.list_compiled().len(), 1);
}

#[tokio::test]
async fn a_large_module_is_refused_and_counted_though_the_caller_has_gone() {
    let memory = (2 << 30) + 20480;
    let mut terms = Terms { compiles: true, ..Terms::default() };
    (terms.limits.allow_large, terms.limits.compile_memory) = (true, memory);
    terms.limits.compile_time = scaled(Duration::from_secs(1));
    let fixture = Fixture::with(terms).await;
    let sandbox = Arc::clone(&fixture.sandbox);
    let upload = Upload { bytes: bytes::endless_to_compile(0), size: SizeClass::Large, by: UPLOADER };
    let admitting = tokio::spawn(async move { sandbox.admit(upload).await });
    while find_child(2 * memory).is_none() && !admitting.is_finished() {
        tokio::task::yield_now().await;
    }
    admitting.abort();
    // Uploads are compiled one at a time, so this one is admitted after the first has ended.
    fixture.add(guests::ECHO).await;
    assert_eq!(fixture.sandbox.registry_counts().refused, [("compile_out_of_time", 1)].into());
}
