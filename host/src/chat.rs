//! From a call of a command, in chat or over HTTP, to its replies.
//!
//! [`dispatch`] is the one path that every call takes, whoever brings it, and [`worker`] the loop that feeds it from
//! a queue.
//!
//! Absent: IRC and its limits (`twitch` sends what comes out of here), SQL, and any knowledge of what a command does.

pub mod dispatch;
mod guardrails;
mod notices;
mod permission;
pub mod route;
#[cfg(test)]
pub(crate) mod sample;
pub mod worker;
