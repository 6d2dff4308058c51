//! One connection's task: bytes to lines, lines to bytes, and PINGs.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use crate::irc::sessions::{Opened, Outgoing, SessionId};
use crate::server::Shared;
use crate::world::rules::Rule;

/// The longest line that is read. Twitch publishes no number; IRCv3 allows 4,094 bytes of tags from a client, and
/// 500 characters take 2,000 bytes at most.
const LONGEST_LINE: usize = 8 * 1024;
/// "About every five minutes", as every author of a client has it.
const PING_EVERY: Duration = Duration::from_secs(5 * 60);
const PONG_WITHIN: Duration = Duration::from_secs(10);
/// Lines that are written with one call.
const WRITE_BATCH: usize = 256;

/// The session's entry in the server's books; taken out when the task ends, however it ends.
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

/// Serves `stream` until either side ends it.
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

/// Ends when the session is closed and everything before that is written, or when nobody reads any more.
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

/// Never ends of itself: whatever ends the reading closes the session, and the writer ends the task.
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

/// Reads to the next line feed: `Some(false)` if the line is longer than is allowed, `None` at the end. Never holds
/// more than the allowed length and one buffer.
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

/// A carriage return inside a line ends a command like a line feed does, which is what makes it dangerous: a bot
/// that lets one through sends two commands.
fn receive(entry: &Entry, bytes: &[u8]) {
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    // An action is wrapped in two of these.
    let is_forbidden = |c: char| c.is_control() && c != '\u{1}';
    let is_clean = std::str::from_utf8(bytes).is_ok() && !text.contains(is_forbidden);
    let now = Instant::now();
    let mut state = entry.shared.lock();
    for (n, command) in text.split('\r').enumerate() {
        // One violation a line is enough.
        state.irc().receive(entry.id, command, is_clean || n > 0, now);
        state.report();
    }
    drop(state);
    entry.shared.changed.notify_waiters();
}

/// Ends when a PING was not answered in time.
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
