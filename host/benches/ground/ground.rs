//! A sandbox on a real store, for benches.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use twitchy::bench::{self, BenchOptions};
use twitchy::config::SandboxConfig;
use twitchy::domain::id::ChannelId;
use twitchy::domain::ports::SystemClock;
use twitchy::sandbox::Sandbox;
use twitchy::sandbox::compile::compiler::CompilerProgram;

pub(crate) const SHOP: ChannelId = ChannelId(100);

/// Limits that even an instance that is reused for a whole bench does not reach.
fn limits() -> SandboxConfig {
    SandboxConfig {
        host_calls: u32::MAX,
        cpu_budget: Duration::from_secs(3600),
        deadline: Duration::from_secs(3600),
        credit: Duration::from_secs(3600),
        credit_window: Duration::from_secs(3600),
        ..SandboxConfig::default()
    }
}

/// A sandbox on a temporary store, which is deleted on drop.
pub(crate) struct Ground {
    pub(crate) runtime: Runtime,
    pub(crate) sandbox: Arc<Sandbox>,
    _ground: bench::BenchHost,
}

impl Ground {
    /// With room in memory for the code of `compiled_modules` uploaded modules.
    pub(crate) fn new(compiled_modules: usize) -> Ground {
        let limits = SandboxConfig { compiled_modules, ..limits() };
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let ground =
            bench::BenchHost::open(BenchOptions { clock: Arc::new(SystemClock), limits, ..BenchOptions::default() })
                .unwrap();
        let (path, wall) = (env!("CARGO_BIN_EXE_twitchy").into(), Duration::from_secs(600));
        let parts = ground.compile_parts(&ground.folder.join("artefacts"), CompilerProgram::Program { path, wall });
        let sandbox = ground.start_sandbox(parts.unwrap()).unwrap();
        Ground { runtime, sandbox, _ground: ground }
    }
}
