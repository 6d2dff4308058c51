//! Capability `coins`: the coins that the test set up. Without any, there is no provider, as on a real host.

use crate::bindings::twitchy::command::coins::{CoinError, CoinPrice, CoinSummary};
use crate::testing::world::World;

pub(crate) fn price(world: &mut World, symbol: &str) -> Result<CoinPrice, CoinError> {
    find(world, symbol).map(|(price, _)| price.clone())
}

pub(crate) fn summary(world: &mut World, symbol: &str) -> Result<CoinSummary, CoinError> {
    find(world, symbol).map(|(_, summary)| summary.clone())
}

fn find<'a>(world: &'a World, symbol: &str) -> Result<&'a (CoinPrice, CoinSummary), CoinError> {
    if world.coins.is_empty() {
        return Err(CoinError::Unavailable("this host has no provider of coin prices".to_owned()));
    }
    world.coins.iter().find(|(price, _)| price.symbol.eq_ignore_ascii_case(symbol)).ok_or(CoinError::UnknownCoin)
}
