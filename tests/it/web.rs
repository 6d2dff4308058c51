//! The guarded web client against servers that mean no good, on a network of the tests' own: names lead where a test says,
//! and behind each public address is a server in memory. So all of it is real, from the look-up to TLS, but for the wires.

mod bodies;
mod echoes;
mod guests;
mod internet;
mod names;
mod places;
mod redirects;
