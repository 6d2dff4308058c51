//! Extractors and middleware that many endpoints share.
//!
//! Guarantees: requests are parsed strictly and within bounds of size; a refusal repeats nothing that may be a secret.
//! Not here: identifying the caller (`server/gate`), and the JSON shapes, which clients share (`shapes`).

pub mod body;
pub(in crate::http) mod echo;
pub mod idempotency;
pub mod paging;
pub mod precondition;
pub(in crate::http) mod query;
pub(super) mod running;
mod strict;
