//! Compiles what strangers brought in a child process, which can be killed and takes nothing along.
//!
//! Neither the parser nor the compiler can be interrupted, and both have had bugs. So they run in a process of the same
//! program that has no environment, no files but the three standard streams, little memory and little time. Promised: a
//! child ends with its answer, at its limits, or when nobody waits for it any more, and is reaped. Absent: a wall against
//! whoever takes the child over by a bug of the compiler. It is the same system user, and its answer is machine code that
//! the host will run.

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
use self::queue::{Turn, UploadQueue};
use super::error::CompileError;
use crate::config::SandboxConfig;
use crate::domain::manifest::SizeClass;
use crate::sandbox::run::limits::Walls;

pub use self::child::{ParseOrderError, run_child, run_child_with};
pub use self::queue::Uploader;

/// How much longer than it may compute a child may take. It gives way to all others: with two busy processes on two cores, 80
/// ms of compiling took up to 5 s. So this is there for a child that hangs, and for the rest counts what it has computed.
/// Where the system does not count that, it is all there is.
const WAIT_FACTOR: u32 = if cfg!(target_os = "linux") { 20 } else { 2 };
/// How much more than the small ones the modules of the size class `large` get: twice the time, twice the memory.
const LARGE_FACTOR: u32 = 2;
/// Machine code is three times as large as what it was compiled from, at most four.
const CODE_FACTOR: usize = 4;

/// Which program compiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompilerProgram {
    /// The one that runs here, even if its file has been replaced meanwhile.
    ThisProgram,
    /// Another build of it, for tests: what runs there is the tests.
    Program {
        path: PathBuf,
        /// How long a child may take. A test that is not about this limit gives one that no machine is slow enough to reach.
        wall: Duration,
    },
}

/// Starts children, a few at a time.
pub(crate) struct Compiler {
    program: PathBuf,
    small: Limits,
    /// One child at once for the operator's uploads, and one for creators'.
    uploads: UploadQueue,
    /// One child at once for calls, which so wait for no upload. Each child gives way to all else and has one thread, so what it
    /// costs is its memory.
    calls: Arc<Semaphore>,
}

/// Held by the thread that waits for the child, so that no next one starts before it has gone, and by whoever looks at what
/// it has made.
#[derive(Clone)]
pub(crate) struct CompilerPermit(Arc<Held>);

enum Held {
    Upload(Turn),
    Call(#[expect(dead_code, reason = "given back when it is dropped")] OwnedSemaphorePermit),
}

impl Compiler {
    pub(crate) fn new(program: CompilerProgram, config: &SandboxConfig) -> io::Result<Compiler> {
        let own_wall = config.compile_time * WAIT_FACTOR;
        let (program, wall) = match program {
            CompilerProgram::Program { path, wall } => (path, wall),
            // The very file that was started, whatever has its name by now.
            CompilerProgram::ThisProgram if cfg!(target_os = "linux") => ("/proc/self/exe".into(), own_wall),
            CompilerProgram::ThisProgram => (std::env::current_exe()?, own_wall),
        };
        let small = Limits {
            memory: config.compile_memory as u64,
            processor: config.compile_time,
            wall,
            code_bytes: Walls::of(SizeClass::Small).component_bytes * CODE_FACTOR,
        };
        let (uploads, calls) = (UploadQueue::new(config.compile_budget), Arc::new(Semaphore::new(1)));
        Ok(Compiler { program, small, uploads, calls })
    }

    /// Waits until an upload may be compiled, unless too many wait or the uploader's budget is spent.
    pub(crate) async fn enter_for_upload(&self, uploader: &Uploader) -> Result<CompilerPermit, CompileError> {
        let turn = self.uploads.enter(uploader).await?;
        Ok(CompilerPermit(Arc::new(Held::Upload(turn))))
    }

    /// Waits until a module that is called may be compiled. As many wait as there are modules, in turn.
    pub(crate) async fn enter_for_call(&self) -> Result<CompilerPermit, CompileError> {
        let permit = Arc::clone(&self.calls).acquire_owned().await;
        let permit = permit.map_err(|error| CompileError::Host(error.to_string()))?;
        Ok(CompilerPermit(Arc::new(Held::Call(permit))))
    }

    /// Machine code for a component that has passed the gate. Dropping the future kills the child.
    pub(crate) async fn compile(&self, order: Order, permit: CompilerPermit) -> Result<Vec<u8>, CompileError> {
        let limits = self.limits(order.size);
        let process = Process::new();
        // Kills it where the future is dropped.
        let _leash = process.leash();
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
                code_bytes: Walls::of(size).component_bytes * CODE_FACTOR,
            },
        }
    }

    /// The thread that starts the child stays until it has gone: the child dies with it, and not only with the process.
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
            if let (Ok(Ended { processor, .. }), Held::Upload(turn)) = (&ended, &*permit.0) {
                // Also where nobody waits for it any more: it was computed for the uploader.
                turn.charge(*processor);
            }
            drop((order, permit));
            // Nobody may wait for it any more.
            drop(tell.send(ended));
        };
        let spawned = std::thread::Builder::new().name("compiler".into()).spawn(waits);
        spawned.map_err(|error| CompileError::Host(format!("no thread for the compiler: {error}")))?;
        Ok(ended)
    }
}
