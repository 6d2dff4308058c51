//! The host's side of the contract: one file a capability.
//!
//! A capability's file holds its binding (the generated `Host` trait), its rules and their tests. Each host call enters
//! through `Run::enter` (file `run`), which checks that the capability is granted, and then acts on the
//! [`transaction`]. Guarantees: a host call changes nothing but that transaction, except for the requests that [`http`]
//! sends. Not here: the commit, and limits on a guest's time and memory.

mod balances;
mod channels;
mod chatters;
mod clock;
mod coins;
mod commands;
pub mod error;
pub mod http;
mod ledger;
mod log;
mod payments;
mod random;
pub(super) mod run;
mod settings;
mod storage;
mod streams;
pub mod transaction;
mod treasury;
mod vocabulary;
mod words;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod interleaved;
#[cfg(test)]
mod model;
