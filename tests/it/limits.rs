//! The sandbox's limits in tests: a test can reach only the limit that it is about, on any machine.

use std::time::Duration;

use twitchy::config::SandboxConfig;

/// Longer than any test takes on any machine, so this limit is never reached.
pub(crate) const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// More address space than any compilation takes.
const ENDLESS_BYTES: usize = 1 << 40;

/// The environment variable that scales the limits on compiling and processor time, such as 4 or 0.25. No test's
/// outcome may depend on their size.
const SCALE: &str = "TWITCHY_TEST_LIMITS";

fn scale() -> f64 {
    let Ok(text) = std::env::var(SCALE) else { return 1.0 };
    let scale = text.parse().ok().filter(|scale| (0.01..=100.0).contains(scale));
    scale.unwrap_or_else(|| panic!("{SCALE} is a number from 0.01 to 100, not {text:?}"))
}

/// Scales a limit on processor time or on the time of compiling by [`SCALE`].
pub(crate) fn scaled(span: Duration) -> Duration {
    span.mul_f64(scale())
}

/// Scales a limit on the memory of compiling by [`SCALE`].
pub(crate) fn scaled_bytes(bytes: usize) -> usize {
    (bytes as f64 * scale()) as usize
}

/// The limits of production, without those that a slow or busy machine could reach. A guest's processor time stays
/// limited, but is not measured: see [`ManualClock`](twitchy::bench::clock::ManualClock).
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
