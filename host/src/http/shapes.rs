//! The JSON of the API as types, which endpoints and our own clients share.
//!
//! Guarantees: a client may be older than its host. So the fields that a shape does not know are ignored in an answer
//! (in a request `objects` refuses them), and a word that is one of several, such as a role, stays a text. Not here:
//! what the shapes are made of, and what is checked of them, which is `api`'s.

pub mod audit;
pub mod channel;
pub mod channel_module;
pub mod command;
pub mod event;
pub mod key;
pub mod log;
pub mod module;
pub mod page;
pub mod problem;
