//! The tests of the whole, in one binary: no outside network, no sleeping.

mod dispatch;
mod harness;
mod house;
mod sandbox;
mod transcripts;
