//! The JSON of the API as types, shared by the endpoints and our own clients.
//!
//! Guarantees: an older client understands a newer host. So unknown fields of an answer are ignored (those of a request
//! are refused by `request/strict`), and a field with a few allowed words, such as a role, is a plain text. Not here:
//! conversion from and to the domain's types, and validation, which are `api`'s.

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
