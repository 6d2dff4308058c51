//! Why a command was not called, to a client.

use std::time::Duration;

use super::{UNKNOWN_CHANNEL, whole_seconds};
use crate::chat::dispatch::call::CallError;
use crate::chat::dispatch::refusal::Refusal;
use crate::domain::timestamp::write_timestamp;
use crate::sandbox::call::{Blame, InvokeError};

/// How soon it is worth another try.
const BUSY_FOR: Duration = Duration::from_secs(1);

pub(super) fn code(error: &CallError) -> &'static str {
    match error {
        CallError::UnknownChannel => "unknown_channel",
        CallError::UnknownWord => "unknown_command",
        CallError::TooLong => "arguments_too_long",
        CallError::Refused(Refusal::Role) => "role_too_low",
        CallError::Refused(Refusal::Muted) => "muted",
        CallError::Refused(Refusal::Blown(_)) => "fuse_blown",
        CallError::Refused(Refusal::Cooldown(_)) => "cooldown",
        CallError::Refused(Refusal::Ignored(_)) => "chatter_ignored",
        CallError::Busy => "busy",
        CallError::Broken(InvokeError::NotActing) => "not_ready",
        CallError::Broken(error) => match error.blame() {
            Blame::Guest => "module_broke",
            Blame::Host => "internal",
        },
    }
}

pub(super) fn detail(error: &CallError) -> String {
    let fixed = match error {
        CallError::Refused(Refusal::Cooldown(left)) => {
            return format!("The command's cooldown ends in {} s.", whole_seconds(*left));
        }
        CallError::Refused(Refusal::Ignored(left)) => {
            let left = whole_seconds(*left);
            return format!("The module broke at this chatter's calls: it ignores them for {left} s.");
        }
        CallError::Refused(Refusal::Blown(Some(until))) => {
            return format!("The module broke too often: it is off here until {}.", write_timestamp(*until));
        }
        CallError::Broken(error) if error.blame() == Blame::Guest => {
            return format!("Nothing was changed: {}. The module's own log says more.", error.reason());
        }
        CallError::Refused(Refusal::Blown(None)) => {
            "The module broke too often: it is off here until somebody enables it again."
        }
        CallError::UnknownChannel => UNKNOWN_CHANNEL,
        CallError::UnknownWord => "No module that runs in this channel answers to this word.",
        CallError::TooLong => "The arguments are longer than a chat message.",
        CallError::Refused(Refusal::Role) => "The command is not for chatters of this role.",
        CallError::Refused(Refusal::Muted) => "The bot is muted in this channel.",
        CallError::Busy => "Too many calls at once.",
        CallError::Broken(InvokeError::NotActing) => "Another process acts for this channel.",
        CallError::Broken(_) => "Something went wrong here; the host's log says what.",
    };
    fixed.to_owned()
}

/// None where waiting alone does not help.
pub(super) fn find_wait(error: &CallError) -> Option<Duration> {
    match error {
        CallError::Refused(Refusal::Cooldown(left) | Refusal::Ignored(left)) => Some(*left),
        CallError::Busy => Some(BUSY_FOR),
        _ => None,
    }
}
