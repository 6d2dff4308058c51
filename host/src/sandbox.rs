//! Runs modules as WebAssembly components, each call in a fresh sandbox.

pub mod transaction;
pub mod world;

use std::sync::Arc;
use std::time::Duration;

use crate::domain::invocation::{CommandError, Invocation};
use crate::domain::manifest::{Grants, Manifest};
use crate::domain::message::Reply;

/// One invocation with the module that shall answer it.
#[derive(Clone, Debug)]
pub struct Call {
    pub manifest: Arc<Manifest>,
    pub grants: Grants,
    pub invocation: Arc<Invocation>,
}

/// A module's answer; what it changed is on disk by now.
#[derive(Clone, Debug)]
pub struct Answer {
    pub outcome: Result<Vec<Reply>, CommandError>,
    /// The invocation was committed before, and these are the replies of that time.
    pub is_duplicate: bool,
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
            InvokeError::Conflict | InvokeError::Host(_) => Blame::Host,
        }
    }
}
