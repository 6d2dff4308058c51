//! Twitch in a box: a chat server that behaves like Twitch's and enforces its real rules, for testing a bot or running
//! a demo.
//!
//! A test sets up a world and connects the bot: over the loopback interface by [`FakeTwitch::listen`], or in memory by
//! [`FakeTwitch::connect`], which a paused clock needs. It speaks as any chatter, and checks which messages were
//! delivered and which rules the bot broke:
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
//! All time is tokio's, so a paused clock pauses the server. Ids and timestamps come from [`Settings`], so two runs of
//! one script are identical byte for byte.
//!
//! Each rule is enforced as Twitch documents it, and as strictly as possible where Twitch does not. Each breach is
//! recorded as a [`Violation`], even if Twitch would not report it. Not here: whispers, USERNOTICE (push one with
//! [`FakeTwitch::raw`]), TLS, and Helix.
//!
//! `world` is Twitch without any protocol: accounts, channels, limits, the rules for messages, and tokens. Each protocol
//! has a folder: `irc` is chat, `id` is id.twitch.tv, where applications get tokens ([`FakeTwitch::listen_id`]). The feature `server` adds IRC over WebSocket, and the program `fake-twitch`, which serves
//! both on chosen ports for any bot.

mod faults;
mod id;
mod irc;
mod messages;
mod server;
mod setup;
mod state;
mod world;

pub use id::requests::{Endpoint, Fault};
pub use id::setup::IssuedToken;
pub use messages::Say;
pub use server::{FakeTwitch, Settings};
pub use world::application::Application;
pub use world::channel::RoomChange;
pub use world::chatter::Role;
pub use world::event::SharedFrom;
pub use world::observed::{DeliveredMessage, Kind, Violation};
pub use world::refusal::Refusal;
pub use world::rules::Rule;
pub use world::secret::Secret;
pub use world::{FindChannelError, Policy};
