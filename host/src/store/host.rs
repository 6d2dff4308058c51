//! What the store keeps of the host: its bot accounts and the channels that they join, modules, API keys, the audit.
//!
//! Absent: what belongs to one channel (`channel`), and connections (`sqlite`).

pub mod api_keys;
pub mod audit;
pub(in crate::store) mod begun_uploads;
pub(in crate::store) mod bots;
pub mod components;
pub mod idempotency;
pub mod modules;
pub(in crate::store) mod tally;
pub mod used_limits;
pub(in crate::store) mod wanted;
