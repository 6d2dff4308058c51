//! One child, from its start to its being reaped.

use std::io::{self, Read, Write};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is kept of what a child says as it dies.
const MOST_LAST_WORDS: u64 = 4096;

/// A child that may be killed from anywhere, while one thread waits for it.
pub(super) struct Process {
    state: Mutex<State>,
}

enum State {
    NotStarted,
    Running(Child),
    /// It has gone, or must not start any more.
    Over,
}

/// How a child ended.
pub(super) struct Ended {
    /// What it wrote to its standard output.
    pub(super) answer: Vec<u8>,
    /// The beginning of what it wrote to its standard error.
    pub(super) last_words: String,
    pub(super) status: ExitStatus,
    /// It wrote more than it may have.
    pub(super) is_too_long: bool,
}

/// Kills the child when it is dropped.
pub(super) struct Leash(Arc<Process>);

impl Drop for Leash {
    fn drop(&mut self) {
        self.0.kill();
    }
}

impl Process {
    pub(super) fn new() -> Arc<Process> {
        Arc::new(Process { state: Mutex::new(State::NotStarted) })
    }

    pub(super) fn leash(self: &Arc<Self>) -> Leash {
        Leash(Arc::clone(self))
    }

    /// Nothing happens where it has gone. It is reaped under the same lock, so nobody else with its id is hit.
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

    /// Starts the child, gives it `input`, reads its answer up to `longest` bytes and waits for its end. Blocks.
    pub(super) fn run(&self, command: Command, input: &[u8], longest: usize) -> io::Result<Ended> {
        let (mut stdin, stdout, stderr) = self.start(command)?;
        // One that has died already tells why by its status.
        drop(stdin.write_all(input));
        drop(stdin);
        let mut answer = Vec::new();
        let longest = longest as u64;
        let read = stdout.take(longest + 1).read_to_end(&mut answer);
        // It has closed its output, or says too much: either way it has nothing more to tell.
        self.kill();
        let mut last_words = Vec::new();
        let heard = stderr.take(MOST_LAST_WORDS).read_to_end(&mut last_words);
        let status = self.reap()?;
        read.and(heard)?;
        let last_words = String::from_utf8_lossy(&last_words).into_owned();
        Ok(Ended { is_too_long: answer.len() as u64 > longest, answer, last_words, status })
    }

    fn start(&self, mut command: Command) -> io::Result<(ChildStdin, ChildStdout, ChildStderr)> {
        let mut state = self.state();
        if !matches!(*state, State::NotStarted) {
            return Err(io::Error::other("it was called off"));
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

    /// Blocks until it has gone; it was killed before.
    fn reap(&self) -> io::Result<ExitStatus> {
        let mut state = self.state();
        match std::mem::replace(&mut *state, State::Over) {
            State::Running(mut child) => child.wait(),
            State::NotStarted | State::Over => Err(io::Error::other("it never started")),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
