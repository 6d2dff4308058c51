//! Every channel's set-up, in memory: prefix, modules, grants, settings, and which word calls what.
//!
//! SQLite holds the truth; a snapshot here is replaced whole after each commit that wrote it, so the hot path reads
//! it without a lock held and without a disk.

pub mod channel;
