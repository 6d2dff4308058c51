//! Hostile uploads over HTTP: each gets its own refusal, and an ordinary upload succeeds afterwards.

use axum::body::{Body, Bytes};
use tests::guests;
use tokio_stream::StreamExt;
use twitchy::config::SandboxConfig;

use super::{PUSH, WASM, push};
use crate::http::harness::{Answer, Site};
use crate::limits::{patient, scaled, scaled_bytes};
use crate::sandbox::bytes;
#[cfg(target_os = "linux")]
use crate::sandbox::compilers::find_child;

const MIB: usize = 1 << 20;

async fn refuse(site: &Site, component: &[u8]) -> String {
    let answer = push(site, &site.own, component).await;
    format!("{} {}", answer.status, answer.code())
}

/// Machine code of a module that the host has compiled, without the host's signature.
fn find_machine_code() -> Vec<u8> {
    const MARK: usize = 32;
    let artefacts = std::fs::read_dir(concat!(env!("CARGO_TARGET_TMPDIR"), "/artefacts")).unwrap();
    let mut paths = artefacts.map(|entry| entry.unwrap().path());
    let path = paths.find(|path| path.extension().is_some_and(|ending| ending == "cwasm")).unwrap();
    std::fs::read(path).unwrap().split_off(MARK)
}

#[tokio::test]
async fn garbage_halves_and_too_much_are_refused_each_by_its_code() {
    let site = Site::open().await;
    let half = &guests::COUNTER[..guests::COUNTER.len() / 2];
    let machine_code = find_machine_code();
    let later = bytes::replaced(guests::ECHO, b"command/module@0.1.0", b"command/module@0.2.0");
    let no_name = bytes::replaced(guests::LOOPS_FOREVER, b"loops-forever", b"LOOPS FOREVER");
    for (component, expected) in [
        (&b""[..], "422 invalid_component"),
        (b"hello", "422 invalid_component"),
        (half, "422 invalid_component"),
        (&machine_code, "422 precompiled"),
        (&bytes::many_functions(1_000_000), "422 over_ceiling"),
        (&bytes::deep_blocks(50_000), "422 over_ceiling"),
        (&bytes::memory(1 << 16), "422 over_ceiling"),
        (&later, "422 unsupported_contract"),
        (b"\0asm\x0d\0\x01\0", "422 contract_mismatch"),
        (guests::WANTS_UNKNOWN, "422 unknown_import"),
        (&no_name, "422 invalid_info"),
        (guests::READS_IN_INFO, "422 info_failed"),
    ] {
        assert_eq!(refuse(&site, component).await, expected);
    }
    assert_eq!(refuse(&site, guests::ECHO).await, "201 ");
    site.close().await;
}

#[tokio::test]
async fn an_unknown_import_is_named() {
    let site = Site::open().await;
    push(&site, &site.own, guests::WANTS_UNKNOWN).await.check(
        r#"422 application/problem+json
        {
          "code": "unknown_import",
          "detail": "The module imports \"tests:moon/tides@0.1.0\", which this host does not offer.",
          "status": 422,
          "title": "Unprocessable Entity",
          "type": "urn:twitchy:problem:unknown_import"
        }"#,
    );
    site.close().await;
}

#[tokio::test]
async fn what_compiles_too_long_or_too_large_is_told_so() {
    // Each module reaches one limit alone: the first one's memory does not grow with time.
    let out_of_time = SandboxConfig { compile_time: scaled(std::time::Duration::from_secs(1)), ..patient() };
    let out_of_memory = SandboxConfig { compile_memory: scaled_bytes(16 << 20), ..patient() };
    for (limits, component, expected) in [
        (out_of_time, bytes::endless_to_compile(0), "422 compile_out_of_time"),
        (out_of_memory, bytes::slow_to_compile(60), "422 compile_out_of_memory"),
    ] {
        let site = Site::with_limits(Default::default(), limits).await;
        assert_eq!(refuse(&site, &component).await, expected);
        site.close().await;
    }
}

/// The host does not read an endless body to its end.
#[tokio::test]
async fn the_first_byte_too_many_ends_an_upload() {
    let site = Site::open().await;
    let endless = || {
        let pieces = std::iter::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![0; MIB])));
        Body::from_stream(tokio_stream::iter(pieces))
    };
    for headers in [&[WASM][..], &[WASM, ("idempotency-key", "endless")]] {
        let answer = site.send_body(PUSH, &site.own, headers, endless()).await;
        assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
    }
    // Up to the limit the host reads the body, and then refuses it because it is no component.
    let answer = site.send_body(PUSH, &site.own, &[WASM], Body::from(vec![0; 16 * MIB])).await;
    assert_eq!((answer.status, answer.code().as_str()), (422, "invalid_component"));
    site.close().await;
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_told_so() {
    let site = Site::open().await;
    let broken = tokio_stream::once(Ok(Bytes::from_static(&guests::ECHO[..1000])))
        .chain(tokio_stream::once(Err(std::io::Error::other("it hangs up"))));
    let answer = site.send_body(PUSH, &site.own, &[WASM], Body::from_stream(broken)).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_body"));
    let answer = site.send_body(PUSH, &site.own, &[], Body::from(guests::ECHO)).await;
    assert_eq!((answer.status, answer.code().as_str()), (415, "unsupported_media_type"));
    site.close().await;
}

/// Polls the upload once, which starts it. Returns whether it is still pending.
async fn is_waiting(upload: &mut (impl Future<Output = Answer> + Unpin)) -> bool {
    tokio::select! {
        biased;
        _ = upload => false,
        () = std::future::ready(()) => true,
    }
}

#[tokio::test]
async fn bodies_that_never_arrive_hold_up_only_their_own_key() {
    let site = Site::open().await;
    let pending = || Body::from_stream(tokio_stream::pending::<Result<Bytes, std::io::Error>>());
    let mut keys = vec![site.own.clone(), site.own.clone()];
    for _ in 0..4 {
        let key = site.make_key("channel:200", None).await;
        keys.extend([key.clone(), key]);
    }
    let mut waiting: Vec<_> = keys.iter().map(|key| Box::pin(site.send_body(PUSH, key, &[WASM], pending()))).collect();
    for one in &mut waiting[..2] {
        assert!(is_waiting(one).await);
    }
    let refused = push(&site, &site.own, guests::ECHO).await;
    assert_eq!((refused.status, refused.code().as_str(), refused.header("retry-after")), (429, "rate_limited", "5"));
    for one in &mut waiting[2..9] {
        assert!(is_waiting(one).await);
    }
    assert_eq!(push(&site, &site.other, guests::ECHO).await.status, 201, "nine slow bodies keep no creator out");
    assert!(is_waiting(&mut waiting[9]).await);
    let refused = push(&site, &site.other, guests::COUNTER).await;
    assert_eq!((refused.status, refused.code().as_str(), refused.header("retry-after")), (503, "busy", "5"));
    assert_eq!(push(&site, &site.operator, guests::COUNTER).await.status, 201, "creators leave the operator room");
    drop(waiting);
    assert_eq!(push(&site, &site.own, guests::REFUSES).await.status, 201);
    site.close().await;
}

#[tokio::test]
async fn a_body_that_trickles_is_given_up() {
    let site = Site::open().await;
    tokio::time::pause();
    for headers in [&[WASM][..], &[WASM, ("idempotency-key", "slow")]] {
        let bytes = tokio_stream::iter(guests::ECHO).then(async |byte| {
            tokio::time::sleep(std::time::Duration::from_secs(3)).await;
            Ok::<_, std::io::Error>(Bytes::copy_from_slice(&[*byte]))
        });
        let began = tokio::time::Instant::now();
        let answer = site.send_body(PUSH, &site.own, headers, Body::from_stream(bytes)).await;
        assert_eq!((answer.status, answer.code().as_str()), (408, "request_timeout"));
        assert_eq!(began.elapsed().as_secs(), 10);
    }
    tokio::time::resume();
    site.close().await;
}

/// A killed compiler says nothing about the module, so the answer is not kept for the Idempotency-Key.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_compiler_killed_from_outside_is_worth_another_try() {
    let memory = (2 << 30) + 36864;
    let limits = SandboxConfig { compile_memory: memory, ..patient() };
    let site = Site::with_limits(Default::default(), limits).await;
    let component = bytes::endless_to_compile(0);
    for signal in ["-KILL", "-TERM"] {
        let headers = [WASM, ("idempotency-key", "once")];
        let killed = async {
            let child = loop {
                match find_child(memory) {
                    Some(child) => break child,
                    None => tokio::task::yield_now().await,
                }
            };
            let id = child.file_name().unwrap().to_owned();
            assert!(std::process::Command::new("kill").arg(signal).arg(id).status().unwrap().success());
        };
        let upload = site.send_body(PUSH, &site.own, &headers, Body::from(component.clone()));
        let (answer, ()) = tokio::join!(upload, killed);
        assert_eq!((answer.status, answer.code().as_str()), (503, "compile_interrupted"), "{signal}");
        assert_eq!((answer.header("retry-after"), answer.header("idempotency-replayed")), ("30", ""), "{signal}");
    }
    assert_eq!(push(&site, &site.own, guests::ECHO).await.status, 201);
    site.close().await;
}

#[tokio::test]
async fn what_is_too_much_for_its_size_class_names_the_other_one() {
    for (allow_large, hint) in [(true, "push it with --large"), (false, "[sandbox] allow_large")] {
        let site = Site::with_limits(Default::default(), SandboxConfig { allow_large, ..patient() }).await;
        for component in [bytes::many_functions(1_000_000), vec![0; 17 * MIB]] {
            let refused = push(&site, &site.own, &component).await;
            let detail = refused.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains("size class large") && detail.contains(hint), "{} {detail}", refused.status);
        }
        site.close().await;
    }
}
