//! One connection's task: reads and writes lines, and sends PINGs.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use crate::irc::sessions::{Opened, Outgoing, SessionId};
use crate::server::Shared;
use crate::world::rules::Rule;

/// The longest line that is read. Twitch publishes no number; IRCv3 allows 4,094 bytes of tags from a client, and 500
/// characters take 2,000 bytes at most.
const LONGEST_LINE: usize = 8 * 1024;
/// "About every five minutes", according to every author of a client.
const PING_EVERY: Duration = Duration::from_secs(5 * 60);
const PONG_WITHIN: Duration = Duration::from_secs(10);
/// Most lines of one write call.
const WRITE_BATCH: usize = 256;

/// Removes the session from the server's state when the task ends, for whatever reason.
struct Entry {
    shared: Arc<Shared>,
    id: SessionId,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.shared.lock().irc.drop_one(self.id);
        self.shared.changed.notify_waiters();
    }
}

/// Serves `stream` until either side ends the connection.
pub(crate) async fn run_session(shared: Arc<Shared>, stream: impl AsyncRead + AsyncWrite) {
    let opened = shared.lock().irc().open();
    let Some(Opened { id, outgoing, dropped }) = opened else { return };
    let entry = Entry { shared, id };
    let (reader, writer) = tokio::io::split(stream);
    tokio::select! {
        biased;
        _ = dropped => {}
        () = write_lines(writer, outgoing) => {}
        () = read_lines(BufReader::new(reader), &entry) => {}
        () = keep_alive(&entry) => {}
    }
}

/// Ends when the session is closed and all earlier lines are written, or when writing fails.
async fn write_lines(mut writer: impl AsyncWrite + Unpin, mut outgoing: mpsc::Receiver<Outgoing>) {
    let mut batch = Vec::new();
    let mut is_open = true;
    while is_open && outgoing.recv_many(&mut batch, WRITE_BATCH).await > 0 {
        let mut bytes = Vec::new();
        for item in batch.drain(..) {
            match item {
                Outgoing::Bytes(line) => bytes.extend(line),
                Outgoing::Close => is_open = false,
            }
        }
        if writer.write_all(&bytes).await.is_err() {
            return;
        }
    }
    // The peer may be gone already.
    let _ended = writer.shutdown().await;
}

/// Never returns. The end of input closes the session; the writer sends the last lines and then ends the task.
async fn read_lines(mut reader: impl AsyncBufReadExt + Unpin, entry: &Entry) {
    let Entry { shared, id } = entry;
    let mut line = Vec::new();
    loop {
        match read_line(&mut reader, &mut line).await {
            Some(true) => receive(entry, &line),
            Some(false) => {
                shared.lock().irc().note_violation(*id, Rule::LineTooLong, Instant::now());
                break;
            }
            None => break,
        }
        line.clear();
    }
    shared.lock().irc.close(*id);
    std::future::pending::<()>().await;
}

/// Reads to the next line feed. `Some(false)`: the line is longer than allowed. `None`: the end of input. Buffers no
/// more than the allowed length and one read.
async fn read_line(reader: &mut (impl AsyncBufReadExt + Unpin), line: &mut Vec<u8>) -> Option<bool> {
    loop {
        let buffer = reader.fill_buf().await.ok().filter(|buffer| !buffer.is_empty())?;
        let end = buffer.iter().position(|&byte| byte == b'\n');
        line.extend_from_slice(&buffer[..end.unwrap_or(buffer.len())]);
        let used = end.map_or(buffer.len(), |end| end + 1);
        reader.consume(used);
        if line.len() > LONGEST_LINE {
            return Some(false);
        }
        if end.is_some() {
            return Some(true);
        }
    }
}

/// Handles one line. A carriage return within a line ends a command, as a line feed does: a bot that lets one through
/// sends two commands.
fn receive(entry: &Entry, bytes: &[u8]) {
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    // This character begins and ends an action.
    let is_forbidden = |c: char| c.is_control() && c != '\u{1}';
    let is_clean = std::str::from_utf8(bytes).is_ok() && !text.contains(is_forbidden);
    let now = Instant::now();
    let mut state = entry.shared.lock();
    for (n, command) in text.split('\r').enumerate() {
        // Only the first part of a line reports the forbidden byte.
        state.irc().receive(entry.id, command, is_clean || n > 0, now);
        state.report();
    }
    drop(state);
    entry.shared.changed.notify_waiters();
}

/// Returns when a PING was not answered in time.
async fn keep_alive(entry: &Entry) {
    let Entry { shared, id } = entry;
    loop {
        sleep(PING_EVERY).await;
        let answer = shared.lock().irc().ping(*id, "tmi.twitch.tv");
        let Some(answer) = answer else { continue };
        if timeout(PONG_WITHIN, answer).await.is_err() {
            shared.lock().irc().note_violation(*id, Rule::UnansweredPing, Instant::now());
            return;
        }
    }
}
