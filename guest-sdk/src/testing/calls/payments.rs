//! Capability `payments`.

use super::ledger::{check_ledger, find_payee, pay};
use crate::bindings::twitchy::command::types::PaymentError;
use crate::testing::world::{Holder, World};

pub(crate) fn transfer(world: &mut World, to: &str, amount: &str) -> Result<String, PaymentError> {
    check_ledger(world)?;
    let payee = find_payee(world, to)?;
    let payer = Holder::Chatter(world.caller().id.clone());
    if payee.id == world.caller().id {
        return Err(PaymentError::NotAllowed("nobody pays themselves".to_owned()));
    }
    pay(world, payer.clone(), Holder::Chatter(payee.id), amount, &payer)
}

pub(crate) fn charge(world: &mut World, amount: &str) -> Result<String, PaymentError> {
    check_ledger(world)?;
    let payer = Holder::Chatter(world.caller().id.clone());
    pay(world, payer.clone(), Holder::Till, amount, &payer)
}
