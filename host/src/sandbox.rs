//! Runs modules as WebAssembly components, each call in a fresh sandbox.
//!
//! Promised: no guest runs without a processor budget, a deadline and a memory limit; what it does through
//! capabilities is a transaction; whatever it does wrong ends as an [`InvokeError`] that says whose fault it was, and
//! the next call finds everything in order. Guests have threads of their own, so nothing else waits for them. Absent:
//! Twitch and the vault, of which nothing here can be reached, and the web but for [`web`]; and compiling in a process that can be killed,
//! which must be there before strangers may upload.

mod artefact;
mod bindings;
mod capability;
mod contract;
mod cpu;
mod credit;
mod engine;
mod failure;
mod guest_log;
mod host_calls;
mod info;
mod instance;
mod invoke;
mod lanes;
mod limits;
pub mod measure;
mod random;
mod registry;
mod run;
mod slots;
mod threads;
mod ticker;
pub mod transaction;
pub mod web;
pub mod world;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinError;

use crate::config::SandboxConfig;
use crate::domain::invocation::{CommandError, Invocation};
use crate::domain::manifest::{Grants, Manifest, ModuleSource, SizeClass};
use crate::domain::message::Reply;
use artefact::ArtefactCache;
use invoke::Invoker;
use lanes::Lanes;
use registry::Registry;
use threads::GuestThreads;
use world::World;

/// Why the sandbox could not be built: the machine's fault or the operator's.
#[derive(Debug, thiserror::Error)]
pub enum StartSandboxError {
    #[error("engine: {0}")]
    Engine(String),
    #[error("artefact cache: {0}")]
    Cache(#[source] std::io::Error),
    #[error("guest threads: {0}")]
    Runtime(#[source] std::io::Error),
}

/// Why bytes did not become a module; shown to whoever brought them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    #[error("the module is larger than {0} MiB")]
    TooLarge(usize),
    #[error("modules of this size class are not allowed on this host")]
    SizeClass,
    #[error("the module is machine code already: only WebAssembly is accepted")]
    Precompiled,
    #[error("not a valid component: {0}")]
    Invalid(String),
    #[error("the module imports {0:?}, which this host does not offer")]
    UnknownImport(String),
    #[error("the module does not fit the contract: {0}")]
    Contract(String),
    #[error("what the module says about itself is wrong: {0}")]
    Info(String),
    #[error("the module could not say what it offers: {0}")]
    Run(#[from] InvokeError),
    #[error("the host is at fault: {0}")]
    Host(String),
}

/// Everything that runs guests.
pub struct Sandbox {
    invoker: Arc<Invoker>,
    lanes: Arc<Lanes>,
}

impl Sandbox {
    /// Builds the engine of the small modules and the threads that guests run on. `cache_dir` is made where it is
    /// not there, and closed to other users.
    pub fn start(config: &SandboxConfig, cache_dir: &Path, world: Arc<World>) -> Result<Sandbox, StartSandboxError> {
        let cache = ArtefactCache::open(cache_dir).map_err(StartSandboxError::Cache)?;
        let registry = Arc::new(Registry::start(config, cache)?);
        let threads = GuestThreads::start(config.threads).map_err(StartSandboxError::Runtime)?;
        let lanes = Arc::new(Lanes::new(threads));
        Ok(Sandbox { invoker: Arc::new(Invoker::new(registry, world, config)), lanes })
    }

    /// Checks, compiles (or loads from the cache) and asks a component what it offers. From then on it can be invoked.
    pub async fn add_module(
        &self,
        bytes: &[u8],
        source: ModuleSource,
        size: SizeClass,
    ) -> Result<Arc<Manifest>, CompileError> {
        let registry = Arc::clone(&self.invoker.registry);
        let added = self.lanes.run_slowly(registry.add(bytes.to_vec(), source, size));
        added.await.map_err(|error| CompileError::Host(unfinished(&error)))?
    }

    /// Runs a module once, in a fresh instance, and commits what it changed; after a conflict again, three times at
    /// most. Calls of modules that may write run one after another in each channel, in the order in which this was
    /// first polled. Dropping the future takes the call back while it waits for its turn, and never stops it later.
    pub async fn invoke(&self, call: Call) -> Result<Answer, InvokeError> {
        let queued = self.invoker.queue(call).await?;
        let invoker = Arc::clone(&self.invoker);
        let invoked = self.lanes.run(queued.passage(), async move { invoker.invoke(queued).await });
        invoked.await.map_err(|error| InvokeError::Host(unfinished(&error)))?
    }

    /// Ends the guests' threads; calls that still run are cut off.
    pub async fn shut_down(&self) {
        self.lanes.shut_down().await;
    }
}

/// Without what the panic said, which may quote a message.
fn unfinished(error: &JoinError) -> String {
    let why = if error.is_panic() { "a guest's thread panicked" } else { "the guests' threads were ended" };
    why.to_owned()
}

/// One invocation with the module that shall answer it.
#[derive(Clone, Debug)]
pub struct Call {
    pub manifest: Arc<Manifest>,
    pub grants: Grants,
    pub invocation: Arc<Invocation>,
}

/// A module's answer; what it changed is on disk by now.
#[derive(Clone, Debug)]
pub struct Answer {
    pub outcome: Result<Vec<Reply>, CommandError>,
    /// The invocation was committed before, and these are the replies of that time.
    pub is_duplicate: bool,
    pub took: Duration,
}

/// Why a module gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    #[error("the module ran past its deadline")]
    Deadline,
    #[error("the module used up its processor time")]
    Cpu,
    #[error("the module asked for more memory than it may have")]
    Memory,
    #[error("the module trapped: {0}")]
    Trap(String),
    #[error("other changes came first, each time")]
    Conflict,
    /// Never started, or could not run for most of its time: nobody's fault in particular.
    #[error("too many calls at once")]
    Busy,
    #[error("the host is at fault: {0}")]
    Host(String),
}

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    Guest,
    Host,
}

impl InvokeError {
    pub fn blame(&self) -> Blame {
        match self {
            InvokeError::Deadline | InvokeError::Cpu | InvokeError::Memory | InvokeError::Trap(_) => Blame::Guest,
            InvokeError::Conflict | InvokeError::Busy | InvokeError::Host(_) => Blame::Host,
        }
    }
}
