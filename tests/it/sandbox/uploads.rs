//! Hostile uploads: each is refused with its own error at a bounded cost, and the host still works.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tests::guests;
use twitchy::config::SandboxConfig;
use twitchy::domain::manifest::SizeClass;
use twitchy::modules::publish::{Admitted, Runtime};
use twitchy::sandbox::Sandbox;
use twitchy::sandbox::call::InvokeError;
use twitchy::sandbox::compile::error::CompileError;
use twitchy::sandbox::compile::parts::Upload;

use super::bytes;
use super::fixture::{Fixture, Terms, UPLOADER};
use crate::limits::{patient, scaled, scaled_bytes};

async fn admit(sandbox: &Sandbox, bytes: &[u8]) -> Result<Admitted, CompileError> {
    sandbox.admit(Upload { bytes: bytes.to_vec(), size: SizeClass::Small, by: UPLOADER }).await
}

/// A host without compiled modules.
async fn fresh(limit: impl FnOnce(&mut SandboxConfig)) -> Fixture {
    let mut terms = Terms { compiles: true, ..Terms::default() };
    limit(&mut terms.limits);
    Fixture::with(terms).await
}

async fn refused(fixture: &Fixture, bytes: &[u8]) -> CompileError {
    let error = admit(&fixture.sandbox, bytes).await.unwrap_err();
    assert_eq!(fixture.list_compiled(), Vec::<PathBuf>::new(), "nothing is kept of what was refused");
    error
}

#[tokio::test]
async fn an_admitted_module_is_called_once_it_is_offered() {
    let fixture = fresh(|_| {}).await;
    let admitted = admit(&fixture.sandbox, guests::ECHO).await.unwrap();
    assert_eq!(admitted.bytes, guests::ECHO);
    let error = fixture.invoke(&admitted.manifest).await.unwrap_err();
    assert!(error.to_string().contains("not offered"), "{error}");
    fixture.sandbox.offer(Arc::clone(&admitted.manifest));
    fixture.invoke(&admitted.manifest).await.unwrap();
    let counts = fixture.sandbox.registry_counts();
    assert_eq!(counts.compiled, 1);
    let metrics = fixture.world.telemetry.metrics.render(Vec::new());
    let told = ["compile", "load"].map(|what| format!("twitchy_module_{what}_seconds_count "));
    let told = told.map(|name| metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()));
    assert_eq!(told, [Some(counts.compiled), Some(counts.loads)], "{metrics}");
}

#[tokio::test]
async fn garbage_and_halves_are_no_components() {
    let fixture = fresh(|_| {}).await;
    let ends = bytes::list_section_ends(guests::ECHO);
    let whole = *ends.last().unwrap();
    // Cut at each section's end, and one byte before: a prefix of whole sections lacks at least the export.
    for end in ends.iter().flat_map(|end| [*end, end - 1]).filter(|end| *end < whole) {
        refused(&fixture, &guests::ECHO[..end]).await;
    }
    for (garbage, name) in [(&b""[..], "nothing"), (b"hello", "text"), (b"\0asm\x01\0\0\0", "a core module")] {
        let error = refused(&fixture, garbage).await;
        assert!(matches!(error, CompileError::Invalid(_)), "{name}: {error:?}");
    }
    let mut damaged = guests::ECHO.to_vec();
    damaged.iter_mut().skip(8).step_by(97).for_each(|byte| *byte ^= 0x55);
    assert!(matches!(refused(&fixture, &damaged).await, CompileError::Invalid(_)));
    fixture.answers_balance().await;
}

#[tokio::test]
async fn too_much_of_anything_is_refused_by_name() {
    let fixture = fresh(|_| {}).await;
    for (hostile, what) in [
        (bytes::many_functions(1_000_000), "more than 20000 functions"),
        (bytes::one_function(1 << 20), "more than 262144 bytes in a function"),
        (bytes::many_locals(40_000), "more than 4000 variables"),
        (bytes::deep_blocks(50_000), "more than 2000 blocks"),
        (bytes::deep_components(50), "more than 8 components one inside the other"),
        (bytes::nested_types(20_000, 0x41), "more than 16 component types one inside the other"),
        (bytes::nested_types(1_000_000, 0x42), "more than 16 component types one inside the other"),
        (bytes::memory(1 << 16), "bytes of memory at the start"),
        (bytes::many_modules(1_000), "more than 16 core modules"),
        (bytes::many_instances(100), "more than 16 instances of core modules"),
        (bytes::many_instances(1_000_000), "instances"),
        (bytes::many_types(100_000), "more than 5000 types"),
        (bytes::many_segments(100_000), "more than 10000 segments"),
        (bytes::many_exports(2_001, 1), "more than 2000 exports"),
        (bytes::commented(15 << 20), "bytes of custom sections"),
    ] {
        let error = refused(&fixture, &hostile).await;
        assert!(matches!(&error, CompileError::TooComplex(why) if why.contains(what)), "{what}: {error:?}");
    }
    assert_eq!(fixture.sandbox.registry_counts().refused, [("over_ceiling", 15)].into());
    fixture.answers_balance().await;
}

#[tokio::test]
async fn what_does_not_fit_the_contract_is_told_apart() {
    let fixture = fresh(|_| {}).await;
    let unknown = CompileError::UnknownImports("\"tests:moon/tides@0.1.0\"".into());
    assert_eq!(refused(&fixture, guests::WANTS_UNKNOWN).await, unknown);
    let later = bytes::replaced(guests::ECHO, b"twitchy:command/module@0.1.0", b"twitchy:command/module@0.2.0");
    assert_eq!(refused(&fixture, &later).await, CompileError::ContractVersion("0.2.0".into()));
    let missing = refused(&fixture, b"\0asm\x0d\0\x01\0").await;
    assert!(
        matches!(&missing, CompileError::Contract(why) if why.contains("did you forget twitchy_sdk::export!")),
        "{missing:?}"
    );
    // Compiling succeeds; linking finds that the export is empty.
    let empty = refused(&fixture, &bytes::slow_to_compile(0)).await;
    assert!(matches!(empty, CompileError::Contract(_)), "{empty:?}");
    fixture.answers_balance().await;
}

/// Types of few bytes that expand to much pass the gate. They must be refused in the child, or as quickly in the host.
#[tokio::test]
async fn what_is_little_and_stands_for_much_is_refused_all_the_same() {
    let fixture = fresh(|_| {}).await;
    let types = "twitchy:command/types@0.1.0";
    for endless in [
        bytes::doubling_types(types, 60),
        bytes::many_imported_types(types, 100_000),
        bytes::many_exports(1_900, 1),
        bytes::many_exports(1, 100_001),
    ] {
        let error = refused(&fixture, &endless).await;
        assert!(matches!(error, CompileError::Invalid(_)), "{error:?}");
    }
    // These compile, but their exports do not fit the contract; the wrapping component has no exports.
    for within in [
        bytes::doubling_types(types, 18),
        bytes::many_imported_types(types, 20_000),
        bytes::many_exports(150, 90_000),
        bytes::wrapped(guests::ECHO),
    ] {
        let error = refused(&fixture, &within).await;
        assert!(matches!(&error, CompileError::Contract(why) if why.len() < 400), "{error:?}");
    }
    // A reference to a type by number takes few bytes but nests as an inline type does; the validator counts it.
    for depth in [50, 50_000] {
        let error = refused(&fixture, &bytes::lists_of_lists(types, depth)).await;
        assert!(matches!(error, CompileError::Contract(_) | CompileError::Invalid(_)), "{depth}: {error:?}");
    }
    let long = bytes::many_imported_types(&format!("tests:moon/{}@0.1.0", "a".repeat(90_000)), 1);
    let error = refused(&fixture, &long).await;
    assert!(matches!(&error, CompileError::UnknownImports(name) if name.len() == 102), "{error:?}");
    fixture.answers_balance().await;
}

#[tokio::test]
async fn what_is_slow_to_compile_runs_out_of_time() {
    // Compiling never ends and uses a constant amount of memory, so that no other limit can end it.
    let fixture = fresh(|limits| limits.compile_time = scaled(Duration::from_secs(1))).await;
    assert_eq!(refused(&fixture, &bytes::endless_to_compile(0)).await, CompileError::CompileTime);
    fixture.answers_balance().await;
}

#[tokio::test]
async fn what_takes_much_memory_to_compile_runs_out_of_it() {
    // The first limit is too small to read the component, the second to compile it.
    for memory in [1 << 20, 16 << 20] {
        let fixture = fresh(|limits| limits.compile_memory = scaled_bytes(memory)).await;
        assert_eq!(refused(&fixture, &bytes::slow_to_compile(60)).await, CompileError::CompileMemory, "{memory}");
        fixture.answers_balance().await;
    }
}

#[tokio::test]
async fn what_cannot_say_what_it_offers_leaves_no_code() {
    let fixture = fresh(|_| {}).await;
    let error = refused(&fixture, guests::READS_IN_INFO).await;
    assert!(matches!(error, CompileError::Run(_)), "{error:?}");
    assert_eq!(fixture.sandbox.registry_counts().compiled, 1);
    fixture.answers_balance().await;
}

#[tokio::test]
async fn what_misbehaves_when_it_is_asked_what_it_offers_ends_at_its_limits() {
    let fixture = fresh(|_| {}).await;
    let misbehaving = |misdeed: u8| {
        let mut by_way_of = b"misbehaves in info by way of 0".to_vec();
        let last = by_way_of.len() - 1;
        by_way_of[last] = misdeed;
        bytes::replaced(guests::MISBEHAVES_IN_INFO, b"misbehaves in info by way of 0", &by_way_of)
    };
    fixture.clock.step_processor(patient().tick);
    assert_eq!(refused(&fixture, &misbehaving(b'1')).await, CompileError::Run(InvokeError::Cpu));
    fixture.clock.stop_processor();
    for misdeed in [b'2', b'4'] {
        let error = refused(&fixture, &misbehaving(misdeed)).await;
        assert!(matches!(error, CompileError::Run(InvokeError::Trap(_))), "{error:?}");
    }
    assert_eq!(refused(&fixture, &misbehaving(b'3')).await, CompileError::Run(InvokeError::Memory));
    for (misdeed, why) in [
        (b'5', "more than 32 commands"),
        (b'6', "the word \"twice\" is there twice"),
        (b'7', "a command word is"),
        (b'8', "module's name"),
        (b'9', "version \"latest\""),
    ] {
        let error = refused(&fixture, &misbehaving(misdeed)).await;
        assert!(matches!(&error, CompileError::Info(told) if told.contains(why)), "{error:?}");
    }
    admit(&fixture.sandbox, guests::MISBEHAVES_IN_INFO).await.unwrap();
    fixture.answers_balance().await;
}

#[tokio::test]
async fn a_missing_compiler_is_the_hosts_fault() {
    let mut fixture = fresh(|_| {}).await;
    fixture.sandbox = Arc::new(fixture.restart_without_compiler());
    let error = refused(&fixture, guests::ECHO).await;
    assert!(matches!(error, CompileError::Host(_)), "{error:?}");
    fixture.answers_balance().await;
}

/// A hanging compiler uses no processor time, so that only the timeout can end it.
#[tokio::test]
#[cfg(unix)]
async fn a_compiler_that_hangs_is_killed_and_nobody_is_blamed() {
    use std::os::unix::fs::PermissionsExt;
    let mut fixture = fresh(|_| {}).await;
    let hanging = fixture.components().join("compiler");
    std::fs::write(&hanging, "#!/bin/sh\nexec sleep 1000000\n").unwrap();
    std::fs::set_permissions(&hanging, std::fs::Permissions::from_mode(0o700)).unwrap();
    let sandbox = fixture.restart_with_compiler(&hanging, Duration::from_millis(1));
    let ordinary = std::mem::replace(&mut fixture.sandbox, Arc::new(sandbox));
    assert_eq!(refused(&fixture, guests::ECHO).await, CompileError::Busy);
    fixture.sandbox = ordinary;
    fixture.answers_balance().await;
}

#[tokio::test]
async fn further_uploads_are_refused_while_many_wait() {
    let fixture = fresh(|_| {}).await;
    // The components differ, so that no upload can use the result of another.
    let uploads: Vec<_> = (0..12)
        .map(|number| {
            let (sandbox, bytes) = (Arc::clone(&fixture.sandbox), bytes::endless_to_compile(number));
            tokio::spawn(async move { admit(&sandbox, &bytes).await.unwrap_err() })
        })
        .collect();
    // One upload is compiled, eight wait, and the other three are refused at once.
    let (mut waiting, mut errors) = (uploads, Vec::new());
    while errors.len() < 3 {
        match waiting.iter().position(tokio::task::JoinHandle::is_finished) {
            Some(position) => errors.push(waiting.remove(position).await.unwrap()),
            None => tokio::task::yield_now().await,
        }
    }
    assert_eq!(errors, vec![CompileError::Busy; 3]);
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
    fixture.answers_balance().await;
}
