//! Compiled modules on disk, which the host loads only if it wrote them itself.

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::SystemTime;

use tests::guests;
use twitchy::config::SandboxConfig;
use twitchy::domain::manifest::{ModuleSource, SizeClass};
use twitchy::sandbox::Sandbox;
use twitchy::sandbox::compile::error::CompileError;

use super::fixture::{Fixture, Terms, text};
use crate::harness::patient;
use crate::workshop::upload;

/// Length in bytes of the keyed checksum at an artefact's beginning.
const MAC: usize = 32;

/// A sandbox that has compiled one module, and the file of its machine code.
async fn compiled() -> (Fixture, PathBuf) {
    let fixture = Fixture::with(Terms { compiles: true, ..Terms::default() }).await;
    fixture.add(guests::COUNTER).await;
    let [file] = fixture.list_compiled().try_into().unwrap();
    (fixture, file)
}

/// Checks that `sandbox`, of the next process, can load the module and run it.
async fn works(fixture: &Fixture, sandbox: &Sandbox) {
    let manifest = upload(sandbox, guests::COUNTER, SizeClass::Small).await.unwrap();
    let answer = text(sandbox.invoke(fixture.call(&manifest)).await);
    assert!(answer.starts_with("count is "), "{answer}");
}

#[tokio::test]
async fn the_next_start_loads_what_was_compiled() {
    let (fixture, _) = compiled().await;
    let sandbox = fixture.restart();
    works(&fixture, &sandbox).await;
    assert_eq!(sandbox.registry_counts().compiled, 0);
}

#[tokio::test]
async fn a_damaged_file_is_compiled_anew() {
    let (fixture, file) = compiled().await;
    let good = fs::read(&file).unwrap();
    let mut damaged = good.clone();
    damaged[good.len() / 2] ^= 1;
    for bad in [damaged, good[..good.len() / 2].to_vec(), Vec::new(), b"not at all".to_vec()] {
        fs::write(&file, bad).unwrap();
        works(&fixture, &fixture.restart()).await;
        assert_eq!(fs::read(&file).unwrap().len(), good.len());
    }
}

#[tokio::test]
async fn another_hosts_file_is_compiled_anew() {
    let ((fixture, file), (_other, foreign)) = (compiled().await, compiled().await);
    let foreign = fs::read(foreign).unwrap();
    fs::write(&file, &foreign).unwrap();
    works(&fixture, &fixture.restart()).await;
    assert_ne!(fs::read(&file).unwrap()[..MAC], foreign[..MAC]);
}

#[tokio::test]
async fn what_stays_in_memory_is_not_the_first_to_go_from_the_disk() {
    let (fixture, file) = compiled().await;
    let compiled_bytes = fs::metadata(&file).unwrap().len() * 5 / 2;
    let sandbox = fixture.restart_with(&SandboxConfig { compiled_bytes, ..patient() });
    sandbox.add_module(guests::COUNTER, ModuleSource::Bundled, SizeClass::Small).await.unwrap();
    // An old modification time makes the file the first to be evicted, unless the sandbox keeps those in memory.
    File::options().write(true).open(&file).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    for component in [guests::ECHO, guests::REFUSES, guests::TRAPS, guests::TELLS_VERSION] {
        upload(&sandbox, component, SizeClass::Small).await.unwrap();
    }
    assert!(file.exists());
    assert!(fixture.list_compiled().len() < 5, "others had to go");
}

#[tokio::test]
async fn a_module_whose_code_cannot_be_kept_runs_from_memory() {
    let (fixture, file) = compiled().await;
    // Without its folder no file can be written, as on a full disk.
    fs::remove_dir_all(file.parent().unwrap()).unwrap();
    let echo = fixture.add(guests::ECHO).await;
    fixture.invoke(&echo).await.unwrap();
    fixture.invoke(&echo).await.unwrap();
    assert_eq!(fixture.sandbox.registry_counts().compiled, 2);
}

#[tokio::test]
async fn machine_code_is_no_upload() {
    let (fixture, file) = compiled().await;
    let code = &fs::read(file).unwrap()[MAC..];
    let added = upload(&fixture.sandbox, code, SizeClass::Small).await;
    assert_eq!(added, Err(CompileError::Precompiled));
}

#[tokio::test]
async fn what_is_no_component_is_refused() {
    let fixture = Fixture::new().await;
    let half = &guests::COUNTER[..guests::COUNTER.len() / 2];
    for (bytes, what) in
        [(&b""[..], "nothing"), (b"hello", "text"), (half, "half"), (b"\0asm\x01\0\0\0", "a core module")]
    {
        let added = upload(&fixture.sandbox, bytes, SizeClass::Small).await;
        assert!(matches!(added, Err(CompileError::Invalid(_))), "{what}: {added:?}");
    }
    let empty = b"\0asm\x0d\0\x01\0";
    let added = upload(&fixture.sandbox, empty, SizeClass::Small).await;
    assert!(matches!(added, Err(CompileError::Contract(_))), "{added:?}");
    let huge = vec![0; (16 << 20) + 1];
    let added = upload(&fixture.sandbox, &huge, SizeClass::Small).await;
    assert_eq!(added, Err(CompileError::TooLarge(16)));
}
