//! The guarded web client against hostile servers, on a fake network: a test says where names lead, and the server
//! behind each public address runs in memory. Everything else, from the look-up to TLS, is the real code.

mod bodies;
mod echoes;
mod guests;
mod in_flight;
mod internet;
mod names;
mod redirects;
