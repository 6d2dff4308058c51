//! The API from outside: requests as text in, answers as text out.

mod access;
mod harness;
mod idempotency;
mod keys;
mod limits;
mod modules;
mod socket;
