//! One child process, from its start until it is reaped.

use std::io::{self, Read, Write};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of the child's standard error that are kept.
const MOST_LAST_WORDS: u64 = 4096;

/// A child that any thread may kill, while one thread waits for it.
pub(super) struct Process {
    state: Mutex<State>,
}

enum State {
    NotStarted,
    Running(Child),
    /// The child has ended, or must not start any more.
    Over,
}

/// How a child ended.
pub(super) struct Ended {
    /// The child's standard output.
    pub(super) answer: Vec<u8>,
    /// The beginning of the child's standard error.
    pub(super) last_words: String,
    pub(super) status: ExitStatus,
    /// The child's processor time; where the system does not provide it, its wall time.
    pub(super) processor: Duration,
    /// Whether the child wrote more than allowed.
    pub(super) is_too_long: bool,
}

/// Kills the child when dropped.
pub(super) struct KillOnDrop(Arc<Process>);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        self.0.kill();
    }
}

impl Process {
    pub(super) fn new() -> Arc<Process> {
        Arc::new(Process { state: Mutex::new(State::NotStarted) })
    }

    pub(super) fn kill_on_drop(self: &Arc<Self>) -> KillOnDrop {
        KillOnDrop(Arc::clone(self))
    }

    /// Kills the child unless it has ended. Reaping takes the same lock, so no other process with a reused id is hit.
    pub(super) fn kill(&self) {
        let mut state = self.state();
        match &mut *state {
            State::NotStarted => *state = State::Over,
            State::Running(child) => {
                if let Err(error) = child.kill() {
                    tracing::error!(%error, "a compiler could not be killed");
                }
            }
            State::Over => {}
        }
    }

    /// Starts the child, writes `input`, reads its answer up to `longest` bytes and waits for its end. Blocks.
    ///
    /// # Errors
    /// [`io::ErrorKind::Interrupted`] if the child was killed before it started.
    pub(super) fn run(&self, command: Command, input: &[u8], longest: usize) -> io::Result<Ended> {
        let started = Instant::now();
        let (mut stdin, stdout, stderr) = self.start(command)?;
        // Fails if the child has died already; its status says why.
        drop(stdin.write_all(input));
        drop(stdin);
        let mut answer = Vec::new();
        let longest = longest as u64;
        let read = stdout.take(longest + 1).read_to_end(&mut answer);
        // The child has closed its output, or written too much: there is nothing more to read.
        self.kill();
        let mut last_words = Vec::new();
        let heard = stderr.take(MOST_LAST_WORDS).read_to_end(&mut last_words);
        let (status, processor) = self.reap()?;
        read.and(heard)?;
        let last_words = String::from_utf8_lossy(&last_words).into_owned();
        let processor = processor.unwrap_or_else(|| started.elapsed());
        Ok(Ended { is_too_long: answer.len() as u64 > longest, answer, last_words, status, processor })
    }

    fn start(&self, mut command: Command) -> io::Result<(ChildStdin, ChildStdout, ChildStderr)> {
        let mut state = self.state();
        if !matches!(*state, State::NotStarted) {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "killed before it started"));
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        *state = State::Running(child);
        match pipes {
            (Some(stdin), Some(stdout), Some(stderr)) => Ok((stdin, stdout, stderr)),
            _ => Err(io::Error::other("a pipe is missing")),
        }
    }

    /// Blocks until a killed child has ended. Also returns its processor time, where the system provides it.
    fn reap(&self) -> io::Result<(ExitStatus, Option<Duration>)> {
        let mut state = self.state();
        match std::mem::replace(&mut *state, State::Over) {
            State::Running(mut child) => {
                let processor = find_processor_time(&child);
                Ok((child.wait()?, processor))
            }
            State::NotStarted | State::Over => Err(io::Error::other("it never started")),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until a killed child has ended, and reads its processor time before reaping removes its entry in `/proc`.
#[cfg(target_os = "linux")]
fn find_processor_time(child: &Child) -> Option<Duration> {
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
    /// The unit of proc_pid_stat(5); the same on all machines that wasmtime compiles for.
    const TICK: Duration = Duration::from_millis(10);
    waitid(WaitId::Pid(Pid::from_child(child)), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).ok()?;
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).ok()?;
    // The second field is the program's name in parentheses, and may contain parentheses and blanks.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11).map(str::parse::<u32>);
    let (user, system) = (fields.next()?.ok()?, fields.next()?.ok()?);
    // Less than a tick is reported as zero, but no child is free.
    Some((TICK * user.saturating_add(system)).max(TICK))
}

#[cfg(not(target_os = "linux"))]
fn find_processor_time(_: &Child) -> Option<Duration> {
    None
}
