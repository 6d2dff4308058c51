//! What endpoints read of a request, and what holds for the answers to it.
//!
//! Guarantees: a request is read strictly, and within bounds of size; a refusal repeats nothing of it that may be a
//! secret. Not here: who asks, which `server/gate` finds, and the shapes, which clients share.

pub mod body;
pub(in crate::http) mod echo;
pub mod idempotency;
mod objects;
pub mod paging;
pub mod precondition;
pub(in crate::http) mod query;
pub(super) mod running;
