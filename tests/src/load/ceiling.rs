//! The mode `ceiling`: measures the load test itself, with a client that does next to nothing in place of the bot.

use std::net::TcpListener;
use std::thread;

use anyhow::Context;

use super::blast::{self, Arguments, Blast};
use super::chat::{Chat, Size};
use super::script::Script;
use super::server::Server;
use super::{count, echo_client};

/// Measures and prints the ceiling. Returns whether no answer was lost or wrong.
pub fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let (blast, chat) = measure(arguments)?;
    println!(
        "ceiling, against a client that only looks for commands\n{}\n{blast}",
        blast::title(arguments, &blast, &chat)
    );
    println!("the load test's ceiling is {} lines/s", count(blast.lines_per_second()));
    Ok(blast.is_whole())
}

/// Blasts an echo client in this process.
pub fn measure(arguments: &Arguments) -> anyhow::Result<(Blast, Chat)> {
    let setting = &arguments.setting;
    let mut chat = Chat::new(Size { channels: setting.channels, burners: 0, chatters: setting.chatters });
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot listen on this machine's loopback")?;
    let address = listener.local_addr()?;
    let channels: Vec<String> = chat.channels().collect();
    let client = thread::spawn(move || echo_client::answer_calls(address, channels.into_iter()));
    let mut server = Server::accept(&listener, &chat, setting.receipts, || Ok(()))?;
    server.warm_up(&mut chat)?;
    let script = Script::blast(&mut chat, arguments.lines, arguments.every.max(1));
    let blast = blast::play(&mut server, &script)?;
    server.close();
    client.join().map_err(|_| anyhow::anyhow!("the client broke"))?.context("the client's connection broke")?;
    Ok((blast, chat))
}
