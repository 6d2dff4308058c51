//! Twitch in a box: a chat server that behaves as Twitch's does and enforces its real rules, so that a bot can be
//! tested against it and a demo can run on it.
//!
//! A test sets up a world, lets the bot connect (over the loopback interface by [`FakeTwitch::listen`], or over
//! memory by [`FakeTwitch::connect`], which a paused clock needs), speaks as any chatter, and looks at what was
//! delivered and at which rules the bot broke:
//!
//! ```
//! use fake_twitch::{FakeTwitch, Role, Settings};
//! use tokio::io::AsyncWriteExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let twitch = FakeTwitch::new(&Settings::default());
//! twitch.add_account("twitchy", "1000", "secret");
//! twitch.add_channel("shop");
//! twitch.set_roles("shop", "carol", &[Role::Moderator])?;
//!
//! let mut bot = twitch.connect();
//! bot.write_all(b"CAP REQ :twitch.tv/tags twitch.tv/commands\r\n").await?;
//! bot.write_all(b"PASS oauth:secret\r\nNICK twitchy\r\nJOIN #shop\r\n").await?;
//! twitch.until_joined("twitchy", "shop").await;
//!
//! let mut heard = twitch.subscribe();
//! twitch.say("shop", "carol", "!balance")?;
//! bot.write_all(b"PRIVMSG #shop :@carol you have 5 points\r\n").await?;
//! assert_eq!(heard.recv().await?.text, "!balance");
//! assert_eq!(heard.recv().await?.text, "@carol you have 5 points");
//! assert!(twitch.violations().is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! All time is tokio's, so a paused clock pauses the server, and ids and timestamps come from [`Settings`]: two runs
//! of one script are the same to the byte.
//!
//! Each rule is enforced as Twitch documents it, and at its strictest where it does not. What is sent over a limit
//! is noted as a [`Violation`], also where Twitch says nothing. Absent: whispers, USERNOTICE of its own making
//! (push one with [`FakeTwitch::raw`]), TLS, and the scopes of tokens.
//!
//! `world` is Twitch however it is reached: who and what exists, what is counted, what becomes of a message. Each protocol has a folder
//! over it: `irc` is chat. With the feature `server` there is IRC over WebSocket too, and the
//! program `fake-twitch`, which serves all of it on chosen ports for any bot.

mod irc;
mod server;
mod setup;
mod speech;
mod state;
mod trouble;
mod world;

pub use server::{FakeTwitch, Settings};
pub use speech::Say;
pub use world::channel::RoomChange;
pub use world::chatter::Role;
pub use world::happening::SharedFrom;
pub use world::observed::{Kind, Observed, Violation};
pub use world::refusal::Refusal;
pub use world::rules::Rule;
pub use world::{FindChannelError, Policy};
