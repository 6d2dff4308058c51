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
//! # Accounts and connections
//!
//! `app/accounts` adds an account for each configured login. The account's id is unknown (NULL in `store/host/bots`) until a log-in
//! reports it, before any channel is joined. The store keeps the id in the account's one row, to which all tables refer, and set-ups
//! that name the account are loaded anew. Where a login has passed to another id, both rows are kept, and the channels stay with the
//! former account until the configuration gives them to the other.
//!
//! An account has one connection: Twitch counts joined channels by account, and one connection is read several times as fast as the
//! busiest channels talk. `account/rooms` compares the wanted rooms with those that Twitch has confirmed, and retries the rest after
//! growing delays. More channels are spread over accounts. The busiest channels are joined first.
//!
//! Over IRC an answer of Twitch names no message, so `irc/answers` attributes it by the order of messages in a room: delivered, refused
//! or lost.
//!
//! Twitch's limits outlive the process: the store keeps what an account has used when the host stops, and a start without such a
//! record assumes that all is used.
//!
//! [`Event`]: crate::domain::message::Event
//! [`OutgoingMessage`]: crate::domain::message::OutgoingMessage

pub mod account;
pub mod accounts;
mod backoff;
pub mod dial;
pub mod irc;

#[cfg(test)]
mod tests;
