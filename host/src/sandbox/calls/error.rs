//! Why a host call gives no answer.

use crate::domain::ports::FindSecretError;
use crate::store::StoreError;

/// The refusal where the caller only claims to be the chatter, and that chatter alone may decide.
pub(super) const NOT_PROVEN: &str = "only the chatter may ask for this: in chat, or logged in as themselves";

/// Why a host call ends the run, whatever the module would still do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndRun {
    /// Another commit wrote a scope since this run first read it: a further run reads the new state.
    #[error("a scope was written in between")]
    Conflict,
    /// This sentence answers the chatter in place of the module.
    #[error("{0}")]
    Refused(String),
    /// The host is at fault.
    #[error("{0}")]
    Host(String),
    /// The guest did what the contract forbids.
    #[error("{0}")]
    Guest(String),
}

impl From<StoreError> for EndRun {
    fn from(error: StoreError) -> Self {
        EndRun::Host(error.to_string())
    }
}

impl From<FindSecretError> for EndRun {
    fn from(error: FindSecretError) -> Self {
        EndRun::Host(error.to_string())
    }
}

/// Why a host call whose interface has an error of its own gives no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HostCallError<E> {
    /// The module gets this error, and goes on.
    #[error("{0}")]
    Answered(E),
    #[error(transparent)]
    Ends(EndRun),
}

impl<E> From<EndRun> for HostCallError<E> {
    fn from(end: EndRun) -> Self {
        HostCallError::Ends(end)
    }
}

impl<E> From<StoreError> for HostCallError<E> {
    fn from(error: StoreError) -> Self {
        HostCallError::Ends(error.into())
    }
}

/// The shape that the bindings want: the module's error inside, what ends the run outside.
pub(super) fn split<T, E>(answer: Result<T, HostCallError<E>>) -> Result<Result<T, E>, EndRun> {
    match answer {
        Ok(value) => Ok(Ok(value)),
        Err(HostCallError::Answered(error)) => Ok(Err(error)),
        Err(HostCallError::Ends(end)) => Err(end),
    }
}
