//! The two ways to type and to be shown: a terminal with line editing, or plain lines.

use std::io::{IsTerminal, stdin, stdout};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use rustyline::error::ReadlineError;
use rustyline::{DefaultEditor, ExternalPrinter};
use tokio::sync::{mpsc, oneshot};

use crate::cli::output::{self, Reader};

/// Lines that wait to be shown while somebody presses Return.
const LINES: usize = 1024;

/// A line that was typed; the next one is asked for with the prompt that is sent back.
pub(super) struct Typed {
    pub(super) line: String,
    pub(super) next_prompt: oneshot::Sender<String>,
}

/// Where lines come from, and where they go.
pub(super) struct Terminal {
    /// Ends when the typing does.
    pub(super) typed: mpsc::Receiver<Typed>,
    screen: SyncSender<String>,
    /// Resolves when lines can no longer be shown, because the pipe or the terminal was closed.
    pub(super) closed: oneshot::Receiver<()>,
    /// Of the thread that shows lines.
    shown: Option<JoinHandle<()>>,
    /// Whether what is typed is seen as it is typed, so that it needs no echo.
    pub(super) has_echo: bool,
}

impl Terminal {
    /// Reads and writes from threads of their own: both wait for people.
    pub(super) fn open(first_prompt: String) -> anyhow::Result<Terminal> {
        let (typed_in, typed) = mpsc::channel(1);
        let (screen, lines) = sync_channel::<String>(LINES);
        // Dropped with the thread that shows lines.
        let (showing, closed) = oneshot::channel::<()>();
        let has_echo = stdin().is_terminal() && stdout().is_terminal();
        let shown = if has_echo {
            let mut editor = DefaultEditor::new()?;
            let mut printer = editor.create_external_printer()?;
            thread::spawn(move || read_edited(&mut editor, first_prompt, &typed_in));
            thread::spawn(move || {
                let _showing = showing;
                lines.iter().all(|line| printer.print(format!("{line}\n")).is_ok());
            })
        } else {
            thread::spawn(move || read_plain(&typed_in));
            thread::spawn(move || {
                let _showing = showing;
                lines.iter().all(|line| matches!(output::print(line + "\n"), Ok(Reader::Open)));
            })
        };
        Ok(Terminal { typed, screen, closed, shown: Some(shown), has_echo })
    }

    /// Returns when everything is shown.
    pub(super) fn finish(self) {
        drop(self.screen);
        // A terminal shows lines while its line is being edited, and that is over: it has shown them, or never will.
        if let Some(shown) = self.shown.filter(|_| !self.has_echo) {
            // It can only have panicked, and said so itself.
            shown.join().ok();
        }
    }

    /// One at which nobody types.
    #[cfg(test)]
    pub(super) fn closed() -> Terminal {
        let closed = oneshot::channel().1;
        Terminal { typed: mpsc::channel(1).1, screen: sync_channel(1).0, closed, shown: None, has_echo: true }
    }

    /// Above the prompt, where there is one.
    pub(super) fn show(&self, line: impl Into<String>) {
        // Full only while nobody looks: the line being typed has not been finished for a thousand others.
        self.screen.try_send(line.into()).ok();
    }
}

/// Until Ctrl-C, Ctrl-D, or the end of the demo.
fn read_edited(editor: &mut DefaultEditor, mut prompt: String, typed: &mpsc::Sender<Typed>) {
    loop {
        let line = match editor.readline(prompt.as_str()) {
            Ok(line) => line,
            Err(ReadlineError::Signal(_)) => continue,
            Err(_) => return,
        };
        if !line.trim().is_empty() {
            // The history is for convenience: a line that does not get into it was still said.
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

/// None where the demo is over.
fn ask(typed: &mpsc::Sender<Typed>, line: String) -> Option<String> {
    let (next_prompt, answered) = oneshot::channel();
    typed.blocking_send(Typed { line, next_prompt }).ok()?;
    answered.blocking_recv().ok()
}
