//! From a call of a command, in chat or over HTTP, to its replies.
//!
//! Every call takes the one path in [`dispatch`]. The loop in [`worker`] feeds it chat messages from a queue.
//!
//! Not here: IRC and its limits (`twitch` sends the replies), SQL, and any knowledge of what a command does.
//!
//! # A module that breaks
//!
//! `guardrails/fuses` counts a guest's faults by version and channel, in memory. The module ignores a chatter who broke it twice, for a
//! while. Several faults of several chatters switch the module off in that channel, unless it is bundled. It comes back by hand, or,
//! with `[fuse] restore`, after growing pauses (`dispatch/returning`). A new version that is switched off in several channels, each time
//! by other chatters, is reported to the operator, and with `[fuse] roll_back` withdrawn.
//!
//! Where a message gets no answer, `dispatch/unanswered` reports the reason to a listener, such as the demo.

pub mod dispatch;
mod guardrails;
mod notices;
mod permission;
pub mod route;
#[cfg(test)]
pub(crate) mod sample;
pub mod worker;
