//! From a call of a command, in chat or over HTTP, to its replies.
//!
//! [`dispatch`] is the one path that every call takes, whoever brings it, and [`inbox`] the loop that feeds it from
//! a queue. The other files are what the path asks on its way: without I/O, without a log and without a clock of their own.
//!
//! Absent: IRC and its limits (`twitch` sends what comes out of here), SQL, and any knowledge of what a command does.

pub mod cooldown;
pub mod dispatch;
pub mod duplicates;
pub mod fuse;
pub mod inbox;
pub mod permission;
pub mod route;
#[cfg(test)]
pub(crate) mod sample;
pub mod seats;
pub mod seldom;
pub mod turns;
pub mod wording;
