//! What the store keeps of one channel: its set-up, the modules' storage, the ledger, outcomes, secrets, who was seen there.
//!
//! A commit writes here, and only in its own channel. Absent: what belongs to the host (`host`), and connections (`sqlite`).

pub mod accounts;
pub(in crate::store) mod changes;
pub mod chatters;
pub(in crate::store) mod commit;
pub(in crate::store) mod grants;
pub(in crate::store) mod left_versions;
pub(in crate::store) mod outcomes;
pub(in crate::store) mod secrets;
pub mod setup;
pub mod storage;
