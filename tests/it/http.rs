//! The API from outside: requests as text in, answers as text out.

mod access;
mod harness;
mod keys;
mod limits;
mod socket;
