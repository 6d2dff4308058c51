//! Compiles uploads in a child process, which can be killed without harm to the host.
//!
//! Neither the parser nor the compiler can be interrupted, and both have had bugs. So they run in a process of the same
//! program without an environment, with no files but the three standard streams, little memory and little time.
//! Guarantees: a child ends with its answer, at its limits, or when its caller gives up, and is reaped. Not here:
//! protection against a component that takes the child over by a bug of the compiler. The child is the same system
//! user, and the host runs the machine code that it returns.

mod answer;
mod child;
mod confine;
pub(crate) mod order;
mod process;
mod queue;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use self::order::{Limits, Order};
use self::process::{Ended, Process};
use self::queue::{UploadPermit, UploadQueue};
use super::error::CompileError;
use crate::config::SandboxConfig;
use crate::domain::manifest::SizeClass;
use crate::sandbox::run::limits::InstanceLimits;

pub use self::child::run_child;
#[cfg(feature = "testing")]
pub use self::child::run_child_with;
pub use self::queue::Uploader;

/// A child's wall time limit, as a multiple of its processor time limit. A child gives way to all other processes: with
/// two busy processes on two cores, 80 ms of compiling took up to 5 s. So the wall time only stops a child that hangs.
/// Where the system does not limit processor time, the wall time is the only limit.
const WAIT_FACTOR: u32 = if cfg!(target_os = "linux") { 20 } else { 2 };
/// The size class `large` gets this many times the time and the memory of the small one.
const LARGE_FACTOR: u32 = 2;
/// Machine code is usually three times as large as its component, at most four times.
const CODE_FACTOR: usize = 4;

/// The program that compiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompilerProgram {
    /// The running program, even if its file has been replaced since it started.
    ThisProgram,
    /// Another build of the program. Tests need it, because the running program there is the test.
    Program {
        path: PathBuf,
        /// Wall time limit of a child. Tests of other things set one that even the slowest machine does not reach.
        wall: Duration,
    },
}

/// Starts children, at most one for each kind of work.
pub(crate) struct Compiler {
    program: PathBuf,
    small: Limits,
    /// One child at a time for the operator's uploads, and one for creators'.
    uploads: UploadQueue,
    /// One child at a time for modules that calls wait for, so that no call waits for an upload. A child gives way to
    /// all other processes and has one thread, so it mainly costs memory.
    calls: Arc<Semaphore>,
}

/// The permit to compile. The thread that waits for the child holds it, so that no other child starts before this one
/// has ended; so does the caller until it has checked the result.
#[derive(Clone)]
pub(crate) struct CompilerPermit(Arc<PermitKind>);

enum PermitKind {
    Upload(UploadPermit),
    Call(#[expect(dead_code, reason = "given back when it is dropped")] OwnedSemaphorePermit),
}

impl Compiler {
    pub(crate) fn new(program: CompilerProgram, config: &SandboxConfig) -> io::Result<Compiler> {
        let own_wall = config.compile_time * WAIT_FACTOR;
        let (program, wall) = match program {
            CompilerProgram::Program { path, wall } => (path, wall),
            // The very file that was started, even if another one has its name now.
            CompilerProgram::ThisProgram if cfg!(target_os = "linux") => ("/proc/self/exe".into(), own_wall),
            CompilerProgram::ThisProgram => (std::env::current_exe()?, own_wall),
        };
        let small = Limits {
            memory: config.compile_memory as u64,
            processor: config.compile_time,
            wall,
            code_bytes: InstanceLimits::of(SizeClass::Small).component_bytes * CODE_FACTOR,
        };
        let (uploads, calls) = (UploadQueue::new(config.compile_budget), Arc::new(Semaphore::new(1)));
        Ok(Compiler { program, small, uploads, calls })
    }

    /// Waits until an upload may be compiled. Fails if too many uploads wait, or if the uploader's budget is spent.
    pub(crate) async fn enter_for_upload(&self, uploader: &Uploader) -> Result<CompilerPermit, CompileError> {
        let upload = self.uploads.enter(uploader).await?;
        Ok(CompilerPermit(Arc::new(PermitKind::Upload(upload))))
    }

    /// Waits, in order, until a module that a call needs may be compiled. No module waits twice.
    pub(crate) async fn enter_for_call(&self) -> Result<CompilerPermit, CompileError> {
        let permit = Arc::clone(&self.calls).acquire_owned().await;
        let permit = permit.map_err(|error| CompileError::Host(error.to_string()))?;
        Ok(CompilerPermit(Arc::new(PermitKind::Call(permit))))
    }

    /// Compiles a component that has passed the gate to machine code. Dropping the future kills the child.
    pub(crate) async fn compile(&self, order: Order, permit: CompilerPermit) -> Result<Vec<u8>, CompileError> {
        let limits = self.limits(order.size);
        let process = Process::new();
        // Kills the child if the future is dropped.
        let _leash = process.kill_on_drop();
        let mut ended = self.start(&process, order, limits, permit)?;
        let (ended, is_late) = match tokio::time::timeout(limits.wall, &mut ended).await {
            Ok(ended) => (ended, false),
            Err(_) => {
                process.kill();
                (ended.await, true)
            }
        };
        let ended = ended.map_err(|_| CompileError::Host("the compiler's thread ended".to_owned()))?;
        answer::judge(ended, is_late)
    }

    fn limits(&self, size: SizeClass) -> Limits {
        match size {
            SizeClass::Small => self.small,
            SizeClass::Large => Limits {
                memory: self.small.memory * u64::from(LARGE_FACTOR),
                processor: self.small.processor * LARGE_FACTOR,
                wall: self.small.wall * LARGE_FACTOR,
                code_bytes: InstanceLimits::of(size).component_bytes * CODE_FACTOR,
            },
        }
    }

    /// Starts the child on a thread that lives as long as the child: the child dies with it, not only with the process.
    fn start(
        &self,
        process: &Arc<Process>,
        order: Order,
        limits: Limits,
        permit: CompilerPermit,
    ) -> Result<oneshot::Receiver<io::Result<Ended>>, CompileError> {
        let (tell, ended) = oneshot::channel();
        let command = child::command(&self.program, &order, &limits);
        let process = Arc::clone(process);
        let waits = move || {
            let ended = process.run(command, &order.bytes, limits.code_bytes);
            if let (Ok(Ended { processor, .. }), PermitKind::Upload(upload)) = (&ended, &*permit.0) {
                // Charged even if the caller has given up: the child computed for the uploader.
                upload.charge(*processor);
            }
            drop((order, permit));
            // The caller may have given up.
            drop(tell.send(ended));
        };
        let spawned = std::thread::Builder::new().name("compiler".into()).spawn(waits);
        spawned.map_err(|error| CompileError::Host(format!("no thread for the compiler: {error}")))?;
        Ok(ended)
    }
}
