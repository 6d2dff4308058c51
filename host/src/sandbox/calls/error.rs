//! Errors of host calls.

use crate::domain::ports::FindSecretError;
use crate::store::StoreError;

/// The refusal if the chatter's identity is only a caller's claim, and the decision is that chatter's alone.
pub(super) const NOT_PROVEN: &str = "only the chatter may ask for this: in chat, or logged in as themselves";

/// Why a host call ends the run at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndRun {
    /// Another commit has written a scope since this run first read it. A further run reads the new state.
    #[error("a scope was written in between")]
    Conflict,
    /// The chatter gets this sentence in place of the module's answer.
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Host(String),
    /// The guest broke a rule of the contract.
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

/// The error of a host call whose interface declares an error type `E`.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HostCallError<E> {
    /// The module gets this error, and the run goes on.
    #[error("{0}")]
    Returned(E),
    #[error(transparent)]
    EndsRun(EndRun),
}

/// An error type of the contract.
pub trait ContractError {}

impl<E: ContractError> From<E> for HostCallError<E> {
    fn from(error: E) -> Self {
        HostCallError::Returned(error)
    }
}

impl<E> From<EndRun> for HostCallError<E> {
    fn from(end: EndRun) -> Self {
        HostCallError::EndsRun(end)
    }
}

impl<E> From<StoreError> for HostCallError<E> {
    fn from(error: StoreError) -> Self {
        HostCallError::EndsRun(error.into())
    }
}

/// Converts to the shape that the bindings expect: the module's error inside, the end of the run outside.
pub(super) fn split<T, E>(answer: Result<T, HostCallError<E>>) -> Result<Result<T, E>, EndRun> {
    match answer {
        Ok(value) => Ok(Ok(value)),
        Err(HostCallError::Returned(error)) => Ok(Err(error)),
        Err(HostCallError::EndsRun(end)) => Err(end),
    }
}
