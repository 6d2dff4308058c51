//! Starts the program, and observes it from outside.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use tokio::sync::oneshot;

/// A section of a configuration file with limits that even a slow machine never reaches. No test of the whole program
/// is about these limits.
pub(crate) const PATIENT: &str = "[sandbox]\ncpu_budget = \"1h\"\ndeadline = \"1d\"\ncredit = \"1h\"\n\
                                  credit_window = \"1d\"\ncompile_time = \"1h\"\n";

/// A command that runs the program, isolated by [`apart`].
pub(crate) fn twitchy(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_twitchy"));
    apart(command.args(arguments));
    command
}

/// Isolates a command from the user's files and environment. Tests share one cache of compiled modules.
pub(crate) fn apart(command: &mut Command) -> &mut Command {
    command.env("XDG_CACHE_HOME", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"));
    command.env("HOME", env!("CARGO_TARGET_TMPDIR")).env_remove("XDG_DATA_HOME");
    command.env_remove("TWITCHY_LOG").env_remove("TWITCHY_DATA_DIR");
    command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
    // Tests run in parallel, and only one could use the default port 8080.
    command.env("TWITCHY_HTTP_LISTEN", "off").env_remove("TWITCHY_API_KEY").env_remove("TWITCHY_URL")
}

/// Runs the program to its end, with a closed standard input.
pub(crate) fn run(arguments: &[&str]) -> Finished {
    Finished::of(&mut twitchy(arguments))
}

/// The exit code and the output of a program that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl Finished {
    pub(crate) fn of(command: &mut Command) -> Finished {
        let mut running = Running::start(command);
        drop(running.child.stdin.take());
        let output = running.output.iter().collect();
        let (status, errors) = running.finish();
        let text = |lines: Vec<String>| lines.into_iter().map(|line| line + "\n").collect();
        Finished { code: status.code(), output: text(output), errors: text(errors) }
    }
}

/// A running program, killed on drop. Waiting for an output has no timeout, so that tests pass on slow machines; a wait
/// fails when the program ends.
pub(crate) struct Running {
    child: Child,
    output: Receiver<String>,
    errors: Receiver<String>,
    ended: oneshot::Receiver<()>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Running {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let (output, _) = read_lines(child.stdout.take().unwrap());
        let (errors, ended) = read_lines(child.stderr.take().unwrap());
        Running { child, output, errors, ended }
    }

    /// Awaits `wait`, and panics if the program ends first.
    pub(crate) async fn meanwhile<T>(&mut self, wait: impl Future<Output = T>) -> T {
        tokio::select! {
            came = wait => came,
            _ = &mut self.ended => panic!("the program ended: {:#?}", self.errors.try_iter().collect::<Vec<_>>()),
        }
    }

    pub(crate) fn type_line(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Waits for the next line on standard output that contains `part`.
    pub(crate) fn wait_for_output(&self, part: &str) -> String {
        wait_for(&self.output, part)
    }

    /// Waits for the next line on standard error that contains `part`.
    pub(crate) fn wait_for_error(&self, part: &str) -> String {
        wait_for(&self.errors, part)
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for lines on standard error that contain `parts`, in any order.
    pub(crate) fn wait_for_errors<const N: usize>(&self, parts: [&str; N]) -> [String; N] {
        let mut found = [const { None }; N];
        while found.iter().any(Option::is_none) {
            let line = wait_for(&self.errors, "");
            for (_, found) in parts.iter().zip(&mut found).filter(|(part, _)| line.contains(**part)) {
                found.get_or_insert_with(|| line.clone());
            }
        }
        found.map(Option::unwrap)
    }

    /// Sends a signal, named as for `kill -s`, such as `TERM`.
    pub(crate) fn send_signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for the end, and returns the lines of standard error that were not read yet.
    pub(crate) fn finish(mut self) -> (ExitStatus, Vec<String>) {
        // The iterator ends when the program ends and thereby closes the stream.
        let errors = self.errors.iter().collect();
        (self.child.wait().unwrap(), errors)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The process has already ended, unless the test failed.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The lines of a stream, and a receiver that resolves at the stream's end.
fn read_lines(stream: impl std::io::Read + Send + 'static) -> (Receiver<String>, oneshot::Receiver<()>) {
    let ((lines_in, lines), (end, ended)) = (channel(), oneshot::channel());
    thread::spawn(move || {
        let _end: oneshot::Sender<()> = end;
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if lines_in.send(line).is_err() {
                return;
            }
        }
    });
    (lines, ended)
}

fn wait_for(lines: &Receiver<String>, part: &str) -> String {
    let mut before = Vec::new();
    loop {
        match lines.recv() {
            Ok(line) if line.contains(part) => return line,
            Ok(line) => before.push(line),
            Err(_) => panic!("the program ended, and no line holds {part:?}; there were {before:#?}"),
        }
    }
}
