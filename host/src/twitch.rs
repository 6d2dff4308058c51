//! Twitch's chat: the bot accounts, the events that they receive, and the messages that they may send.
//!
//! The [`accounts`] of a host are added and removed while it runs. An [`account`] holds everything of one bot account
//! that outlives a connection: the wanted rooms, the queues, Twitch's limits. A transport, such as [`irc`], implements
//! the account's [`Session`](account::session::Session): it dials, logs in, joins the wanted channels, turns Twitch's
//! lines into [`Event`]s, and writes [`OutgoingMessage`]s to Twitch.
//!
//! Guarantees: an account never sends more than Twitch allows, whatever callers ask and however often it reconnects; no
//! module's text can become a Twitch command or call another bot; the fate of each sent message is known; queues are
//! bounded.
//!
//! Not here: what a message means, who may call a command, and the wording of replies. Nothing here knows of modules.
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
