//! Input and output of the prompt: a terminal with line editing, or plain lines for pipes and files.

use std::io::{IsTerminal, stdin, stdout};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use rustyline::error::ReadlineError;
use rustyline::{DefaultEditor, ExternalPrinter};
use tokio::sync::{mpsc, oneshot};

use crate::cli::output::{self, Reader};

/// Capacity of the queue of lines to be shown.
const LINES: usize = 1024;

/// A typed line. The next line is read once a prompt for it was sent back.
pub(super) struct Typed {
    pub(super) line: String,
    pub(super) next_prompt: oneshot::Sender<String>,
}

/// The ends of the queues that lead to the reading and the showing thread.
pub(super) struct Terminal {
    /// Closes at the end of the input.
    pub(super) typed: mpsc::Receiver<Typed>,
    screen: SyncSender<String>,
    /// Resolves when lines can no longer be shown, because the pipe or the terminal was closed.
    pub(super) closed: oneshot::Receiver<()>,
    /// The thread that shows lines.
    shown: Option<JoinHandle<()>>,
    /// Whether the terminal already shows typed lines, so that the demo must not print them again.
    pub(super) has_echo: bool,
}

impl Terminal {
    /// Starts one thread to read lines and one to show them, as both block.
    pub(super) fn open(first_prompt: String) -> anyhow::Result<Terminal> {
        let (typed_in, typed) = mpsc::channel(1);
        let (screen, lines) = sync_channel::<String>(LINES);
        let (showing, closed) = oneshot::channel::<()>();
        let has_echo = stdin().is_terminal() && stdout().is_terminal();
        let mut show: Box<dyn FnMut(String) -> bool + Send> = if has_echo {
            let mut editor = DefaultEditor::new()?;
            let mut printer = editor.create_external_printer()?;
            thread::spawn(move || read_edited(&mut editor, first_prompt, &typed_in));
            Box::new(move |line| printer.print(line).is_ok())
        } else {
            thread::spawn(move || read_plain(&typed_in));
            Box::new(|line| matches!(output::print(line), Ok(Reader::Open)))
        };
        let shown = thread::spawn(move || {
            // Owned by this thread, so that `closed` resolves when the thread ends.
            let _showing = showing;
            lines.iter().all(|line| show(line + "\n"));
        });
        Ok(Terminal { typed, screen, closed, shown: Some(shown), has_echo })
    }

    /// Returns when all lines are shown. On a terminal it does not wait.
    pub(super) fn finish(self) {
        drop(self.screen);
        // On a terminal, lines are shown only while one is being edited, so that waiting now cannot show more.
        if let Some(shown) = self.shown.filter(|_| !self.has_echo) {
            // An error means that the thread panicked, which the panic hook has logged.
            shown.join().ok();
        }
    }

    /// A terminal without input and output.
    #[cfg(test)]
    pub(super) fn closed() -> Terminal {
        let closed = oneshot::channel().1;
        Terminal { typed: mpsc::channel(1).1, screen: sync_channel(1).0, closed, shown: None, has_echo: true }
    }

    /// Shows a line, above the prompt if there is one. Never blocks: a line is dropped if the queue is full.
    pub(super) fn show(&self, line: impl Into<String>) {
        // The queue is full only if a thousand lines came while the user was typing one.
        self.screen.try_send(line.into()).ok();
    }
}

/// Reads edited lines until Ctrl-C, Ctrl-D or the end of the demo.
fn read_edited(editor: &mut DefaultEditor, mut prompt: String, typed: &mpsc::Sender<Typed>) {
    loop {
        let line = match editor.readline(prompt.as_str()) {
            Ok(line) => line,
            Err(ReadlineError::Signal(_)) => continue,
            Err(_) => return,
        };
        if !line.trim().is_empty() {
            // The history is only a convenience, so a failure to add a line is ignored.
            editor.add_history_entry(line.as_str()).ok();
        }
        match ask(typed, line) {
            Some(next) => prompt = next,
            None => return,
        }
    }
}

fn read_plain(typed: &mpsc::Sender<Typed>) {
    for line in stdin().lines() {
        let Ok(line) = line else { return };
        if ask(typed, line).is_none() {
            return;
        }
    }
}

/// Hands over a line and returns the next prompt; `None` if the demo has ended.
fn ask(typed: &mpsc::Sender<Typed>, line: String) -> Option<String> {
    let (next_prompt, answered) = oneshot::channel();
    typed.blocking_send(Typed { line, next_prompt }).ok()?;
    answered.blocking_recv().ok()
}
