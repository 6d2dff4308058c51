//! Twitch's chat over IRC: one connection per account, however many channels it joins.
//!
//! [`Session`](session::Session) dials, logs in and serves. Most lines are talk, which the wire filter only counts:
//! only a message that may be a call becomes an event.
//!
//! Guarantees: no module's text can become a second IRC command; a malformed line is skipped and does no other harm.
//! Not here: which messages are sent and when; the account decides that.

mod answers;
mod batch;
mod command;
mod complaint;
pub(super) mod connection;
mod event;
mod framing;
pub mod line;
mod line_handler;
mod refusal;
pub mod session;

/// The log target of the library behind the parser. Below level info it logs lines that are sent, even the token.
pub const INDISCREET_TARGET: &str = "twitch_irc";
