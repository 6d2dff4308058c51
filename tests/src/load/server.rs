//! The server's side: the log-in and the joins, then a thread that reads, and the [`Server`] that writes.
//!
//! The reading thread never writes, so it never blocks: the writer sends receipts and PONGs between two lines.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use super::chat::{BOT, BOT_ID, Chat, room_id};
use super::ledger::{END, Ledger, Shared, split_lines};
use super::script::Script;

/// How long a bot may be silent before it counts as stuck.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long an answer may be awaited after the last line from the bot.
const LOST_AFTER: Duration = Duration::from_secs(10);
const READ_SIZE: usize = 256 << 10;

/// A connection on which the bot has joined all channels.
pub struct Server {
    stream: TcpStream,
    pub shared: Arc<Shared>,
}

impl Server {
    /// Waits for the bot while `check` succeeds, and plays Twitch until the bot has joined all of the chat's channels.
    pub fn accept(
        listener: &TcpListener,
        chat: &Chat,
        receipts: bool,
        mut check: impl FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<Server> {
        listener.set_nonblocking(true)?;
        let mut stream = loop {
            match listener.accept() {
                Ok((stream, _)) => break stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => check()?,
                Err(error) => return Err(error).context("cannot take the bot's connection"),
            }
            sleep(Duration::from_millis(5));
        };
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        welcome(&mut stream, chat).context("the bot did not get into its channels")?;
        stream.set_read_timeout(None)?;
        let shared = Arc::new(Shared::default());
        shared.lock().receipts = receipts;
        let (reader, heard) = (stream.try_clone()?, shared.clone());
        thread::spawn(move || read_answers(reader, &heard));
        Ok(Server { stream, shared })
    }

    /// Calls the bot once in every channel, so that the bot knows them all.
    pub fn warm_up(&mut self, chat: &mut Chat) -> anyhow::Result<()> {
        let script = Script::greeting(chat);
        self.shared.lock().expect(script.calls(), Instant::now());
        self.write(&script.bytes)?;
        self.wait_for(|ledger| ledger.awaited() == 0)?;
        let awaited = self.shared.lock().awaited();
        ensure!(awaited == 0, "{awaited} channels did not answer to !echo");
        Ok(())
    }

    /// Sends receipts and PONGs, then `bytes`.
    pub fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.pay()?;
        self.stream.write_all(bytes).context("the bot does not read")
    }

    /// Sends receipts and PONGs.
    pub fn pay(&mut self) -> anyhow::Result<()> {
        let pending = self.shared.lock().take_pending();
        self.stream.write_all(&pending).context("the bot does not read")
    }

    /// Marks the end with a PING, and waits until it is answered and so are all calls that will be.
    pub fn finish(&mut self) -> anyhow::Result<()> {
        self.write(format!("PING :{END}\r\n").as_bytes())?;
        self.wait_for(|ledger| ledger.read_at.is_some() && ledger.awaited() == 0)
    }

    pub fn close(self) {
        // The reader holds a clone of the stream, so dropping this one would not close the connection.
        self.stream.shutdown(std::net::Shutdown::Both).ok();
    }

    /// Waits until `is_so`, or until the bot is silent for too long; sends receipts and PONGs meanwhile.
    fn wait_for(&mut self, is_so: impl Fn(&Ledger) -> bool) -> anyhow::Result<()> {
        let started_at = Instant::now();
        let shared = self.shared.clone();
        let mut ledger = shared.lock();
        loop {
            let pending = ledger.take_pending();
            if !pending.is_empty() {
                drop(ledger);
                self.stream.write_all(&pending).context("the bot does not read")?;
                ledger = shared.lock();
                continue;
            }
            if is_so(&ledger) {
                return Ok(());
            }
            if ledger.is_closed {
                bail!("the bot closed the connection");
            }
            let within = if ledger.read_at.is_some() { LOST_AFTER } else { PATIENCE };
            let silent_until = ledger.heard_at.unwrap_or(started_at).max(started_at) + within;
            let left = silent_until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            ledger = shared.wait(ledger, left);
        }
    }
}

/// Plays Twitch up to the last JOIN.
fn welcome(stream: &mut TcpStream, chat: &Chat) -> anyhow::Result<()> {
    let mut outside: Vec<String> = chat.channels().collect();
    let rooms = outside.clone();
    let (mut heard, mut buffer) = (Vec::new(), vec![0; READ_SIZE]);
    while !outside.is_empty() {
        let count = stream.read(&mut buffer).context("it says nothing")?;
        ensure!(count > 0, "it closed the connection");
        heard.extend_from_slice(&buffer[..count]);
        let mut answer = String::new();
        let used = split_lines(&heard, |line| {
            let line = String::from_utf8_lossy(line);
            let joined = answer_line(&line, &rooms, &mut answer);
            outside.retain(|room| !joined.contains(room));
        });
        heard.drain(..used);
        stream.write_all(answer.as_bytes())?;
    }
    Ok(())
}

/// Appends Twitch's answer to a line, and returns the channels that the line joined.
fn answer_line(line: &str, rooms: &[String], answer: &mut String) -> Vec<String> {
    let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
    match command {
        "CAP" => *answer += &format!(":tmi.twitch.tv CAP * ACK {}\r\n", rest.trim_start_matches("REQ ")),
        "NICK" => *answer += &greeting(),
        "PING" => *answer += &format!(":tmi.twitch.tv PONG tmi.twitch.tv {rest}\r\n"),
        "JOIN" => {
            let names = rest.split(',').map(|name| name.trim_start_matches('#').to_owned());
            let joined: Vec<String> = names.filter(|name| rooms.contains(name)).collect();
            for name in &joined {
                let index = rooms.iter().position(|room| room == name).unwrap_or_default();
                *answer += &room(name, room_id(index));
            }
            return joined;
        }
        _ => {}
    }
    Vec::new()
}

fn greeting() -> String {
    let numbers = [
        ("001", ":Welcome, GLHF!"),
        ("002", ":Your host is tmi.twitch.tv"),
        ("003", ":This server is rather new"),
        ("004", ":-"),
        ("375", ":-"),
        ("372", ":You are in a maze of twisty passages, all alike."),
        ("376", ":>"),
    ];
    let lines = numbers.map(|(number, text)| format!(":tmi.twitch.tv {number} {BOT} {text}\r\n"));
    format!(
        "{}@badge-info=;badges=;color=;display-name={BOT};emote-sets=0;user-id={BOT_ID};user-type= \
         :tmi.twitch.tv GLOBALUSERSTATE\r\n",
        lines.concat()
    )
}

fn room(name: &str, id: usize) -> String {
    format!(
        ":{BOT}!{BOT}@{BOT}.tmi.twitch.tv JOIN #{name}\r\n\
         :{BOT}.tmi.twitch.tv 353 {BOT} = #{name} :{BOT}\r\n\
         :{BOT}.tmi.twitch.tv 366 {BOT} #{name} :End of /NAMES list\r\n\
         @badge-info=;badges=moderator/1;color=;display-name={BOT};emote-sets=0;mod=1;subscriber=0;user-type=mod \
         :tmi.twitch.tv USERSTATE #{name}\r\n\
         @emote-only=0;followers-only=-1;r9k=0;room-id={id};slow=0;subs-only=0 :tmi.twitch.tv ROOMSTATE #{name}\r\n"
    )
}

fn read_answers(mut stream: TcpStream, shared: &Shared) {
    let (mut heard, mut buffer) = (Vec::new(), vec![0; READ_SIZE]);
    loop {
        let count = stream.read(&mut buffer).unwrap_or(0);
        let now = Instant::now();
        let mut ledger = shared.lock();
        ledger.is_closed = count == 0;
        heard.extend_from_slice(&buffer[..count]);
        let used = split_lines(&heard, |line| ledger.hear(line, now));
        heard.drain(..used);
        drop(ledger);
        shared.note_change();
        if count == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_and_the_rooms_are_answered_as_twitch_does() {
        let rooms = ["a".to_owned(), "b".to_owned()];
        let mut answer = String::new();
        assert!(answer_line("CAP REQ :twitch.tv/tags", &rooms, &mut answer).is_empty());
        assert_eq!(answer, ":tmi.twitch.tv CAP * ACK :twitch.tv/tags\r\n");
        assert!(answer_line("NICK loadbot", &rooms, &mut answer).is_empty());
        assert!(answer.ends_with(" :tmi.twitch.tv GLOBALUSERSTATE\r\n"));
        assert_eq!(answer_line("JOIN #b,#stranger", &rooms, &mut answer), ["b"]);
        assert!(answer.ends_with("room-id=20000002;slow=0;subs-only=0 :tmi.twitch.tv ROOMSTATE #b\r\n"), "{answer}");
    }
}
