//! Twitch's chat over IRC: the wire format, log-ins, joining, and sending with everything that refuses a message.
//!
//! One connection's task is `session`; every line it reads goes to [`State::receive`](crate::state::State::receive), and the
//! other files are what that calls. What is true of chat however it is reached (who exists, what is counted, what Twitch
//! does to a text) stands beside this folder.

pub(crate) mod delivery;
pub(crate) mod joining;
pub(crate) mod line;
mod membership;
mod moderation;
pub(crate) mod notice;
mod registration;
mod sending;
pub(crate) mod session;
#[cfg(feature = "server")]
pub(crate) mod websocket;
