//! The tests of the whole, in one binary: no outside network, no sleeping.

mod harness;
mod house;
mod transcripts;
