//! HTTP clients: the guarded one for requests of guests, and the plain one for servers of our own configuration.
//!
//! Guarantees of both: a request has a connection and a limit of time or size of its own; TLS is verified; no redirect
//! is followed; no proxy, cookie or credential is taken from the environment.
//!
//! They are no pooling client of a library on hyper, because none keeps these promises: the guarded one counts the processor time and
//! the bytes of a whole exchange, TLS included, and ends with its caller; the plain one reads a refusal that comes before the
//! request's end.
//!
//! Not here: which requests are wanted, allowed or repeated. The rooms that ask decide that.

pub mod guarded;
pub mod lookups;
mod measured;
pub mod network;
pub mod plain;
mod reach;
mod read_on;
pub mod server;
pub mod tls;
