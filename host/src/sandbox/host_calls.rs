//! The host's side of the contract, one file an interface.
//!
//! Each call is one step: through the door of its capability, into the transaction, and the answer put into the
//! contract's words. What may be done is decided in the transaction.

mod balances;
mod channels;
mod chatters;
mod clock;
mod coins;
mod commands;
mod http;
mod log;
mod payments;
mod random;
mod settings;
mod storage;
mod streams;
mod treasury;
mod words;
