//! The load test: plays Twitch to a bot, sends many lines, and measures the answers.
//!
//! Guarantees: all lines are rendered before the clock starts, in the shape of Twitch's; the load test itself loses
//! nothing; [`ceiling`] measures how much the load test could do. Not here: Twitch's rules, which `fake-twitch` has;
//! any limit on how slow the bot may be.

pub mod blast;
pub mod bot;
pub mod ceiling;
pub mod chat;
pub mod echo_client;
pub mod ledger;
pub mod paced;
pub mod script;
pub mod server;
pub mod text;
pub mod usage;

use std::fmt::{self, Display, Formatter};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use self::bot::Bot;
use self::chat::{Chat, Size};
use self::server::Server;

/// The options of every mode.
#[derive(Clone, Debug, clap::Args)]
pub struct CommonOptions {
    /// Channels that the bot sits in.
    #[arg(long, default_value_t = 50)]
    pub channels: usize,
    /// Chatters, all of whom write in all channels.
    #[arg(long, default_value_t = 5000)]
    pub chatters: usize,
    /// Whether each message of the bot's is confirmed by a USERSTATE with its id, as Twitch does.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub receipts: bool,
    /// The program to be measured. Without it, `cargo build --release -p twitchy` makes the one that is.
    #[arg(long, value_name = "FILE")]
    pub twitchy: Option<PathBuf>,
    /// Where the program's log is kept; TWITCHY_LOG says how much of it there is.
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
}

/// A bot under test, and the Twitch that it talks to.
pub struct Stage {
    pub bot: Bot,
    pub server: Server,
    pub chat: Chat,
}

impl Stage {
    /// Starts `twitchy serve`. On return the bot has joined every channel, and has answered in each.
    pub fn start(setting: &CommonOptions, burners: usize) -> anyhow::Result<Stage> {
        let program = setting.twitchy.clone().map_or_else(bot::build, Ok)?;
        Stage::set_up(setting, burners, |port, chat| Bot::start(&program, port, chat, setting.log.as_deref()))
    }

    /// Like [`Stage::start`], with the echo client in place of twitchy. `program` is the load test's own file.
    pub fn start_echo(setting: &CommonOptions, program: &Path) -> anyhow::Result<Stage> {
        Stage::set_up(setting, 0, |port, chat| Bot::start_echo(program, port, chat))
    }

    fn set_up(
        setting: &CommonOptions,
        burners: usize,
        start: impl FnOnce(u16, &Chat) -> anyhow::Result<Bot>,
    ) -> anyhow::Result<Stage> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot listen on this machine's loopback")?;
        let mut chat = Chat::new(Size { channels: setting.channels, burners, chatters: setting.chatters });
        let mut bot = start(listener.local_addr()?.port(), &chat)?;
        let accepted = Server::accept(&listener, &chat, setting.receipts, || bot.check());
        let mut server = bot.explain(accepted)?;
        let greeted = server.warm_up(&mut chat);
        bot.explain(greeted)?;
        Ok(Stage { bot, server, chat })
    }
}

/// `1234567.8` -> `1,234,568`.
pub(crate) fn count(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Latencies of answers, sorted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    pub fn new(mut latencies: Vec<Duration>) -> Latencies {
        latencies.sort_unstable();
        Latencies(latencies)
    }

    pub fn and(self, later: Latencies) -> Latencies {
        Latencies::new([self.0, later.0].concat())
    }

    /// The latency that a `share` of all answers, from 0 to 1, did not exceed.
    pub fn quantile(&self, share: f64) -> Duration {
        let rank = (share * self.0.len() as f64).ceil() as usize;
        self.0.get(rank.saturating_sub(1)).or(self.0.last()).copied().unwrap_or_default()
    }
}

impl Display for Latencies {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let show = |share| format!("{:.3} ms", self.quantile(share).as_secs_f64() * 1000.0);
        write!(f, "p50 {}, p90 {}, p99 {}, max {}", show(0.5), show(0.9), show(0.99), show(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_grouped_by_thousands() {
        assert_eq!([0.4, 999.0, 1000.0, 1_234_567.8].map(count), ["0", "999", "1,000", "1,234,568"]);
    }

    #[test]
    fn a_quantile_is_one_of_the_latencies() {
        let latencies = Latencies::new((1..=200).rev().map(Duration::from_millis).collect());
        let quantiles = [0.0, 0.5, 0.99, 1.0].map(|share| latencies.quantile(share).as_millis());
        assert_eq!(quantiles, [1, 100, 198, 200]);
        assert_eq!(Latencies::default().quantile(0.5), Duration::ZERO);
    }
}
