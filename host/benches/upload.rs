//! The time from an upload until its module can be called, and the time of the first call of a module whose code is not
//! in memory.

#![expect(clippy::unwrap_used, reason = "a bench that cannot begin has nothing to tell")]

#[path = "ground/ground.rs"]
mod ground;

use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use ground::{Ground, SHOP};
use tests::guests;
use twitchy::domain::manifest::{Manifest, SizeClass};
use twitchy::modules::publish::{Admitted, Runtime};
use twitchy::sandbox::compile::compiler::Uploader;
use twitchy::sandbox::compile::parts::Upload;
use twitchy::testing::{call, channel};

/// The component with a comment section that changes its digest.
fn another(component: &[u8], number: u32) -> Vec<u8> {
    let mut bytes = component.to_vec();
    bytes.extend([0, 5, 0]);
    bytes.extend(number.to_le_bytes());
    bytes
}

/// Checks the upload, saves its bytes and makes the module callable.
fn upload(ground: &Ground, bytes: &[u8]) -> Arc<Manifest> {
    let upload = Upload { bytes: bytes.to_vec(), size: SizeClass::Small, by: Uploader::Operator };
    let Admitted { manifest, bytes } = ground.runtime.block_on(ground.sandbox.admit(upload)).unwrap();
    ground.sandbox.components().save(manifest.digest, &bytes).unwrap();
    ground.sandbox.offer(manifest)
}

fn uploads(criterion: &mut Criterion) {
    let ground = Ground::new(128);
    let mut number = 0;
    criterion.bench_function("upload to ready", |bencher| {
        bencher.iter_custom(|times| {
            let mut took = Duration::ZERO;
            for _ in 0..times {
                number += 1;
                let bytes = another(guests::ECHO, number);
                let started = Instant::now();
                upload(&ground, &bytes);
                took += started.elapsed();
            }
            took
        });
    });
    ground.runtime.block_on(ground.sandbox.shut_down());
}

fn cold_calls(criterion: &mut Criterion) {
    // Room for one module, so that each of the two evicts the other.
    let ground = Ground::new(1);
    let modules = [1, 2].map(|number| upload(&ground, &another(guests::ECHO, number)));
    criterion.bench_function("cold call", |bencher| {
        bencher.iter_custom(|times| {
            let started = Instant::now();
            for turn in 0..times {
                let module = Arc::clone(&modules[usize::from(turn % 2 == 1)]);
                ground.runtime.block_on(ground.sandbox.invoke(call("1", channel(SHOP, "shop"), &module))).unwrap();
            }
            started.elapsed()
        });
    });
    let counts = ground.sandbox.registry_counts();
    assert!(counts.misses > counts.hits, "they were to be cold: {counts:?}");
    ground.runtime.block_on(ground.sandbox.shut_down());
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = uploads, cold_calls
}
criterion_main!(benches);
