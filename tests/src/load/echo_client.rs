//! The plainest bot that answers: one thread, blocking reads and writes, no sandbox and no state. Its cost is the cost
//! of the connection and the load test to any bot.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use memchr::memmem;

use super::chat::BOT;

const READ_SIZE: usize = 1 << 20;

/// Logs in, joins, and answers each `!echo` at once, until the server closes the connection.
pub fn answer_calls(address: SocketAddr, channels: impl Iterator<Item = String>) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    // Without this, an answer would wait until the previous one is acknowledged.
    stream.set_nodelay(true)?;
    let rooms: Vec<String> = channels.map(|channel| format!("#{channel}")).collect();
    let joins = rooms.join(",");
    write!(stream, "CAP REQ :twitch.tv/tags twitch.tv/commands\r\nPASS oauth:x\r\nNICK {BOT}\r\nJOIN {joins}\r\n")?;
    let (mut buffer, mut filled) = (vec![0; READ_SIZE], 0);
    loop {
        let count = stream.read(&mut buffer[filled..])?;
        if count == 0 {
            return Ok(());
        }
        let bytes = &buffer[..filled + count];
        let whole = memchr::memrchr(b'\n', bytes).map_or(0, |end| end + 1);
        let mut answers = Vec::new();
        for text in memmem::find_iter(&bytes[..whole], b" :!") {
            answers.extend(answer(&bytes[..whole], text).into_iter().flatten());
        }
        if let Some(ping) = memmem::find(&bytes[..whole], b"PING :") {
            let word = bytes[ping + 5..].split(|&byte| byte == b'\r').next().unwrap_or_default();
            answers.extend_from_slice(&[b"PONG ", word, b"\r\n"].concat());
        }
        if !answers.is_empty() {
            stream.write_all(&answers)?;
        }
        buffer.copy_within(whole..filled + count, 0);
        filled = filled + count - whole;
    }
}

/// The answer to the line whose text begins at `text`; `None` if that is no `!echo`.
fn answer(bytes: &[u8], text: usize) -> Option<Vec<u8>> {
    let (before, said) = bytes.split_at_checked(text)?;
    let said = &said[..memchr::memchr(b'\r', said)?];
    let said = said.strip_prefix(b" :!echo ")?;
    let line = &before[memchr::memrchr(b'\n', before).map_or(0, |end| end + 1)..];
    let id = memmem::find(line, b";id=").and_then(|start| line.get(start + 4..start + 40))?;
    let channel = &line[memchr::memrchr(b' ', line)? + 1..];
    Some([b"@reply-parent-msg-id=", id, b" PRIVMSG ", channel, b" :", said, b"\r\n"].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_names_the_call_and_its_channel() {
        let id = "0000002a-1111-4222-a333-444444444444";
        let line = format!("rest\r\n@flags=;id={id};mod=0 :a!a@a.tmi.twitch.tv PRIVMSG #shop :!echo 42 hi\r\nmore");
        let expected = format!("@reply-parent-msg-id={id} PRIVMSG #shop :42 hi\r\n");
        let text = line.find(" :!").unwrap();
        assert_eq!(String::from_utf8(answer(line.as_bytes(), text).unwrap()).unwrap(), expected);
        assert_eq!(answer(b"PRIVMSG #shop :!echo", 13), None);
    }
}
