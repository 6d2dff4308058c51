//! Capability `coins`: always unavailable, because this host has no provider of prices yet.

use super::run::Run;
use crate::domain::manifest::Capability;
use crate::sandbox::bindings::twitchy::command::coins::{CoinError, CoinPrice, CoinSummary, Host};

const WHY: &str = "this host has no provider of coin prices";

impl Host for Run {
    fn price(&mut self, _symbol: String) -> wasmtime::Result<Result<CoinPrice, CoinError>> {
        self.enter(Capability::Coins, "price")?;
        Ok(Err(CoinError::Unavailable(WHY.to_owned())))
    }

    fn summary(&mut self, _symbol: String) -> wasmtime::Result<Result<CoinSummary, CoinError>> {
        self.enter(Capability::Coins, "summary")?;
        Ok(Err(CoinError::Unavailable(WHY.to_owned())))
    }
}
