//! Capability `treasury`.

use super::ledger::{self, check_ledger, find_payee};
use crate::bindings::twitchy::command::types::PaymentError;
use crate::testing::world::{Holder, World};

pub(crate) fn pay(world: &mut World, to: &str, amount: &str) -> Result<String, PaymentError> {
    pay_out(world, Holder::Till, to, amount)
}

pub(crate) fn award(world: &mut World, to: &str, amount: &str) -> Result<String, PaymentError> {
    pay_out(world, Holder::Mint, to, amount)
}

fn pay_out(world: &mut World, from: Holder, to: &str, amount: &str) -> Result<String, PaymentError> {
    check_ledger(world)?;
    let payee = Holder::Chatter(find_payee(world, to)?.id);
    ledger::pay(world, from, payee.clone(), amount, &payee)
}
