//! What the load test itself can do: a client that does next to nothing in the place of the bot.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use anyhow::Context;
use memchr::memmem;

use super::blast::{self, Arguments, Blast};
use super::chat::{BOT, Chat, Size};
use super::count;
use super::script::Script;
use super::server::Server;

const READ_SIZE: usize = 1 << 20;

/// Prints it; whether nothing was lost.
pub fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let (blast, chat) = measure(arguments)?;
    println!(
        "ceiling, against a client that only looks for commands\n{}\n{blast}",
        blast::title(arguments, &blast, &chat)
    );
    println!("the load test's ceiling is {} lines/s", count(blast.lines_per_second()));
    Ok(blast.is_whole())
}

/// A blast at a client in this process.
pub fn measure(arguments: &Arguments) -> anyhow::Result<(Blast, Chat)> {
    let setting = &arguments.setting;
    let mut chat = Chat::new(Size { channels: setting.channels, burners: 0, chatters: setting.chatters });
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot listen on this machine's loopback")?;
    let address = listener.local_addr()?;
    let channels: Vec<String> = chat.channels().collect();
    let client = thread::spawn(move || answer_calls(address, &channels));
    let mut server = Server::accept(&listener, &chat, setting.receipts, || Ok(()))?;
    server.warm_up(&mut chat)?;
    let script = Script::blast(&mut chat, arguments.lines, arguments.every.max(1));
    let blast = blast::play(&mut server, &script)?;
    server.close();
    client.join().map_err(|_| anyhow::anyhow!("the client broke"))?.context("the client's connection broke")?;
    Ok((blast, chat))
}

/// Logs in, joins, and answers whatever begins with the prefix, until the server closes the connection.
fn answer_calls(address: SocketAddr, channels: &[String]) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    let rooms: Vec<String> = channels.iter().map(|channel| format!("#{channel}")).collect();
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
        stream.write_all(&answers)?;
        buffer.copy_within(whole..filled + count, 0);
        filled = filled + count - whole;
    }
}

/// To the line whose text begins at `text`.
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
