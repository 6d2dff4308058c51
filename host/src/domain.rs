//! The vocabulary: ids, names, roles, messages, invocations, replies and effects.
//!
//! The rooms at the edge parse text into these types, and all others trust them. Nothing here does I/O, imports another
//! room, or can be serialized: the forms on the wire and in the database belong to `twitch`, `http` and `store`.

pub mod account;
pub mod amount;
pub mod audit;
pub mod calling;
pub mod channel_name;
pub mod effect;
pub mod fuse;
pub mod histogram;
pub mod id;
pub mod invocation;
pub mod label;
pub mod manifest;
pub mod message;
pub(crate) mod named;
pub mod nearest;
pub mod ports;
pub mod prefix;
pub mod principal;
pub mod report;
pub mod role;
pub mod server;
pub mod span;
pub mod tally;
pub mod timestamp;
pub mod trace;
pub mod trouble;
pub mod used_limits;
pub mod version;
