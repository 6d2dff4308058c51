//! Capabilities `payments` and `treasury`: moving the channel's own currency.

use std::collections::BTreeMap;

use super::{HostCallError, Transaction};
use crate::domain::amount::Amount;
use crate::domain::effect::Holder;

/// Why nothing is paid. The cases are the contract's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PaymentError {
    #[error("unknown chatter")]
    UnknownChatter,
    #[error("not enough")]
    NotEnough,
    #[error("invalid amount")]
    InvalidAmount,
    #[error("not allowed: {0}")]
    NotAllowed(String),
    #[error("unavailable: {0}")]
    Unavailable(String),
}

/// A run's own payments.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    /// What each holder gained by this run, or lost.
    gained: BTreeMap<Holder, Amount>,
}

impl Transaction {
    /// `payments`: from the invoking chatter to another; returns what the payer has left.
    pub fn transfer(&mut self, to: &str, amount: &str) -> Result<Amount, HostCallError<PaymentError>> {
        let _ = (to, amount);
        todo!()
    }

    /// `payments`: from the invoking chatter to the till; returns what the payer has left.
    pub fn charge(&mut self, amount: &str) -> Result<Amount, HostCallError<PaymentError>> {
        let _ = amount;
        todo!()
    }

    /// `treasury`: from the till to a chatter; returns what the chatter has then.
    pub fn pay(&mut self, to: &str, amount: &str) -> Result<Amount, HostCallError<PaymentError>> {
        let _ = (to, amount);
        todo!()
    }

    /// `treasury`: from the mint to a chatter; returns what the chatter has then.
    pub fn award(&mut self, to: &str, amount: &str) -> Result<Amount, HostCallError<PaymentError>> {
        let _ = (to, amount);
        todo!()
    }
}
