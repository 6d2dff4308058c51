//! One call of a module: its input, its result, and who is to blame for an error.

use std::net::IpAddr;
use std::sync::Arc;

use crate::domain::audit::Actor;
use crate::domain::effect::Effect;
use crate::domain::invocation::{CommandError, Invocation};
use crate::domain::manifest::{Grants, Manifest};
use crate::domain::message::Reply;
use crate::domain::report::{Fault, Usage};
use crate::domain::trace::Trace;

/// One invocation and the module that shall answer it.
#[derive(Clone, Debug)]
pub struct Call {
    pub manifest: Arc<Manifest>,
    pub grants: Grants,
    pub invocation: Arc<Invocation>,
    /// The actor whom the audit names for the call's changes.
    pub by: Actor,
    /// The actor's address; `None` if the call did not come over the network.
    pub from: Option<IpAddr>,
    /// The call runs in full, but sends no web request, commits no change and stores no outcome.
    pub is_dry_run: bool,
    pub trace: Trace,
}

impl Call {
    /// A call by the chatter of the invocation: no dry run, no trace.
    pub fn new(manifest: Arc<Manifest>, grants: Grants, invocation: Invocation) -> Call {
        let by = Actor::Chatter { id: invocation.chatter.id, login: invocation.chatter.login.clone() };
        let invocation = Arc::new(invocation);
        Call { manifest, grants, invocation, by, from: None, is_dry_run: false, trace: Trace::default() }
    }
}

#[derive(Clone, Debug)]
pub struct Invoked {
    pub answer: Result<Answer, InvokeError>,
    pub usage: Usage,
}

/// A module's answer. Its changes are on disk, unless the call was a dry run.
#[derive(Clone, Debug)]
pub struct Answer {
    pub outcome: Result<Vec<Reply>, CommandError>,
    /// Whether the invocation was committed before. Then the replies are those of the first time.
    pub is_duplicate: bool,
    /// The changes that a dry run would have committed, in the order of the host calls; empty for any other call.
    pub changes: Vec<Effect>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    #[error("the module ran past its deadline")]
    Deadline,
    #[error("the module used up its processor time")]
    Cpu,
    #[error("the module asked for more memory than it may have")]
    Memory,
    #[error("the module trapped: {0}")]
    Trap(String),
    #[error("other changes came first, each time")]
    Conflict,
    /// The call never started, or waited for the processor for most of its time. Nobody is to blame.
    #[error("too many calls at once")]
    Busy,
    /// The call did not run, or was not committed. Nobody is to blame: the other process answers.
    #[error("another process acts for this channel")]
    NotActing,
    #[error("the host is at fault: {0}")]
    Host(String),
}

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    Guest,
    Host,
}

impl InvokeError {
    pub fn blame(&self) -> Blame {
        match self {
            InvokeError::Deadline | InvokeError::Cpu | InvokeError::Memory | InvokeError::Trap(_) => Blame::Guest,
            InvokeError::Conflict | InvokeError::Busy | InvokeError::NotActing | InvokeError::Host(_) => Blame::Host,
        }
    }

    /// The error in words for the module's author. Details of a host error are left to the operator's log.
    pub fn reason(&self) -> String {
        match self {
            InvokeError::Host(_) => "the host is at fault; its log says why".to_owned(),
            error => error.to_string(),
        }
    }

    /// The error's kind, without its text.
    pub fn fault(&self) -> Fault {
        match self {
            InvokeError::Deadline => Fault::Deadline,
            InvokeError::Cpu => Fault::Processor,
            InvokeError::Memory => Fault::Memory,
            InvokeError::Trap(_) => Fault::Trap,
            InvokeError::Conflict => Fault::Conflict,
            InvokeError::Busy | InvokeError::NotActing => Fault::Busy,
            InvokeError::Host(_) => Fault::Host,
        }
    }
}
