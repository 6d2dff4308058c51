//! Movements of the channel's own currency: the rules that `payments` and `treasury` share.

use super::chatters;
use crate::bindings::twitchy::command::chatters::KnownChatter;
use crate::bindings::twitchy::command::types::PaymentError;
use crate::testing::decimal::{parse_units, show_units};
use crate::testing::world::{Holder, World};

/// Moves an amount if the payer has enough. Returns the balance of `told` afterwards.
pub(super) fn pay(
    world: &mut World,
    from: Holder,
    to: Holder,
    amount: &str,
    told: &Holder,
) -> Result<String, PaymentError> {
    let decimals = world.currency.1;
    let units = parse_units(amount, decimals).filter(|units| *units > 0).ok_or(PaymentError::InvalidAmount)?;
    let accounts = &mut world.kept.accounts;
    let left = accounts.get(&from).copied().unwrap_or_default() - units;
    if from != Holder::Mint && left < 0 {
        return Err(PaymentError::NotEnough);
    }
    let held = accounts.get(&to).copied().unwrap_or_default();
    // Before anything is written: a refused payment moves nothing. Whoever pays themselves has what they had.
    let held = held.checked_add(units).ok_or(PaymentError::InvalidAmount)?;
    if from != to {
        if from != Holder::Mint {
            accounts.insert(from, left);
        }
        accounts.insert(to, held);
    }
    Ok(show_units(accounts.get(told).copied().unwrap_or_default(), decimals))
}

/// Checks that the host keeps the channel's currency.
pub(super) fn check_ledger(world: &World) -> Result<(), PaymentError> {
    match world.provider {
        Some(_) => Err(PaymentError::Unavailable("an outside provider keeps this channel's balances".to_owned())),
        None => Ok(()),
    }
}

/// Finds a payee: the caller, a chatter whom the message names, or the author of the message that it replies to.
pub(super) fn find_payee(world: &mut World, to: &str) -> Result<KnownChatter, PaymentError> {
    let payee = chatters::find(world, to).ok_or(PaymentError::UnknownChatter)?;
    let invocation = &world.call().invocation;
    let is_shown = payee.id == invocation.chatter.id
        || invocation.reply_to.as_ref().is_some_and(|quoted| quoted.chatter_id == payee.id);
    let text = invocation.text.clone();
    let is_mark = |character: char| !character.is_alphanumeric() && character != '_';
    let is_no_login = |character: char| !character.is_ascii_alphanumeric() && character != '_';
    let mut names =
        text.split_whitespace().flat_map(|word| [word.trim_matches(is_no_login), word.trim_matches(is_mark)]);
    if is_shown || names.any(|name| chatters::find(world, name).is_some_and(|named| named.id == payee.id)) {
        return Ok(payee);
    }
    Err(PaymentError::NotAllowed(format!("{} is not named in the message", payee.login)))
}
