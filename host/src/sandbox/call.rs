//! One call of a module: what is asked, what comes of it, and whose fault it is where there is no answer.

// `core` has addresses, and no sockets.
use core::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::audit::Actor;
use crate::domain::effect::Effect;
use crate::domain::invocation::{CommandError, Invocation};
use crate::domain::manifest::{Grants, Manifest};
use crate::domain::message::Reply;
use crate::domain::report::{Fault, Usage};
use crate::domain::trace::Trace;

/// One invocation with the module that shall answer it.
#[derive(Clone, Debug)]
pub struct Call {
    pub manifest: Arc<Manifest>,
    pub grants: Grants,
    pub invocation: Arc<Invocation>,
    /// Who answers for what it changes.
    pub by: Actor,
    /// Where that one asked from; None where it did not come over the network.
    pub from: Option<IpAddr>,
    /// Runs in full, and then nothing is kept: no change, no outcome, no request to the web.
    pub is_dry_run: bool,
    pub trace: Trace,
}

impl Call {
    /// As the chatter of the invocation, in earnest, and without a trace.
    pub fn new(manifest: Arc<Manifest>, grants: Grants, invocation: Invocation) -> Call {
        let by = Actor::Chatter { id: invocation.chatter.id, login: invocation.chatter.login.clone() };
        let invocation = Arc::new(invocation);
        Call { manifest, grants, invocation, by, from: None, is_dry_run: false, trace: Trace::default() }
    }
}

/// How a call ended, and what it used.
#[derive(Clone, Debug)]
pub struct Invoked {
    pub answer: Result<Answer, InvokeError>,
    pub usage: Usage,
}

/// A module's answer; what it changed is on disk by now, unless the call was a dry run.
#[derive(Clone, Debug)]
pub struct Answer {
    pub outcome: Result<Vec<Reply>, CommandError>,
    /// The invocation was committed before, and these are the replies of that time.
    pub is_duplicate: bool,
    /// What a dry run would have changed, in the order of asking; empty where it was none.
    pub changes: Vec<Effect>,
    pub took: Duration,
}

/// Why a module gave no answer.
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
    /// Never started, or could not run for most of its time: nobody's fault in particular.
    #[error("too many calls at once")]
    Busy,
    /// Not run, or not committed: nobody's fault. That process answers.
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

    /// Why there is no answer, in words for the module's author. What was wrong in the host is for its operator's log.
    pub fn reason(&self) -> String {
        match self {
            InvokeError::Host(_) => "the host is at fault; its log says why".to_owned(),
            error => error.to_string(),
        }
    }

    /// The error without its text.
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
