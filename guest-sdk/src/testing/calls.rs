//! The host's side of each capability: one file a capability, with the functions of its interface.

pub(crate) mod balances;
pub(crate) mod channels;
pub(crate) mod chatters;
pub(crate) mod clock;
pub(crate) mod coins;
pub(crate) mod commands;
pub(crate) mod http;
mod ledger;
pub(crate) mod log;
pub(crate) mod payments;
pub(crate) mod random;
pub(crate) mod settings;
pub(crate) mod storage;
pub(crate) mod streams;
pub(crate) mod treasury;
pub(crate) mod words;
