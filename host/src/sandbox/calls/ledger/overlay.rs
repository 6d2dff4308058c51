//! A run's own payments, over the committed accounts.

use std::collections::BTreeMap;

use crate::domain::amount::Amount;
use crate::domain::effect::Holder;
use crate::domain::manifest::Budget;

/// A run's own payments.
#[derive(Debug, Default)]
pub(crate) struct LedgerOverlay {
    /// What each holder gained by this run, or lost.
    gained: BTreeMap<Holder, Amount>,
    /// What was moved, for the caps of each budget.
    moved: BTreeMap<Budget, Amount>,
}

impl LedgerOverlay {
    /// What a holder has whose committed amount is `amount`; None where that has no exact representation.
    pub(crate) fn applied_to(&self, holder: Holder, amount: Amount) -> Option<Amount> {
        amount.checked_add(self.gained(holder))
    }

    fn gained(&self, holder: Holder) -> Amount {
        self.gained.get(&holder).copied().unwrap_or_default()
    }

    pub(crate) fn moved(&self, budget: Budget) -> Amount {
        self.moved.get(&budget).copied().unwrap_or_default()
    }

    /// None, and nothing added, where a sum has no exact representation.
    pub(crate) fn add(&mut self, from: Holder, to: Holder, amount: Amount) -> Option<()> {
        let (lost, won) = (self.gained(from).checked_sub(amount)?, self.gained(to).checked_add(amount)?);
        let moved = self.moved(from.budget()).checked_add(amount)?;
        self.moved.insert(from.budget(), moved);
        self.gained.insert(from, lost);
        self.gained.insert(to, won);
        Some(())
    }
}
