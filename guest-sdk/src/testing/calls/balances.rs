//! Capability `balances`.

use super::chatters;
use crate::bindings::twitchy::command::balances::{Balance, BalanceError, Standing};
use crate::testing::decimal::show_units;
use crate::testing::world::{Holder, World};

const MOST_RANKS: usize = 100;

pub(crate) fn find(world: &mut World, chatter: &str) -> Result<Vec<Balance>, BalanceError> {
    let found = chatters::find(world, chatter).ok_or(BalanceError::UnknownChatter)?;
    if let Some(provider) = &world.provider {
        return provider(&found.login);
    }
    let units = world.kept.accounts.get(&Holder::Chatter(found.id)).copied().unwrap_or_default();
    let (currency, decimals) = world.currency.clone();
    Ok(vec![Balance { currency, amount: show_units(units, decimals), estimated_usd: None }])
}

/// By committed balances: the running call's own payments are left out.
pub(crate) fn top(world: &mut World, currency: &str, limit: u32) -> Result<Vec<Standing>, BalanceError> {
    if world.provider.is_some() {
        return Err(BalanceError::Unavailable("the test's provider ranks nobody".to_owned()));
    }
    let (name, decimals) = &world.currency;
    if !name.eq_ignore_ascii_case(currency) {
        return Err(BalanceError::UnknownCurrency);
    }
    let held = world.chatters.iter().filter_map(|chatter| {
        let units = *world.committed.accounts.get(&Holder::Chatter(chatter.id.clone()))?;
        Some((units, chatter))
    });
    let mut ranked: Vec<_> = held.filter(|(units, _)| *units > 0).collect();
    ranked.sort_by_key(|(units, _)| std::cmp::Reverse(*units));
    ranked.truncate(MOST_RANKS.min(limit as usize));
    let standing = |(units, chatter): (i64, &crate::Chatter)| Standing {
        chatter_id: chatter.id.clone(),
        chatter_login: chatter.login.clone(),
        display_name: chatter.display_name.clone(),
        amount: show_units(units, *decimals),
    };
    Ok(ranked.into_iter().map(standing).collect())
}
