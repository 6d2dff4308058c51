//! Capability `treasury`: payments by the channel.

use super::error::split;
use super::ledger::{Paid, check_powers, find_payee, held_by, pay_between};
use super::run::Run;
use super::transaction::Transaction;
use crate::domain::effect::Holder;
use crate::domain::manifest::Capability;
use crate::sandbox::bindings::twitchy::command::treasury::{Host, PaymentError};

impl Host for Run {
    async fn pay(&mut self, to: String, amount: String) -> wasmtime::Result<Result<String, PaymentError>> {
        let holds = split(pay_out(self.enter(Capability::Treasury, "pay")?, Holder::Till, &to, &amount).await)?;
        Ok(holds.map(|amount| amount.to_string()))
    }

    async fn award(&mut self, to: String, amount: String) -> wasmtime::Result<Result<String, PaymentError>> {
        let holds = split(pay_out(self.enter(Capability::Treasury, "award")?, Holder::Mint, &to, &amount).await)?;
        Ok(holds.map(|amount| amount.to_string()))
    }
}

/// Pays from the till or the mint to a chatter; returns the payee's balance.
pub(super) async fn pay_out(run: &mut Transaction, from: Holder, to: &str, amount: &str) -> Paid {
    check_powers(run)?;
    let to = Holder::Chatter(find_payee(run, to).await?);
    pay_between(run, from, to, amount).await?;
    held_by(run, to).await
}
