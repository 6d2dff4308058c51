//! `payments`: what the invoking chatter pays.

use crate::domain::amount::Amount;
use crate::domain::manifest::Capability;
use crate::sandbox::bindings::twitchy::command::payments::{Host, PaymentError};
use crate::sandbox::run::door::{Run, told};
use crate::sandbox::transaction::{HostCallError, payments};

impl Host for Run {
    fn transfer(&mut self, to: String, amount: String) -> wasmtime::Result<Result<String, PaymentError>> {
        paid(self.enter(Capability::Payments)?.transfer(&to, &amount))
    }

    fn charge(&mut self, amount: String) -> wasmtime::Result<Result<String, PaymentError>> {
        paid(self.enter(Capability::Payments)?.charge(&amount))
    }
}

/// What an account holds afterwards, in the contract's words.
pub(super) fn paid(
    answer: Result<Amount, HostCallError<payments::PaymentError>>,
) -> wasmtime::Result<Result<String, PaymentError>> {
    told(answer.map(|amount| amount.to_string()))
}

impl From<payments::PaymentError> for PaymentError {
    fn from(error: payments::PaymentError) -> Self {
        match error {
            payments::PaymentError::UnknownChatter => PaymentError::UnknownChatter,
            payments::PaymentError::NotEnough => PaymentError::NotEnough,
            payments::PaymentError::InvalidAmount => PaymentError::InvalidAmount,
            payments::PaymentError::NotAllowed(why) => PaymentError::NotAllowed(why),
            payments::PaymentError::Unavailable(why) => PaymentError::Unavailable(why),
        }
    }
}
