//! From a chat message to the replies of the command that it calls.
//!
//! [`dispatch`] is the one path that every message takes, whoever brings it; the other files are what it asks on the
//! way: pure, without a clock of their own, without a log and without I/O.
//!
//! Absent: IRC and its limits (`twitch` sends what comes out of here), SQL, and any knowledge of what a command does.

pub mod cooldown;
pub mod permission;
pub mod route;
