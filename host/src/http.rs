//! The HTTP API: who may ask for what, and how the answers look.
//!
//! Guarantees: what is not in the table of [`access`] is denied; every answer that says no is a problem document with a
//! stable code ([`error`]); a secret is in no URL, log line or answer but the one that makes it; what a caller may ask
//! for, how often and how large, is bounded. Not here: what the host does when it is asked, which the parts below know,
//! and how the process listens and ends, which is `app`'s.
//!
//! A connection whose request was not read to its end stays open until the other end has its answer (`server/linger`). An endpoint that opts
//! in to `request/idempotency` finishes what was begun even if the caller hangs up, and keeps its answer for a day. Limits, quotas, owners of
//! modules' names, kept answers and the audit know a caller by a [`CallerId`](crate::domain::principal::CallerId): an API key, or,
//! once there are sessions, a person.

pub mod access;
pub mod api;
pub mod entropy;
pub mod error;
pub mod key;
mod openapi;
pub mod principal;
pub mod readiness;
pub mod request;
mod router;
pub mod server;
pub mod shapes;
pub mod state;

pub use router::build_router;
pub use server::serve;
