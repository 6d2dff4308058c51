//! The HTTP API: the server, access control, the endpoints, and their JSON.
//!
//! Guarantees: an endpoint that is not in the table of [`access`] is denied; every refusal is a problem document with a
//! stable code ([`error`]); a secret is in no URL, in no log line, and in no answer but the one that makes it; rates
//! and sizes of requests are bounded. Not here: the actions themselves, which the lower rooms perform, and start and
//! stop of the listener, which are `app`'s.
//!
//! A connection whose request was not read to its end stays open until the client has the answer (`server/linger`). An
//! endpoint that opts in to `request/idempotency` completes its work even if the caller hangs up, and keeps its answer
//! for a day. Limits, quotas, owners of modules' names, kept answers and the audit identify a caller by a
//! [`CallerId`](crate::domain::principal::CallerId): an API key, or, once there are sessions, a person.

pub mod access;
pub mod api;
pub mod entropy;
pub mod error;
pub mod key;
mod openapi;
pub mod principal;
pub mod request;
mod router;
pub mod server;
pub mod shapes;
pub mod state;

pub use router::build_router;
pub use server::serve;
