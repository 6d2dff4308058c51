//! How an invocation ended, and what happened to a module, as events and metrics report it.

use std::time::{Duration, SystemTime};

use super::id::{ChannelId, ChatterId, InvocationId, ModuleDigest, ModuleName};
use super::named::named;

/// How an invocation ended, and what it cost. Contains no chat text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub id: InvocationId,
    pub channel: ChannelId,
    pub chatter: ChatterId,
    pub module: ModuleName,
    pub version: semver::Version,
    pub digest: ModuleDigest,
    /// The declared name, or the claimed word.
    pub command: Box<str>,
    pub outcome: Outcome,
    /// Why there is no answer, in words for the module's author; `None` if there is an answer.
    pub reason: Option<Box<str>>,
    /// The module ran in full, and its changes were discarded.
    pub is_dry_run: bool,
    pub replies: usize,
    pub usage: Usage,
    /// From the request to the answer, waiting included.
    pub took: Duration,
    pub at: SystemTime,
}

/// The guest's usage over all its runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub processor: Duration,
    /// Bytes of guest memory, in the run that used most.
    pub memory: usize,
    /// 1 unless the call ran again after conflicts; 0 if it never ran.
    pub runs: u32,
}

/// How an invocation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    Answered,
    /// The same id was answered before.
    Duplicate,
    /// The module answered with its usage.
    Usage,
    /// The module refused.
    Refused,
    /// The module is temporarily unable to answer.
    Unavailable,
    /// No answer, by the fault of the guest.
    GuestFault(Fault),
    /// No answer, by the fault of the host or of nobody.
    OtherFault(Fault),
}

named! {
    /// Why an invocation gave no answer.
    pub enum Fault {
        Deadline "deadline",
        Processor "processor",
        Memory "memory",
        Trap "trap",
        Conflict "conflict",
        Busy "busy",
        Host "host",
    }
}

named! {
    /// What became of a module or of one of its versions, in one channel or everywhere, as events name it.
    pub enum Transition {
        Uploaded "uploaded",
        Withdrawn "withdrawn",
        Restored "restored",
        Canary "canary",
        Promoted "promoted",
        Enabled "enabled",
        Disabled "disabled",
        /// Another version runs.
        Switched "switched",
        /// It breaks again and again, and stays on: it is bundled.
        Failing "failing",
        Blown "blown",
        BlownEverywhere "blown_everywhere",
    }
}

impl Outcome {
    /// In snake_case, as a metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Answered => "answered",
            Outcome::Duplicate => "duplicate",
            Outcome::Usage => "usage",
            Outcome::Refused => "refused",
            Outcome::Unavailable => "unavailable",
            Outcome::GuestFault(fault) | Outcome::OtherFault(fault) => fault.as_str(),
        }
    }

    /// Who is at fault for a missing answer: `guest`, `host`, or `none` if there is an answer.
    pub fn blame(self) -> &'static str {
        match self {
            Outcome::GuestFault(_) => "guest",
            Outcome::OtherFault(_) => "host",
            _ => "none",
        }
    }
}
