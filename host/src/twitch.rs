//! Twitch's chat: the bot accounts, what comes in for them, and what may go out.
//!
//! The [`accounts`] of a host come and go while it runs. An [`account`] is everything that belongs to one bot account and outlives its connections: the wanted rooms, the queues, Twitch's
//! limits. A transport, such as [`irc`], is a [`Session`](account::session::Session) of it: it dials, logs in, joins the wanted channels,
//! turns what Twitch says into [`Event`]s, and [`OutgoingMessage`]s into what Twitch reads.
//!
//! Promised: one account never sends more than Twitch allows, whatever is asked of it and however often it reconnects;
//! nothing that a module says can become a Twitch command or a call of another bot; what became of each message that was sent is
//! known and counted; every queue has an end.
//!
//! Absent: what a message means, who may call a command, and every word of a reply. Nothing here knows of modules.
//!
//! [`Event`]: crate::domain::message::Event
//! [`OutgoingMessage`]: crate::domain::message::OutgoingMessage

pub mod account;
pub mod accounts;
mod backoff;
pub mod irc;
pub mod server;

#[cfg(test)]
mod tests;
