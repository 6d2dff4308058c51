//! HTTP clients: the guarded one for requests of guests, and the plain one for servers of our own configuration.
//!
//! Guarantees of both: each request has its own connection, and a limit of time or size; TLS is verified; redirects are
//! not followed; no proxy, cookie or credential is taken from the environment.
//!
//! No pooling client of a library is used, because none gives these guarantees. The guarded client counts the processor
//! time and the bytes of a whole exchange, TLS included, and ends with its caller. The plain client reads a refusal
//! that arrives before the request is sent completely.
//!
//! Not here: which requests are made, allowed or retried. The rooms that make them decide that.

pub mod guarded;
mod limited_stream;
pub mod lookups;
pub mod network;
pub mod plain;
mod public_address;
mod read_on;
pub mod server;
pub mod tls;
