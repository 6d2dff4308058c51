//! The sandbox's only access to the network.
//!
//! Guarantees: a request, and each of its redirects, goes only to a host that is granted and declared. It goes by the
//! [guarded client](crate::net::guarded), with a deadline and a limit of size. A module's requests in flight are
//! bounded; further ones are refused. Secrets are only in headers, are sent only to the host that the module named, and
//! are starred out where an answer repeats them literally. Not here: an invocation's requests so far, and storage of
//! secrets.

mod address;
pub mod client;
mod echo;
pub mod header;
mod in_flight;
mod redirect;
pub mod request;
