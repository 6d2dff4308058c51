//! The sandbox's limits in tests: only what a test is about can be reached, on whatever machine it runs.

use std::time::Duration;

use twitchy::config::SandboxConfig;

/// Longer than any test takes on any machine: a limit of this length is never reached.
pub(crate) const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// More address space than compiling anything takes.
const ENDLESS_BYTES: usize = 1 << 40;

/// The variable that scales the limits on compiling and on processor time, such as 4 or 0.25. A test whose outcome depends on
/// their size is wrong.
const SCALE: &str = "TWITCHY_TEST_LIMITS";

fn scale() -> f64 {
    let Ok(text) = std::env::var(SCALE) else { return 1.0 };
    let scale = text.parse().ok().filter(|scale| (0.01..=100.0).contains(scale));
    scale.unwrap_or_else(|| panic!("{SCALE} is a number from 0.01 to 100, not {text:?}"))
}

/// A limit on processor time or on compiling, by [`SCALE`].
pub(crate) fn scaled(span: Duration) -> Duration {
    span.mul_f64(scale())
}

/// A limit on the memory of compiling, by [`SCALE`].
pub(crate) fn scaled_bytes(bytes: usize) -> usize {
    (bytes as f64 * scale()) as usize
}

/// The limits of production, but for those that a slow or busy machine would reach: these end nothing. What a guest may
/// compute stays limited, and is not measured: see [`ManualClock`](twitchy::bench::clock::ManualClock).
pub(crate) fn patient() -> SandboxConfig {
    let production = SandboxConfig::default();
    SandboxConfig {
        cpu_budget: scaled(production.cpu_budget),
        credit: scaled(production.credit),
        compile_memory: ENDLESS_BYTES,
        deadline: NEVER,
        compile_time: NEVER,
        ..production
    }
}
