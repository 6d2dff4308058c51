//! Runs modules as WebAssembly components, each call in a fresh sandbox.
//!
//! Guarantees: no guest runs without a processor budget, a deadline and a memory limit. What a guest does through
//! capabilities is a transaction. A guest's fault ends as an [`InvokeError`] that says who is to blame, and affects no
//! later call. Guests run on threads of their own, so nothing else waits for them. Uploads are parsed and compiled in a
//! process that can be killed. Not here: Twitch and the vault, which no code here can reach; and the network, except
//! through [`web`].
//!
//! # Running
//!
//! - *Fresh for each call*: a typed pre-instance is kept for each module digest; an instance lives for one run. The
//!   pooling allocator makes that cheap. A call has a slot before it makes an instance, because an exhausted allocator
//!   fails instead of waiting.
//! - *Memory*: the SDK hands out an arena inside a module's initial memory before it asks for more, because growing a
//!   memory costs the host two system calls that all its threads wait for.
//! - *Processor time* is the thread's processor time while it runs the guest, read once a tick. A wall deadline covers
//!   the whole call from its slot on, including further runs. A call that misses its deadline because it waited for the
//!   processor gets `Busy`: that time is not the guest's.
//! - *Blame*: a guest's fault counts against the module. A host's fault is our error, and so is whatever the system
//!   refuses or ends (memory, executable pages, a killed compiler): that is never kept under an Idempotency-Key. A
//!   deadline missed while the ticker itself was late is the host's. Each fault's reason is in the module's own log and
//!   in its event; the host's log has the first one of each module, channel and kind in a minute.
//! - *Capabilities*: a module runs in a channel only where every interface that it imports is granted there to that
//!   very digest. Bundled modules come granted, and so do those that the operator's configuration names.
//! - *Storage* belongs to a module in a channel, not to a version: the version that wrote last is noted, and a module
//!   can ask for it.
//! - *Caps*: each movement of currency counts against a budget of its module in the channel, one for `payments` and one
//!   for `treasury`. A budget is a scope, noted only where a cap of a day is set.
//!
//! # Compiling
//!
//! - *The compiler's child* is this very program, as a hidden subcommand. Before it reads its input it takes the slow
//!   pool's priority and gives up privileges, files, most memory and most time; it ends with the parent's thread. At
//!   most three run: one for the operator's uploads, one for creators', one for modules that are called, so that none
//!   of these waits for another.
//! - *The queue*: of creators' uploads that wait, the next is that of the caller who has used the least processor time
//!   lately (`compile/compiler/queue`). A caller who has used up `[sandbox] compile_budget` is refused for a while, and
//!   so is a component that ran out of time or memory before. Eight wait in each queue; further ones get `Busy`. A
//!   large module is compiled to the end even if its caller hangs up: the same bytes sent again find it compiled.
//!   Modules of the host and of its configuration are compiled in the host, at the start.
//! - *Artefacts*: compiled code is cached on disk under (digest, size class, engine hash) with a keyed checksum. It is
//!   read into memory, checked there, then loaded; an artefact that fails the check is compiled again. The files used
//!   last are kept, up to `[sandbox] compiled_bytes`. A file that cannot be written is a warning, because the module
//!   runs from memory.
//! - *In memory* are the bundled and configured modules, and the uploaded ones that were called last, up to `[sandbox]
//!   compiled_modules`, where each MiB of machine code counts. An artefact is loaded once for all calls that wait for
//!   it, off the fast threads. A failure is not retried for a while.

mod bindings;
pub mod call;
pub mod calls;
pub mod compile;
mod invoke;
pub mod rehearsal;
pub mod run;
pub mod web;
pub mod world;

use std::sync::Arc;

use crate::admission::{Admission, Claim, Permit, RunTaskError, SlotUse};
use crate::config::SandboxConfig;
use crate::domain::id::ModuleDigest;
use crate::domain::invocation::Called;
use crate::domain::manifest::{Manifest, ModuleSource, SizeClass};
use crate::domain::report::Usage;
use crate::modules::publish::{Admitted, Runtime};
use crate::store::host::components::Components;
use call::{Answer, Call, InvokeError, Invoked};
use compile::error::CompileError;
use compile::parts::{CompileParts, Upload};
use compile::registry::Registry;
use compile::registry::counts::RegistryCounts;
use compile::registry::offered::UnloadableModule;
use invoke::Invoker;
use run::error::StartSandboxError;
use run::limits::InstanceLimits;
use world::World;

/// Everything that runs guests.
pub struct Sandbox {
    invoker: Arc<Invoker>,
    admission: Arc<Admission>,
    components: Arc<Components>,
    allows_large: bool,
}

impl Sandbox {
    /// Builds the engine of the small modules, and starts admission and the guests' threads.
    pub fn start(config: &SandboxConfig, parts: CompileParts, world: Arc<World>) -> Result<Sandbox, StartSandboxError> {
        let components = Arc::clone(&parts.components);
        let registry = Arc::new(Registry::start(config, parts, Arc::clone(&world.clock))?);
        registry.report_to(world.telemetry.clone());
        let admission = Admission::start(config, Arc::clone(&world.clock)).map_err(StartSandboxError::Runtime)?;
        let invoker = Arc::new(Invoker::new(registry, world, config));
        Ok(Sandbox { invoker, admission, components, allows_large: config.allow_large })
    }

    /// Makes a bundled module, or one that the operator configured, callable. Compiles the component or loads it from
    /// the cache. The module then stays in memory.
    ///
    /// # Errors
    /// Also for an upload: [`Sandbox::admit`] checks uploads, and publishing makes them callable.
    pub async fn add_module(
        &self,
        bytes: &[u8],
        source: ModuleSource,
        size: SizeClass,
    ) -> Result<Arc<Manifest>, CompileError> {
        if source == ModuleSource::Uploaded {
            return Err(CompileError::Host("an upload is admitted, and then published".to_owned()));
        }
        let registry = Arc::clone(&self.invoker.registry);
        let added = self.admission.run_slowly(registry.add_trusted(bytes.to_vec(), source, size));
        added.await.map_err(|error| unfinished(&error))?
    }

    /// Checks an upload: size, form, contract, compilation in a child process, and its manifest. Publishing makes the
    /// module callable. Dropping the future kills the child, unless a large module compiles: then a second upload of
    /// the same bytes finds the result.
    pub async fn admit(&self, upload: Upload) -> Result<Admitted, CompileError> {
        let bytes = Arc::new(upload.bytes);
        let registry = Arc::clone(&self.invoker.registry);
        let admitted = self.admission.run_slowly(registry.admit(Arc::clone(&bytes), upload.size, upload.by));
        let manifest = admitted.await.map_err(|error| unfinished(&error))??;
        Ok(Admitted { manifest, bytes: Arc::unwrap_or_clone(bytes) })
    }

    /// The largest size, in bytes, of a component of this class.
    ///
    /// # Errors
    /// If this host does not allow the class.
    pub fn find_upload_limit(&self, size: SizeClass) -> Result<usize, CompileError> {
        let is_allowed = size == SizeClass::Small || self.allows_large;
        if is_allowed { Ok(InstanceLimits::of(size).component_bytes) } else { Err(CompileError::SizeClass) }
    }

    /// Where the bytes of uploads are kept.
    pub fn components(&self) -> &Arc<Components> {
        &self.components
    }

    /// Counts of compilations and loads so far.
    pub fn registry_counts(&self) -> RegistryCounts {
        self.invoker.registry.counts()
    }

    /// What modules' calls are answered from.
    pub fn world(&self) -> &World {
        &self.invoker.world
    }

    /// The queues and pools that calls pass through.
    pub fn admission(&self) -> &Arc<Admission> {
        &self.admission
    }

    /// Runs a module on the calling thread, which is a guest's, in a fresh instance, and commits its changes. After a
    /// conflict the call runs again, three times at most.
    pub async fn invoke_with(&self, permit: &mut Permit, call: Call) -> Invoked {
        self.invoker.invoke(permit, call).await
    }

    /// Admits one call and runs it. The call runs even if the future is dropped.
    pub async fn invoke(&self, call: Call) -> Result<Answer, InvokeError> {
        self.invoke_metered(call).await.answer
    }

    /// Like [`Sandbox::invoke`], and also returns what the call used, whether it succeeded or not.
    pub async fn invoke_metered(&self, call: Call) -> Invoked {
        let refused = |error| Invoked { answer: Err(error), usage: Usage::default() };
        let claim = Claim::of(&call.manifest, call.invocation.channel.id, Called::Command);
        let Some(entry) = self.admission.enter(claim) else { return refused(InvokeError::Busy) };
        let invoker = Arc::clone(&self.invoker);
        let invoked = entry.run(move |permit| async move {
            match permit {
                Some(mut permit) => invoker.invoke(&mut permit, call).await,
                None => refused(InvokeError::Busy),
            }
        });
        invoked.await.unwrap_or_else(|error| refused(InvokeError::Host(error.to_string())))
    }

    /// Modules whose last load failed.
    pub fn list_unloadable(&self) -> Vec<UnloadableModule> {
        self.invoker.registry.list_unloadable()
    }

    /// Why the last compiled module could not be cached on disk; `None` once a write has succeeded.
    pub fn artefact_save_error(&self) -> Option<Arc<str>> {
        self.invoker.registry.artefact_save_error()
    }

    /// How many calls run in each allowed size class.
    pub fn list_slots(&self) -> Vec<SlotUse> {
        let slots = self.admission.list_slots().into_iter();
        slots.filter(|slots| slots.size == SizeClass::Small || self.allows_large).collect()
    }

    /// Stops the guests' threads. Calls that still run are cut off.
    pub async fn shut_down(&self) {
        self.admission.shut_down().await;
    }
}

impl Runtime for Sandbox {
    fn offer(&self, manifest: Arc<Manifest>) -> Arc<Manifest> {
        self.invoker.registry.offer(manifest)
    }

    fn remove_module(&self, digest: &ModuleDigest) {
        self.invoker.registry.remove_module(digest);
    }
}

fn unfinished(error: &RunTaskError) -> CompileError {
    CompileError::Host(error.to_string())
}
