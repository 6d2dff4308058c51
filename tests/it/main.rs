//! The tests of the whole, in one binary: no outside network, no sleeping.

mod house;
mod sandbox;
