//! Capability `payments`: payments by the invoking chatter.

use super::error::{NOT_PROVEN, split};
use super::ledger::{Paid, Refusal, check_powers, find_payee, held_by, pay_between};
use super::run::Run;
use super::transaction::Transaction;
use crate::domain::effect::Holder;
use crate::domain::manifest::Capability;
use crate::sandbox::bindings::twitchy::command::payments::{Host, PaymentError};

impl Host for Run {
    async fn transfer(&mut self, to: String, amount: String) -> wasmtime::Result<Result<String, PaymentError>> {
        let left = split(transfer(self.enter(Capability::Payments, "transfer")?, &to, &amount).await)?;
        Ok(left.map(|amount| amount.to_string()))
    }

    async fn charge(&mut self, amount: String) -> wasmtime::Result<Result<String, PaymentError>> {
        let left = split(charge(self.enter(Capability::Payments, "charge")?, &amount).await)?;
        Ok(left.map(|amount| amount.to_string()))
    }
}

/// Pays from the invoking chatter to another one; returns the payer's balance.
pub(super) async fn transfer(run: &mut Transaction, to: &str, amount: &str) -> Paid {
    check_payer(run)?;
    let payer = run.invocation().chatter.id;
    let payee = find_payee(run, to).await?;
    if payee == payer {
        return Err(PaymentError::NotAllowed("nobody pays themselves".to_owned()).into());
    }
    let (from, to) = (Holder::Chatter(payer), Holder::Chatter(payee));
    pay_between(run, from, to, amount).await?;
    held_by(run, from).await
}

/// Pays from the invoking chatter to the till; returns the payer's balance.
pub(super) async fn charge(run: &mut Transaction, amount: &str) -> Paid {
    check_payer(run)?;
    let from = Holder::Chatter(run.invocation().chatter.id);
    pay_between(run, from, Holder::Till, amount).await?;
    held_by(run, from).await
}

/// Checks that this invocation may spend the chatter's currency.
fn check_payer(run: &mut Transaction) -> Result<(), Refusal> {
    if !run.is_proven() {
        return Err(PaymentError::NotAllowed(NOT_PROVEN.to_owned()).into());
    }
    check_powers(run)
}
