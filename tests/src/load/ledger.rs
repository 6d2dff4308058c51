//! Records which answers are awaited, and which have come.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use memchr::memmem;

use super::chat::BOT;
use super::script::is_burn;

/// The text of the last PING, which marks the end of a script.
pub(super) const END: &str = "the-end";

/// What the bot has sent, and the lines that are due to it.
#[derive(Debug, Default)]
pub struct Ledger {
    awaited: HashMap<u32, Instant>,
    pub latencies: Vec<Duration>,
    /// Answers to calls that were answered already, or never made.
    pub unasked: u64,
    /// Awaited answers with another text, such as apologies.
    pub wrong: u64,
    /// Answers to the burners' calls, which are apologies.
    pub burnt: u64,
    /// When the last awaited answer came.
    pub answered_at: Option<Instant>,
    /// When the answer to the last PING came: the bot has read everything before it.
    pub read_at: Option<Instant>,
    /// When anything last came.
    pub heard_at: Option<Instant>,
    /// Receipts and PONGs that are not yet written.
    pending: Vec<u8>,
    /// Whether the server confirms messages.
    pub receipts: bool,
    confirmed: u64,
    pub is_closed: bool,
}

impl Ledger {
    pub fn expect(&mut self, calls: impl Iterator<Item = u32>, now: Instant) {
        self.awaited.extend(calls.map(|number| (number, now)));
    }

    /// Calls without an answer so far.
    pub fn awaited(&self) -> usize {
        self.awaited.len()
    }

    pub fn take_pending(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.pending)
    }

    /// Resets all counts and awaited answers, before a new script.
    pub fn start_over(&mut self) {
        let pending = self.take_pending();
        *self = Ledger {
            pending,
            receipts: self.receipts,
            confirmed: self.confirmed,
            is_closed: self.is_closed,
            ..<_>::default()
        };
    }

    /// Handles a line from the bot, without its ending.
    pub fn hear(&mut self, line: &[u8], now: Instant) {
        self.heard_at = Some(now);
        let (tags, command) = split_tags(line);
        if command.starts_with(b"PRIVMSG ") {
            self.hear_message(tags, command, now);
        } else if let Some(word) = command.strip_prefix(b"PING ") {
            self.pending.extend_from_slice(b":tmi.twitch.tv PONG tmi.twitch.tv ");
            self.pending.extend_from_slice(word);
            self.pending.extend_from_slice(b"\r\n");
        } else if command.starts_with(b"PONG ") && command.ends_with(END.as_bytes()) {
            self.read_at = Some(now);
        }
    }

    fn hear_message(&mut self, tags: &[u8], command: &[u8], now: Instant) {
        match find_tag(tags, b"reply-parent-msg-id").and_then(parse_number) {
            Some(number) if is_burn(number) => self.burnt += 1,
            number => match number.and_then(|number| self.awaited.remove(&number)) {
                Some(asked_at) => {
                    self.latencies.push(now - asked_at);
                    self.answered_at = Some(now);
                    self.wrong += u64::from(!is_echo(command, number.unwrap_or_default()));
                }
                None => self.unasked += 1,
            },
        }
        if self.receipts {
            self.confirm(tags, command);
        }
    }

    /// Queues Twitch's receipt for a message of a bot that is a moderator.
    fn confirm(&mut self, tags: &[u8], command: &[u8]) {
        self.confirmed += 1;
        let channel = command.split(|&byte| byte == b' ').nth(1).unwrap_or_default();
        let pending = &mut self.pending;
        pending.extend_from_slice(b"@badge-info=;badges=moderator/1;");
        if let Some(nonce) = find_tag(tags, b"client-nonce") {
            pending.extend_from_slice(b"client-nonce=");
            pending.extend_from_slice(nonce);
            pending.push(b';');
        }
        let written = write!(
            pending,
            "color=;display-name={BOT};emote-sets=0;id=b07b07b0-0000-4000-a000-{:012x};mod=1;subscriber=0;user-type=mod \
             :tmi.twitch.tv USERSTATE ",
            self.confirmed
        );
        written.expect("memory takes all that is written to it");
        pending.extend_from_slice(channel);
        pending.extend_from_slice(b"\r\n");
    }
}

fn split_tags(line: &[u8]) -> (&[u8], &[u8]) {
    let Some(tagged) = line.strip_prefix(b"@") else { return (b"", line) };
    let end = memchr::memchr(b' ', tagged).unwrap_or(tagged.len());
    (&tagged[..end], tagged.get(end + 1..).unwrap_or_default())
}

fn find_tag<'t>(tags: &'t [u8], key: &[u8]) -> Option<&'t [u8]> {
    tags.split(|&byte| byte == b';').find_map(|tag| tag.strip_prefix(key)?.strip_prefix(b"="))
}

/// Whether a message repeats the first word of this call's text, which is its number.
fn is_echo(command: &[u8], number: u32) -> bool {
    let text = memmem::find(command, b" :").map(|end| &command[end + 2..]).unwrap_or_default();
    let said = text.split(|&byte| byte == b' ').next().unwrap_or_default();
    str::from_utf8(said).is_ok_and(|said| said.parse() == Ok(number))
}

/// Parses the number with which a message's id begins.
fn parse_number(id: &[u8]) -> Option<u32> {
    u32::from_str_radix(str::from_utf8(id.get(..8)?).ok()?, 16).ok()
}

/// The ledger, shared by the reading thread and the writer.
#[derive(Debug, Default)]
pub struct Shared {
    ledger: Mutex<Ledger>,
    changed: Condvar,
}

impl Shared {
    /// Poisoning is ignored: the ledger is consistent after each line.
    pub fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn note_change(&self) {
        self.changed.notify_all();
    }

    /// Waits for a change, at most `within`.
    pub fn wait<'l>(&self, ledger: MutexGuard<'l, Ledger>, within: Duration) -> MutexGuard<'l, Ledger> {
        self.changed.wait_timeout(ledger, within).unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Calls `hear` with each whole line, and returns the length of these lines in bytes.
pub(super) fn split_lines(bytes: &[u8], mut hear: impl FnMut(&[u8])) -> usize {
    let mut start = 0;
    for end in memmem::find_iter(bytes, b"\n") {
        let line = &bytes[start..end];
        hear(line.strip_suffix(b"\r").unwrap_or(line));
        start = end + 1;
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(ledger: &mut Ledger, lines: &str, now: Instant) {
        split_lines(lines.as_bytes(), |line| ledger.hear(line, now));
    }

    #[test]
    fn an_answer_is_known_by_what_it_answers() {
        let start = Instant::now();
        let mut ledger = Ledger::default();
        ledger.expect([1, 0x2a].into_iter(), start);
        let answer =
            "@client-nonce=x;reply-parent-msg-id=0000002a-1111-4222-a333-444444444444 PRIVMSG #shop :42 hi\r\n";
        let later = start + Duration::from_millis(5);
        hear(&mut ledger, answer, later);
        assert_eq!((ledger.awaited(), ledger.latencies.as_slice()), (1, [Duration::from_millis(5)].as_slice()));
        hear(&mut ledger, answer, later);
        hear(&mut ledger, "PRIVMSG #shop :hi\r\n", later);
        hear(&mut ledger, "@reply-parent-msg-id=80000001-1111-4222-a333-444444444444 PRIVMSG #a :sorry\r\n", later);
        assert_eq!((ledger.unasked, ledger.burnt, ledger.awaited(), ledger.wrong), (2, 1, 1, 0));
        hear(&mut ledger, "@reply-parent-msg-id=00000001-1111-4222-a333-444444444444 PRIVMSG #a :sorry\r\n", later);
        assert_eq!((ledger.awaited(), ledger.wrong), (0, 1));
        assert!(ledger.take_pending().is_empty(), "no receipts were asked for");
    }

    #[test]
    fn messages_are_confirmed_and_pings_answered() {
        let mut ledger = Ledger { receipts: true, ..Ledger::default() };
        hear(&mut ledger, "@client-nonce=ab PRIVMSG #shop :hi\r\nPING :x\r\nPONG :the-end\r\nPRI", Instant::now());
        let pending = String::from_utf8(ledger.take_pending()).unwrap();
        assert!(
            pending.contains(";client-nonce=ab;color=;display-name=loadbot;")
                && pending.contains(" USERSTATE #shop\r\n")
        );
        assert!(pending.ends_with(":tmi.twitch.tv PONG tmi.twitch.tv :x\r\n"), "{pending}");
        assert!(ledger.read_at.is_some());
    }
}
