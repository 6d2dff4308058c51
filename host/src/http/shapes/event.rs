//! The data of each server-sent event, with the event's name.

use serde::{Deserialize, Serialize};

/// `invocation`: a command was called.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InvocationEvent {
    pub at: String,
    pub invocation: String,
    pub channel: String,
    pub chatter: String,
    pub module: String,
    pub version: String,
    pub command: String,
    pub outcome: String,
    /// Whether this was a dry run, which keeps none of the module's changes.
    pub dry_run: bool,
    pub blame: String,
    /// Why the call has no answer, as a text for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub replies: usize,
    /// From the call to its answer, in seconds.
    pub duration: f64,
    /// Processor time of the guest, in seconds.
    pub processor: f64,
    /// Bytes of guest memory, in the run that used most.
    pub memory: usize,
    pub runs: u32,
}

/// `module`: a module changed in a channel, or everywhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModuleEvent {
    pub at: String,
    pub module: String,
    pub version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    pub change: String,
}

/// `connection`: a bot account's connection changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConnectionEvent {
    pub at: String,
    pub account: String,
    pub state: String,
}

/// `text`: a chatter typed a command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TextEvent {
    pub invocation: String,
    pub channel: String,
    pub text: String,
}

/// `missed`: the listener was too slow, and missed this many events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MissedEvent {
    pub count: u64,
}
