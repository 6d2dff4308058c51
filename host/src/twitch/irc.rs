//! Twitch's chat over IRC: one connection an account, whatever it sits in.
//!
//! [`Session`](session::Session) dials, logs in and serves. Most lines are talk, which the wire filter counts and passes over: only
//! what may be a call becomes an event.
//!
//! Promised: nothing that a module says can become a second IRC command; a line from the wire is at worst skipped. Absent: what
//! is sent and when, which the account decides.

mod answers;
mod batch;
mod command;
mod complaint;
pub(super) mod connection;
mod event;
mod framing;
mod hearing;
pub mod line;
mod refusal;
pub mod session;

/// The log target of the library behind the parser. Below info it logs what is sent, the account's token included.
pub const INDISCREET_TARGET: &str = "twitch_irc";
