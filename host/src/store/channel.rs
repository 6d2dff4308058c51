//! The store's data of one channel: set-up, the modules' storage, ledger, outcomes, secrets, chatters who were seen.
//!
//! A commit writes here, and only in its own channel. Not here: the host's data (`host`), connections (`sqlite`).

pub mod accounts;
pub(crate) mod changes;
pub mod chatters;
pub(crate) mod commit;
pub(crate) mod grants;
pub(crate) mod outcomes;
pub(crate) mod previous_versions;
pub(crate) mod secrets;
pub mod setup;
pub mod storage;
pub(crate) mod tally;
