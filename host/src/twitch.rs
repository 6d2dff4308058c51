//! Twitch's chat: one connection an account, what comes in over it, and what may go out.
//!
//! An [`Account`](account::Account) is everything that belongs to one bot account. It dials, logs in, joins the wanted
//! channels and stays there through whatever happens to the socket; it turns lines into [`Event`]s, and
//! [`OutgoingMessage`]s into lines, within Twitch's limits.
//!
//! Most lines are talk, which the wire filter counts and passes over: only what may be a call becomes an event.
//!
//! Promised: one account never sends more than Twitch allows, whatever is asked of it and however often it reconnects;
//! nothing that a module says can become a second IRC command, a Twitch command or a call of another bot; what became of
//! each message that was sent is known and counted; a line from the wire is at worst skipped; every queue has an end.
//!
//! Absent: what a message means, who may call a command, and every word of a reply. Nothing here knows of modules.
//!
//! [`Event`]: crate::domain::message::Event
//! [`OutgoingMessage`]: crate::domain::message::OutgoingMessage

pub mod account;
mod batch;
mod command;
mod complaint;
mod connection;
pub mod counts;
mod event;
mod framing;
mod inbox;
mod joins;
pub mod line;
mod outbox;
pub mod own_messages;
mod pauses;
pub mod rate_window;
mod refusal;
mod room_modes;
pub mod server;
pub mod shortage;
mod traffic;

/// The log target of the library behind the parser. Below info it logs what is sent, the account's token included.
pub const INDISCREET_TARGET: &str = "twitch_irc";

#[cfg(test)]
mod tests;
