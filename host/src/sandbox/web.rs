//! The only door from the sandbox to the network.
//!
//! Guarantees: a request goes out only to a host that was granted and declared, by the [guarded
//! client](crate::net::guarded); the same holds for each redirect. Each request has a deadline and a limit of size. How
//! many requests of a module are in flight is bounded, and none waits. Secrets are in headers only, go to no other host
//! than the one that the module named, and do not come back as they were sent. Not here: what an invocation has sent so
//! far, which is the transaction's, and where secrets are kept.

mod address;
pub mod client;
mod echo;
pub mod header;
mod in_flight;
mod redirect;
pub mod request;
